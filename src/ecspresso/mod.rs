//! Reads ecspresso's config and template language into a [`TaskDefinition`], without ecspresso.
//!
//! The way of a file: `search` finds the config; `files` reads it; a `document` is evaluated (`jsonnet`) and rendered
//! (`template` with `functions`); `config` and `definition` decode the result. Environment, files named by flags and the
//! current directory come in as [`Settings`]; there is no network, and nothing is written.
//!
//! What plugins look up in the outside world is the caller's: [`Reader::project`] says what it wants, and reads again
//! once that is known.

mod config;
mod definition;
mod document;
mod envfile;
mod error;
mod files;
mod flags;
mod foreign;
mod functions;
mod go_json;
mod json;
mod jsonnet;
mod lookups;
mod plugins;
mod schema;
mod search;
mod source;
mod template;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use crate::ecspresso::error::Error;
pub use crate::ecspresso::flags::external_variables;
pub use crate::ecspresso::foreign::names_express;
pub use crate::ecspresso::lookups::Depth;
pub use crate::ecspresso::search::configs;
pub use crate::ecspresso::source::Excerpt;
pub use crate::model::project::Project;

use crate::ecspresso::config::Config;
use crate::ecspresso::definition::{Decoded, Frame, Kind};
use crate::ecspresso::document::Document;
use crate::ecspresso::error::Cause;
use crate::ecspresso::functions::{Failure, Functions};
use crate::ecspresso::jsonnet::{External, World};
use crate::ecspresso::lookups::{Lookups, Want};
use crate::ecspresso::plugins::{Added, Ground, Native, Values};
use crate::ecspresso::source::Source;
use crate::model::lookup::{Answers, Lookup};
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
    /// `--tfstate-values`: a JSON object, address → value, in the place of every Terraform state.
    pub tfstate_values: Option<PathBuf>,
    /// `--no-external`: no command of the `external` plugin is run.
    pub no_external: bool,
}

/// What came of reading with what is known so far.
#[derive(Debug)]
pub enum Reading<T> {
    /// It is done.
    Done(T),
    /// These look-ups must be made first; they are at least one, and none was known.
    Wanted(BTreeSet<Lookup>),
}

/// Reads projects. It is made once: the envfiles are read then.
#[derive(Debug)]
pub struct Reader {
    environment: Arc<BTreeMap<String, String>>,
    envfile_variables: BTreeMap<String, String>,
    external: BTreeMap<String, External>,
    directory: PathBuf,
    values: Option<Arc<Values>>,
    no_external: bool,
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
        let values = settings.tfstate_values.as_deref();
        let values = values.map(|path| tfstate_values(&settings.directory, path));
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
            values: values.transpose()?.map(Arc::new),
            directory: settings.directory,
            no_external: settings.no_external,
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
    ///
    /// The answer may be look-ups that have to be made first: with [`Depth::Images`] only those whose value may reach
    /// the family, a container's name or an image.
    pub fn project(
        &self,
        config: &Path,
        depth: Depth,
        answers: &Arc<Answers>,
    ) -> Result<Reading<Project>, Error> {
        let mut exposed = BTreeSet::new();
        loop {
            let lookups = Lookups::new(depth, Arc::clone(answers), exposed.clone());
            let lookups = Arc::new(lookups);
            let read = self.read_project(config, &lookups);
            let mut wanted: BTreeSet<Lookup> = match depth {
                Depth::Everything => lookups.pending().into_iter().collect(),
                Depth::Images => BTreeSet::new(),
            };
            let wants = match &read {
                Ok(_) => None,
                Err(error) => error.wanted().cloned(),
            };
            match (read, wants) {
                // A second time nothing new would come of it.
                (Err(_), Some(Want::Failure(call))) if exposed.insert(call.clone()) => continue,
                (Err(_), Some(Want::Lookup(lookup))) => drop(wanted.insert(lookup)),
                (Err(error), _) => return Err(error),
                (Ok(project), _) if wanted.is_empty() => return Ok(Reading::Done(project)),
                (Ok(_), _) => {}
            }
            return Ok(Reading::Wanted(wanted));
        }
    }

    fn read_project(&self, config: &Path, lookups: &Arc<Lookups>) -> Result<Project, Error> {
        let (settings, mut warnings) = self.config(config, lookups)?;
        let name = files::name(&self.directory, config);
        let region = self.region(&settings);
        let mut functions = Functions::new(&self.environment);
        let added = self.plugins(&settings, config, region.as_deref(), &mut functions);
        let added = added.map_err(|error| {
            let hint = error.hint();
            Error::new(format!("{error}, in {}", name.display())).hinted(hint)
        })?;
        if lookups.depth == Depth::Everything {
            prepare(&added, lookups, &name)?;
        }
        let (path, kind) = definition_path(&settings, config, &name)?;
        let frame = Frame {
            kind,
            ignored_tags: settings.ignored_tags,
            is_final: false,
        };
        let document = self.definition(&path, &functions, &added.natives, lookups)?;
        let decoded = definition::decode(&document, &frame, lookups).map_err(|error| {
            let hint = definition_hint(&path, &error);
            error.hinted(hint)
        })?;
        let file = files::name(&self.directory, &path);
        let unknown = decoded.warnings.iter();
        warnings.extend(unknown.map(|warning| format!("{warning}, in {}", file.display())));
        warnings.extend(document.traces);
        warnings.extend(lookups.warnings());
        Ok(Project {
            config: name,
            region,
            cluster: settings.cluster,
            service: Some(settings.service).filter(|service| !service.is_empty()),
            task_definition: decoded.definition,
            warnings,
        })
    }

