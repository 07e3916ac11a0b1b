//! What is looked at: what some configs deploy, or everything in the accounts and Regions that are named.

use std::collections::BTreeMap;

use clap::builder::BoolishValueParser;

use crate::commands::connection::Wish;
use crate::commands::pacing::Pacing;
use crate::commands::repositories::Names;
use crate::commands::selection::{self, Selection};
use crate::commands::settings;
use crate::commands::surroundings::Surroundings;
use crate::commands::usage::{Reading, Sources};
use crate::commands::wrong::Wrong;
use crate::ecspresso::Depth;
use crate::model::project::Project;
use crate::model::settings::Settings;
use crate::model::usage::{Deployed, Scope};

/// The flags that say whose images.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::commands) struct Scoping {
    #[command(flatten)]
    selection: Selection,

    /// Everything in use in the account and Region, instead of what the configs deploy
    #[arg(long, env = "DEMITASSE_ALL", value_parser = BoolishValueParser::new(), conflicts_with_all = ["config", "task_definition"], help_heading = "Usage")]
    all: bool,

    /// Everything in use in these repositories, by name or by a pattern with *
    #[arg(
        long,
        env = "DEMITASSE_REPOSITORY",
        value_name = "PATTERN",
        conflicts_with_all = ["all", "config", "task_definition"],
        help_heading = "Usage"
    )]
    repository: Vec<String>,

    #[command(flatten)]
    reading: Reading,

    #[command(flatten)]
    pacing: Pacing,
}

/// What is looked at.
pub(in crate::commands) struct Scoped {
    /// Where usage is read.
    pub(in crate::commands) sources: Sources,
    /// Only images in these repositories; in all where none is named.
    pub(in crate::commands) names: Option<Names>,
    /// The settings that hold.
    pub(in crate::commands) settings: Settings,
}

/// The connections to make, each with its scope, and the settings.
type Planned = (Vec<(Wish, Scope)>, Settings);

impl Scoping {
    /// Whether everything in the account and Region is looked at.
    pub(in crate::commands) fn is_whole(&self) -> bool {
        self.all || !self.repository.is_empty()
    }

    /// Connects to everything that has to be read.
    ///
    /// # Errors
    /// What is wrong with the flags and the configs.
    pub(in crate::commands) async fn connect(
        &self,
        surroundings: &mut Surroundings<'_>,
    ) -> Result<Scoped, Vec<Wrong>> {
        let base = Wish {
            timeout: self.pacing.timeout,
            jobs: self.pacing.jobs,
            ..Wish::default()
        };
        let names = match self.repository.as_slice() {
            [] => None,
            names => Some(Names::read(names.iter().map(String::as_str))?),
        };
        let (wishes, settings) = if self.is_whole() {
            self.whole(&base, surroundings)?
        } else {
            self.of_configs(&base, surroundings).await?
        };
        let sources = Sources::connect(&self.reading, wishes, &settings, surroundings).await?;
        Ok(Scoped {
            sources,
            names,
            settings,
        })
    }

    /// Everything, in every account and Region.
    fn whole(&self, base: &Wish, surroundings: &Surroundings<'_>) -> Result<Planned, Vec<Wrong>> {
        let given = self.selection.settings.as_deref();
        let settings = settings::read_here(given, surroundings).map_err(|wrong| vec![wrong])?;
        let roles = self.selection.roles(surroundings);
        let wishes = everywhere(&self.reading, &roles, base);
        let wishes = wishes.into_iter().map(|wish| (wish, Scope::Everything));
        Ok((wishes.collect(), settings))
    }

    /// What the configs deploy, each in its Region.
    async fn of_configs(
        &self,
        base: &Wish,
        surroundings: &mut Surroundings<'_>,
    ) -> Result<Planned, Vec<Wrong>> {
        let timeout = self.pacing.timeout;
        let selected = self.selection.read(Depth::Images, timeout, surroundings);
        let selected = selected.await?.whole()?;
        selection::warn(&selected.projects, surroundings);
        let given = self.selection.settings.as_deref();
        let settings = settings::read(given, &selected.projects, surroundings);
        let settings = settings.map_err(|wrong| vec![wrong])?;
        let base = Wish {
            role: selected.role.clone(),
            envfile: selected.envfile.clone(),
            ..base.clone()
        };
        Ok((by_region(&selected.projects, &base), settings))
    }
}

/// The scope of the projects of each Region.
pub(in crate::commands) fn by_region(projects: &[Project], base: &Wish) -> Vec<(Wish, Scope)> {
    let mut regions: BTreeMap<Option<String>, Vec<Deployed>> = BTreeMap::new();
    for project in projects {
        let deployed = regions.entry(project.region.clone()).or_default();
        deployed.push(project.deployed());
    }
    let wishes = regions.into_iter().map(|(region, deployed)| {
        let wish = Wish {
            region,
            ..base.clone()
        };
        (wish, Scope::Configs(deployed))
    });
    wishes.collect()
}

/// One wish for each account and Region.
pub(in crate::commands) fn everywhere(
    reading: &Reading,
    roles: &[String],
    base: &Wish,
) -> Vec<Wish> {
    let profiles = reading.profile.iter().map(|profile| Wish {
        profile: Some(profile.clone()),
        ..base.clone()
    });
    let roles = roles.iter().map(|role| Wish {
        role: Some(role.clone()),
        ..base.clone()
    });
    let mut accounts: Vec<Wish> = profiles.chain(roles).collect();
    if accounts.is_empty() {
        accounts.push(base.clone());
    }
    if reading.region.is_empty() {
        return accounts;
    }
    let in_regions = accounts.iter().flat_map(|wish| {
        let regions = reading.region.iter();
        regions.map(|region| Wish {
            region: Some(region.clone()),
            ..wish.clone()
        })
    });
    in_regions.collect()
}
