//! Finds `demitasse.yml`: beside the config, then upward to the root of the repository.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::commands::surroundings::Surroundings;
use crate::commands::wrong::Wrong;
use crate::model::project::Project;
use crate::model::settings::{FILE_NAME, Settings};

/// Reads the settings that hold for these projects.
///
/// # Errors
/// An unreadable file; projects whose nearest files are not the same one.
pub(super) fn read(
    given: Option<&Path>,
    projects: &[Project],
    surroundings: &Surroundings<'_>,
) -> Result<Settings, Wrong> {
    let directory = surroundings.directory()?;
    let nearest = |project: &Project| {
        let config = directory.join(&project.config);
        nearest(config.parent().unwrap_or(&directory))
    };
    let files: BTreeSet<Option<PathBuf>> = match given {
        Some(path) => BTreeSet::from([Some(path.to_owned())]),
        None => projects.iter().map(nearest).collect(),
    };
    read_one(files, surroundings)
}

/// Reads the settings that hold in the current directory.
///
/// # Errors
/// An unreadable file.
pub(super) fn read_here(
    given: Option<&Path>,
    surroundings: &Surroundings<'_>,
) -> Result<Settings, Wrong> {
    let directory = surroundings.directory()?;
    let file = given.map(Path::to_owned).or_else(|| nearest(&directory));
    read_one(BTreeSet::from([file]), surroundings)
}

fn read_one(
    files: BTreeSet<Option<PathBuf>>,
    surroundings: &Surroundings<'_>,
) -> Result<Settings, Wrong> {
    if files.len() > 1 {
        let name = |file: &Option<PathBuf>| {
            let none = || "none".to_owned();
            file.as_ref()
                .map_or_else(none, |file| file.display().to_string())
        };
        let names: Vec<String> = files.iter().map(name).collect();
        let names = names.join(", ");
        let wrong = Wrong::from(format!("the configs have different {FILE_NAME}: {names}"));
        return Err(wrong.with_hint("pass --settings FILE, or run once for each"));
    }
    let Some(path) = files.into_iter().flatten().next() else {
        return Ok(Settings::default());
    };
    let text = surroundings.read(&path)?;
    Settings::read(&text).map_err(|error| {
        let wrong = Wrong::from(format!("{}: {error}", path.display()));
        wrong.with_hint("the keys are in docs/settings.md")
    })
}

fn nearest(start: &Path) -> Option<PathBuf> {
    for directory in start.ancestors() {
        let file = directory.join(FILE_NAME);
        if file.is_file() {
            return Some(file);
        }
        if directory.join(".git").exists() {
            return None;
        }
    }
    None
}
