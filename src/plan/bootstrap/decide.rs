//! Decides for each repository. Unknown is refused, and so is whatever would mark an image.

use crate::model::failure::Failure;
use crate::model::inventory::{Inventory, Questions};
use crate::model::lifecycle::{Policy, Preview};
use crate::model::time::Timestamp;
use crate::plan::bootstrap::marking::{self, Marking, NAMED, Usage};
use crate::plan::bootstrap::wanted::{Role, Wanted};
use crate::plan::bootstrap::{Plan, PolicyStep, Rules, Step};
use crate::plan::foreign;
use crate::plan::look::{End, Look};
use crate::plan::mapping::Mapping;
use crate::plan::owner;
use crate::plan::policy::{self, Weakness};
use crate::plan::problem::{Kind, Problem, Severity};
use crate::plan::protect::{self, Protected};
use crate::plan::provision::{Creation, Origin, Provision, owed};

/// Decides, from everything that was seen; and what still has to be known. While anything does, the plan is not one yet.
pub fn plan(
    wanted: &[Wanted],
    mapping: &Mapping,
    inventory: &Inventory,
    rules: &Rules,
    now: Timestamp,
) -> (Plan, Questions) {
    let mut look = Look::new(inventory);
    let mut problems = mapping.problems.clone();
    problems.extend(foreign::judge(&mapping.foreign, Severity::Error, &mut look));
    let blocked = problems
        .iter()
        .any(|problem| problem.severity == Severity::Error);
    let (protected, unknown) = protected(rules, &mut look);
    let usage = match (&protected, &unknown) {
        (_, Some(why)) => Usage::Unknown(why),
        (Some(protected), None) => Usage::Known(protected),
        (None, None) => Usage::Unread,
    };
    let mut steps = Vec::with_capacity(wanted.len());
    for one in wanted {
        look.blob_mounting(&one.repository.registry);
        steps.push(step(one, &mut look, rules, usage, now, &mut problems));
    }
    let mut enable = Vec::new();
    for (registry, known) in &inventory.blob_mounting {
        let kind = match known {
            Ok(true) => continue,
            Ok(false) if rules.enable_blob_mounting => {
                enable.push(registry.clone());
                continue;
            }
            Ok(false) => Kind::MountingOff {
                registry: registry.host().to_owned(),
            },
            Err(failure) => Kind::Unknown(failure.clone()),
        };
        problems.push(Problem::warning(kind, &[]));
    }
    let plan = Plan {
        steps,
        enable_blob_mounting: enable,
        problems,
        blocked,
    };
    (plan, look.into_questions())
}

/// What must not be marked, or why nobody knows.
fn protected(rules: &Rules, look: &mut Look<'_>) -> (Option<Protected>, Option<String>) {
    let Some(known) = &rules.usage else {
        return (None, None);
    };
    let (protected, findings) = protect::close(&known.in_use, look);
    let mut findings = findings.iter();
    let unread = findings.find(|finding| finding.kind.is_incomplete());
    let unread = unread.map(|finding| finding.kind.to_string());
    (Some(protected), known.unknown.clone().or(unread))
}

fn step(
    wanted: &Wanted,
    look: &mut Look<'_>,
    rules: &Rules,
    usage: Usage<'_>,
    now: Timestamp,
    problems: &mut Vec<Problem>,
) -> Step {
    let mut step = Step {
        wanted: wanted.clone(),
        create: None,
        access: None,
        policy: PolicyStep::Refuse,
        marks: 0,
        marked: Vec::new(),
        previewed: false,
    };
    let found = decide(&mut step, look, rules, usage, now);
    problems.extend(found.map(|(severity, kind)| Problem::new(severity, kind, &wanted.uses)));
    if step.marks > 0 && step.policy_to_put().is_some() {
        let kind = Kind::WillExpire {
            target: wanted.repository.clone(),
            marked: step.marks,
            images: step.marked.clone(),
        };
        problems.push(Problem::warning(kind, &wanted.uses));
    }
    step
}

type Finding = Option<(Severity, Kind)>;

