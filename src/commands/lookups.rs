//! Reads projects and makes the look-ups they want, in rounds, until nothing is wanted any more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clients::aws::Access;
use crate::clients::lookups::{Finder, Ground};
use crate::clients::pace::Pace;
use crate::commands::signals;
use crate::commands::surroundings::Surroundings;
use crate::commands::wrong::Wrong;
use crate::ecspresso::{Depth, Project, Reader, Reading};
use crate::model::exit::Exit;
use crate::model::lookup::Answers;

/// How many look-ups run at once.
const JOBS: usize = 16;

/// How many rounds. Every round finds something that was not known, so only a program that asks without end gets here.
const ROUNDS: usize = 1000;

/// Reads configs, in their order; what is wrong with some stands beside the others. What several of them look up is looked
/// up once.
///
/// # Errors
/// What keeps all of them from being read.
pub(super) async fn projects(
    reader: &Reader,
    configs: &[PathBuf],
    depth: Depth,
    timeout: Duration,
    surroundings: &Surroundings<'_>,
) -> Result<(Vec<Project>, Vec<Wrong>), Vec<Wrong>> {
    let finder = finder(reader, timeout, surroundings)?;
    let mut answers = Arc::new(Answers::new());
    for _ in 0..ROUNDS {
        let mut projects = Vec::with_capacity(configs.len());
        let mut wrong = Vec::new();
        let mut wanted = BTreeSet::new();
        for config in configs {
            match reader.project(config, depth, &answers) {
                Ok(Reading::Done(project)) => projects.push(project),
                Ok(Reading::Wanted(lookups)) => wanted.extend(lookups),
                Err(error) => wrong.push(Wrong::from(error)),
            }
        }
        if wanted.is_empty() {
            return Ok((projects, wrong));
        }
        let found = tokio::select! {
            found = finder.find(wanted) => found,
            exit = signals::received() => return Err(vec![interrupted(exit)]),
            () = tokio::time::sleep(timeout) => return Err(vec![too_long()]),
        };
        // The reader has let go of it, so this copies nothing.
        Arc::make_mut(&mut answers).extend(found);
    }
    Err(vec![Wrong::from(format!(
        "the look-ups do not end after {ROUNDS} rounds"
    ))])
}

fn finder(
    reader: &Reader,
    timeout: Duration,
    surroundings: &Surroundings<'_>,
) -> Result<Finder, Vec<Wrong>> {
    let directory = surroundings
        .directory()
        .map_err(|wrong| vec![Wrong::from(wrong)])?;
    let elsewhere = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];
    let ground = Ground {
        access: Access {
            envfile: envfile(reader),
            ..Access::default()
        },
        environment: reader.environment().clone(),
        directory,
        path_style: elsewhere
            .iter()
            .any(|name| surroundings.variable(name).is_some()),
    };
    Ok(Finder::new(ground, Pace::new(timeout, JOBS)))
}

/// What envfiles set, without what an envfile may not decide.
pub(super) fn envfile(reader: &Reader) -> BTreeMap<String, String> {
    let ours =
        |name: &String| !name.starts_with("DEMITASSE_") && !name.starts_with("AWS_ENDPOINT_URL");
    let variables = reader.envfile_variables().iter();
    variables
        .filter(|(name, _)| ours(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn interrupted(exit: Exit) -> Wrong {
    Wrong {
        exit,
        ..Wrong::from("interrupted; nothing was written".to_owned())
    }
}

fn too_long() -> Wrong {
    Wrong {
        exit: Exit::World,
        ..Wrong::from("the look-ups took longer than --timeout".to_owned())
    }
}
