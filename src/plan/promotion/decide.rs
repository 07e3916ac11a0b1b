//! Decides: every image, every repository, and what the whole adds up to.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::failure::{Failure, FailureKind};
use crate::model::inventory::{Inventory, Questions};
use crate::model::project::Use;
use crate::model::reference::{Repository, Tag};
use crate::model::time::Timestamp;
use crate::plan::foreign;
use crate::plan::look::Look;
use crate::plan::mapping::{Mapping, Wanted};
use crate::plan::problem::{Kind, MountObstacle, Problem, Severity, streaming_refused};
use crate::plan::promotion::action::{Action, Plan, Promotion, RepositoryPlan};
use crate::plan::promotion::image;
use crate::plan::promotion::repository;
use crate::plan::promotion::rules::Rules;
use crate::plan::promotion::spare;
use crate::plan::promotion::standing::Case;

/// Decides, from everything that was mapped and seen; and what still has to be known. While anything does, the plan is
/// not one yet.
pub fn plan(
    mapping: &Mapping,
    inventory: &Inventory,
    rules: &Rules,
    now: Timestamp,
) -> (Plan, Questions) {
    let mut look = Look::new(inventory);
    let mut problems = mapping.problems.clone();
    let mut others = mapping.others.clone();
    problems.extend(foreign::judge(
        &mapping.foreign,
        rules.foreign_target,
        &mut look,
    ));
    others.extend(mapping.foreign.iter().map(|foreign| foreign.usage.clone()));
    if rules.unmatched != Severity::Note {
        let unmatched = |usage: &Use| {
            Problem::new(
                rules.unmatched,
                Kind::Unmatched,
                std::slice::from_ref(usage),
            )
        };
        problems.extend(others.iter().map(unmatched));
    }
    let mut promotions = Vec::with_capacity(mapping.wanted.len());
    for wanted in &mapping.wanted {
        problems.extend(judge_hand_over(wanted, rules));
        let others = others_new(wanted, mapping, &look);
        let case = Case { rules, now, others };
        let action = image::decide(wanted, case, &mut look, &mut problems);
        promotions.push(Promotion {
            wanted: wanted.clone(),
            tag: wanted.target_tag(),
            action: action.unwrap_or(Action::Refuse),
        });
    }
    refuse_collisions(&mut promotions, &mut problems);
    spare::leave_out(&mut promotions, &mut look);
    let mut repositories = repository::plan(&promotions, &mut look, rules, now, &mut problems);
    refuse_concerned(&mut promotions, &mut repositories, &problems);
    judge_streaming(&promotions, rules, &mut problems);
    refuse_concerned(&mut promotions, &mut repositories, &problems);
    note_unknowns(inventory, &promotions, &mut problems);
    let plan = Plan {
        repositories,
        promotions,
        others,
        problems: merge_outages(problems),
    };
    (plan, look.into_questions())
}

/// Images that the task definition takes from common would still be pulled from there.
fn judge_hand_over(wanted: &Wanted, rules: &Rules) -> Option<Problem> {
    if !wanted.from_common || rules.handed_over {
        return None;
    }
    let promoted = wanted.promoted();
    let kind = Kind::FromCommon { promoted };
    Some(Problem::new(rules.from_common, kind, &wanted.uses))
}

/// Two different digests that would land on one tag of one target.
fn refuse_collisions(promotions: &mut [Promotion], problems: &mut Vec<Problem>) {
    let mut claims: BTreeMap<(Repository, Tag), Vec<usize>> = BTreeMap::new();
    for (at, promotion) in promotions.iter().enumerate() {
        let target = promotion.wanted.target.clone();
        let claim = (target, promotion.tag.clone());
        claims.entry(claim).or_default().push(at);
    }
    for ((target, tag), claimants) in claims {
        let claimed: Vec<_> = claimants
            .iter()
            .filter_map(|&at| promotions.get(at))
            .collect();
        let digests: BTreeSet<_> = claimed
            .iter()
            .filter_map(|promotion| promotion.digest())
            .collect();
        if digests.len() < 2 {
            continue;
        }
        let source = |promotion: &&Promotion| {
            let wanted = &promotion.wanted;
            format!("{}{}", wanted.source, wanted.asked())
        };
        let uses: Vec<Use> = claimed
            .iter()
            .flat_map(|promotion| promotion.wanted.uses.clone())
            .collect();
        let kind = Kind::Collision {
            target,
            tag,
            sources: claimed.iter().map(source).collect(),
        };
        problems.push(Problem::error(kind, &uses));
        for at in claimants {
            if let Some(promotion) = promotions.get_mut(at) {
                promotion.action = Action::Refuse;
            }
        }
    }
}