fn decide(
    step: &mut Step,
    look: &mut Look<'_>,
    rules: &Rules,
    usage: Usage<'_>,
    now: Timestamp,
) -> Finding {
    let wanted = step.wanted.clone();
    let end = End::target(&wanted.repository);
    let settings = look.settings(end);
    if let Role::Common { pulled_from } = wanted.role {
        let source = wanted.repository.clone();
        let refused = match pulled_from {
            None => Some((Severity::Note, Kind::CommonSkipped { source })),
            Some(true) => Some((Severity::Error, Kind::CommonInUse { source })),
            Some(false) if look.is_missing(&wanted.repository) => {
                let target = source.clone();
                Some((Severity::Warning, Kind::SourceMissing { target, source }))
            }
            Some(false) => None,
        };
        if refused.is_some() {
            step.policy = PolicyStep::Leave;
            return refused;
        }
    }
    if let Role::Target { source, .. } = &wanted.role
        && source.registry.is_ecr()
    {
        look.settings(End::source(source));
        if look.is_missing(source) {
            let (target, source) = (wanted.repository.clone(), source.clone());
            step.policy = PolicyStep::Leave;
            return Some((Severity::Warning, Kind::SourceMissing { target, source }));
        }
    }
    if look.is_missing(&wanted.repository) {
        return match creation(&wanted, look, rules) {
            Err(failure) => Some((Severity::Error, Kind::Failed(failure))),
            Ok(creation) => {
                step.create = creation;
                step.policy = PolicyStep::Install(ours(&wanted, rules));
                None
            }
        };
    }
    if let Err(failure) = settings? {
        return Some((Severity::Error, Kind::Failed(failure.clone())));
    }
    let (judged, finding) = judge_policy(&wanted, look, rules)?;
    step.policy = judged;
    let Some(policy) = step.policy_to_put().cloned() else {
        return finding;
    };
    let tags = look.tags(end);
    let owed = owed(&wanted, &step.policy, look);
    let marking = marking::judge(&wanted.repository, &policy, look, usage, now);
    let target = wanted.repository.clone();
    let has_policy = matches!(step.policy, PolicyStep::Replace(_));
    match tags? {
        Err(failure) => {
            let failure = failure.clone();
            step.policy = PolicyStep::Refuse;
            return Some((Severity::Error, Kind::OwnerUnknown { target, failure }));
        }
        Ok(tags) => {
            if let Some(owner) = owner::owner(tags) {
                step.policy = PolicyStep::Owned(policy);
                let kind = Kind::Owned {
                    target,
                    has_policy,
                    owner,
                };
                return Some((Severity::Note, kind));
            }
        }
    }
    match marking? {
        Marking::Nothing => {}
        Marking::Unused { marked, images } => {
            step.marks = marked;
            step.marked = images;
        }
        Marking::Refused(kind) => {
            step.policy = PolicyStep::Refuse;
            return Some((Severity::Error, *kind));
        }
    }
    if let (Role::Common { .. }, true) = (&wanted.role, is_used(&wanted, usage)) {
        step.policy = PolicyStep::Refuse;
        return Some((Severity::Error, Kind::CommonInUse { source: target }));
    }
    if let Role::Common { .. } = wanted.role {
        let keep = provision(&wanted, rules).keep(&target.name);
        let source = target;
        return Some((Severity::Note, Kind::CommonExpires { source, keep }));
    }
    match owed {
        Ok(text) => step.access = text.map(str::to_owned),
        Err(failure) => {
            step.policy = PolicyStep::Refuse;
            return Some((Severity::Error, Kind::Failed(failure.clone())));
        }
    }
    finding
}

/// Whether something still pulls from a repository.
fn is_used(wanted: &Wanted, usage: Usage<'_>) -> bool {
    let Usage::Known(protected) = usage else {
        return false;
    };
    let held = protected.of(&wanted.repository).into_iter().flatten();
    let mut reasons = held.flat_map(|(_, reasons)| reasons);
    reasons.any(|reason| reason.why.is_use())
}

/// The repository policy that a creation which was cut short left out.
fn owed<'facts>(
    wanted: &Wanted,
    policy: &PolicyStep,
    look: &mut Look<'facts>,
) -> Result<Option<&'facts str>, &'facts Failure> {
    let (Role::Target { source, .. }, PolicyStep::Install(_)) = (&wanted.role, policy) else {
        return Ok(None);
    };
    match look.listing(End::target(&wanted.repository)) {
        Some(Ok(images)) if images.is_empty() => owed::access(source, &wanted.repository, look),
        _ => Ok(None),
    }
}

