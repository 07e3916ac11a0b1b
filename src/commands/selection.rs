//! Which task definitions: the flags and variables are ecspresso's, so that the environment that deploys is enough.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser as _};

use crate::commands::lookups;
use crate::commands::renderer::{self, Renderer};
use crate::commands::surroundings::Surroundings;
use crate::commands::wrong::Wrong;
use crate::ecspresso::{self, Depth, Reader, external_variables};
use crate::model::project::Project;

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
        value_delimiter = ',',
        // An empty name is skipped, as in ecspresso: a variable of CI may be empty.
        value_parser = OsStringValueParser::new().map(PathBuf::from)
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

    /// Take Terraform values from a JSON file (address → value) and read no state
    #[arg(long, env = "DEMITASSE_TFSTATE_VALUES", value_name = "FILE")]
    tfstate_values: Option<PathBuf>,

    /// Run no command of ecspresso's external plugin
    #[arg(long, env = "DEMITASSE_NO_EXTERNAL")]
    no_external: bool,

    /// Who renders: demitasse, or the installed ecspresso
    #[arg(
        long,
        env = "DEMITASSE_RENDERER",
        value_enum,
        default_value = "demitasse"
    )]
    renderer: Renderer,

    /// The role to assume for AWS calls; audit, pin and sweep read with each of several
    #[arg(
        long,
        env = "DEMITASSE_ASSUME_ROLE_ARN",
        value_name = "ARN",
        value_delimiter = ','
    )]
    assume_role_arn: Vec<String>,

    /// demitasse.yml; without it, the nearest one beside or above the config, up to the repository's root
    #[arg(long, env = "DEMITASSE_SETTINGS", value_name = "FILE")]
    pub(super) settings: Option<PathBuf>,
}

/// What was selected.
pub(super) struct Selected {
    /// The projects, in the order of the configs.
    pub(super) projects: Vec<Project>,
    /// What is wrong with those that could not be read.
    pub(super) wrong: Vec<Wrong>,
    /// What the envfiles set, without what an envfile may not decide.
    pub(super) envfile: BTreeMap<String, String>,
    /// The role to assume.
    pub(super) role: Option<String>,
}

impl Selected {
    /// The same, if everything could be read.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(super) fn whole(self) -> Result<Self, Vec<Wrong>> {
        if self.wrong.is_empty() {
            Ok(self)
        } else {
            Err(self.wrong)
        }
    }
}

impl Selection {
    /// Reads every selected project, and makes the look-ups that this takes, within a time.
    ///
    /// # Errors
    /// What is wrong with the selection itself; what is wrong with single projects stands beside the others.
    pub(super) async fn read(
        &self,
        depth: Depth,
        timeout: Duration,
        surroundings: &Surroundings<'_>,
    ) -> Result<Selected, Vec<Wrong>> {
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
            tfstate_values: self.tfstate_values.clone(),
            no_external: self.no_external,
        };
        let reader = Reader::new(settings).map_err(|error| vec![error.into()])?;
        let (projects, wrong) = match &self.task_definition {
            Some(path) => match rendered(&reader, path, surroundings) {
                Ok(project) => (vec![project], Vec::new()),
                Err(wrong) => (Vec::new(), vec![wrong]),
            },
            None if self.renderer == Renderer::Ecspresso => {
                let configs = self.configs(&directory, surroundings)?;
                let flags = self.ecspresso_flags()?;
                renderer::projects(&reader, &configs, &flags, timeout, surroundings).await?
            }
            None => {
                let configs = self.configs(&directory, surroundings)?;
                lookups::projects(&reader, &configs, depth, timeout, surroundings).await?
            }
        };
        Ok(Selected {
            projects,
            wrong,
            envfile: lookups::envfile(&reader),
            role: self.role(surroundings).map_err(|wrong| vec![wrong])?,
        })
    }

    /// Our flags, as ecspresso takes them. Its own variables it finds itself.
    fn ecspresso_flags(&self) -> Result<Vec<String>, Vec<Wrong>> {
        if self.tfstate_values.is_some() || self.no_external {
            let message = "--tfstate-values and --no-external do nothing with --renderer ecspresso";
            return Err(vec![Wrong::from(message.to_owned())]);
        }
        let envfiles = self.envfile.iter().map(|file| file.display().to_string());
        let mut flags = Vec::new();
        let mut add = |name: &str, value: String| flags.extend([name.to_owned(), value]);
        envfiles.for_each(|file| add("--envfile", file));
        self.ext_str
            .iter()
            .for_each(|text| add("--ext-str", text.clone()));
        self.ext_code
            .iter()
            .for_each(|text| add("--ext-code", text.clone()));
        for role in &self.assume_role_arn {
            add("--assume-role-arn", role.clone());
        }
        Ok(flags)
    }

    fn configs(
        &self,
        directory: &Path,
        surroundings: &Surroundings<'_>,
    ) -> Result<Vec<PathBuf>, Vec<Wrong>> {
        let twin = surroundings.variable("ECSPRESSO_CONFIG").map(str::to_owned);
        let patterns = if self.config.is_empty() {
            twin.into_iter().collect()
        } else {
            self.config.clone()
        };
        ecspresso::configs(&patterns, directory).map_err(|error| vec![error.into()])
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

    /// The one role to assume.
    ///
    /// # Errors
    /// Several.
    pub(super) fn role(&self, surroundings: &Surroundings<'_>) -> Result<Option<String>, Wrong> {
        let mut roles = self.roles(surroundings);
        if roles.len() > 1 {
            let message = "one --assume-role-arn at a time: configs are read with one role";
            return Err(Wrong::from(message.to_owned()));
        }
        Ok(roles.pop())
    }

    /// The roles to read with.
    pub(super) fn roles(&self, surroundings: &Surroundings<'_>) -> Vec<String> {
        roles(&self.assume_role_arn, surroundings)
    }
}

/// The roles of `--assume-role-arn`, or else ecspresso's.
pub(super) fn roles(given: &[String], surroundings: &Surroundings<'_>) -> Vec<String> {
    let twin = surroundings.variable("ECSPRESSO_ASSUME_ROLE_ARN");
    match given {
        [] => twin.map(str::to_owned).into_iter().collect(),
        given => given.to_vec(),
    }
}

/// Says what ecspresso would warn about.
pub(super) fn warn(projects: &[Project], surroundings: &mut Surroundings<'_>) {
    for project in projects {
        for warning in &project.warnings {
            let config = project.config.display();
            surroundings.tell(format!("warning: {config}: {warning}\n"));
        }
    }
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