/// Says why images cannot be mounted and what that costs, and refuses where a flag does; the limit is for the whole run.
fn judge_streaming(promotions: &[Promotion], rules: &Rules, problems: &mut Vec<Problem>) {
    let streams = |promotion: &Promotion| match &promotion.action {
        Action::Promote(copy) if !copy.blobs.is_empty() => {
            Some((copy.obstacle.clone()?, copy.bytes()))
        }
        _ => None,
    };
    let streamed = promotions.iter().filter_map(streams);
    let total = streamed
        .map(|(_, bytes)| bytes)
        .fold(0, u64::saturating_add);
    let refused = streaming_refused(total, rules.mount_only, rules.max_upload);
    for promotion in promotions {
        let Some((obstacle, bytes)) = streams(promotion) else {
            continue;
        };
        let elsewhere = obstacle == MountObstacle::OtherRegistry;
        let kind = Kind::Streaming {
            source: promotion.wanted.source.clone(),
            target: promotion.wanted.target.clone(),
            obstacle,
            bytes,
            total,
            refused: refused.clone(),
        };
        let uses = &promotion.wanted.uses;
        problems.push(match refused {
            Some(_) => Problem::error(kind, uses),
            // Nothing is off there, and nothing could be switched on.
            None if elsewhere => Problem::new(Severity::Note, kind, uses),
            None => Problem::warning(kind, uses),
        });
    }
}

/// How many images beside this one the run may bring into its target: those whose tag the target does not list.
fn others_new(wanted: &Wanted, mapping: &Mapping, look: &Look<'_>) -> u64 {
    let listing = look
        .facts(&wanted.target)
        .and_then(|facts| facts.listing.as_ref());
    let listed = |tag: &Tag| {
        let images = listing.iter().copied().flatten().flatten();
        let mut tags = images.flat_map(|image| &image.tags);
        tags.any(|one| one == tag.as_str())
    };
    let others = mapping.wanted.iter().filter(|other| {
        other.target == wanted.target && *other != wanted && !listed(&other.target_tag())
    });
    u64::try_from(others.count()).unwrap_or(u64::MAX)
}

/// An error about a use refuses what would be done for it, so that `--keep-going` does only what nothing speaks against.
fn refuse_concerned(
    promotions: &mut [Promotion],
    repositories: &mut Vec<RepositoryPlan>,
    problems: &[Problem],
) {
    let errors = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error);
    let concerned: Vec<&Use> = errors.flat_map(|problem| &problem.uses).collect();
    for promotion in promotions.iter_mut() {
        if promotion
            .wanted
            .uses
            .iter()
            .any(|usage| concerned.contains(&usage))
        {
            promotion.action = Action::Refuse;
        }
    }
    repositories.retain(|plan| {
        let here = |promotion: &&Promotion| promotion.wanted.target == plan.repository;
        let active = |promotion: &Promotion| promotion.action != Action::Refuse;
        promotions.iter().filter(here).any(active)
    });
}

/// Without credentials or network everything fails: that is said once, not once for each request.
fn merge_outages(problems: Vec<Problem>) -> Vec<Problem> {
    let outage = |problem: &Problem| match &problem.kind {
        Kind::Failed(failure) | Kind::Unknown(failure) => match failure.kind {
            FailureKind::Credentials | FailureKind::SessionEnded | FailureKind::Unreachable => {
                Some((failure.kind.clone(), failure.caller.clone()))
            }
            _ => None,
        },
        _ => None,
    };
    let mut merged: Vec<Problem> = Vec::with_capacity(problems.len());
    for problem in problems {
        let same = |known: &&mut Problem| outage(known) == outage(&problem);
        match merged.iter_mut().find(same) {
            Some(known) if outage(&problem).is_some() => {
                known.severity = known.severity.max(problem.severity);
                known.uses.extend(problem.uses);
            }
            _ => merged.push(problem),
        }
    }
    merged
}

/// Optional reads that failed: each once, as a warning, and only where their answer would have mattered.
fn note_unknowns(inventory: &Inventory, promotions: &[Promotion], problems: &mut Vec<Problem>) {
    let mut failures: Vec<&Failure> = Vec::new();
    for promotion in promotions {
        let wanted = &promotion.wanted;
        let copies = matches!(promotion.action, Action::Promote(_));
        let facts = |repository| inventory.repositories.get(repository);
        let (source, target) = (facts(&wanted.source), facts(&wanted.target));
        let target = target.filter(|target| !target.is_missing());
        let listing = target.and_then(|target| target.listing.as_ref()?.as_ref().err());
        failures.extend(listing);
        if !copies {
            continue;
        }
        let mounting = inventory.blob_mounting.get(&wanted.target.registry);
        failures.extend(mounting.and_then(|known| known.as_ref().err()));
        for facts in [source, target].into_iter().flatten() {
            failures.extend(
                facts
                    .settings
                    .iter()
                    .filter_map(|known| known.as_ref().err()),
            );
        }
        if let Some(source) = source {
            failures.extend(
                source
                    .access
                    .iter()
                    .filter_map(|known| known.as_ref().err()),
            );
        }
    }
    for failure in failures {
        let kind = Kind::Unknown(failure.clone());
        if problems.iter().all(|known| known.kind != kind) {
            problems.push(Problem::warning(kind, &[]));
        }
    }
}
