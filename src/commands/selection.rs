//! Which task definitions: the flags and variables are ecspresso's, so that the environment that deploys is enough.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::commands::surroundings::Surroundings;
use crate::ecspresso::{self, Reader, external_variables};
use crate::model::project::Project;
use crate::model::task_definition::Location;

/// The selection flags.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Selection (as ecspresso's)")]
pub(super) struct Selection {
    /// ecspresso config files or globs; without one, ecspresso's own search in the current directory
    #[arg(short, long, env = "DEMITASSE_CONFIG", value_name = "FILE")]
    config: Vec<String>,

    /// Environment files, applied in order over the environment
    #[arg(
        long,
        env = "DEMITASSE_ENVFILE",
        value_name = "FILE",
        value_delimiter = ','
    )]
    envfile: Vec<PathBuf>,

    /// Jsonnet external strings, KEY=VALUE[;KEY=VALUE…]
    #[arg(long, env = "DEMITASSE_EXT_STR", value_name = "KEY=VALUE")]
    ext_str: Vec<String>,

    /// Jsonnet external code, KEY=EXPRESSION[;…]
    #[arg(long, env = "DEMITASSE_EXT_CODE", value_name = "KEY=CODE")]
    ext_code: Vec<String>,

    /// A task definition that is rendered already, in the place of the configs; - reads standard input
    #[arg(
        long,
        env = "DEMITASSE_TASK_DEFINITION",
        value_name = "FILE|-",
        conflicts_with = "config"
    )]
    task_definition: Option<PathBuf>,

    /// The role to assume for AWS calls
    #[arg(long, env = "DEMITASSE_ASSUME_ROLE_ARN", value_name = "ARN")]
    assume_role_arn: Option<String>,

    /// demitasse.yml; without it, the nearest one beside or above the config, up to the repository's root
    #[arg(long, env = "DEMITASSE_SETTINGS", value_name = "FILE")]
    pub(super) settings: Option<PathBuf>,
}

/// What was selected.
pub(super) struct Selected {
    /// The projects, in the order of the configs.
    pub(super) projects: Vec<Project>,
    /// What the envfiles set, as far as they may decide more than templates.
    pub(super) envfile: BTreeMap<String, String>,
    /// The role to assume.
    pub(super) role: Option<String>,
}

/// A wrong input: what, and the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// What is wrong.
    pub(super) message: String,
    /// The next step.
    pub(super) hint: Option<String>,
    /// The place in a file, where it is in one.
    pub(super) location: Option<Location>,
}

impl From<ecspresso::Error> for Wrong {
    fn from(error: ecspresso::Error) -> Self {
        let excerpt = error.excerpt().map(|excerpt| format!("\n{excerpt}"));
        Self {
            message: format!("{error}{}", excerpt.unwrap_or_default()),
            hint: error.hint(),
            location: error.location().cloned(),
        }
    }
}

impl From<String> for Wrong {
    fn from(message: String) -> Self {
        Self {
            message,
            hint: None,
            location: None,
        }
    }
}

impl Selection {
    /// Reads every selected project. Beside those that could be read stands what is wrong with the others.
    ///
    /// # Errors
    /// What is wrong with the selection itself.
    pub(super) fn read(
        &self,
        surroundings: &Surroundings<'_>,
    ) -> Result<(Selected, Vec<Wrong>), Vec<Wrong>> {
        let directory = surroundings
            .directory()
            .map_err(|wrong| vec![wrong.into()])?;
        let variables = |flag: &str, given: &[String], twin: &str| {
            let from_twin = surroundings.variable(twin).map(str::to_owned);
            let given = if given.is_empty() {
                from_twin.into_iter().collect()
            } else {
                given.to_vec()
            };
            let mut all = Vec::new();
            for text in given {
                all.extend(external_variables(flag, &text).map_err(Wrong::from)?);
            }
            Ok::<_, Wrong>(all)
        };
        let ext_str = variables("--ext-str", &self.ext_str, "ECSPRESSO_EXT_STR");
        let ext_code = variables("--ext-code", &self.ext_code, "ECSPRESSO_EXT_CODE");
        let settings = ecspresso::Settings {
            environment: surroundings.environment.clone(),
            envfiles: self.envfiles(surroundings),
            ext_str: ext_str.map_err(|wrong| vec![wrong])?,
            ext_code: ext_code.map_err(|wrong| vec![wrong])?,
            directory: directory.clone(),
        };
        let reader = Reader::new(settings).map_err(|error| vec![error.into()])?;
        let (projects, wrong) = match &self.task_definition {
            Some(path) => match rendered(&reader, path, surroundings) {
                Ok(project) => (vec![project], Vec::new()),
                Err(wrong) => (Vec::new(), vec![wrong]),
            },
            None => self.projects(&reader, &directory, surroundings)?,
        };
        let selected = Selected {
            projects,
            envfile: reader
                .envfile_variables()
                .iter()
                .filter(|(name, _)| may_decide(name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            role: self.role(surroundings),
        };
        Ok((selected, wrong))
    }

    fn projects(
        &self,
        reader: &Reader,
        directory: &Path,
        surroundings: &Surroundings<'_>,
    ) -> Result<(Vec<Project>, Vec<Wrong>), Vec<Wrong>> {
        let twin = surroundings.variable("ECSPRESSO_CONFIG").map(str::to_owned);
        let patterns = if self.config.is_empty() {
            twin.into_iter().collect()
        } else {
            self.config.clone()
        };
        let configs =
            ecspresso::configs(&patterns, directory).map_err(|error| vec![error.into()])?;
        let mut projects = Vec::with_capacity(configs.len());
        let mut wrong = Vec::new();
        for config in configs {
            match reader.project(&config) {
                Ok(project) => projects.push(project),
                Err(error) => wrong.push(error.into()),
            }
        }
        Ok((projects, wrong))
    }

    fn envfiles(&self, surroundings: &Surroundings<'_>) -> Vec<PathBuf> {
        if !self.envfile.is_empty() {
            return self.envfile.clone();
        }
        let twin = surroundings
            .variable("ECSPRESSO_ENVFILE")
            .unwrap_or_default();
        let names = twin.split(',').filter(|name| !name.is_empty());
        names.map(PathBuf::from).collect()
    }

    pub(super) fn role(&self, surroundings: &Surroundings<'_>) -> Option<String> {
        let twin = surroundings.variable("ECSPRESSO_ASSUME_ROLE_ARN");
        self.assume_role_arn
            .clone()
            .or_else(|| twin.map(str::to_owned))
    }
}

/// Whether an envfile may say this to more than the templates: not what decides where requests and the password go.
fn may_decide(name: &str) -> bool {
    !name.starts_with("DEMITASSE_") && !name.starts_with("AWS_ENDPOINT_URL")
}

fn rendered(
    reader: &Reader,
    path: &Path,
    surroundings: &Surroundings<'_>,
) -> Result<Project, Wrong> {
    let text = surroundings.read(path)?;
    Ok(Project {
        config: path.to_owned(),
        region: None,
        cluster: "default".to_owned(),
        service: None,
        task_definition: reader.task_definition(&text, path)?,
        warnings: Vec::new(),
    })
}

/// Tells what is wrong, each with its next step.
pub(super) fn tell(wrong: &[Wrong], surroundings: &mut Surroundings<'_>) {
    for wrong in wrong {
        surroundings.tell(format!("error: {}\n", wrong.message));
        if let Some(hint) = &wrong.hint {
            surroundings.tell(format!("  hint: {hint}\n"));
        }
    }
}
