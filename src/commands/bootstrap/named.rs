//! Repositories that are named, by `--repository` and `--repositories-from`.

use std::collections::BTreeSet;
use std::path::Path;

use crate::clients::ecr::Ecr;
use crate::commands::repositories::{Names, Seen, Trouble};
use crate::commands::surroundings::Surroundings;
use crate::commands::wrong::Wrong;
use crate::model::inventory::{Facts, Inventory};
use crate::model::reference::Repository;

/// The names of `--repository` and of the lines of `--repositories-from`; nothing where neither is given.
///
/// # Errors
/// A list that cannot be read; an empty one, which is a mistake in whatever made it; every name that is none.
pub(super) fn named(
    repository: &[String],
    from: Option<&Path>,
    surroundings: &Surroundings<'_>,
) -> Result<Option<Names>, Vec<Wrong>> {
    if repository.is_empty() && from.is_none() {
        return Ok(None);
    }
    let mut texts: Vec<&str> = repository.iter().map(String::as_str).collect();
    let list = from.map(|path| surroundings.read(path)).transpose();
    let list = list.map_err(|error| vec![Wrong::from(error)])?;
    let lines = list.iter().flat_map(|text| text.lines().map(str::trim));
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let before = texts.len();
    texts.extend(lines);
    if let (Some(path), true) = (from, texts.len() == before) {
        let message = format!("{}: an empty list of repositories", path.display());
        return Err(vec![Wrong::from(message)]);
    }
    Names::read(texts).map(Some)
}

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
