//! What happens to a target repository: its creation, its lifecycle policy, and whether blobs can be mounted into it.

use std::collections::BTreeMap;

use crate::model::inventory::{Facts, Inventory, Mutability, RepositorySettings};
use crate::model::lifecycle::Policy;
use crate::model::reference::Repository;
use crate::model::settings::{CreateRepository, Lifecycle};
use crate::model::time::Timestamp;
use crate::plan::expiry;
use crate::plan::mapping::Wanted;
use crate::plan::policy::{self, Weakness};
use crate::plan::problem::{Kind, MountObstacle, Problem, Severity};
use crate::plan::promotion::action::{Action, Promotion, RepositoryPlan};
use crate::plan::promotion::rules::Rules;
use crate::plan::provision::{Creation, Origin};

/// Decides for each target once. A promotion into a repository that is refused is refused too.
pub(super) fn plan(
    promotions: &[Promotion],
    inventory: &Inventory,
    rules: &Rules,
    now: Timestamp,
    problems: &mut Vec<Problem>,
) -> Vec<RepositoryPlan> {
    let mut targets: BTreeMap<&Repository, Vec<&Promotion>> = BTreeMap::new();
    for promotion in promotions {
        let target = &promotion.wanted.target;
        targets.entry(target).or_default().push(promotion);
    }
    let mut plans = Vec::with_capacity(targets.len());
    let nothing = Facts::default();
    for (target, promotions) in targets {
        let facts = inventory.repositories.get(target).unwrap_or(&nothing);
        let uses = promotions
            .iter()
            .flat_map(|promotion| &promotion.wanted.uses);
        let uses: Vec<_> = uses.cloned().collect();
        let active = |promotion: &&&Promotion| promotion.action != Action::Refuse;
        let Some(first) = promotions.iter().find(active) else {
            continue;
        };
        let mut plan = RepositoryPlan {
            repository: target.clone(),
            create: None,
            policy: None,
        };
        if facts.missing && rules.create_repository == CreateRepository::Never {
            let kind = Kind::RepositoryMissing {
                target: target.clone(),
            };
            problems.push(Problem::error(kind, &uses));
        } else if facts.missing {
            plan.create = Some(creation(&first.wanted, inventory, rules));
            plan.policy = match rules.lifecycle {
                Lifecycle::Install => Some(rules.provision.policy(&target.name)),
                Lifecycle::Verify | Lifecycle::Off => None,
            };
        } else {
            let new = |promotion: &&&Promotion| matches!(promotion.action, Action::Promote(_));
            let new: Vec<_> = promotions.iter().filter(new).copied().collect();
            plan.policy = match judge_policy(target, facts, &new, rules, now) {
                Ok(policy) => policy,
                Err(found) => {
                    let (severity, kind) = *found;
                    problems.push(Problem::new(severity, kind, &uses));
                    None
                }
            };
        }
        plans.push(plan);
    }
    plans
}

fn creation(wanted: &Wanted, inventory: &Inventory, rules: &Rules) -> Creation {
    let source = inventory.repositories.get(&wanted.source);
    let access = source.and_then(|facts| facts.access.as_ref()?.as_ref().ok()?.as_deref());
    let same_registry = wanted.source.registry == wanted.target.registry;
    let origin = Origin {
        promotion: Some((&wanted.source.name, &wanted.family)),
        settings: source_settings(wanted, inventory).filter(|_| same_registry),
        access,
    };
    rules.provision.creation(&wanted.target.name, &origin)
}

/// The tag mutability of a repository we create.
pub(super) fn new_mutability(wanted: &Wanted, inventory: &Inventory, rules: &Rules) -> Mutability {
    let source = source_settings(wanted, inventory);
    rules.provision.mutability(&wanted.target.name, source)
}

fn source_settings<'a>(
    wanted: &Wanted,
    inventory: &'a Inventory,
) -> Option<&'a RepositorySettings> {
    let source = inventory.repositories.get(&wanted.source)?;
    source.settings.as_ref()?.as_ref().ok()
}

