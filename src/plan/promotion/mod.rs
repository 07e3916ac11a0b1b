//! What a promotion will do: from wanted images and what was seen, to a plan that leaves nothing to decide while acting.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::digest::Digest;
use crate::model::failure::{Failure, FailureKind};
use crate::model::inventory::{Encryption, Inventory, Mutability};
use crate::model::lifecycle::Policy;
use crate::model::manifest::{Descriptor, Manifest};
use crate::model::project::Use;
use crate::model::reference::{Repository, Tag};
use crate::model::settings::{CreateRepository, Lifecycle, NewMutability};
use crate::model::time::Timestamp;
use crate::plan::mapping::{Mapping, Wanted};
use crate::plan::problem::{Kind, MountObstacle, Problem, Severity};

mod content;
mod image;
mod questions;
mod repository;
mod standing;

pub use questions::questions;

/// How deep indexes may be nested: an index of indexes of … images.
pub const MAX_DEPTH: usize = 8;

/// What the flags and `demitasse.yml` decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `--keep`: how many images a policy of ours keeps.
    pub keep: u32,
    /// `--min-pushes`: below it an image that is deployed again is pinned.
    pub min_pushes: u32,
    /// `--lifecycle`.
    pub lifecycle: Lifecycle,
    /// `--create-repository`.
    pub create_repository: CreateRepository,
    /// `--mutability` of a repository we create.
    pub mutability: NewMutability,
    /// `--mount-only`.
    pub mount_only: bool,
    /// `--max-upload`, in bytes.
    pub max_upload: Option<u64>,
    /// `--allow-tag-move`.
    pub allow_tag_move: bool,
    /// `moving_tags:`; `*` matches any run of characters.
    pub moving_tags: Vec<String>,
    /// `--unmatched`.
    pub unmatched: Severity,
    /// `--foreign-target`.
    pub foreign_target: Severity,
    /// `--from-common`.
    pub from_common: Severity,
    /// Whether `--env-out` hands the new references over.
    pub handed_over: bool,
    /// `--referrers copy`.
    pub referrers: bool,
    /// Resource tags of repositories we create, besides our own.
    pub tags: BTreeMap<String, String>,
}

/// What would be done. Read-only; carried out by `apply`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What happens to each target repository.
    pub repositories: Vec<RepositoryPlan>,
    /// What happens to each image.
    pub promotions: Vec<Promotion>,
    /// Images left alone.
    pub others: Vec<Use>,
    /// Everything that speaks against it.
    pub problems: Vec<Problem>,
}

/// What happens to a target repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryPlan {
    /// The target.
    pub repository: Repository,
    /// Create it so, if it does not exist.
    pub create: Option<Creation>,
    /// Put this lifecycle policy.
    pub policy: Option<Policy>,
}

/// The settings of a repository to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creation {
    /// The source's, where it is known; it cannot be changed later, and mounting needs it equal.
    pub encryption: Option<Encryption>,
    /// Tag mutability.
    pub mutability: Mutability,
    /// The source's repository policy, if it has one.
    pub access: Option<String>,
    /// Resource tags.
    pub tags: BTreeMap<String, String>,
}

/// What happens to an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// What is wanted.
    pub wanted: Wanted,
    /// The tag in the target.
    pub tag: Tag,
    /// What is done for it.
    pub action: Action,
}

/// What is done for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Copy it.
    Promote(Box<Copy>),
    /// It is already there.
    Stay(Box<Standing>),
    /// Nothing, because of a problem.
    Refuse,
}

/// A copy: everything that has to be put, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The manifest that gets the tag.
    pub top: Manifest,
    /// Manifests below it that the target lacks, children before parents.
    pub children: Vec<Manifest>,
    /// Referrers of the top manifest that the target lacks.
    pub referrers: Vec<Manifest>,
    /// Blobs that the manifests refer to and the target is not known to hold, each once.
    pub blobs: Vec<Descriptor>,
    /// Why none of them can be mounted, where that is certain beforehand.
    pub obstacle: Option<MountObstacle>,
    /// What to name where a mount is declined although nothing certain speaks against it.
    pub suspicion: MountObstacle,
    /// The digest that loses the tag, to be pinned first.
    pub displaced: Option<Pin>,
    /// Whether the tag could have been moved by somebody else, so that it has to be read back.
    pub read_back: bool,
}

impl Copy {
    /// The bytes of the blobs, all together.
    pub fn bytes(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.size).sum()
    }
}

/// A pin to set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The manifest that gets it, as the target holds it.
    pub manifest: Manifest,
    /// The pin.
    pub tag: Tag,
}

/// Where an image that is already there stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The image.
    pub digest: Digest,
    /// The common repository no longer has it.
    pub source_gone: bool,
    /// When it came into the target; a redeploy does not refresh it.
    pub pushed_at: Option<Timestamp>,
    /// Its place among the images its rule counts (1 for the newest), and how many the rule keeps.
    pub place: Option<(usize, u32)>,
    /// It carries its pin.
    pub pinned: bool,
    /// It would soon expire although it is being deployed: pin it.
    pub pin: Option<Pin>,
}

impl Plan {
    /// Whether anything would be written.
    pub fn has_changes(&self) -> bool {
        let repositories = &self.repositories;
        let repository = |plan: &RepositoryPlan| plan.create.is_some() || plan.policy.is_some();
        let promotion = |promotion: &Promotion| match &promotion.action {
            Action::Promote(_) => true,
            Action::Stay(standing) => standing.pin.is_some(),
            Action::Refuse => false,
        };
        repositories.iter().any(repository) || self.promotions.iter().any(promotion)
    }

    /// The problems that stop writing.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
    }
}

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
            .filter_map(|promotion| digest(promotion))
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

/// The digest a promotion ends with, where it is known.
pub fn digest(promotion: &Promotion) -> Option<&Digest> {
    match &promotion.action {
        Action::Promote(copy) => Some(&copy.top.digest),
        Action::Stay(standing) => Some(&standing.digest),
        Action::Refuse => None,
    }
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
