//! The policies of live repositories: which, what has to be known of each, and the judgement.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::future::{join, join_all};

use crate::clients::ecr::Ecr;
use crate::commands::lifecycle::shown;
use crate::commands::repositories::{Names, Seen, Trouble};
use crate::commands::wrong::Wrong;
use crate::model::failure::{Failure, FailureKind, Side};
use crate::model::inventory::RepositorySettings;
use crate::model::lifecycle::Policy;
use crate::model::reference::Repository;
use crate::model::time::Timestamp;
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

/// Reads and judges, a few repositories at once. What cannot be read is among the failures.
///
/// # Errors
/// Names of what does not exist, or of another registry.
pub(super) async fn read(
    ecr: &Ecr,
    names: &Names,
    given: Option<&Given<'_>>,
    now: Timestamp,
) -> Result<(Vec<Linted>, Vec<Failure>), Vec<Wrong>> {
    let found = match names.find(ecr).await {
        Ok(found) => found,
        Err(Trouble::Wrong(wrong)) => return Err(wrong),
        Err(Trouble::World(failure)) => return Ok((Vec::new(), vec![failure])),
    };
    let (repositories, mut failures) = describe(ecr, found).await?;
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

/// The settings of all that were found, by name, and why some are not known.
async fn describe(
    ecr: &Ecr,
    found: BTreeMap<Repository, Seen>,
) -> Result<(Vec<(Repository, RepositorySettings)>, Vec<Failure>), Vec<Wrong>> {
    let unknown = found.iter().filter(|(_, seen)| **seen == Seen::Unknown);
    let asked: Vec<_> = unknown.map(|(one, _)| (one, Side::Target)).collect();
    let mut asked = ecr.settings(&asked).await;
    let (mut known, mut failures, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for (repository, seen) in found {
        let seen = match (seen, asked.remove(&repository)) {
            (Seen::Unknown, Some(Ok(settings))) => Seen::Exists(settings),
            (Seen::Unknown, Some(Err(failure))) if !is_missing(&failure) => {
                failures.push(failure);
                continue;
            }
            (Seen::Unknown, _) => Seen::Missing,
            (seen, _) => seen,
        };
        match seen {
            Seen::Exists(settings) => known.push((repository, settings)),
            _ => wrong.push(Wrong::from(format!(
                "repository {repository} does not exist"
            ))),
        }
    }
    if wrong.is_empty() {
        Ok((known, failures))
    } else {
        Err(wrong)
    }
}

fn is_missing(failure: &Failure) -> bool {
    failure.kind == FailureKind::RepositoryNotFound
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
        Some(text) => Some(text.parse::<Policy>().map_err(|invalid| {
            Failure::new(
                "GetLifecyclePolicy",
                repository.to_string(),
                FailureKind::BadAnswer,
                format!("the policy cannot be understood: {invalid}"),
            )
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
