//! What a repository is created with and which lifecycle policy it gets: one answer for `promote` and `bootstrap`.

mod origin;
pub mod owed;

pub use origin::Origin;

use std::collections::BTreeMap;

use crate::model::inventory::{Encryption, Mutability, RepositorySettings};
use crate::model::lifecycle::Policy;
use crate::model::settings::{Exception, NewMutability};
use crate::model::wildcard;
use crate::plan::policy::{self, Strength};

/// The resource tag that says who made a repository.
const MANAGED_BY: &str = "ManagedBy";
/// Its value on ours.
const MANAGER: &str = "demitasse";
/// The resource tag that names the common repository behind a target.
const SOURCE: &str = "demitasse:source";

/// What was decided about new repositories and policies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provision {
    /// `--keep`, if it was given: it wins over exceptions.
    pub keep_flag: Option<u32>,
    /// How many images a policy of ours keeps otherwise.
    pub keep: u32,
    /// `--mutability`, if it was given: it wins over exceptions.
    pub mutability_flag: Option<NewMutability>,
    /// Tag mutability at creation otherwise; immutable if `None`.
    pub mutability: Option<NewMutability>,
    /// Tags that stay mutable besides pins.
    pub moving_tags: Vec<String>,
    /// Resource tags, besides our own.
    pub tags: BTreeMap<String, String>,
    /// What differs for some repositories.
    pub exceptions: Vec<Exception>,
}

/// The settings of a repository to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creation {
    /// Encryption at rest; it cannot be changed later, and mounting needs the source's. ECR's default if `None`.
    pub encryption: Option<Encryption>,
    /// Tag mutability.
    pub mutability: Mutability,
    /// The source's repository policy, if it has one.
    pub access: Option<String>,
    /// Resource tags.
    pub tags: BTreeMap<String, String>,
    /// Basic scanning of every push.
    pub scan_on_push: bool,
}

impl Provision {
    /// How many images a policy of ours keeps there.
    pub fn keep(&self, name: &impl AsRef<str>) -> u32 {
        let exception = || self.exception(name, |exception| exception.keep);
        self.keep_flag.or_else(exception).unwrap_or(self.keep)
    }

    /// How much a policy has to protect at least there.
    pub fn strength(&self, name: &impl AsRef<str>) -> Strength {
        let usual = Strength::keeping(self.keep(name));
        let days = self.exception(name, |exception| exception.untagged_days);
        Strength {
            untagged_days: days.unwrap_or(usual.untagged_days),
            ..usual
        }
    }

    /// The policy of a task-definition repository.
    pub fn policy(&self, name: &impl AsRef<str>) -> Policy {
        policy::installing(self.strength(name))
    }

