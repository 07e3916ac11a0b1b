//! Reads ecspresso's config and template language into a [`TaskDefinition`], without ecspresso.
//!
//! The way of a file: `search` finds the config; `files` reads it; a `document` is evaluated (`jsonnet`) and rendered
//! (`template` with `functions`); `config` and `definition` decode the result. Environment, files named by flags and the
//! current directory come in as [`Settings`]; there is no network, and nothing is written.
//!
//! Not supported yet, with an error that says so: the plugins' look-ups and express definitions.

mod config;
mod definition;
mod document;
mod envfile;
mod error;
mod files;
mod flags;
mod functions;
mod json;
mod jsonnet;
mod plugins;
mod search;
mod source;
mod template;
mod yaml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use crate::ecspresso::error::Error;
pub use crate::ecspresso::flags::external_variables;
pub use crate::ecspresso::search::configs;
pub use crate::ecspresso::source::Excerpt;
pub use crate::model::project::Project;

use crate::ecspresso::config::Config;
use crate::ecspresso::document::Document;
use crate::ecspresso::functions::Functions;
use crate::ecspresso::jsonnet::{External, World};
use crate::ecspresso::plugins::Native;
use crate::ecspresso::source::Source;
use crate::model::task_definition::TaskDefinition;

/// What the user gave to a run, for ecspresso and for us alike.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The environment of the process.
    pub environment: BTreeMap<String, String>,
    /// `--envfile`, in order; an empty name is skipped.
    pub envfiles: Vec<PathBuf>,
    /// `--ext-str`: external variables that are strings; a later one of the same name counts.
    pub ext_str: Vec<(String, String)>,
    /// `--ext-code`: external variables that are Jsonnet expressions; they win over `ext_str`.
    pub ext_code: Vec<(String, String)>,
    /// The current directory: the base of relative paths.
    pub directory: PathBuf,
}

/// Reads projects. It is made once: the envfiles are read then.
#[derive(Debug)]
pub struct Reader {
    environment: Arc<BTreeMap<String, String>>,
    envfile_variables: BTreeMap<String, String>,
    external: BTreeMap<String, External>,
    directory: PathBuf,
}

impl Reader {
    /// Reads the envfiles: their variables override the environment, a later file the earlier ones. Fails if one
    /// cannot be read or has a line that is no assignment.
    pub fn new(settings: Settings) -> Result<Reader, Error> {
        let mut envfile_variables = BTreeMap::new();
        for path in settings
            .envfiles
            .iter()
            .filter(|path| !path.as_os_str().is_empty())
        {
            let mut source = files::read(&settings.directory, path)?;
            source.quotable = false;
            let variables = envfile::parse(&source.text).map_err(|malformed| {
                let offset = source::offset_of(&source.text, malformed.line, 1);
                Error::at(
                    format!("invalid envfile: {}", malformed.reason),
                    &source,
                    offset,
                )
            })?;
            envfile_variables.extend(variables);
        }
        let mut environment = settings.environment;
        environment.extend(envfile_variables.clone());
        let texts = settings
            .ext_str
            .into_iter()
            .map(|(name, text)| (name, External::Text(text)));
        let codes = settings
            .ext_code
            .into_iter()
            .map(|(name, code)| (name, External::Code(code)));
        Ok(Reader {
            environment: Arc::new(environment),
            envfile_variables,
            external: texts.chain(codes).collect(),
            directory: settings.directory,
        })
    }

    /// The environment for rendering: the process's with the envfiles applied.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// The variables that the envfiles set. They may say anything, so whoever uses [`Reader::environment`] for more than
    /// rendering must leave out what an envfile may not decide (`DEMITASSE_*`, `AWS_ENDPOINT_URL*`).
    pub fn envfile_variables(&self) -> &BTreeMap<String, String> {
        &self.envfile_variables
    }

    /// Reads a config and the task definition it names. Relative paths in it start at the config's directory. A config
    /// without `region` has that of `AWS_REGION`, if it is set (ecspresso `config.go`).
    pub fn project(&self, config: &Path) -> Result<Project, Error> {
        let (settings, mut warnings) = self.config(config)?;
        let mut functions = Functions::new(&self.environment);
        let name = files::name(&self.directory, config);
        let natives = plugins::register(&settings.plugins, &mut functions)
            .map_err(|error| Error::new(format!("{error}, in {}", name.display())))?;
        let path = definition_path(&settings, config, &name)?;
        let document = self.definition(&path, &functions, &natives)?;
        let task_definition = definition::decode(&document).map_err(|error| {
            let hint = definition_hint(&path, &error);
            error.hinted(hint)
        })?;
        warnings.extend(document.traces);
        let region = Some(settings.region).filter(|region| !region.is_empty());
        let region = region
            .or_else(|| self.environment.get("AWS_REGION").cloned())
            .filter(|region| !region.is_empty());
        Ok(Project {
            config: name,
            region,
            cluster: settings.cluster,
            service: Some(settings.service).filter(|service| !service.is_empty()),
            task_definition,
            warnings,
        })
    }

