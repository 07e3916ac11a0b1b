//! Repositories that are named: by `--repository` and `--repositories-from`, exactly or by a pattern.

use std::collections::BTreeSet;
use std::path::Path;

use crate::commands::connection::Connection;
use crate::commands::surroundings::Surroundings;
use crate::commands::wrong::Wrong;
use crate::model::failure::Failure;
use crate::model::inventory::Inventory;
use crate::model::reference::{Registry, Repository, RepositoryName};
use crate::model::wildcard;

/// The lines of `--repository` and `--repositories-from`; nothing where neither is given. An empty list is a mistake in
/// whatever made it.
pub(super) fn named(
    repository: &[String],
    from: Option<&Path>,
    surroundings: &Surroundings<'_>,
) -> Result<Option<Vec<String>>, Wrong> {
    if repository.is_empty() && from.is_none() {
        return Ok(None);
    }
    let mut names = repository.to_vec();
    if let Some(path) = from {
        let text = surroundings.read(path)?;
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        names.extend(lines.map(str::to_owned));
        if names.is_empty() {
            let name = path.display();
            return Err(Wrong::from(format!(
                "{name}: an empty list of repositories"
            )));
        }
    }
    for name in names.iter().filter(|name| !name.contains('*')) {
        let host = name
            .split_once('/')
            .and_then(|(host, _)| Registry::from_host(host));
        if host.is_some() {
            return Err(Wrong::from(format!(
                "`{name}`: write the name without the registry's host"
            )));
        }
        name.parse::<RepositoryName>()
            .map_err(|error| Wrong::from(error.to_string()))?;
    }
    Ok(Some(names))
}

/// Names and patterns become repositories. With patterns, or many names, everything is listed page by page, and what the
/// pages say is noted.
pub(super) async fn expand(
    names: &[String],
    connection: &Connection,
    seen: &mut Inventory,
) -> Result<Result<BTreeSet<Repository>, Failure>, Wrong> {
    if !connection.ecr.has_region() {
        let mut wrong = Wrong::from("no Region is set".to_owned());
        wrong.hint = Some("set AWS_REGION, or `region` in the profile".to_owned());
        return Err(wrong);
    }
    let registry = match connection.ecr.home().await {
        Ok(registry) => registry,
        Err(failure) => return Ok(Err(failure)),
    };
    let exact = names
        .iter()
        .filter_map(|name| name.parse::<RepositoryName>().ok());
    let mut found: BTreeSet<Repository> = exact.map(|name| repository(&registry, name)).collect();
    let patterns: Vec<&String> = names.iter().filter(|name| name.contains('*')).collect();
    if patterns.is_empty() && found.len() <= 100 {
        return Ok(Ok(found));
    }
    let all = match connection.ecr.all(&registry).await {
        Ok(all) => all,
        Err(failure) => return Ok(Err(failure)),
    };
    for pattern in patterns {
        let matches = |one: &&Repository| wildcard::matches(pattern, one.name.as_str());
        let matching = all.iter().map(|(repository, _)| repository).filter(matches);
        let before = found.len();
        found.extend(matching.cloned());
        if found.len() == before && !found.iter().any(|one| matches(&one)) {
            return Err(Wrong::from(format!("no repository matches {pattern}")));
        }
    }
    for (repository, settings) in all {
        if found.contains(&repository) {
            let facts = seen.repositories.entry(repository).or_default();
            facts.proved_existence = true;
            facts.settings = Some(Ok(settings));
        }
    }
    for repository in &found {
        let facts = seen.repositories.entry(repository.clone()).or_default();
        facts.denied_existence = !facts.proved_existence;
    }
    Ok(Ok(found))
}

fn repository(registry: &Registry, name: RepositoryName) -> Repository {
    let registry = registry.clone();
    Repository { registry, name }
}
