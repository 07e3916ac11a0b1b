//! `promote` and `plan`: put the images of task definitions where ECS will pull them from, or show what that would do.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use clap::builder::BoolishValueParser;

use crate::apply::event::Event;
use crate::apply::{Clients, Limits, Run};
use crate::clients::inventory;
use crate::commands::choices::{Choices, Provisioning};
use crate::commands::connection::{self, Connection, Wish};
use crate::commands::pacing::Pacing;
use crate::commands::progress::Progress;
use crate::commands::selection::{self, Selected, Selection};
use crate::commands::surroundings::Surroundings;
use crate::commands::wrong::{self, Wrong};
use crate::commands::{github, runtime, settings, signals};
use crate::ecspresso::Depth;
use crate::model::exit::Exit;
use crate::model::inventory::Inventory;
use crate::model::settings::Quota;
use crate::model::time::Timestamp;
use crate::plan::mapping::{self, Mapping};
use crate::plan::outcome::{Outcome, State};
use crate::plan::problem;
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
    provisioning: Provisioning,

    #[command(flatten)]
    choices: Choices,

    /// Write the new references as a dotenv file for `ecspresso --envfile` (IMAGE_APP=…)
    #[arg(
        long,
        env = "DEMITASSE_ENV_OUT",
        value_name = "FILE",
        help_heading = "Run"
    )]
    env_out: Option<PathBuf>,

    /// Show what would be done and write nothing
    #[arg(long, env = "DEMITASSE_DRY_RUN", value_parser = BoolishValueParser::new(), help_heading = "Run")]
    dry_run: bool,

    /// Exit 2 when a plan has changes
    #[arg(long, env = "DEMITASSE_DETAILED_EXITCODE", value_parser = BoolishValueParser::new(), help_heading = "Run")]
    detailed_exitcode: bool,

    /// Promote what nothing speaks against, although something else is refused
    #[arg(long, env = "DEMITASSE_KEEP_GOING", value_parser = BoolishValueParser::new(), help_heading = "Run")]
    keep_going: bool,

    /// Begin nothing new after a failure
    #[arg(
        long,
        env = "DEMITASSE_FAIL_FAST", value_parser = BoolishValueParser::new(),
        help_heading = "Run",
        conflicts_with = "keep_going"
    )]
    fail_fast: bool,

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
    let ended = runtime::run(promote(args, surroundings));
    ended.unwrap_or_else(|wrong| {
        let exit = wrong::tell(&wrong, surroundings);
        github::refuse(&wrong, surroundings);
        exit
    })
}

async fn promote(args: &Args, surroundings: &mut Surroundings<'_>) -> Result<Exit, Vec<Wrong>> {
    let one = |wrong: Wrong| vec![wrong];
    let mut selected = args
        .selection
        .read(Depth::Images, args.pacing.timeout, surroundings)
        .await?;
    let wrong = std::mem::take(&mut selected.wrong);
    if !wrong.is_empty() && !args.keep_going {
        return Err(wrong);
    }
    let input = match wrong.as_slice() {
        [] => Exit::Done,
        wrong => wrong::tell(wrong, surroundings),
    };
    let given = args.selection.settings.as_deref();
    let settings = settings::read(given, &selected.projects, surroundings).map_err(one)?;
    let mapping_rules = args.provisioning.mapping(&settings).map_err(one)?;
    let provision = args.provisioning.provision(&settings);
    let rules = args
        .choices
        .rules(&settings, provision, args.env_out.is_some(), !args.dry_run);
    selection::warn(&selected.projects, surroundings);
    let mapping = mapping::map(&selected.projects, &mapping_rules);
    let wish = wish(args, &selected, &mapping, &settings.quotas);
    let connection = connection::connect(wish, surroundings).await.map_err(one)?;
    connection.ecr.settle_in(mapping.accounts());

    let end = connection.pace.end();
    let now = surroundings.now();
    let reading = async {
        tokio::select! {
            plan = decide(&mapping, &rules, &connection, now) => plan,
            never = open_ahead(args, &mapping, &connection) => match never {},
        }
    };
    let mut plan = tokio::select! {
        plan = reading => plan,
        exit = signals::received() => {
            surroundings.tell("interrupted; nothing was written\n");
            return Ok(exit);
        }
        () = tokio::time::sleep_until(end) => {
            surroundings.tell("error: reading took longer than --timeout; nothing was written\n");
            return Ok(Exit::World);
        }
    };
    if args.env_out.is_some() {
        let clashes = dotenv::clashes(&plan);
        plan.problems.extend(clashes);
    }
    let refused = plan.errors().next().is_some() && !args.keep_going;
    if args.dry_run || refused {
        let detailed = args.detailed_exitcode && args.dry_run;
        let exit = worst(&plan, None, detailed).max(input);
        let report = report::report(&plan, None, now, exit.code());
        show(&report, args.output, surroundings);
        surroundings.tell(problems::render(&report.problems));
        if refused && !args.dry_run {
            surroundings.tell("nothing was written\n");
        }
        github::tell(&report, surroundings);
        return Ok(exit);
    }
    // Emptied before anything is done: whatever goes wrong, nobody deploys by an older run's references.
    if let Some(path) = &args.env_out {
        let emptied = surroundings.write(path, "");
        emptied.map_err(|wrong| vec![format!("--env-out {wrong}").into()])?;
    }
    if plan.has_changes() && args.output == Output::Table {
        let preview = report::report(&plan, None, now, 0);
        surroundings.tell(table::render(&preview, surroundings.colour()));
    }
    surroundings.tell(problems::render(&report::findings(&plan.problems)));
    let (outcome, stopped) = apply(args, &rules, &plan, &connection, surroundings).await;
    let mut exit = worst(&plan, Some(&outcome), false).max(stopped).max(input);
    if let Some(path) = &args.env_out
        && (stopped == Exit::Done)
        && (exit == Exit::Done || args.keep_going)
    {
        let text = dotenv::render(&dotenv::variables(&plan, &outcome));
        if let Err(wrong) = surroundings.write(path, &text) {
            surroundings.tell(format!("error: --env-out {wrong}\n"));
            exit = exit.max(Exit::World);
        }
    }
    let report = report::report(&plan, Some(&outcome), now, exit.code());
    show(&report, args.output, surroundings);
    surroundings.tell(problems::render(&report::findings(&outcome.problems)));
    github::tell(&report, surroundings);
    Ok(exit)
}

