//! `--renderer ecspresso`: the installed ecspresso renders, with the flags it shares with us.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clients::command;
use crate::commands::surroundings::Surroundings;
use crate::commands::wrong::Wrong;
use crate::ecspresso::{Project, Reader, names_express};
use crate::model::failure::Failure;

/// Who renders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Renderer {
    /// demitasse itself.
    Demitasse,
    /// The ecspresso in PATH.
    Ecspresso,
}

/// Renders configs with ecspresso. `flags` stand before its subcommand.
///
/// # Errors
/// What is wrong with any of them.
pub(super) async fn projects(
    reader: &Reader,
    configs: &[PathBuf],
    flags: &[String],
    timeout: Duration,
    surroundings: &Surroundings<'_>,
) -> Result<(Vec<Project>, Vec<Wrong>), Vec<Wrong>> {
    let directory = surroundings
        .directory()
        .map_err(|wrong| vec![Wrong::from(wrong)])?;
    let mut projects = Vec::with_capacity(configs.len());
    let mut wrong = Vec::new();
    for config in configs {
        let run = async |target: &str| {
            let mut argv = vec!["ecspresso".to_owned(), "--config".to_owned()];
            argv.push(config.display().to_string());
            argv.extend(flags.iter().cloned());
            argv.extend(["render".to_owned(), target.to_owned()]);
            let environment = &surroundings.environment;
            let ran = command::run(&argv, Some(timeout), environment, &directory).await;
            ran.map_err(|failure| failed(&failure, config))
        };
        let project = async {
            let settings = run("config").await?;
            let target = match names_express(&settings)? {
                true => "expressdef",
                false => "taskdef",
            };
            let definition = run(target).await?;
            let project = reader.foreign_project(config, &settings, &definition)?;
            Ok::<_, Wrong>(project)
        };
        match project.await {
            Ok(project) => projects.push(project),
            Err(one) => wrong.push(one),
        }
    }
    Ok((projects, wrong))
}

fn failed(failure: &Failure, config: &Path) -> Wrong {
    let hint = "ecspresso must be in PATH; without --renderer ecspresso demitasse renders";
    Wrong::from(format!("{}: {failure}", config.display())).with_hint(hint)
}