/// The policy that the repository should have.
fn ours(wanted: &Wanted, rules: &Rules) -> Policy {
    provision(wanted, rules).policy(&wanted.repository.name)
}

/// A common repository keeps more than a target, unless an exception says otherwise.
fn provision(wanted: &Wanted, rules: &Rules) -> Provision {
    let mut provision = rules.provision.clone();
    if let (Role::Common { .. }, Some(keep)) = (&wanted.role, rules.common_keep) {
        provision.keep = keep;
        provision.keep_flag = None;
    }
    provision
}

/// What it is created with, like its source; nothing while that had to be asked, and a failure where it cannot be known.
fn creation(
    wanted: &Wanted,
    look: &mut Look<'_>,
    rules: &Rules,
) -> Result<Option<Creation>, Failure> {
    let mark = look.mark();
    let origin = match &wanted.role {
        Role::Target { source, family } => Origin::of(source, &wanted.repository, family, look),
        Role::Common { .. } | Role::Listed => Origin::default(),
    };
    if look.has_asked_since(mark) {
        return Ok(None);
    }
    match origin.unknown {
        Some(failure) => Err(failure.clone()),
        None => {
            let name = &wanted.repository.name;
            Ok(Some(rules.provision.creation(name, &origin)))
        }
    }
}

/// What should happen to the policy of a repository that exists, before asking what it would mark.
fn judge_policy(
    wanted: &Wanted,
    look: &mut Look<'_>,
    rules: &Rules,
) -> Option<(PolicyStep, Finding)> {
    let target = wanted.repository.clone();
    let ours = ours(wanted, rules);
    let text = match look.policy(End::target(&wanted.repository))? {
        Err(failure) => {
            let kind = Kind::Failed(failure.clone());
            return Some((PolicyStep::Refuse, Some((Severity::Error, kind))));
        }
        Ok(None) => return Some((PolicyStep::Install(ours), None)),
        Ok(Some(text)) => text,
    };
    let weaknesses = match text.parse::<Policy>() {
        Err(error) => vec![format!("it cannot be understood: {error}")],
        Ok(present) if present.same_meaning(&ours) => return Some((PolicyStep::Equal, None)),
        Ok(present) => {
            let least = provision(wanted, rules).strength(&target.name);
            let found = policy::weakness(&present, least);
            found.iter().map(Weakness::to_string).collect()
        }
    };
    Some(if rules.overwrite {
        (PolicyStep::Replace(ours), None)
    } else if weaknesses.is_empty() {
        (PolicyStep::Stronger, None)
    } else {
        let kind = Kind::WeakPolicy { target, weaknesses };
        (PolicyStep::Weaker, Some((Severity::Warning, kind)))
    })
}