fn wish(
    args: &Args,
    selected: &Selected,
    mapping: &Mapping,
    quotas: &BTreeMap<Quota, u32>,
) -> Wish {
    let configured = selected
        .projects
        .iter()
        .find_map(|project| project.region.clone());
    let image = mapping.wanted.first();
    let image = image.map(|wanted| wanted.target.registry.region().to_owned());
    Wish {
        region: configured.or(image),
        role: selected.role.clone(),
        source_role: args.provisioning.source_role(),
        upstreams: mapping.has_upstreams(),
        envfile: selected.envfile.clone(),
        timeout: args.pacing.timeout,
        jobs: args.pacing.jobs,
        quotas: quotas.clone(),
        ..Wish::default()
    }
}

/// Reads that are answered sooner than this come from so near that a connection opened beside them would only cost them time.
const NEAR: Duration = Duration::from_millis(20);

/// Opens what the mounts will need, while reads from farther away are under way.
async fn open_ahead(args: &Args, mapping: &Mapping, connection: &Connection) -> Infallible {
    tokio::time::sleep(NEAR).await;
    if !args.dry_run {
        for registry in mapping.targets() {
            connection.endpoint.open_ahead(registry);
        }
    }
    std::future::pending().await
}

/// Decides, reads what that asked for, all at once, and decides again, until nothing more has to be known.
async fn decide(mapping: &Mapping, rules: &Rules, connection: &Connection, now: Timestamp) -> Plan {
    let mut seen = Inventory::default();
    loop {
        let (plan, questions) = promotion::plan(mapping, &seen, rules, now);
        if questions.is_empty() {
            return plan;
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
    let clients = Clients {
        ecr: Rc::clone(&connection.ecr),
        endpoint: Rc::clone(&connection.endpoint),
        ecs: Rc::clone(&connection.ecs),
    };
    let run = Run::new(plan, clients, limits, &on_event);
    let stopped = tokio::select! {
        () = run.carry_out() => Exit::Done,
        exit = signals::received() => exit,
        () = tokio::time::sleep_until(connection.pace.end()) => Exit::World,
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
        Output::Json => json::text(report),
        Output::Markdown => markdown::render(report),
    };
    surroundings.show(&text);
}

/// The exit of a run: the worst of its findings.
fn worst(plan: &Plan, outcome: Option<&Outcome>, detailed: bool) -> Exit {
    let while_acting = outcome.map(|outcome| outcome.problems.as_slice());
    let findings = plan.problems.iter().chain(while_acting.unwrap_or_default());
    let failed = |outcome: &Outcome| {
        outcome
            .promotions
            .iter()
            .any(|one| one.state == State::Failed)
    };
    let mut exit = problem::exit(findings);
    if detailed && plan.has_changes() {
        exit = exit.max(Exit::Changes);
    }
    if outcome.is_some_and(failed) {
        exit = exit.max(Exit::World);
    }
    exit
}
