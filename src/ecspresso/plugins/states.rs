//! The state of a tfstate plugin: read from a file at once, asked for where it is remote, at the first call in either
//! case.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

use crate::ecspresso::error::Cause;
use crate::ecspresso::files;
use crate::ecspresso::functions::Failure;
use crate::ecspresso::lookups::Lookups;
use crate::ecspresso::plugins::location::{Location, VALUES_HINT};
use crate::ecspresso::plugins::state::{self, Content, State};
use crate::model::lookup::{Found, Lookup, shown};

/// Terraform's workspace where nothing names one.
const DEFAULT_WORKSPACE: &str = "default";

/// Values by address that replace every state (`--tfstate-values`).
#[derive(Debug)]
pub(in crate::ecspresso) struct Values {
    name: PathBuf,
    state: State,
}

impl Values {
    /// `name` is the file's name in errors.
    pub(in crate::ecspresso) fn new(name: PathBuf, values: Map<String, Value>) -> Values {
        let state = State::of_values(values);
        Values { name, state }
    }
}

/// Where a plugin gets its values.
#[derive(Debug)]
pub(in crate::ecspresso) struct Source {
    pub(super) location: Location,
    /// A state that cannot be read is an empty one.
    pub(super) optional: bool,
    pub(super) values: Option<Arc<Values>>,
    /// The current directory.
    pub(super) directory: PathBuf,
    /// `TF_WORKSPACE`.
    pub(super) workspace: String,
    pub(super) read: OnceLock<Result<State, Unread>>,
}

/// Why a state could not be read.
#[derive(Debug)]
pub(in crate::ecspresso) struct Unread {
    message: String,
    hint: Option<String>,
    cause: Option<Cause>,
}

impl From<Failure> for Unread {
    fn from(failure: Failure) -> Unread {
        Unread {
            message: failure.message,
            hint: failure.hint,
            cause: failure.cause,
        }
    }
}

impl Source {
    /// What stands at an address. `name` is the function's.
    pub(super) fn value(
        &self,
        name: &str,
        address: &str,
        lookups: &Lookups,
    ) -> Result<Value, Failure> {
        let failed =
            |message: String| Failure::new(format!("{message} in tfstate ({name} {address})"));
        if let Some(values) = &self.values {
            // Two states may have the same address: then the function's name tells them apart.
            let own = values
                .state
                .lookup(&format!("{name} {address}"))
                .map_err(failed)?;
            let found = match own {
                Some(value) => Some(value),
                None => values.state.lookup(address).map_err(failed)?,
            };
            let file = values.name.display();
            return found.ok_or_else(|| Failure {
                hint: Some(format!("add \"{address}\" to {file}")),
                ..Failure::new(format!("{address} is not in {file} (--tfstate-values)"))
            });
        }
        let state = self.state(lookups)?;
        let found = state.lookup(address).map_err(failed)?;
        found.ok_or_else(|| Failure::new(format!("{address} is not found in tfstate")))
    }

    /// Reads the state, as ecspresso does before it renders anything.
    pub(in crate::ecspresso) fn prepare(&self, lookups: &Lookups) -> Result<(), Failure> {
        match self.values {
            Some(_) => Ok(()),
            None => self.state(lookups).map(drop),
        }
    }

    fn state(&self, lookups: &Lookups) -> Result<&State, Failure> {
        if self.read.get().is_none() {
            let read = match self.load(&self.location, lookups, 0) {
                // Nobody looked yet: nothing to keep.
                Err(failure) if matches!(failure.cause, Some(Cause::Wanted(_))) => {
                    return Err(failure);
                }
                Err(failure) if self.optional => {
                    lookups.warn(format!("{}; the tfstate is optional", failure.message));
                    Ok(State::default())
                }
                read => read.map_err(Unread::from),
            };
            // Only this thread reads; a second value would be the same.
            drop(self.read.set(read));
        }
        match self.read.get() {
            Some(Ok(state)) => Ok(state),
            Some(Err(unread)) => Err(Failure {
                message: unread.message.clone(),
                hint: unread.hint.clone(),
                cause: unread.cause.clone(),
            }),
            None => Err(Failure::new("the tfstate was not read")),
        }
    }

