//! `promote` and `plan`: put the images of task definitions where ECS will pull them from, or show what that would do.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use crate::apply::event::Event;
use crate::apply::{Limits, Run};
use crate::clients::inventory;
use crate::commands::choices::{Choices, duration};
use crate::commands::connection::{self, Connection, Wish};
use crate::commands::progress::Progress;
use crate::commands::selection::{self, Selected, Selection, Wrong};
use crate::commands::surroundings::Surroundings;
use crate::commands::{github, settings, signals};
use crate::ecspresso::Depth;
use crate::model::exit::Exit;
use crate::model::inventory::Inventory;
use crate::plan::mapping::{self, Mapping};
use crate::plan::outcome::{Outcome, State};
use crate::plan::problem::{Class, Problem, Severity};
use crate::plan::promotion::{self, Plan, Rules};
use crate::report::{self, Report, dotenv, json, markdown, problems, table};

/// How the report is written to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For a terminal.
    Table,
    /// JSON, schema demitasse.report/v1.
    Json,
    /// For pull requests and job summaries.
    Markdown,
}

/// The arguments of `promote` and `plan`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    choices: Choices,

    /// Write the new references as a dotenv file for `ecspresso --envfile` (IMAGE_<CONTAINER>=…)
    #[arg(
        long,
        env = "DEMITASSE_ENV_OUT",
        value_name = "FILE",
        help_heading = "Run"
    )]
    env_out: Option<PathBuf>,

    /// Show what would be done and write nothing
    #[arg(long, env = "DEMITASSE_DRY_RUN", help_heading = "Run")]
    dry_run: bool,

    /// Exit 2 when a plan has changes
    #[arg(long, env = "DEMITASSE_DETAILED_EXITCODE", help_heading = "Run")]
    detailed_exitcode: bool,

    /// Promote what nothing speaks against, although something else is refused
    #[arg(long, env = "DEMITASSE_KEEP_GOING", help_heading = "Run")]
    keep_going: bool,

    /// Begin nothing new after a failure
    #[arg(
        long,
        env = "DEMITASSE_FAIL_FAST",
        help_heading = "Run",
        conflicts_with = "keep_going"
    )]
    fail_fast: bool,

    /// How many requests at once
    #[arg(
        long,
        env = "DEMITASSE_JOBS",
        value_name = "N",
        default_value = "32",
        help_heading = "Run"
    )]
    jobs: usize,

    /// How long the run may take
    #[arg(long, env = "DEMITASSE_TIMEOUT", value_name = "DURATION", default_value = "15m", value_parser = duration, help_heading = "Run")]
    timeout: Duration,

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

impl Args {
    /// The same, as `plan` means it.
    pub fn read_only(&self) -> Self {
        Self {
            dry_run: true,
            ..self.clone()
        }
    }
}

/// Runs the command.
pub fn run(args: &Args, surroundings: &mut Surroundings<'_>) -> Exit {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let ended = match builder.enable_all().build() {
        Ok(runtime) => runtime.block_on(promote(args, surroundings)),
        Err(error) => Err(vec![Wrong::from(format!("no runtime: {error}"))]),
    };
    ended.unwrap_or_else(|wrong| {
        let exit = selection::tell(&wrong, surroundings);
        github::refuse(&wrong, surroundings);
        exit
    })
}

async fn promote(args: &Args, surroundings: &mut Surroundings<'_>) -> Result<Exit, Vec<Wrong>> {
    let one = |wrong: Wrong| vec![wrong];
    let selected = args
        .selection
        .read(Depth::Images, args.timeout, surroundings)
        .await?;
    let given = args.selection.settings.as_deref();
    let settings = settings::read(given, &selected.projects, surroundings).map_err(one)?;
    let mapping_rules = args.choices.mapping(&settings).map_err(one)?;
    let rules = args
        .choices
        .rules(&settings, args.env_out.is_some())
        .map_err(one)?;
    selection::warn(&selected.projects, surroundings);
    let mapping = mapping::map(&selected.projects, &mapping_rules);
    let wish = wish(args, &selected, &mapping);
    let connection = connection::connect(wish, surroundings).await.map_err(one)?;

    let deadline = connection.pace.deadline();
    let inventory = tokio::select! {
        inventory = gather(&mapping, &rules, &connection) => inventory,
        exit = signals::received() => {
            surroundings.tell("interrupted; nothing was written\n");
            return Ok(exit);
        }
        () = tokio::time::sleep_until(deadline) => {
            surroundings.tell("error: reading took longer than --timeout; nothing was written\n");
            return Ok(Exit::World);
        }
    };
    let now = surroundings.now();
    let mut plan = promotion::plan(&mapping, &inventory, &rules, now);
    let (variables, clashes) = dotenv::variables(&plan);
    if args.env_out.is_some() {
        plan.problems.extend(clashes);
    }

    let refused = plan.errors().next().is_some() && !args.keep_going;
    if args.dry_run || refused {
        let exit = worst(&plan, None, args.detailed_exitcode && args.dry_run);
        let report = report::report(&plan, None, now, exit.code());
        show(&report, args.output, surroundings);
        surroundings.tell(problems::render(&report.problems));
        if refused && !args.dry_run {
            surroundings.tell("nothing was written\n");
        }
        github::tell(&report, surroundings);
        return Ok(exit);
    }
    if plan.has_changes() && args.output == Output::Table {
        let preview = report::report(&plan, None, now, 0);
        surroundings.tell(table::render(&preview, surroundings.colour()));
    }
    surroundings.tell(problems::render(&report::findings(&plan.problems)));
    let (outcome, stopped) = apply(args, &rules, &plan, &connection, surroundings).await;
    let exit = worst(&plan, Some(&outcome), false).max(stopped);
    let report = report::report(&plan, Some(&outcome), now, exit.code());
    show(&report, args.output, surroundings);
    surroundings.tell(problems::render(&report::findings(&outcome.problems)));
    github::tell(&report, surroundings);
    if let Some(path) = &args.env_out
        && (exit == Exit::Done || args.keep_going)
    {
        let text = dotenv::render(&variables);
        surroundings
            .write(path, &text)
            .map_err(|wrong| vec![wrong.into()])?;
    }
    Ok(exit)
}

