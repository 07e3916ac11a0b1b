//! Where a repository to create comes from, and what it takes from there.

use crate::model::failure::Failure;
use crate::model::inventory::RepositorySettings;
use crate::model::reference::Repository;
use crate::plan::look::{End, Look};

/// What is known of the repository behind one that is to be created; nothing of one that has none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin<'a> {
    /// The common repository and the family it is for, if it is a task-definition repository.
    pub promotion: Option<(&'a Repository, &'a str)>,
    /// The settings of the common repository, if it is in the same registry.
    pub settings: Option<&'a RepositorySettings>,
    /// The repository policy of the common repository, if it has one and is in the same registry.
    pub access: Option<&'a str>,
    /// Why one of them could not be read although that repository exists. Then nothing is created like it: encryption can
    /// never be changed, and nobody would notice a repository policy that is missing until another account cannot pull.
    pub unknown: Option<&'a Failure>,
}

impl<'a> Origin<'a> {
    /// The origin of a target; asks for what is not known yet. Nothing is taken from another registry: its keys and
    /// principals mean something else there.
    pub fn of<'facts: 'a>(
        source: &'a Repository,
        target: &Repository,
        family: &'a str,
        look: &mut Look<'facts>,
    ) -> Self {
        let promotion = Some((source, family));
        if source.registry != target.registry {
            return Self {
                promotion,
                ..Self::default()
            };
        }
        let settings = look.settings(End::source(source));
        let access = look.access(End::source(source));
        let unreadable = settings.and_then(|known| known.as_ref().err());
        let unreadable = unreadable.or(access.and_then(|known| known.as_ref().err()));
        Self {
            promotion,
            settings: settings.and_then(|known| known.as_ref().ok()),
            access: access.and_then(|known| known.as_ref().ok()?.as_deref()),
            unknown: unreadable.filter(|_| !look.is_missing(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::failure::FailureKind;
    use crate::model::inventory::{Encryption, Facts, Inventory, Mutability};
    use crate::model::reference::Registry;

    fn repository(region: &str, name: &str) -> Repository {
        let host = format!("123456789012.dkr.ecr.{region}.amazonaws.com");
        Repository {
            registry: Registry::from_host(&host).expect("a host"),
            name: name.parse().expect(name),
        }
    }

    fn failure() -> Failure {
        Failure::new(
            "GetRepositoryPolicy",
            "fluentd/common",
            FailureKind::Broken,
            "",
        )
    }

    /// What a target of this Region takes from a source of which these facts are known: whether settings, whether a
    /// repository policy, whether something is unknown; and whether anything had to be asked.
    fn taken(region: &str, facts: Facts) -> ((bool, bool, bool), bool) {
        let source = repository("eu-west-1", "fluentd/common");
        let mut inventory = Inventory::default();
        inventory.repositories.insert(source.clone(), facts);
        let mut look = Look::new(&inventory);
        let target = repository(region, "fluentd/app");
        let origin = Origin::of(&source, &target, "app", &mut look);
        assert_eq!(origin.promotion, Some((&source, "app")));
        let found = (
            origin.settings.is_some(),
            origin.access.is_some(),
            origin.unknown.is_some(),
        );
        (found, !look.into_questions().is_empty())
    }

    #[test]
    fn what_is_known_is_taken_and_the_rest_is_asked() {
        let known = Facts {
            settings: Some(Ok(RepositorySettings {
                mutability: Mutability {
                    immutable: true,
                    exclusions: Vec::new(),
                },
                encryption: Encryption {
                    kind: "AES256".into(),
                    key: None,
                },
            })),
            access: Some(Ok(Some("{}".to_owned()))),
            ..Facts::default()
        };
        let here = "eu-west-1";
        let nothing = (false, false, false);
        assert_eq!(taken(here, Facts::default()), (nothing, true));
        assert_eq!(taken(here, known.clone()), ((true, true, false), false));
        let unreadable = Facts {
            access: Some(Err(failure())),
            ..known.clone()
        };
        assert_eq!(
            taken(here, unreadable.clone()),
            ((true, false, true), false)
        );
        let missing = Facts {
            denied_existence: true,
            ..unreadable
        };
        assert_eq!(taken(here, missing), ((true, false, false), false));
        assert_eq!(taken("us-east-1", known), (nothing, false));
        assert_eq!(taken("us-east-1", Facts::default()), (nothing, false));
    }
}