    /// What the repository is created with.
    pub fn creation(&self, name: &impl AsRef<str>, origin: &Origin<'_>) -> Creation {
        let chosen = self.exception(name, |exception| exception.encryption.clone());
        let encryption = match chosen {
            Some(chosen) => Some(Encryption {
                kind: chosen.kind,
                key: chosen.key,
            }),
            None => origin.settings.map(|settings| settings.encryption.clone()),
        };
        let mut tags = self.tags.clone();
        for exception in self.matching(name) {
            for (key, value) in &exception.tags {
                tags.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        tags.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
        if let Some((source, family)) = origin.promotion {
            tags.insert(SOURCE.to_owned(), source.to_string());
            tags.insert("demitasse:family".to_owned(), family.to_owned());
        }
        Creation {
            encryption,
            mutability: self.mutability(name, origin.settings),
            access: origin.access.map(str::to_owned),
            tags,
            scan_on_push: self
                .exception(name, |exception| exception.scan_on_push)
                .unwrap_or(false),
        }
    }

    /// The tag mutability it is created with.
    pub fn mutability(
        &self,
        name: &impl AsRef<str>,
        source: Option<&RepositorySettings>,
    ) -> Mutability {
        let frozen = || {
            let mut exclusions = vec![policy::PIN_PATTERN.to_owned()];
            exclusions.extend(self.moving_tags.iter().cloned());
            Mutability {
                immutable: true,
                exclusions,
            }
        };
        let exception = || self.exception(name, |exception| exception.mutability);
        let chosen = self.mutability_flag.or_else(exception).or(self.mutability);
        match chosen.unwrap_or(NewMutability::Immutable) {
            NewMutability::Immutable => frozen(),
            NewMutability::Mutable => Mutability {
                immutable: false,
                exclusions: Vec::new(),
            },
            NewMutability::Inherit => {
                source.map_or_else(frozen, |settings| settings.mutability.clone())
            }
        }
    }

    /// What repositories below a prefix (`ROOT`: all) are created with and which policy they get where ECR itself creates
    /// them, and not we: then the tags that name us are not true. An exception counts if it is for all of these names.
    pub fn below(&self, prefix: &str) -> (Creation, Policy) {
        // Only a wildcard matches a wildcard, so what matches this text matches every name that it stands for.
        let all = match prefix {
            "ROOT" => "*".to_owned(),
            _ => format!("{prefix}/*"),
        };
        let mut creation = self.creation(&all, &Origin::default());
        creation.tags.remove(MANAGED_BY);
        (creation, self.policy(&all))
    }

    fn matching(&self, name: &impl AsRef<str>) -> impl Iterator<Item = &Exception> {
        self.exceptions
            .iter()
            .filter(|exception| wildcard::matches(&exception.pattern, name.as_ref()))
    }

    fn exception<T>(
        &self,
        name: &impl AsRef<str>,
        read: impl Fn(&Exception) -> Option<T>,
    ) -> Option<T> {
        self.matching(name).find_map(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::model::reference::{Registry, Repository, RepositoryName};

    fn name(text: &str) -> RepositoryName {
        text.parse().expect(text)
    }

    fn provision() -> Provision {
        let exception = |pattern: &str, keep| Exception {
            pattern: pattern.to_owned(),
            keep,
            ..Exception::default()
        };
        let mut first = exception("fluentd/*", Some(100));
        first.untagged_days = Some(60);
        Provision {
            keep: 30,
            exceptions: vec![first, exception("*", Some(5))],
            ..Provision::default()
        }
    }

    #[test]
    fn the_first_exception_that_says_something_counts() {
        let provision = provision();
        assert_eq!(provision.keep(&name("fluentd/app")), 100);
        assert_eq!(provision.keep(&name("nginx/app")), 5);
        let flagged = Provision {
            keep_flag: Some(7),
            ..provision.clone()
        };
        assert_eq!(flagged.keep(&name("fluentd/app")), 7, "flags win");
        let expected = Strength {
            keep: 100,
            untagged_days: 60,
        };
        assert_eq!(provision.strength(&name("fluentd/app")), expected);
        let usual = provision.policy(&name("nginx/app"));
        assert!(usual.same_meaning(&policy::installed(5)));
    }

    #[test]
    fn a_prefix_gets_what_holds_for_all_names_below_it() {
        let narrow = Exception {
            pattern: "fluentd/a*".to_owned(),
            keep: Some(7),
            ..Exception::default()
        };
        let mut provision = provision();
        provision.exceptions.insert(0, narrow);
        let keeps = |prefix: &str| {
            let (creation, policy) = provision.below(prefix);
            assert!(creation.tags.is_empty(), "{:?}", creation.tags);
            policy.rules()[1].keep()
        };
        assert_eq!(keeps("fluentd"), Some(100));
        assert_eq!(keeps("fluentd/app"), Some(7));
        assert_eq!(keeps("nginx"), Some(5));
        assert_eq!(keeps("ROOT"), Some(5));
    }

    #[test]
    fn a_creation_is_like_its_source() {
        let settings = RepositorySettings {
            mutability: Mutability {
                immutable: false,
                exclusions: Vec::new(),
            },
            encryption: Encryption {
                kind: "KMS".into(),
                key: Some("arn".into()),
            },
        };
        let host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        let source = Repository {
            registry: Registry::from_host(host).expect("a host"),
            name: name("fluentd/common"),
        };
        let origin = Origin {
            promotion: Some((&source, "app")),
            settings: Some(&settings),
            ..Origin::default()
        };
        let creation = provision().creation(&name("fluentd/app"), &origin);
        assert_eq!(creation.encryption, Some(settings.encryption.clone()));
        assert_eq!(creation.mutability.exclusions, [policy::PIN_PATTERN]);
        assert_eq!(creation.tags["demitasse:family"], "app");
        let inherited = Provision {
            mutability: Some(NewMutability::Inherit),
            ..provision()
        };
        let creation = inherited.creation(&name("fluentd/app"), &origin);
        assert!(!creation.mutability.immutable);
    }
}