fn wish(args: &Args, selected: &Selected, mapping: &Mapping) -> Wish {
    let configured = selected
        .projects
        .iter()
        .find_map(|project| project.region.clone());
    let image = mapping.wanted.first();
    let image = image.map(|wanted| wanted.target.registry.region().to_owned());
    Wish {
        region: configured.or(image),
        role: selected.role.clone(),
        envfile: selected.envfile.clone(),
        timeout: args.timeout,
        jobs: args.jobs,
    }
}

/// Reads in rounds, each at once, until nothing more has to be known.
async fn gather(mapping: &Mapping, rules: &Rules, connection: &Connection) -> Inventory {
    let mut seen = Inventory::default();
    loop {
        let questions = promotion::questions(mapping, &seen, rules);
        if questions.is_empty() {
            return seen;
        }
        inventory::answer(&connection.ecr, &connection.endpoint, &questions, &mut seen).await;
    }
}

/// Carries the plan out until it is done, a signal comes or the time is up. Upload sessions left open are closed.
async fn apply(
    args: &Args,
    rules: &Rules,
    plan: &Plan,
    connection: &Connection,
    surroundings: &mut Surroundings<'_>,
) -> (Outcome, Exit) {
    let progress = Progress::new(surroundings.is_watched());
    let told = RefCell::new(&mut *surroundings);
    let on_event = |event: Event<'_>| {
        if let Some(line) = progress.on(&event) {
            told.borrow_mut().tell(line);
        }
    };
    let limits = Limits {
        mount_only: rules.mount_only,
        max_upload: rules.max_upload,
        fail_fast: args.fail_fast,
    };
    let (ecr, endpoint) = (Rc::clone(&connection.ecr), Rc::clone(&connection.endpoint));
    let run = Run::new(plan, ecr, endpoint, limits, &on_event);
    let stopped = tokio::select! {
        () = run.carry_out(plan) => Exit::Done,
        exit = signals::received() => exit,
        () = tokio::time::sleep_until(connection.pace.deadline()) => Exit::World,
    };
    run.close_sessions().await;
    let outcome = run.into_outcome();
    drop(progress);
    match stopped {
        Exit::Done => {}
        Exit::World => surroundings
            .tell("error: the run took longer than --timeout; run it again to complete it\n"),
        _ => surroundings.tell("interrupted; run it again to complete it\n"),
    }
    (outcome, stopped)
}

fn show(report: &Report, output: Output, surroundings: &mut Surroundings<'_>) {
    let text = match output {
        Output::Table => table::render(report, surroundings.colour()),
        Output::Json => json::render(report),
        Output::Markdown => markdown::render(report),
    };
    surroundings.show(&text);
}

/// The exit of a run: the worst of its findings.
fn worst(plan: &Plan, outcome: Option<&Outcome>, detailed: bool) -> Exit {
    let while_acting = outcome.map(|outcome| outcome.problems.as_slice());
    let findings = plan.problems.iter().chain(while_acting.unwrap_or_default());
    let errors = findings.filter(|problem| problem.severity == Severity::Error);
    let exit = |problem: &Problem| match problem.class() {
        Class::World => Exit::World,
        Class::Input => Exit::Input,
        Class::Decision => Exit::Decision,
    };
    let pending = if detailed && plan.has_changes() {
        Exit::Changes
    } else {
        Exit::Done
    };
    let failed = |outcome: &Outcome| {
        outcome
            .promotions
            .iter()
            .any(|one| one.state == State::Failed)
    };
    let failed = if outcome.is_some_and(failed) {
        Exit::World
    } else {
        Exit::Done
    };
    errors.map(exit).max().unwrap_or(pending).max(failed)
}