/// Takes ECR's own preview as a second opinion: where it marks more images than we found, or cannot be had, the policy is not put.
pub fn confirm_preview(plan: &mut Plan, at: usize, preview: Result<Preview, Failure>) {
    let Some(step) = plan.steps.get_mut(at) else {
        return;
    };
    let kind = match preview {
        Ok(preview) if preview.marked <= step.marks => {
            step.previewed = true;
            return;
        }
        Ok(preview) => Kind::WouldExpire {
            target: step.wanted.repository.clone(),
            marked: preview.marked,
            images: preview.images.into_iter().take(NAMED).collect(),
            preview: true,
        },
        Err(failure) => Kind::Failed(failure),
    };
    step.policy = PolicyStep::Refuse;
    plan.problems.push(Problem::error(kind, &step.wanted.uses));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::inventory::{Encryption, Facts, ImageId, Mutability, RepositorySettings};
    use crate::model::lifecycle::Image;
    use crate::model::reference::{Registry, Repository};
    use crate::plan::provision::Provision;

    fn repository(name: &str) -> Repository {
        let host = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com";
        Repository {
            registry: Registry::from_host(host).expect("a host"),
            name: name.parse().expect(name),
        }
    }

    fn image(number: u32, tagged: bool) -> Image {
        let days = i64::from(number) * 86_400_000;
        let digest = format!("sha256:{number:064x}");
        let tag = tagged.then(|| format!("v{number}"));
        Image::pushed(
            digest.parse().expect("a digest"),
            tag.into_iter().collect(),
            Timestamp(100 * 86_400_000 - days),
        )
    }

    fn decided(facts: Facts, role: Role, rules: &Rules) -> (PolicyStep, Vec<&'static str>) {
        let wanted = Wanted {
            repository: repository("fluentd/app"),
            role,
            uses: Vec::new(),
        };
        let mut inventory = Inventory::default();
        inventory
            .repositories
            .insert(wanted.repository.clone(), facts);
        let registry = wanted.repository.registry.clone();
        inventory.blob_mounting.insert(registry, Ok(true));
        let now = Timestamp(100 * 86_400_000);
        let (plan, _) = plan(&[wanted], &Mapping::default(), &inventory, rules, now);
        let codes = plan.problems.iter().map(|problem| problem.kind.code());
        (plan.steps[0].policy.clone(), codes.collect())
    }

    fn facts(policy: Option<Policy>, tagged: u32, untagged: u32) -> Facts {
        let mut images: Vec<Image> = (0..tagged).map(|number| image(number, true)).collect();
        images.extend((0..untagged).map(|number| image(50 + number, false)));
        let id = |image: &Image| ImageId::Digest(image.digest.clone());
        Facts {
            images: images.iter().map(|image| (id(image), Ok(None))).collect(),
            settings: Some(Ok(RepositorySettings {
                mutability: Mutability {
                    immutable: false,
                    exclusions: Vec::new(),
                },
                encryption: Encryption {
                    kind: "AES256".into(),
                    key: None,
                },
            })),
            policy: Some(Ok(policy.map(|policy| policy.to_json()))),
            tags: Some(Ok(BTreeMap::new())),
            listing: Some(Ok(images)),
            ..Facts::default()
        }
    }

    fn rules(overwrite: bool) -> Rules {
        Rules {
            provision: Provision {
                keep: 30,
                ..Provision::default()
            },
            overwrite,
            ..Rules::default()
        }
    }

    #[test]
    fn present_policies_are_compared_by_meaning() {
        let check = |present: Option<Policy>, overwrite, expected: &PolicyStep, codes: &[&str]| {
            let found = decided(facts(present, 3, 0), Role::Listed, &rules(overwrite));
            assert_eq!((&found.0, found.1.as_slice()), (expected, codes));
        };
        let ours = policy::installed(30);
        check(None, false, &PolicyStep::Install(ours.clone()), &[]);
        check(Some(ours.clone()), false, &PolicyStep::Equal, &[]);
        check(Some(ours.clone()), true, &PolicyStep::Equal, &[]);
        check(
            Some(policy::installed(40)),
            false,
            &PolicyStep::Stronger,
            &[],
        );
        check(
            Some(policy::installed(40)),
            true,
            &PolicyStep::Replace(ours.clone()),
            &[],
        );
        check(
            Some(policy::installed(20)),
            false,
            &PolicyStep::Weaker,
            &["WEAK_POLICY"],
        );
        check(
            Some(policy::installed(20)),
            true,
            &PolicyStep::Replace(ours),
            &[],
        );
    }

    #[test]
    fn nothing_that_marks_is_put() {
        let marks = |tagged, untagged| {
            let (step, codes) = decided(facts(None, tagged, untagged), Role::Listed, &rules(false));
            (step == PolicyStep::Refuse, codes)
        };
        assert_eq!(marks(30, 0), (false, vec![]));
        assert_eq!(marks(31, 0), (true, vec!["WOULD_EXPIRE"]));
        assert_eq!(marks(1, 1), (true, vec!["WOULD_EXPIRE"]));
    }

    #[test]
    fn a_common_repository_that_is_pulled_from_gets_no_policy() {
        let rules = Rules {
            common_keep: Some(200),
            ..rules(false)
        };
        let common = |pulled_from| decided(facts(None, 3, 0), Role::Common { pulled_from }, &rules);
        let ours = policy::installed(200);
        assert_eq!(
            common(Some(false)),
            (PolicyStep::Install(ours), vec!["COMMON_EXPIRES"])
        );
        assert_eq!(
            common(Some(true)),
            (PolicyStep::Leave, vec!["COMMON_IN_USE"])
        );
        assert_eq!(common(None), (PolicyStep::Leave, vec!["COMMON_SKIPPED"]));
    }
}