/// Why nothing can be mounted from source into target, where that is certain before trying.
pub(super) fn obstacle(wanted: &Wanted, inventory: &Inventory) -> Option<MountObstacle> {
    let registry = &wanted.target.registry;
    if wanted.source.registry != *registry {
        return Some(MountObstacle::OtherRegistry);
    }
    if let Some(Ok(false)) = inventory.blob_mounting.get(registry) {
        return Some(MountObstacle::SettingOff);
    }
    let settings = |repository| {
        let facts = inventory.repositories.get(repository)?;
        facts.settings.as_ref()?.as_ref().ok()
    };
    let source = &settings(&wanted.source)?.encryption;
    let target = &settings(&wanted.target)?.encryption;
    (source != target).then(|| MountObstacle::Encryption {
        source: source.to_string(),
        target: target.to_string(),
    })
}

/// What to name where the registry declines a mount that nothing certain speaks against.
pub(super) fn suspicion(wanted: &Wanted, inventory: &Inventory) -> MountObstacle {
    let unread = |repository| {
        let facts = inventory.repositories.get(repository)?;
        (!facts.missing && !matches!(facts.settings, Some(Ok(_)))).then_some(())
    };
    let setting = inventory.blob_mounting.get(&wanted.target.registry);
    let condition = if !matches!(setting, Some(Ok(_))) {
        "the account setting BLOB_MOUNTING"
    } else if unread(&wanted.source).is_some() || unread(&wanted.target).is_some() {
        "the encryption of source and target"
    } else {
        return MountObstacle::Unexplained;
    };
    let condition = condition.to_owned();
    MountObstacle::Unknown { condition }
}

/// The policy to install in a repository that exists, or what there is to say about the one it has.
fn judge_policy(
    target: &Repository,
    facts: &Facts,
    new: &[&Promotion],
    rules: &Rules,
    now: Timestamp,
) -> Result<Option<Policy>, Box<(Severity, Kind)>> {
    let verify = rules.lifecycle == Lifecycle::Verify;
    let severity = if verify {
        Severity::Error
    } else {
        Severity::Warning
    };
    let weak = |weaknesses| {
        let target = target.clone();
        Err(Box::new((
            severity,
            Kind::WeakPolicy { target, weaknesses },
        )))
    };
    let none = |severity, reason: String| {
        let target = target.clone();
        Err(Box::new((severity, Kind::NoPolicy { target, reason })))
    };
    match &facts.policy {
        None => Ok(None),
        Some(Err(failure)) if verify => weak(vec![format!("it cannot be read: {failure}")]),
        Some(Err(failure)) => Err(Box::new((severity, Kind::Unknown(failure.clone())))),
        Some(Ok(None)) if verify => none(
            Severity::Note,
            "--lifecycle verify installs none; nothing expires".to_owned(),
        ),
        Some(Ok(None)) => {
            let Some(Ok(images)) = &facts.listing else {
                return none(severity, "its images could not be listed".to_owned());
            };
            let wanted = rules.provision.policy(&target.name);
            let keep = rules.provision.keep(&target.name);
            let pushes = u32::try_from(new.len()).unwrap_or(u32::MAX);
            let tags = new
                .first()
                .map_or_else(Vec::new, |first| vec![first.tag.to_string()]);
            let after = expiry::lower(&wanted, pushes, &tags);
            match expiry::marks(&after, images, now).len() {
                0 => Ok(Some(wanted)),
                marked => none(
                    severity,
                    format!("keep {keep} would expire {marked} of its images"),
                ),
            }
        }
        Some(Ok(Some(text))) => match text.parse::<Policy>() {
            Err(error) => weak(vec![format!("it cannot be understood: {error}")]),
            Ok(policy) => {
                let found =
                    policy::weakness(&policy, rules.provision.keep(&target.name)).into_iter();
                let (notes, errors): (Vec<_>, Vec<_>) = found.partition(Weakness::is_warning);
                if !errors.is_empty() {
                    return weak(errors.iter().map(ToString::to_string).collect());
                }
                if notes.is_empty() {
                    return Ok(None);
                }
                let target = target.clone();
                let notes = notes.iter().map(ToString::to_string).collect();
                Err(Box::new((
                    Severity::Warning,
                    Kind::PolicyNote { target, notes },
                )))
            }
        },
    }
}
