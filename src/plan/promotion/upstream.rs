//! What happens to an image of an upstream whose tag the target holds: a deploy of what is there must not hang on a
//! registry that is somebody else's.

use crate::model::digest::Digest;
use crate::model::inventory::ImageId;
use crate::plan::look::{End, Look};
use crate::plan::mapping::Wanted;
use crate::plan::problem::{Kind, Problem};
use crate::plan::promotion::action::Action;
use crate::plan::promotion::image::{stay, taken};
use crate::plan::promotion::standing::Case;

/// The image stays where the upstream means the same, no longer has it, or does not say so; the last is a warning. Where it
/// means another digest that is a tag move like any other.
pub(super) fn held(
    wanted: &Wanted,
    held: &Digest,
    case: Case<'_>,
    look: &mut Look<'_>,
    problems: &mut Vec<Problem>,
) -> Result<Option<Action>, Kind> {
    let source = End::source(&wanted.source);
    let tag = wanted.target_tag();
    let meant = match &wanted.digest {
        Some(digest) => digest.clone(),
        None => match look.meaning(source, &tag) {
            None => return Ok(None),
            Some(Ok(Some(digest))) => digest.clone(),
            Some(Ok(None)) => return stay(wanted, held, true, case, look, problems),
            Some(Err(failure)) => {
                let kind = Kind::SourceUnread {
                    target: wanted.target.clone(),
                    tag,
                    digest: held.clone(),
                    failure: Box::new(failure.clone()),
                };
                let stays = stay(wanted, held, false, case, look, problems)?;
                if stays.is_some() {
                    problems.push(Problem::warning(kind, &wanted.uses));
                }
                return Ok(stays);
            }
        },
    };
    if meant == *held {
        return stay(wanted, held, false, case, look, problems);
    }
    let built = match case.rules.may_move(&tag) {
        false => None,
        true => match look.image(source, &ImageId::Digest(meant.clone())) {
            None => return Ok(None),
            Some(Err(failure)) => return Err(Kind::Failed(failure.clone())),
            Some(Ok(built)) => built.as_ref(),
        },
    };
    taken(wanted, held, &meant, built, case, look, problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::failure::{Caller, Failure, FailureKind, Side};
    use crate::model::inventory::{Facts, Inventory, Known, Mutability, RepositorySettings};
    use crate::model::lifecycle::Image;
    use crate::model::project::Use;
    use crate::model::reference::{Registry, Repository};
    use crate::model::settings::{CreateRepository, Lifecycle};
    use crate::model::time::Timestamp;
    use crate::plan::mapping::Mapping;
    use crate::plan::problem::Severity;
    use crate::plan::promotion::{Plan, Referring, Rules, plan};
    use crate::plan::provision::Provision;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn wanted(digest: Option<&Digest>) -> Wanted {
        let ours = Registry::from_host("123456789012.dkr.ecr.eu-west-1.amazonaws.com");
        let repository = |registry: Option<Registry>, name: &str| Repository {
            registry: registry.expect("a host"),
            name: name.parse().expect(name),
        };
        let usage = Use {
            config: "ecspresso.yml".into(),
            family: "app".into(),
            container: "agent".into(),
            image: "image".into(),
            location: None,
        };
        Wanted {
            source: repository(Registry::upstream("ghcr.io"), "datadog/agent"),
            target: repository(ours, "datadog/agent/app"),
            tag: Some("v1".parse().expect("a tag")),
            digest: digest.cloned(),
            family: "app".into(),
            uses: vec![usage],
            deployed: Vec::new(),
            from_common: false,
        }
    }

    fn rules() -> Rules {
        Rules {
            provision: Provision {
                keep: 30,
                ..Provision::default()
            },
            min_pushes: 3,
            lifecycle: Lifecycle::Off,
            create_repository: CreateRepository::Auto,
            mount_only: false,
            max_upload: None,
            allow_tag_move: false,
            unmatched: Severity::Note,
            foreign_target: Severity::Error,
            from_common: Severity::Error,
            handed_over: false,
            referrers: Referring::Plan,
        }
    }

    /// What is decided where the target's `v1` holds this digest, and the upstream says that of it, if it was asked.
    fn decided(
        wanted: &Wanted,
        holds: &Digest,
        says: Option<Known<Option<Digest>>>,
    ) -> (Plan, bool) {
        let image = Image::pushed(holds.clone(), vec!["v1".to_owned()], NOW);
        let settings = RepositorySettings {
            mutability: Mutability {
                immutable: true,
                exclusions: Vec::new(),
            },
            encryption: crate::model::inventory::Encryption {
                kind: "AES256".into(),
                key: None,
            },
        };
        let target = Facts {
            proved_existence: true,
            settings: Some(Ok(settings)),
            listing: Some(Ok(vec![image])),
            ..Facts::default()
        };
        let mut source = Facts::default();
        let tag = wanted.target_tag();
        source.meanings = says.into_iter().map(|known| (tag.clone(), known)).collect();
        let mut inventory = Inventory::default();
        let registry = wanted.target.registry.clone();
        inventory.sign_in.insert(registry, Ok(()));
        inventory.repositories.insert(wanted.target.clone(), target);
        inventory.repositories.insert(wanted.source.clone(), source);
        let mapping = Mapping {
            wanted: vec![wanted.clone()],
            ..Mapping::default()
        };
        let (plan, questions) = plan(&mapping, &inventory, &rules(), NOW);
        let asked = questions.repositories.get(&wanted.source);
        (plan, asked.is_some_and(|ask| ask.meanings.contains(&tag)))
    }

    #[test]
    fn what_is_held_stays_whatever_the_upstream_says_but_another_digest() {
        let (held, other) = (Digest::of(b"held"), Digest::of(b"other"));
        let failure = Failure {
            operation: "read tag".into(),
            object: "ghcr.io/datadog/agent:v1".into(),
            side: Some(Side::Source),
            caller: Caller::Upstream("ghcr.io".into()),
            kind: FailureKind::Unreachable,
            message: String::new(),
        };
        let (_, asked) = decided(&wanted(None), &held, None);
        assert!(asked, "what the tag means");
        let check = |says: Known<Option<Digest>>, gone: bool, code: Option<&str>| {
            let (plan, asked) = decided(&wanted(None), &held, Some(says));
            assert!(!asked);
            let codes = plan.problems.iter().map(|problem| problem.kind.code());
            assert_eq!(
                codes.collect::<Vec<_>>(),
                code.into_iter().collect::<Vec<_>>()
            );
            match &plan.promotions[0].action {
                Action::Stay(standing) => assert_eq!(standing.source_gone, gone),
                action => assert_eq!((action, code), (&Action::Refuse, Some("TAG_TAKEN"))),
            }
        };
        check(Ok(Some(held.clone())), false, None);
        check(Ok(None), true, None);
        check(Err(failure), false, Some("SOURCE_UNREAD"));
        check(Ok(Some(other.clone())), false, Some("TAG_TAKEN"));

        let (plan, asked) = decided(&wanted(Some(&held)), &held, None);
        assert!(!asked && matches!(plan.promotions[0].action, Action::Stay(_)));
        let (plan, asked) = decided(&wanted(Some(&other)), &held, None);
        assert!(!asked && plan.promotions[0].action == Action::Refuse);
    }
}