    fn load(&self, location: &Location, lookups: &Lookups, depth: u8) -> Result<State, Failure> {
        let (text, name, workspace) = match location {
            Location::File(path) => {
                let (text, name) = self.read_file(path)?;
                (text, name, self.workspace_beside(path))
            }
            Location::PlainFile(path) => {
                let (text, name) = self.read_file(path)?;
                (text, name, DEFAULT_WORKSPACE.to_owned())
            }
            Location::Remote(url) => {
                let found = lookups.find(Lookup::State { url: url.clone() })?;
                let Found::Text(text) = found else {
                    return Err(Failure::new("the tfstate is no text"));
                };
                (text.clone(), shown(url), DEFAULT_WORKSPACE.to_owned())
            }
            Location::Unsupported(scheme) => return Err(unsupported(scheme)),
        };
        let content = state::read(&text).map_err(|message| {
            Failure::new(format!("failed to read tfstate from {name}: {message}"))
        })?;
        match content {
            Content::State(state) => Ok(state),
            Content::Backend { kind, config } if depth == 0 => {
                let location = backend(&kind, &config, &workspace)?;
                self.load(&location, lookups, depth + 1)
            }
            Content::Backend { .. } => {
                Err(Failure::new(format!("{name} names a backend and is one")))
            }
        }
    }

    fn read_file(&self, path: &Path) -> Result<(String, String), Failure> {
        let name = files::name(&self.directory, path).display().to_string();
        let text = files::read_state(&self.directory, path).map_err(|error| {
            Failure::new(format!("failed to read tfstate from {name}: {error}"))
        })?;
        Ok((text, name))
    }

    /// The workspace of a local file: `TF_WORKSPACE`, or what the file `environment` beside it says.
    fn workspace_beside(&self, path: &Path) -> String {
        if !self.workspace.is_empty() {
            return self.workspace.clone();
        }
        let beside = path.parent().unwrap_or(Path::new("")).join("environment");
        let said = files::read_state(&self.directory, &beside).unwrap_or_default();
        match said.is_empty() {
            true => DEFAULT_WORKSPACE.to_owned(),
            false => said,
        }
    }
}

/// Where a backend keeps the state (tfstate-lookup `remote.go`, `remote_s3.go`).
fn backend(kind: &str, config: &Map<String, Value>, workspace: &str) -> Result<Location, Failure> {
    let text = |key: &str| config.get(key).and_then(Value::as_str).unwrap_or_default();
    match kind {
        "s3" => {}
        "gcs" | "azurerm" | "remote" => return Err(unsupported(kind)),
        _ => {
            return Err(Failure::new(format!(
                "backend type {kind} is not supported"
            )));
        }
    }
    for key in [
        "role_arn",
        "access_key",
        "secret_key",
        "endpoints",
        "assume_role",
    ] {
        if config
            .get(key)
            .is_some_and(|value| !value.is_null() && value != "")
        {
            return Err(Failure {
                hint: Some(VALUES_HINT.to_owned()),
                ..Failure::new(format!("tfstate: a backend with {key} is not supported"))
            });
        }
    }
    let key = match workspace {
        DEFAULT_WORKSPACE => text("key").to_owned(),
        _ => {
            let prefix = config.get("workspace_key_prefix").and_then(Value::as_str);
            let whole = format!("{}/{workspace}/{}", prefix.unwrap_or("env:"), text("key"));
            let parts = whole.split('/').filter(|part| !part.is_empty());
            parts.collect::<Vec<_>>().join("/")
        }
    };
    Ok(Location::Remote(format!("s3://{}/{key}", text("bucket"))))
}

fn unsupported(kind: &str) -> Failure {
    Failure {
        hint: Some(VALUES_HINT.to_owned()),
        ..Failure::new(format!(
            "tfstate: reading a state from {kind} is not supported"
        ))
    }
}
