//! Gathers what is in use: over accounts and Regions, from ECS and what starts its tasks, and from lists of other systems.

mod looked;
mod scope;

pub(super) use looked::{Seen, look};
pub(super) use scope::{Scoped, Scoping, everywhere};

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;

use crate::clients::ecr::Ecr;
use crate::clients::ecs::OnStep;
use crate::clients::{command, inventory};
use crate::commands::connection::{self, Connection, Wish};
use crate::commands::repositories::{Names, Trouble};
use crate::commands::surroundings::Surroundings;
use crate::commands::wrong::{self, Wrong};
use crate::model::failure::{Failure, FailureKind};
use crate::model::inventory::{Inventory, Questions};
use crate::model::reference::Repository;
use crate::model::settings::{Settings, Without};
use crate::model::usage::{ContainerImage, Gap, Listed, Lister, Revision, Scope, Source, Usage};
use crate::plan::look::Look;
use crate::plan::protect::{self, Generations};

/// The flags that say what is read.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Usage")]
pub(super) struct Reading {
    /// Profiles of the AWS configuration: one for each account to read
    #[arg(
        long,
        env = "DEMITASSE_PROFILE",
        value_name = "NAME",
        value_delimiter = ','
    )]
    profile: Vec<String>,

    /// Regions to read, in every account
    #[arg(
        long,
        env = "DEMITASSE_REGION",
        value_name = "REGION",
        value_delimiter = ','
    )]
    region: Vec<String>,

    /// Leave a source of usage out; the report says so
    #[arg(
        long,
        env = "DEMITASSE_WITHOUT",
        value_enum,
        value_name = "SOURCE",
        value_delimiter = ','
    )]
    without: Vec<Without>,

    /// A JSON array of images that other systems use (as `ecrm scan` prints it)
    #[arg(long, env = "DEMITASSE_IN_USE_FILE", value_name = "FILE")]
    in_use_file: Vec<PathBuf>,

    /// A shell command that prints such an array (for Lambda, EKS, Batch and others)
    #[arg(long, env = "DEMITASSE_IN_USE_COMMAND", value_name = "COMMAND")]
    in_use_command: Vec<String>,

    /// Reads of ECS, EventBridge and Scheduler a second, in each account and Region [default: 10]
    #[arg(long, env = "DEMITASSE_RATE", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,

    /// Rollback targets to keep below each revision in use
    #[arg(long, env = "DEMITASSE_ROLLBACKS", value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    rollbacks: u32,
}

/// One account and Region.
struct Place {
    connection: Connection,
    scope: Scope,
    /// The account of its registry, where there are several to tell apart.
    account: Option<String>,
    /// What revisions run. A definition never changes, so a second look asks for none again.
    definitions: RefCell<BTreeMap<Revision, Vec<ContainerImage>>>,
}

/// Everything that is read.
pub(super) struct Sources {
    places: Vec<Place>,
    left_out: BTreeSet<Source>,
    /// Whether a flag left something out, and not the settings.
    left_out_by_flag: bool,
    listed: Vec<Listed>,
    commands: Vec<String>,
    generations: Generations,
    surroundings: Called,
}

/// What commands of `--in-use-command` get.
struct Called {
    environment: BTreeMap<String, String>,
    directory: PathBuf,
    timeout: Duration,
}

