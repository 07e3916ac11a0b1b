//! Decides: every image, every repository, and what the whole adds up to.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::failure::{Failure, FailureKind};
use crate::model::inventory::Inventory;
use crate::model::project::Use;
use crate::model::reference::{Repository, Tag};
use crate::model::time::Timestamp;
use crate::plan::mapping::{Mapping, Wanted};
use crate::plan::problem::{Kind, Problem, Severity};
use crate::plan::promotion::action::{Action, Plan, Promotion, RepositoryPlan};
use crate::plan::promotion::image;
use crate::plan::promotion::repository;
use crate::plan::promotion::rules::Rules;

/// Decides, from everything that was mapped and seen.
pub fn plan(mapping: &Mapping, inventory: &Inventory, rules: &Rules, now: Timestamp) -> Plan {
    let mut problems = mapping.problems.clone();
    let mut others = mapping.others.clone();
    judge_others(mapping, inventory, rules, &mut others, &mut problems);
    let mut promotions = Vec::with_capacity(mapping.wanted.len());
    for wanted in &mapping.wanted {
        problems.extend(judge_hand_over(wanted, rules));
        let action = image::decide(wanted, inventory, rules, now, &mut problems);
        let tag = wanted.target_tag();
        promotions.push(Promotion {
            wanted: wanted.clone(),
            tag,
            action,
        });
    }
    refuse_collisions(&mut promotions, &mut problems);
    let mut repositories = repository::plan(&promotions, inventory, rules, now, &mut problems);
    refuse_concerned(&mut promotions, &mut repositories, &problems);
    note_unknowns(inventory, &promotions, &mut problems);
    let problems = merge_outages(problems);
    Plan {
        repositories,
        promotions,
        others,
        problems,
    }
}

fn judge_others(
    mapping: &Mapping,
    inventory: &Inventory,
    rules: &Rules,
    others: &mut Vec<Use>,
    problems: &mut Vec<Problem>,
) {
    for foreign in &mapping.foreign {
        let facts = inventory.repositories.get(&foreign.source);
        match facts.and_then(|facts| facts.settings.as_ref()) {
            Some(Ok(_)) => {
                let kind = Kind::ForeignTarget {
                    repository: foreign.repository.clone(),
                    owner: foreign.owner.clone(),
                    family: foreign.usage.family.clone(),
                    instead: foreign.instead.clone(),
                };
                let uses = [foreign.usage.clone()];
                problems.push(Problem::new(rules.foreign_target, kind, &uses));
            }
            Some(Err(failure)) if facts.is_some_and(|facts| !facts.missing) => {
                let uses = [foreign.usage.clone()];
                problems.push(Problem::warning(Kind::Unknown(failure.clone()), &uses));
            }
            _ => {}
        }
        others.push(foreign.usage.clone());
    }
    if rules.unmatched != Severity::Note {
        for usage in others.iter() {
            let uses = [usage.clone()];
            problems.push(Problem::new(rules.unmatched, Kind::Unmatched, &uses));
        }
    }
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
            FailureKind::Credentials | FailureKind::Unreachable => Some(failure.kind.clone()),
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
        let target = target.filter(|target| !target.missing);
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
            failures.extend(
                source
                    .referrers
                    .values()
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
