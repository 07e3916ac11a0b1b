//! What is known of repositories that are named, before anything else is read of them.

use std::collections::BTreeSet;

use crate::clients::ecr::Ecr;
use crate::commands::repositories::{Names, Seen, Trouble};
use crate::model::inventory::{Facts, Inventory};
use crate::model::reference::Repository;

/// The repositories that the names mean. What is known of them already is noted.
pub(super) async fn expand(
    names: &Names,
    ecr: &Ecr,
    inventory: &mut Inventory,
) -> Result<BTreeSet<Repository>, Trouble> {
    let found = names.find(ecr).await?;
    for (repository, seen) in &found {
        let mut facts = Facts::default();
        match seen {
            Seen::Unknown => continue,
            Seen::Exists(settings) => {
                facts.proved_existence = true;
                facts.settings = Some(Ok(settings.clone()));
            }
            Seen::Missing => facts.denied_existence = true,
        }
        inventory.repositories.insert(repository.clone(), facts);
    }
    Ok(found.into_keys().collect())
}
