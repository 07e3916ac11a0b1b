//! What happens to a target repository: its creation and its lifecycle policy.

use std::collections::BTreeMap;

use crate::model::digest::Digest;
use crate::model::lifecycle::{Image, Policy, StorageClass};
use crate::model::reference::Repository;
use crate::model::settings::{CreateRepository, Lifecycle};
use crate::model::time::Timestamp;
use crate::plan::expiry;
use crate::plan::look::{End, Look};
use crate::plan::mapping::Wanted;
use crate::plan::owner;
use crate::plan::policy::{self, Weakness};
use crate::plan::problem::{Kind, Problem, Severity};
use crate::plan::promotion::action::{Action, Promotion, RepositoryPlan};
use crate::plan::promotion::guard;
use crate::plan::promotion::rules::Rules;
use crate::plan::provision::{Creation, Origin, owed};
use crate::plan::window;

/// Decides for each target once.
pub(super) fn plan(
    promotions: &[Promotion],
    look: &mut Look<'_>,
    rules: &Rules,
    now: Timestamp,
    problems: &mut Vec<Problem>,
) -> Vec<RepositoryPlan> {
    let mut targets: BTreeMap<&Repository, Vec<&Promotion>> = BTreeMap::new();
    for promotion in promotions {
        if promotion.action != Action::Refuse {
            let target = &promotion.wanted.target;
            targets.entry(target).or_default().push(promotion);
        }
    }
    let mut plans = Vec::with_capacity(targets.len());
    for (target, promotions) in targets {
        let uses = promotions
            .iter()
            .flat_map(|promotion| &promotion.wanted.uses);
        let uses: Vec<_> = uses.cloned().collect();
        let mut plan = RepositoryPlan {
            repository: target.clone(),
            create: None,
            access: None,
            policy: None,
            guard: guard::of(target, &promotions, look, rules, now),
        };
        let found = if look.is_missing(target) {
            create(&mut plan, &promotions, look, rules, now)
        } else {
            keep(&mut plan, &promotions, look, rules, now)
        };
        problems.extend(found.map(|(severity, kind)| Problem::new(severity, kind, &uses)));
        plans.push(plan);
    }
    plans
}

type Finding = Option<(Severity, Kind)>;

/// A repository that does not exist: created, with our policy if nothing that this run brings would be marked by it.
fn create(
    plan: &mut RepositoryPlan,
    promotions: &[&Promotion],
    look: &mut Look<'_>,
    rules: &Rules,
    now: Timestamp,
) -> Finding {
    let target = plan.repository.clone();
    if rules.create_repository == CreateRepository::Never {
        return Some((Severity::Error, Kind::RepositoryMissing { target }));
    }
    let wanted = &promotions.first()?.wanted;
    let origin = origin(wanted, look);
    if let Some(failure) = origin.unknown {
        return Some((Severity::Error, Kind::Failed(failure.clone())));
    }
    plan.create = Some(rules.provision.creation(&target.name, &origin));
    if rules.lifecycle != Lifecycle::Install {
        return None;
    }
    match installable(&target, Vec::new(), promotions, rules, now) {
        Ok(policy) => {
            plan.policy = Some(policy);
            None
        }
        Err(kind) => Some((Severity::Warning, kind)),
    }
}

/// A repository that exists: its policy is judged; where there is none, ours is put if it marks nothing.
fn keep(
    plan: &mut RepositoryPlan,
    promotions: &[&Promotion],
    look: &mut Look<'_>,
    rules: &Rules,
    now: Timestamp,
) -> Finding {
    let target = plan.repository.clone();
    let end = End::target(&plan.repository);
    let verify = rules.lifecycle == Lifecycle::Verify;
    let severity = if verify {
        Severity::Error
    } else {
        Severity::Warning
    };
    if rules.lifecycle == Lifecycle::Off {
        return None;
    }
    let text = match look.policy(end)? {
        Err(failure) if verify => {
            let weaknesses = vec![format!("it cannot be read: {failure}")];
            return Some((severity, Kind::WeakPolicy { target, weaknesses }));
        }
        Err(failure) => return Some((severity, Kind::Unknown(failure.clone()))),
        Ok(Some(text)) => text,
        Ok(None) if verify => {
            let reason = "--lifecycle verify installs none; nothing expires".to_owned();
            return Some((Severity::Note, Kind::NoPolicy { target, reason }));
        }
        // An ordinary repository that only looks like a target: nobody promotes into it.
        Ok(None)
            if promotions
                .iter()
                .all(|one| look.is_missing(&one.wanted.source)) =>
        {
            return None;
        }
        Ok(None) => {
            let Some(Ok(images)) = look.listing(end) else {
                let reason = "its images could not be listed".to_owned();
                return Some((severity, Kind::NoPolicy { target, reason }));
            };
            if let (true, Some(first)) = (images.is_empty(), promotions.first()) {
                match owed::access(&first.wanted.source, &target, look) {
                    Err(failure) => return Some((Severity::Error, Kind::Failed(failure.clone()))),
                    Ok(text) => plan.access = text.map(str::to_owned),
                }
            }
            let images = window::with_children(end, images, look, |images| {
                installable(&target, images, promotions, rules, now).is_err()
            })?;
            return match installable(&target, images, promotions, rules, now) {
                Ok(policy) => install(plan, policy, look),
                Err(kind) => Some((severity, kind)),
            };
        }
    };
    judge(text, target, severity, rules)
}

