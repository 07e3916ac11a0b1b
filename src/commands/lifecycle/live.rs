//! The policies of live repositories: which, what has to be known of each, and the judgement.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::future::{join, join_all};

use crate::clients::ecr::Ecr;
use crate::commands::lifecycle::shown;
use crate::commands::wrong::Wrong;
use crate::model::failure::{Failure, FailureKind, Side};
use crate::model::inventory::RepositorySettings;
use crate::model::lifecycle::Policy;
use crate::model::reference::{Registry, Repository};
use crate::model::time::Timestamp;
use crate::model::wildcard;
use crate::plan::lint::{self, Known};
use crate::report::lint::Linted;

/// How many repositories are read beside each other: their listings are in memory until they are judged.
const AT_ONCE: usize = 16;

/// A policy file.
pub(super) struct Given<'a> {
    pub(super) path: &'a Path,
    pub(super) text: String,
    pub(super) policy: Policy,
}

/// A pattern of repository names, with its registry where it names one.
pub(super) struct Pattern {
    pub(super) registry: Option<Registry>,
    name: String,
}

/// Reads the patterns.
///
/// # Errors
/// A text that no repository's name can match.
pub(super) fn patterns(texts: &[String]) -> Result<Vec<Pattern>, Wrong> {
    let mut patterns = Vec::with_capacity(texts.len());
    for text in texts {
        let text = text.trim();
        let split = text.split_once('/');
        let host = split.and_then(|(host, rest)| Some((Registry::from_host(host)?, rest)));
        let (registry, name) = match host {
            Some((registry, rest)) => (Some(registry), rest),
            None => (None, text),
        };
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/*".contains(c);
        if name.is_empty() || !name.chars().all(legal) {
            return Err(Wrong::new(
                format!(
                    "--repository {text:?} matches no repository: names are lower-case letters, digits and . _ - /"
                ),
                Some(
                    "write a name such as fluentd/app, or a pattern such as 'fluentd/*'".to_owned(),
                ),
            ));
        }
        patterns.push(Pattern {
            registry,
            name: name.to_owned(),
        });
    }
    Ok(patterns)
}

/// Reads and judges, a few repositories at once.
///
/// # Errors
/// A pattern that matches nothing.
pub(super) async fn read(
    ecr: &Ecr,
    patterns: &[Pattern],
    given: Option<&Given<'_>>,
    now: Timestamp,
) -> Result<(Vec<Linted>, Vec<Failure>), Wrong> {
    let mut failures = Vec::new();
    let repositories = select(ecr, patterns, &mut failures).await?;
    let mut linted = Vec::with_capacity(repositories.len());
    for some in repositories.chunks(AT_ONCE) {
        let judged = some
            .iter()
            .map(|(repository, settings)| judge(ecr, repository, settings, given, now));
        for result in join_all(judged).await {
            match result {
                Ok(one) => linted.push(one),
                Err(failure) => failures.push(failure),
            }
        }
    }
    Ok((linted, failures))
}

/// The repositories that the patterns mean, by name. Without a registry it is that of the credentials.
async fn select(
    ecr: &Ecr,
    patterns: &[Pattern],
    failures: &mut Vec<Failure>,
) -> Result<Vec<(Repository, RepositorySettings)>, Wrong> {
    let mut wanted: BTreeMap<Registry, Vec<&str>> = BTreeMap::new();
    let mut home = None;
    for pattern in patterns {
        let registry = match (&pattern.registry, &home) {
            (Some(registry), _) | (None, Some(registry)) => registry.clone(),
            (None, None) => match ecr.home().await {
                Ok(registry) => home.insert(registry).clone(),
                Err(failure) => {
                    failures.push(failure);
                    return Ok(Vec::new());
                }
            },
        };
        wanted.entry(registry).or_default().push(&pattern.name);
    }
    let mut found = Vec::new();
    for (registry, names) in &wanted {
        let here = match exact(registry, names) {
            Some(exact) => describe(ecr, &exact, failures).await?,
            None => match ecr.all(registry).await {
                Ok(all) => matching(all, names)?,
                Err(failure) => {
                    failures.push(failure);
                    continue;
                }
            },
        };
        found.extend(here);
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

/// The names as repositories, unless one is a pattern or they are so many that listing all takes fewer requests.
fn exact(registry: &Registry, names: &[&str]) -> Option<Vec<Repository>> {
    let repository = |name: &&str| {
        Some(Repository {
            registry: registry.clone(),
            name: name.parse().ok()?,
        })
    };
    names
        .iter()
        .map(repository)
        .collect::<Option<_>>()
        .filter(|exact: &Vec<_>| exact.len() <= 100)
}

async fn describe(
    ecr: &Ecr,
    repositories: &[Repository],
    failures: &mut Vec<Failure>,
) -> Result<Vec<(Repository, RepositorySettings)>, Wrong> {
    let asked: Vec<_> = repositories.iter().map(|one| (one, Side::Target)).collect();
    let mut found = Vec::new();
    for (repository, settings) in ecr.settings(&asked).await {
        match settings {
            Ok(settings) => found.push((repository, settings)),
            Err(failure) if failure.kind == FailureKind::RepositoryNotFound => {
                return Err(unmatched(repository.name.as_str()));
            }
            Err(failure) => failures.push(failure),
        }
    }
    Ok(found)
}

fn matching(
    all: Vec<(Repository, RepositorySettings)>,
    patterns: &[&str],
) -> Result<Vec<(Repository, RepositorySettings)>, Wrong> {
    let matches = |pattern: &str, one: &(Repository, RepositorySettings)| {
        wildcard::matches(pattern, one.0.name.as_str())
    };
    for pattern in patterns {
        if !all.iter().any(|one| matches(pattern, one)) {
            return Err(unmatched(pattern));
        }
    }
    let wanted = |one: &(Repository, RepositorySettings)| {
        patterns.iter().any(|pattern| matches(pattern, one))
    };
    Ok(all.into_iter().filter(wanted).collect())
}

fn unmatched(pattern: &str) -> Wrong {
    Wrong::from(format!("--repository {pattern} matches no repository"))
}

async fn judge(
    ecr: &Ecr,
    repository: &Repository,
    settings: &RepositorySettings,
    given: Option<&Given<'_>>,
    now: Timestamp,
) -> Result<Linted, Failure> {
    let side = Side::Target;
    let (present, listing) = match given {
        Some(_) => {
            let (present, listing) = join(
                ecr.lifecycle_policy(repository, side),
                ecr.listing(repository, side),
            )
            .await;
            (present?, Some(listing?))
        }
        None => match ecr.lifecycle_policy(repository, side).await? {
            Some(text) => (Some(text), Some(ecr.listing(repository, side).await?)),
            None => (None, None),
        },
    };
    let present = match &present {
        Some(text) => Some(text.parse::<Policy>().map_err(|invalid| Failure {
            operation: "GetLifecyclePolicy".to_owned(),
            object: repository.to_string(),
            side: None,
            kind: FailureKind::BadAnswer,
            message: format!("the policy cannot be understood: {invalid}"),
        })?),
        None => None,
    };
    let known = Known {
        images: listing.as_deref(),
        mutability: Some(&settings.mutability),
        is_common: repository.name.as_str().ends_with("/common"),
        present: given.map(|_| present.as_ref()),
        ..Known::default()
    };
    let name = repository.name.as_str();
    Ok(match (given, &present) {
        (Some(given), _) => {
            let findings = lint::lint(&given.policy, &known, now);
            Linted::of_file(&shown(given.path), &given.text, &given.policy, &findings).on(name)
        }
        (None, Some(policy)) => {
            let findings = lint::lint(policy, &known, now);
            Linted::of_repository(name, policy, &findings)
        }
        (None, None) => Linted::without_policy(name),
    })
}