impl Sources {
    /// Connects to every account and Region, each with its own scope. No request is sent yet, except to assume roles and, where there
    /// are several, to ask each whose it is.
    ///
    /// # Errors
    /// An unreadable list; what a connection says.
    pub(super) async fn connect(
        reading: &Reading,
        wishes: Vec<(Wish, Scope)>,
        settings: &Settings,
        surroundings: &Surroundings<'_>,
    ) -> Result<Self, Vec<Wrong>> {
        let mut listed = Vec::new();
        for path in &reading.in_use_file {
            let text = surroundings.read(path);
            let text = text.map_err(|error| vec![Wrong::from(error)])?;
            let name = path.display().to_string();
            let images =
                list(&text).map_err(|error| vec![Wrong::from(format!("{name}: {error}"))])?;
            listed.extend(named(images, Lister::File, &name));
        }
        let several = wishes.len() > 1;
        let mut places = Vec::with_capacity(wishes.len());
        for (wish, scope) in wishes {
            let wish = Wish {
                rate: reading.rate,
                quotas: settings.quotas.clone(),
                ..wish
            };
            let connection = connection::connect(wish, surroundings).await;
            let connection = connection.map_err(|wrong| vec![wrong])?;
            if !connection.ecr.has_region() {
                return Err(vec![Wrong::no_region(
                    "set AWS_REGION or --region, or `region` in the profile",
                )]);
            }
            let account = if several {
                let home = connection.ecr.home().await;
                let home = home.map_err(|failure| vec![wrong::of_world(&failure)])?;
                Some(home.account().to_owned())
            } else {
                None
            };
            places.push(Place {
                connection,
                scope,
                account,
                definitions: RefCell::default(),
            });
        }
        let timeout = places.first().map(|place| place.connection.pace.end());
        let timeout = timeout.map(|end| end.duration_since(tokio::time::Instant::now()));
        let directory = surroundings.directory();
        let directory = directory.map_err(|error| vec![Wrong::from(error)])?;
        let both = reading.without.iter().chain(&settings.without);
        Ok(Self {
            places,
            left_out: both.map(|&without| source(without)).collect(),
            left_out_by_flag: reading
                .without
                .iter()
                .any(|one| !settings.without.contains(one)),
            listed,
            commands: reading.in_use_command.clone(),
            generations: Generations {
                rollbacks: usize::try_from(reading.rollbacks).unwrap_or(usize::MAX),
                ..Generations::default()
            },
            surroundings: Called {
                environment: surroundings.environment.clone(),
                directory,
                timeout: timeout.unwrap_or_default(),
            },
        })
    }

    /// The first connection: whose registry is named where no other is.
    pub(super) fn first(&self) -> Option<&Connection> {
        self.places.first().map(|place| &place.connection)
    }

    /// Whether `--without` left something out that the settings do not.
    pub(super) fn left_out_by_flag(&self) -> bool {
        self.left_out_by_flag
    }

    /// How many revisions are kept beyond those in use.
    pub(super) fn generations(&self) -> Generations {
        self.generations
    }

    /// Reads usage everywhere; one element for each account and Region. What cannot be read is a gap in it.
    pub(super) async fn read(&self, on_step: OnStep<'_>) -> Vec<Usage> {
        let each = self.places.iter();
        let each = each.map(|place| self.read_one(place, on_step));
        // Beside each other: what a command gets wrong should not show only after minutes of reading.
        let (mut usages, lists) = futures_util::join!(join_all(each), self.lists());
        if !lists.read.is_empty() || !lists.gaps.is_empty() {
            usages.push(lists);
        }
        usages
    }

    /// What files and commands name.
    async fn lists(&self) -> Usage {
        let mut lists = Usage {
            listed: self.listed.clone(),
            ..Usage::default()
        };
        if !self.listed.is_empty() {
            lists.read.insert(Source::InUseFile);
        }
        for command in &self.commands {
            match self.run(command).await {
                Ok(images) => {
                    lists.read.insert(Source::InUseCommand);
                    lists.listed.extend(named(images, Lister::Command, command));
                }
                Err(failure) => lists.gaps.push(Gap {
                    source: Source::InUseCommand,
                    failure,
                }),
            }
        }
        lists
    }

    async fn read_one(&self, place: &Place, on_step: OnStep<'_>) -> Usage {
        let Connection { ecs, schedules, .. } = &place.connection;
        let whole = place.scope == Scope::Everything;
        let asked = |source| whole && !self.left_out.contains(&source);
        let rules = async {
            match asked(Source::EventBridge) {
                true => Some(schedules.rules().await),
                false => None,
            }
        };
        let started = async {
            match asked(Source::Scheduler) {
                true => Some(schedules.schedules().await),
                false => None,
            }
        };
        let usage = ecs.usage(&place.scope, &self.left_out, on_step);
        let (mut usage, rules, started) = futures_util::join!(usage, rules, started);
        for (source, pointers) in [(Source::EventBridge, rules), (Source::Scheduler, started)] {
            match pointers {
                None => {}
                Some(Ok(pointers)) => {
                    usage.read.insert(source);
                    usage.pointers.extend(pointers);
                }
                Some(Err(failure)) => usage.gaps.push(Gap { source, failure }),
            }
        }
        if whole {
            usage.left_out.clone_from(&self.left_out);
        }
        let wanted = protect::wanted(&usage, self.generations);
        let (known, unknown): (Vec<_>, Vec<_>) = {
            let known = place.definitions.borrow();
            wanted.into_iter().partition(|one| known.contains_key(one))
        };
        usage.definitions = ecs.definitions(&unknown, on_step).await;
        let mut all = place.definitions.borrow_mut();
        for revision in known {
            if let Some(containers) = all.get(&revision) {
                let containers = Ok(containers.clone());
                usage.definitions.insert(revision, containers);
            }
        }
        for (revision, containers) in &usage.definitions {
            if let Ok(containers) = containers {
                all.insert(revision.clone(), containers.clone());
            }
        }
        usage
    }

