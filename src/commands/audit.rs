//! `audit`: what is in use, what the lifecycle policies do to it, and everything that is or will be wrong. Writes nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;

use clap::builder::BoolishValueParser;

use crate::commands::choices::MIN_PUSHES;
use crate::commands::connection::Wish;
use crate::commands::pacing::Pacing;
use crate::commands::reading::Reading as Progress;
use crate::commands::repositories::{Names, Trouble};
use crate::commands::selection::{self, Selection};
use crate::commands::surroundings::Surroundings;
use crate::commands::usage::{self, Reading, Sources};
use crate::commands::wrong::{self, Wrong};
use crate::commands::{runtime, settings, signals};
use crate::ecspresso::Depth;
use crate::model::exit::Exit;
use crate::model::inventory::Inventory;
use crate::model::project::Project;
use crate::model::settings::Settings;
use crate::model::time::Timestamp;
use crate::model::usage::{Deployed, Scope, Usage};
use crate::plan::audit::{self, Audit, Rules};
use crate::plan::look::Look;
use crate::plan::problem::Severity;
use crate::plan::protect::{self, InUse};
use crate::report::{self, audit as show, problems};

/// How the report is written to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For a terminal.
    Table,
    /// JSON, schema demitasse.audit/v1.
    Json,
    /// For pull requests.
    Markdown,
    /// ecrm's JSON array of the images in use.
    Ecrm,
}

/// From which findings on the run fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FailOn {
    /// Images in use that are gone or about to go.
    Error,
    /// Everything that should be looked at.
    Warning,
    /// Everything.
    Note,
    /// Never, but where the audit is incomplete.
    Never,
}

/// The arguments of `audit`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
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

    /// Pushes left below which an image in use is an error [default: 3]
    #[arg(
        long,
        env = "DEMITASSE_MIN_PUSHES",
        value_name = "N",
        help_heading = "Run"
    )]
    min_pushes: Option<u32>,

    /// Exit 2 for findings of this severity and above
    #[arg(
        long,
        env = "DEMITASSE_FAIL_ON",
        value_enum,
        default_value = "error",
        help_heading = "Run"
    )]
    fail_on: FailOn,

    #[command(flatten)]
    pacing: Pacing,

    /// What to write to stdout
    #[arg(
        short,
        long,
        env = "DEMITASSE_OUTPUT",
        value_enum,
        default_value = "table",
        help_heading = "Run"
    )]
    output: Output,
}

/// Runs the command.
pub fn run(args: &Args, surroundings: &mut Surroundings<'_>) -> Exit {
    let ended = runtime::run(audited(args, surroundings));
    ended.unwrap_or_else(|wrong| wrong::tell(&wrong, surroundings))
}

/// What was read and judged.
struct Seen {
    usages: Vec<Usage>,
    in_use: InUse,
    audit: Audit,
}

async fn audited(args: &Args, surroundings: &mut Surroundings<'_>) -> Result<Exit, Vec<Wrong>> {
    let base = Wish {
        timeout: args.pacing.timeout,
        jobs: args.pacing.jobs,
        ..Wish::default()
    };
    let everything = args.all || !args.repository.is_empty();
    let (wishes, settings) = if everything {
        whole(args, &base, surroundings)?
    } else {
        of_configs(args, &base, surroundings).await?
    };
    let names = args.repository.iter().map(String::as_str);
    let names = Names::read(names)?;
    let rules = rules(args, &settings).map_err(|wrong| vec![wrong])?;
    let sources = Sources::connect(&args.reading, wishes, &settings, surroundings).await?;
    let now = surroundings.now();
    let end = sources.end();
    let progress = Progress::new(surroundings.is_watched());
    let seen = {
        let told = RefCell::new(&mut *surroundings);
        let on_step = |step| {
            if let Some(line) = progress.on(step) {
                told.borrow_mut().tell(line);
            }
        };
        tokio::select! {
            seen = look(args, &names, &sources, &rules, now, &on_step) => seen?,
            exit = signals::received() => {
                progress.clear();
                surroundings.tell("interrupted; nothing was written\n");
                return Ok(exit);
            }
            () = tokio::time::sleep_until(end) => {
                progress.clear();
                surroundings.tell("error: reading took longer than --timeout\n");
                return Ok(Exit::World);
            }
        }
    };
    progress.clear();
    let exit = exit(args.fail_on, &seen.audit);
    let report = show::report(&seen.usages, &seen.audit, exit.code());
    surroundings.show(&match args.output {
        Output::Table => show::table(&report, surroundings.colour()),
        Output::Json => report::json::text(&report),
        Output::Markdown => show::markdown(&report),
        Output::Ecrm => show::ecrm(&seen.in_use, &seen.audit),
    });
    surroundings.tell(problems::render_with_reasons(&report.findings));
    Ok(exit)
}