/// Puts the policy, unless the repository is somebody else's to configure, or nobody knows.
fn install(plan: &mut RepositoryPlan, policy: Policy, look: &mut Look<'_>) -> Finding {
    let target = plan.repository.clone();
    match look.tags(End::target(&target))? {
        Err(failure) => {
            let failure = failure.clone();
            Some((Severity::Warning, Kind::OwnerUnknown { target, failure }))
        }
        Ok(tags) => match owner::owner(tags) {
            Some(owner) => Some((
                Severity::Note,
                Kind::Owned {
                    target,
                    has_policy: false,
                    owner,
                },
            )),
            None => {
                plan.policy = Some(policy);
                None
            }
        },
    }
}

/// Our policy, if it marks none of these images and none of those that the run brings.
fn installable(
    target: &Repository,
    mut images: Vec<Image>,
    promotions: &[&Promotion],
    rules: &Rules,
    now: Timestamp,
) -> Result<Policy, Kind> {
    for promotion in promotions {
        if let Action::Promote(copy) = &promotion.action {
            bring(&mut images, &copy.top.digest, promotion.tag.as_str(), now);
        }
    }
    let policy = rules.provision.policy(&target.name);
    let marked = expiry::marks(&policy, &images, now).len();
    if marked == 0 {
        return Ok(policy);
    }
    let keep = rules.provision.keep(&target.name);
    Err(Kind::NoPolicy {
        target: target.clone(),
        reason: format!("keep {keep} would expire {marked} of its images"),
    })
}

/// The images as they are once this digest got the tag: one that is there keeps its date, unless the push brings it back
/// from the archive.
fn bring(images: &mut Vec<Image>, digest: &Digest, tag: &str, now: Timestamp) {
    if let Some(image) = images.iter_mut().find(|image| image.digest == *digest) {
        image.tags.push(tag.to_owned());
        if image.storage_class == StorageClass::Archive {
            image.storage_class = StorageClass::Standard;
            image.activated_at = Some(now);
        }
        return;
    }
    let tags = vec![tag.to_owned()];
    images.push(Image::pushed(digest.clone(), tags, now));
}

fn judge(text: &str, target: Repository, severity: Severity, rules: &Rules) -> Finding {
    let policy: Policy = match text.parse() {
        Ok(policy) => policy,
        Err(error) => {
            let weaknesses = vec![format!("it cannot be understood: {error}")];
            return Some((severity, Kind::WeakPolicy { target, weaknesses }));
        }
    };
    let least = rules.provision.strength(&target.name);
    let found = policy::weakness(&policy, least).into_iter();
    let (notes, weaknesses): (Vec<_>, Vec<_>) = found.partition(Weakness::is_warning);
    let texts = |found: Vec<Weakness>| found.iter().map(ToString::to_string).collect();
    if !weaknesses.is_empty() {
        let weaknesses = texts(weaknesses);
        return Some((severity, Kind::WeakPolicy { target, weaknesses }));
    }
    if notes.is_empty() {
        return None;
    }
    let notes = texts(notes);
    Some((Severity::Warning, Kind::PolicyNote { target, notes }))
}

/// Where a target comes from. Asks for what is not known yet.
pub(super) fn origin<'a, 'facts: 'a>(wanted: &'a Wanted, look: &mut Look<'facts>) -> Origin<'a> {
    Origin::of(&wanted.source, &wanted.target, &wanted.family, look)
}

/// What a target is created with.
pub(super) fn creation(wanted: &Wanted, look: &mut Look<'_>, rules: &Rules) -> Creation {
    let origin = origin(wanted, look);
    rules.provision.creation(&wanted.target.name, &origin)
}