    async fn run(&self, text: &str) -> Result<Vec<String>, Failure> {
        let argv = ["sh", "-c", text].map(str::to_owned);
        let Called {
            environment,
            directory,
            timeout,
        } = &self.surroundings;
        let printed = command::run(&argv, Some(*timeout), environment, directory).await;
        let printed = printed.map_err(|failure| Failure {
            object: text.to_owned(),
            ..failure
        })?;
        list(&printed).map_err(|message| Failure::new("run", text, FailureKind::BadAnswer, message))
    }

    /// Answers questions about registries, each with the credentials of its account where there are several.
    pub(super) async fn answer(&self, questions: Questions, inventory: &mut Inventory) {
        let mut shares: Vec<Questions> = self.places.iter().map(|_| Questions::default()).collect();
        for (repository, ask) in questions.repositories {
            let account = repository.registry.account();
            let owner = |place: &Place| place.account.as_deref() == Some(account);
            let at = self.places.iter().position(owner).unwrap_or(0);
            if let Some(share) = shares.get_mut(at) {
                share.repositories.insert(repository, ask);
            }
        }
        for (place, share) in self.places.iter().zip(shares) {
            let Connection { ecr, endpoint, .. } = &place.connection;
            inventory::answer(ecr, endpoint, &share, inventory).await;
        }
    }

    /// Decides, and answers what the decision asks until it asks nothing more.
    pub(super) async fn decide<T>(
        &self,
        inventory: &mut Inventory,
        decide: impl Fn(&mut Look<'_>) -> T,
    ) -> T {
        loop {
            let mut look = Look::new(inventory);
            let decision = decide(&mut look);
            let questions = look.into_questions();
            if questions.is_empty() {
                return decision;
            }
            self.answer(questions, inventory).await;
        }
    }

    /// Every repository of the registries that are read, or those that are named.
    ///
    /// # Errors
    /// Names that are wrong; what ECR answers.
    pub(super) async fn repositories(
        &self,
        names: Option<&Names>,
    ) -> Result<BTreeSet<Repository>, Trouble> {
        if let (Some(names), Some(connection)) = (names, self.first()) {
            return Ok(names.find(&connection.ecr).await?.into_keys().collect());
        }
        let mut all = BTreeSet::new();
        for place in &self.places {
            let ecr = &place.connection.ecr;
            let home = ecr.home().await?;
            let found = ecr.all(&home).await?;
            all.extend(found.into_iter().map(|(repository, _)| repository));
        }
        Ok(all)
    }

    /// The accounts of the credentials; none where one of them could not be told.
    pub(super) async fn accounts(&self) -> BTreeSet<String> {
        let mut accounts = BTreeSet::new();
        for place in &self.places {
            let account = match &place.account {
                Some(account) => account.clone(),
                None => match place.connection.ecr.home().await {
                    Ok(home) => home.account().to_owned(),
                    Err(_) => return BTreeSet::new(),
                },
            };
            accounts.insert(account);
        }
        accounts
    }

    /// The client with the credentials for a repository.
    pub(super) fn client_for(&self, repository: &Repository) -> Option<Rc<Ecr>> {
        let account = repository.registry.account();
        let owner = |place: &&Place| place.account.as_deref() == Some(account);
        let place = self.places.iter().find(owner).or(self.places.first());
        place.map(|place| Rc::clone(&place.connection.ecr))
    }

    /// When the run is over.
    pub(super) fn end(&self) -> tokio::time::Instant {
        let ends = self.places.iter().map(|place| place.connection.pace.end());
        ends.min().unwrap_or_else(tokio::time::Instant::now)
    }
}

fn source(without: Without) -> Source {
    match without {
        Without::Daemons => Source::Daemons,
        Without::EventBridge => Source::EventBridge,
        Without::Scheduler => Source::Scheduler,
    }
}

/// ecrm's list: a JSON array of image references.
fn list(text: &str) -> Result<Vec<String>, String> {
    serde_json::from_str(text).map_err(|error| format!("not a JSON array of images: {error}"))
}

fn named(images: Vec<String>, by: Lister, name: &str) -> impl Iterator<Item = Listed> {
    images.into_iter().map(move |image| Listed {
        image: ContainerImage {
            container: String::new(),
            image,
            digest: None,
        },
        by,
        name: name.to_owned(),
    })
}