/// Everything, in every account and Region.
fn whole(
    args: &Args,
    base: &Wish,
    surroundings: &Surroundings<'_>,
) -> Result<(Vec<(Wish, Scope)>, Settings), Vec<Wrong>> {
    let given = args.selection.settings.as_deref();
    let settings = settings::read_here(given, surroundings).map_err(|wrong| vec![wrong])?;
    let roles = args.selection.roles(surroundings);
    let wishes = usage::everywhere(&args.reading, &roles, base);
    let wishes = wishes.into_iter().map(|wish| (wish, Scope::Everything));
    Ok((wishes.collect(), settings))
}

/// What the configs deploy, each in its Region.
async fn of_configs(
    args: &Args,
    base: &Wish,
    surroundings: &mut Surroundings<'_>,
) -> Result<(Vec<(Wish, Scope)>, Settings), Vec<Wrong>> {
    let timeout = args.pacing.timeout;
    let selected = args.selection.read(Depth::Images, timeout, surroundings);
    let selected = selected.await?.whole()?;
    selection::warn(&selected.projects, surroundings);
    let given = args.selection.settings.as_deref();
    let settings = settings::read(given, &selected.projects, surroundings);
    let settings = settings.map_err(|wrong| vec![wrong])?;
    let base = Wish {
        role: selected.role.clone(),
        envfile: selected.envfile.clone(),
        ..base.clone()
    };
    Ok((by_region(&selected.projects, &base), settings))
}

/// The scope of the projects of each Region.
pub(super) fn by_region(projects: &[Project], base: &Wish) -> Vec<(Wish, Scope)> {
    let mut regions: BTreeMap<Option<String>, Vec<Deployed>> = BTreeMap::new();
    for project in projects {
        let deployed = regions.entry(project.region.clone()).or_default();
        deployed.push(Deployed {
            cluster: project.cluster.clone(),
            service: project.service.clone(),
            family: project.task_definition.family.clone(),
        });
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

fn rules(args: &Args, settings: &Settings) -> Result<Rules, Wrong> {
    let min_pushes = args.min_pushes.or(settings.min_pushes);
    Ok(Rules {
        min_pushes: min_pushes.unwrap_or(MIN_PUSHES),
        source: crate::commands::choices::source(settings)?,
    })
}

async fn look(
    args: &Args,
    names: &Names,
    sources: &Sources,
    rules: &Rules,
    now: Timestamp,
    on_step: crate::clients::ecs::OnStep<'_>,
) -> Result<Seen, Vec<Wrong>> {
    let usages = sources.read(on_step).await;
    let (mut in_use, findings) = protect::in_use(&usages, sources.generations());
    if let (false, Some(connection)) = (args.repository.is_empty(), sources.first()) {
        let found = match names.find(&connection.ecr).await {
            Ok(found) => found,
            Err(Trouble::Wrong(wrong)) => return Err(wrong),
            Err(Trouble::World(failure)) => return Err(vec![wrong::of_world(&failure)]),
        };
        in_use.retain(|repository| found.contains_key(repository));
    }
    let mut inventory = Inventory::default();
    let mut audit = loop {
        let mut look = Look::new(&inventory);
        let audit = audit::audit(&in_use, &mut look, rules, now);
        let questions = look.into_questions();
        if questions.is_empty() {
            break audit;
        }
        sources.answer(questions, &mut inventory).await;
    };
    audit.findings.extend(findings);
    Ok(Seen {
        usages,
        in_use,
        audit,
    })
}

fn exit(fail_on: FailOn, audit: &Audit) -> Exit {
    if !audit.is_complete() {
        return Exit::World;
    }
    let least = match fail_on {
        FailOn::Error => Severity::Error,
        FailOn::Warning => Severity::Warning,
        FailOn::Note => Severity::Note,
        FailOn::Never => return Exit::Done,
    };
    let mut findings = audit.findings.iter();
    match findings.any(|finding| finding.severity >= least) {
        true => Exit::Changes,
        false => Exit::Done,
    }
}