    /// Reads a task definition that is rendered already (`--task-definition FILE` or `-`): JSON, no template. `name` is
    /// its name in errors, which quote nothing of it.
    pub fn task_definition(&self, text: &str, name: &Path) -> Result<TaskDefinition, Error> {
        let name = files::name(&self.directory, name);
        definition::decode(&Document::plain(Source {
            name,
            text: text.to_owned(),
            quotable: false,
        }))
    }

    fn config(&self, path: &Path) -> Result<(Config, Vec<String>), Error> {
        let functions = Functions::new(&self.environment);
        let source = files::read(&self.directory, path)?;
        let name = source.name.clone();
        let hinted = |error: Error| {
            let hint = error.to_string().starts_with("function \"").then(|| {
                "a config may call env, must_env and json_escape; plugin functions exist in definitions only".to_owned()
            });
            error.hinted(hint)
        };
        let (document, read) = match extension(path) {
            "yml" | "yaml" => {
                let document = Document::template(source, &functions).map_err(hinted)?;
                let yaml = yaml::decode(document.text())
                    .map_err(|(message, offset)| document.error(message, offset))?;
                let read = config::read(&yaml.value).map_err(|found| {
                    let offset = yaml.offset(&found.path);
                    document.error(found.message, offset)
                })?;
                (document, read)
            }
            "json" | "jsonnet" => {
                let document =
                    Document::jsonnet(source, self.world(&[]), &functions).map_err(hinted)?;
                let first = json::decode(document.text())
                    .map_err(|(message, offset)| document.error(message, offset))?;
                let read = config::read(&first.value)
                    .map_err(|found| document.error(found.message, document.offset(&found.path)))?;
                (document, read)
            }
            other => {
                let message = format!(
                    "unsupported config file extension: \"{other}\", in {}",
                    name.display()
                );
                return Err(Error::new(message).hinted(Some(
                    "a config ends in .yml, .yaml, .json or .jsonnet".to_owned(),
                )));
            }
        };
        let mut warnings: Vec<_> = read
            .warnings
            .iter()
            .map(|warning| format!("{warning}, in {}", name.display()))
            .collect();
        warnings.extend(document.traces);
        Ok((read, warnings))
    }

    fn definition(
        &self,
        path: &Path,
        functions: &Functions,
        natives: &[Native],
    ) -> Result<Document, Error> {
        let source = files::read(&self.directory, path)?;
        match extension(path) {
            "jsonnet" => Document::jsonnet(source, self.world(natives), functions),
            _ => Document::template(source, functions),
        }
    }

    fn world<'a>(&'a self, natives: &'a [Native]) -> World<'a> {
        World {
            directory: &self.directory,
            environment: &self.environment,
            external: &self.external,
            natives,
        }
    }
}

/// The extension as Go's `filepath.Ext` sees it, without the dot.
fn extension(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .and_then(|name| name.rsplit_once('.'))
        .map_or("", |(_, extension)| extension)
}

fn definition_path(config: &Config, path: &Path, name: &Path) -> Result<PathBuf, Error> {
    if !config.task_definition.is_empty() {
        return Ok(path
            .parent()
            .unwrap_or(Path::new(""))
            .join(&config.task_definition));
    }
    Err(Error::new(match config.express_definition.is_empty() {
        true => format!("{} names no task_definition", name.display()),
        false => format!(
            "express_definition is not supported yet, in {}",
            name.display()
        ),
    }))
}

/// What to do about a definition that is not JSON.
fn definition_hint(path: &Path, error: &Error) -> Option<String> {
    if !error.to_string().starts_with("invalid JSON") {
        return None;
    }
    match extension(path) {
        "yml" | "yaml" => Some("ecspresso reads task definitions as JSON or Jsonnet, not as YAML".to_owned()),
        "jsonnet" => None,
        _ => Some("a definition must be strict JSON after rendering; a .jsonnet file may have comments and trailing commas".to_owned()),
    }
}