    fn plugins(
        &self,
        settings: &Config,
        config: &Path,
        region: Option<&str>,
        functions: &mut Functions,
    ) -> Result<Added, Error> {
        let ground = Ground {
            config: config.parent().unwrap_or(Path::new("")),
            directory: &self.directory,
            region,
            environment: &self.environment,
            values: self.values.as_ref(),
            no_external: self.no_external,
        };
        plugins::register(&settings.plugins, &ground, functions)
    }

    /// Reads a task definition that is rendered already (`--task-definition FILE` or `-`): JSON, no template. `name` is
    /// its name in errors, which quote nothing of it.
    pub fn task_definition(&self, text: &str, name: &Path) -> Result<TaskDefinition, Error> {
        let name = files::name(&self.directory, name);
        let document = Document::plain(Source {
            name,
            text: text.to_owned(),
            quotable: false,
        });
        let nothing = Lookups::new(Depth::Images, Arc::default(), BTreeSet::new());
        let frame = Frame {
            kind: Kind::Task,
            ignored_tags: Vec::new(),
            is_final: false,
        };
        let Decoded { definition, .. } = definition::decode(&document, &frame, &nothing)?;
        Ok(definition)
    }

    /// The Region of a config, or that of the environment.
    fn region(&self, settings: &Config) -> Option<String> {
        let own = Some(settings.region.clone()).filter(|region| !region.is_empty());
        own.or_else(|| self.environment.get("AWS_REGION").cloned())
            .filter(|region| !region.is_empty())
    }

    fn config(&self, path: &Path, lookups: &Arc<Lookups>) -> Result<(Config, Vec<String>), Error> {
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
                let document = Document::template(source, &functions, lookups).map_err(hinted)?;
                let yaml = yaml::decode(document.text())
                    .map_err(|(message, offset)| document.error(message, offset))?;
                let read = config::read(&yaml.value).map_err(|found| {
                    let offset = yaml.offset(&found.path);
                    document.error(found.message, offset)
                })?;
                (document, read)
            }
            "json" | "jsonnet" => {
                let document = Document::jsonnet(source, self.world(&[], lookups), &functions)
                    .map_err(hinted)?;
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
        lookups: &Arc<Lookups>,
    ) -> Result<Document, Error> {
        let source = files::read(&self.directory, path)?;
        match extension(path) {
            "jsonnet" => Document::jsonnet(source, self.world(natives, lookups), functions),
            _ => Document::template(source, functions, lookups),
        }
    }

    fn world<'a>(&'a self, natives: &'a [Native], lookups: &'a Arc<Lookups>) -> World<'a> {
        World {
            directory: &self.directory,
            environment: &self.environment,
            external: &self.external,
            natives,
            lookups,
        }
    }
}

/// A definition as ecspresso's `render` prints it (ecspresso `json.go`, `MarshalJSONForAPI`).
pub fn printed(definition: &TaskDefinition) -> String {
    go_json::indented(&definition.document)
}

/// Reads every state, as ecspresso does before it renders.
fn prepare(added: &Added, lookups: &Arc<Lookups>, name: &Path) -> Result<(), Error> {
    for state in &added.states {
        match state.prepare(lookups) {
            Err(Failure {
                cause: Some(Cause::Wanted(want)),
                ..
            }) => drop(lookups.token(want)),
            Err(failure) => {
                let message = format!("{}, in {}", failure.message, name.display());
                return Err(Error::new(message)
                    .hinted(failure.hint)
                    .caused(failure.cause));
            }
            Ok(()) => {}
        }
    }
    Ok(())
}

/// Reads `--tfstate-values`; messages quote nothing of it.
fn tfstate_values(directory: &Path, path: &Path) -> Result<Values, Error> {
    let source = files::read(directory, path)?;
    let name = source.name.clone();
    match serde_json::from_str(&source.text) {
        Ok(serde_json::Value::Object(values)) => Ok(Values::new(name, values)),
        _ => Err(
            Error::new(format!("{} is no JSON object", name.display())).hinted(Some(
                "--tfstate-values takes {\"aws_ecr_repository.app.repository_url\": \"…\"}"
                    .to_owned(),
            )),
        ),
    }
}

/// The extension as Go's `filepath.Ext` sees it, without the dot.
fn extension(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .and_then(|name| name.rsplit_once('.'))
        .map_or("", |(_, extension)| extension)
}

/// The file of the definition. An express definition replaces the task definition.
fn definition_path(config: &Config, path: &Path, name: &Path) -> Result<(PathBuf, Kind), Error> {
    let (definition, kind) = match config.express_definition.as_str() {
        "" => (config.task_definition.as_str(), Kind::Task),
        express => {
            let (service, cluster) = (config.service.clone(), config.cluster.clone());
            (express, Kind::Express { service, cluster })
        }
    };
    if definition.is_empty() {
        return Err(Error::new(format!(
            "{} names no task_definition",
            name.display()
        )));
    }
    let directory = path.parent().unwrap_or(Path::new(""));
    Ok((directory.join(definition), kind))
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
