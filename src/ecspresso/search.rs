//! Which config files are meant: ecspresso's own search, paths, and glob patterns.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::ecspresso::error::Error;
use crate::ecspresso::files;

/// The names ecspresso looks for in the current directory, in this order (ecspresso `cli.go`).
const NAMES: [&str; 4] = [
    "ecspresso.yml",
    "ecspresso.yaml",
    "ecspresso.json",
    "ecspresso.jsonnet",
];

/// The config files that `patterns` name, sorted and without duplicates, relative to `directory` where they lie below it.
///
/// No pattern at all means ecspresso's search in `directory`, and so does the literal `ecspresso.yml`: for ecspresso an
/// explicit default is no flag (ecspresso `cli.go`). Glob characters are `*`, `**`, `?` and `[…]`; a path that exists as
/// it is written is never taken for a pattern. Fails if a pattern matches no file.
pub fn configs(patterns: &[String], directory: &Path) -> Result<Vec<PathBuf>, Error> {
    if patterns.is_empty() {
        return Ok(vec![search(directory)?]);
    }
    let mut configs = BTreeSet::new();
    for pattern in patterns {
        let path = plain(Path::new(pattern));
        if pattern == NAMES[0] {
            configs.insert(search(directory)?);
        } else if files::exists(directory, &path) || !pattern.contains(['*', '?', '[']) {
            configs.insert(files::name(directory, &path));
        } else {
            configs.extend(matches(pattern, directory)?);
        }
    }
    Ok(configs.into_iter().collect())
}

fn search(directory: &Path) -> Result<PathBuf, Error> {
    NAMES
        .iter()
        .map(PathBuf::from)
        .find(|name| files::exists(directory, name))
        .ok_or_else(|| {
            Error::new(format!(
                "no config in {}: looked for {}",
                directory.display(),
                NAMES.join(", ")
            ))
            .hinted(Some("name it with -c FILE".to_owned()))
        })
}

fn matches(pattern: &str, directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let options = glob::MatchOptions {
        require_literal_separator: true,
        require_literal_leading_dot: true,
        ..Default::default()
    };
    let invalid = |error: glob::PatternError| {
        Error::new(format!("{pattern} is not a valid pattern: {}", error.msg))
    };
    let from = directory.to_str().ok_or_else(|| {
        Error::new(format!(
            "cannot look for {pattern} in {}: its name is not valid UTF-8",
            directory.display()
        ))
    })?;
    let relative = plain(Path::new(pattern));
    let whole = match relative.is_absolute() {
        true => pattern.to_owned(),
        false => Path::new(&glob::Pattern::escape(from))
            .join(&relative)
            .to_string_lossy()
            .into_owned(),
    };
    let mut found = Vec::new();
    for entry in glob::glob_with(&whole, options).map_err(invalid)? {
        let path = entry.map_err(|error| {
            Error::new(format!(
                "cannot look for {pattern} in {}: {}",
                error.path().display(),
                error.error()
            ))
        })?;
        if !path.is_dir() {
            found.push(files::name(directory, &path));
        }
    }
    if found.is_empty() {
        return Err(Error::new(format!(
            "no file matches {pattern}, in {}",
            directory.display()
        ))
        .hinted(Some("name the config with -c FILE".to_owned())));
    }
    Ok(found)
}

/// The path without `.` parts, so that `./a.yml` and `a.yml` are one file.
fn plain(path: &Path) -> PathBuf {
    path.components()
        .filter(|part| *part != Component::CurDir)
        .collect()
}
