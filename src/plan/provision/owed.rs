//! What a creation that was cut short still owes its repository. ECR creates a repository and sets its repository policy
//! in two calls; whoever pulls from another account sees it when only the first was made.

use std::collections::BTreeMap;

use crate::model::failure::Failure;
use crate::model::reference::{Repository, RepositoryName};
use crate::plan::look::{End, Look};
use crate::plan::provision::{MANAGED_BY, MANAGER, SOURCE};

/// Whether these resource tags are those of a repository that we created for the images of a common repository.
pub fn is_ours(tags: &BTreeMap<String, String>, source: &RepositoryName) -> bool {
    let is = |key: &str, value: &str| tags.get(key).is_some_and(|known| known == value);
    is(MANAGED_BY, MANAGER) && is(SOURCE, source.as_str())
}

/// The repository policy of the source, where a target without images and without a lifecycle policy lacks one: the
/// lifecycle policy is put after it, so both are missing only where the creation was cut short, and nobody has used the
/// repository since. Asks for what is not known yet.
///
/// # Errors
/// What cannot be read: an image in it would hide that something is missing.
pub fn access<'facts>(
    source: &Repository,
    target: &Repository,
    look: &mut Look<'facts>,
) -> Result<Option<&'facts str>, &'facts Failure> {
    if source.registry != target.registry {
        return Ok(None);
    }
    match look.tags(End::target(target)) {
        Some(Ok(tags)) if is_ours(tags, &source.name) => {}
        // Whose it is matters to more than this: it is told where the lifecycle policy is decided.
        _ => return Ok(None),
    }
    let present = look.access(End::target(target));
    let wanted = look.access(End::source(source));
    match (present, wanted) {
        (Some(Err(failure)), _) => Err(failure),
        (_, Some(Err(failure))) if !look.is_missing(source) => Err(failure),
        (Some(Ok(None)), Some(Ok(wanted))) => Ok(wanted.as_deref()),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::failure::{Failure, FailureKind};
    use crate::model::inventory::{Facts, Inventory, Known};
    use crate::model::reference::Registry;

    fn repository(name: &str) -> Repository {
        let host = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com";
        Repository {
            registry: Registry::from_host(host).expect("a host"),
            name: name.parse().expect(name),
        }
    }

    fn tags(manager: &str, source: &str) -> BTreeMap<String, String> {
        let tags = [(MANAGED_BY, manager), (SOURCE, source)];
        tags.map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    fn owed(
        tags: BTreeMap<String, String>,
        present: Known<Option<String>>,
        wanted: Option<&str>,
    ) -> Result<Option<String>, ()> {
        let (source, target) = (repository("fluentd/common"), repository("fluentd/app"));
        let mut inventory = Inventory::default();
        let facts = Facts {
            tags: Some(Ok(tags)),
            access: Some(present),
            ..Facts::default()
        };
        inventory.repositories.insert(target.clone(), facts);
        let facts = Facts {
            access: Some(Ok(wanted.map(str::to_owned))),
            ..Facts::default()
        };
        inventory.repositories.insert(source.clone(), facts);
        let mut look = Look::new(&inventory);
        let owed = access(&source, &target, &mut look);
        owed.map(|text| text.map(str::to_owned)).map_err(drop)
    }

    #[test]
    fn only_what_is_ours_and_has_none_gets_the_sources() {
        let ours = || tags(MANAGER, "fluentd/common");
        assert_eq!(
            owed(ours(), Ok(None), Some("{}")),
            Ok(Some("{}".to_owned()))
        );
        assert_eq!(owed(ours(), Ok(None), None), Ok(None));
        assert_eq!(
            owed(ours(), Ok(Some("[]".to_owned())), Some("{}")),
            Ok(None)
        );
        let others = [
            tags("terraform", "fluentd/common"),
            tags(MANAGER, "nginx/common"),
            BTreeMap::new(),
        ];
        for other in others {
            assert_eq!(owed(other, Ok(None), Some("{}")), Ok(None));
        }
        let failure = Failure::new(
            "GetRepositoryPolicy",
            "fluentd/app",
            FailureKind::Broken,
            "",
        );
        assert_eq!(owed(ours(), Err(failure), Some("{}")), Err(()));
    }
}
