//! `bootstrap`: create repositories and install lifecycle policies, for configs or for repositories that are named. It
//! fails closed: a policy that would mark an image is not put.

mod named;
mod progress;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use futures_util::StreamExt as _;
use futures_util::stream::iter;

use crate::apply::bootstrap::Bootstrap;
use crate::apply::event::Event;
use crate::clients::ecr::Ecr;
use crate::clients::inventory;
use crate::commands::bootstrap::progress::{Progress, SILENCE};
use crate::commands::choices::Provisioning;
use crate::commands::connection::{self, Connection, Wish};
use crate::commands::pacing::Pacing;
use crate::commands::repositories::{Names, Trouble};
use crate::commands::selection::{self, Selection};
use crate::commands::surroundings::{self, Surroundings};
use crate::commands::usage::{self, Reading, Sources};
use crate::commands::wrong::{self, Wrong};
use crate::commands::{repositories, runtime, settings, signals};
use crate::ecspresso::Depth;
use crate::model::exit::Exit;
use crate::model::failure::Failure;
use crate::model::inventory::Inventory;
use crate::model::project::Project;
use crate::model::reference::Repository;
use crate::model::settings::Settings;
use crate::model::time::Timestamp;
use crate::model::usage::Scope;
use crate::plan::bootstrap::{self, KnownUse, Plan, Rules, Wanted};
use crate::plan::mapping::{self, Mapping};
use crate::plan::outcome::Provisioned;
use crate::plan::problem::{self, Kind, Problem};
use crate::plan::protect::{self, Doubt};
use crate::report::{self, bootstrap as show, problems};

/// How many of ECR's previews are waited for beside each other.
const PREVIEWS_AT_ONCE: usize = 32;

/// How the report is written to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For a terminal.
    Table,
    /// JSON, schema demitasse.bootstrap/v1.
    Json,
    /// For pull requests.
    Markdown,
    /// Terraform resources to paste, of what would be created or put; nothing is written.
    Terraform,
}

/// The arguments of `bootstrap`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,

    /// Repositories by name, or those that exist by a pattern with *; in the place of configs
    #[arg(
        long,
        env = "DEMITASSE_REPOSITORY",
        value_name = "PATTERN",
        value_delimiter = ',',
        help_heading = "Repositories"
    )]
    repository: Vec<String>,

    /// The same from a file, one on a line; - reads standard input
    #[arg(
        long,
        env = "DEMITASSE_REPOSITORIES_FROM",
        value_name = "FILE|-",
        help_heading = "Repositories"
    )]
    repositories_from: Option<PathBuf>,

    /// The task definitions that the services of ECS clusters use, in the place of configs
    #[arg(long, env = "DEMITASSE_FROM_ECS", value_parser = BoolishValueParser::new(), conflicts_with_all = ["repository", "repositories_from"], help_heading = "Repositories")]
    from_ecs: bool,

    /// Only these clusters, with --from-ecs [all of the Region]
    #[arg(
        long,
        env = "DEMITASSE_CLUSTER",
        value_name = "NAME",
        requires = "from_ecs",
        help_heading = "Repositories"
    )]
    cluster: Vec<String>,

    #[command(flatten)]
    provisioning: Provisioning,

    /// Also give the common repositories a policy, which keeps so many images [200 if no number is given]
    #[arg(long, env = "DEMITASSE_COMMON_KEEP", value_name = "N", num_args = 0..=1, default_missing_value = "200", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Repositories")]
    common_keep: Option<u32>,

    /// Put our policy in the place of one that differs
    #[arg(long, env = "DEMITASSE_OVERWRITE", value_parser = BoolishValueParser::new(), help_heading = "Repositories")]
    overwrite: bool,

    /// Let the registry mount blobs across repositories
    #[arg(long, env = "DEMITASSE_ENABLE_BLOB_MOUNTING", value_parser = BoolishValueParser::new(), help_heading = "Repositories")]
    enable_blob_mounting: bool,

    /// Ask ECR's own preview before a policy is put on a repository with images
    #[arg(long, env = "DEMITASSE_PREVIEW", value_parser = BoolishValueParser::new(), help_heading = "Run")]
    preview: bool,

    /// Replace policies, and put those that expire images which nothing uses, without asking
    #[arg(long, env = "DEMITASSE_YES", value_parser = BoolishValueParser::new(), help_heading = "Run")]
    yes: bool,

    /// Show what would be done and write nothing
    #[arg(long, env = "DEMITASSE_DRY_RUN", value_parser = BoolishValueParser::new(), help_heading = "Run")]
    dry_run: bool,

    /// Exit 2 when a dry run has changes
    #[arg(long, env = "DEMITASSE_DETAILED_EXITCODE", value_parser = BoolishValueParser::new(), help_heading = "Run")]
    detailed_exitcode: bool,

    #[command(flatten)]
    reading: Reading,

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
    let ended = runtime::run(bootstrap(args, surroundings));
    ended.unwrap_or_else(|wrong| wrong::tell(&wrong, surroundings))
}

/// Where the wanted repositories come from.
enum Origin {
    /// Projects: configs, or what services use.
    Projects(Vec<Project>),
    /// Names and patterns.
    Named(Names),
    /// ECS, not read yet.
    Ecs(Vec<String>),
}

async fn bootstrap(args: &Args, surroundings: &mut Surroundings<'_>) -> Result<Exit, Vec<Wrong>> {
    let one = |wrong: Wrong| vec![wrong];
    let mut wish = Wish {
        role: args.selection.role(surroundings).map_err(one)?,
        source_role: args.provisioning.source_role(),
        timeout: args.pacing.timeout,
        jobs: args.pacing.jobs,
        ..Wish::default()
    };
    let given = args.selection.settings.as_deref();
    let (origin, settings) = if args.from_ecs {
        let settings = settings::read_here(given, surroundings).map_err(one)?;
        (Origin::Ecs(args.cluster.clone()), settings)
    } else if let Some(names) = repositories::given(
        &args.repository,
        args.repositories_from.as_deref(),
        surroundings,
    )? {
        let settings = settings::read_here(given, surroundings).map_err(one)?;
        (Origin::Named(names), settings)
    } else {
        let timeout = args.pacing.timeout;
        let selected = args.selection.read(Depth::Images, timeout, surroundings);
        let selected = selected.await?.whole()?;
        selection::warn(&selected.projects, surroundings);
        wish.region = selected
            .projects
            .iter()
            .find_map(|project| project.region.clone());
        wish.envfile = selected.envfile;
        let settings = settings::read(given, &selected.projects, surroundings).map_err(one)?;
        (Origin::Projects(selected.projects), settings)
    };
    wish.quotas = settings.quotas.clone();
    let everywhere = usage::everywhere(&args.reading, &[], &wish);
    let everywhere = everywhere.into_iter().map(|one| (one, Scope::Everything));
    let sources = Sources::connect(&args.reading, everywhere.collect(), &settings, surroundings);
    let sources = sources.await?;
    let connection = connection::connect(wish, surroundings).await.map_err(one)?;
    let ground = Ground {
        settings: &settings,
        rules: Rules {
            provision: args.provisioning.provision(&settings),
            common_keep: args.common_keep,
            overwrite: args.overwrite,
            enable_blob_mounting: args.enable_blob_mounting,
            usage: None,
        },
        connection: &connection,
        sources: &sources,
    };
    let now = surroundings.now();
    let end = connection.pace.end();
    let progress = Progress::reading(surroundings.is_watched());
    let told = RefCell::new(&mut *surroundings);
    let on_round = |repositories: usize| {
        if let Some(line) = progress.on_round(repositories) {
            told.borrow_mut().tell(line);
        }
    };
    let tell = |line: String| told.borrow_mut().tell(line);
    let planning = plan(args, origin, ground, now, &on_round);
    let planned = tokio::select! {
        planned = progress.wait(planning, SILENCE, tell) => planned,
        exit = signals::received() => {
            drop(progress);
            surroundings.tell("interrupted; nothing was written\n");
            return Ok(exit);
        }
        () = tokio::time::sleep_until(end) => {
            drop(progress);
            surroundings.tell("error: reading took longer than --timeout; nothing was written\n");
            return Ok(Exit::World);
        }
    };
    drop(progress);
    Ok(act(args, &planned?, &connection, surroundings).await)
}

/// What a plan is made under.
struct Ground<'g> {
    settings: &'g Settings,
    rules: Rules,
    connection: &'g Connection,
    sources: &'g Sources,
}

/// What should exist, and what that means. A world that cannot be read is a plan with nothing in it but that problem.
async fn plan(
    args: &Args,
    origin: Origin,
    ground: Ground<'_>,
    now: Timestamp,
    on_round: &dyn Fn(usize),
) -> Result<Plan, Vec<Wrong>> {
    let Ground {
        settings,
        mut rules,
        connection,
        sources,
    } = ground;
    let mapping_rules = args.provisioning.mapping(settings);
    let mapping_rules = mapping_rules.map_err(|wrong| vec![wrong])?;
    let mut seen = Inventory::default();
    let (wanted, mapping) = match origin {
        Origin::Named(names) => {
            if rules.common_keep.is_some() {
                return Err(vec![Wrong::from(
                    "--common-keep needs configs or --from-ecs, which tell who pulls from a common repository".to_owned(),
                )]);
            }
            match named::expand(&names, &connection.ecr, &mut seen).await {
                Ok(found) => (
                    bootstrap::listed(found, &mapping_rules.source),
                    Mapping::default(),
                ),
                Err(Trouble::Wrong(wrong)) => return Err(wrong),
                Err(Trouble::World(failure)) => return Ok(failed(failure)),
            }
        }
        Origin::Projects(projects) => from_projects(&projects, &mapping_rules, &rules),
        Origin::Ecs(clusters) => match connection.ecs.projects(&clusters).await {
            Ok(projects) if projects.is_empty() => return Err(vec![no_services(&clusters)]),
            Ok(projects) => from_projects(&projects, &mapping_rules, &rules),
            Err(failure) => return Ok(failed(failure)),
        },
    };
    connection.ecr.settle_in(mapping.accounts());
    let mut plan = loop {
        let (plan, questions) = bootstrap::plan(&wanted, &mapping, &seen, &rules, now);
        if questions.is_empty() && plan.wants_usage() && rules.usage.is_none() {
            rules.usage = Some(in_use(&wanted, sources).await);
            continue;
        }
        if questions.is_empty() {
            break plan;
        }
        on_round(questions.repositories.len());
        inventory::answer(&connection.ecr, &connection.endpoint, &questions, &mut seen).await;
    };
    if args.preview {
        preview(&mut plan, &connection.ecr).await;
    }
    Ok(plan)
}

/// What is in use in the wanted repositories, by everything in the account and Region. Only read where the plan hangs on it.
async fn in_use(wanted: &[Wanted], sources: &Sources) -> KnownUse {
    let usages = sources.read(&|_| {}).await;
    let (mut in_use, findings) = protect::in_use(&usages, sources.generations());
    let wanted: BTreeSet<&Repository> = wanted.iter().map(|one| &one.repository).collect();
    in_use.retain(|repository| wanted.contains(repository));
    let doubts = protect::doubts(&usages, &findings, sources.left_out_by_flag());
    let unknown = doubts.first().map(|doubt| match doubt {
        Doubt::Incomplete(finding) => finding.kind.to_string(),
        Doubt::NoServices => "no service was found".to_owned(),
        Doubt::LeftOut(_) => "--without leaves something out; put it into demitasse.yml".to_owned(),
    });
    KnownUse { in_use, unknown }
}

fn from_projects(
    projects: &[Project],
    mapping_rules: &mapping::Rules,
    rules: &Rules,
) -> (Vec<Wanted>, Mapping) {
    let mapping = mapping::map(projects, mapping_rules);
    let wanted = bootstrap::from_mapping(&mapping, rules.common_keep.is_some());
    (wanted, mapping)
}

/// A wrong Region looks like this, and "nothing to do" would hide it.
fn no_services(clusters: &[String]) -> Wrong {
    let place = match clusters {
        [] => "any cluster of the Region".to_owned(),
        clusters => clusters.join(", "),
    };
    let wrong = Wrong::from(format!("ECS has no services in {place}"));
    wrong.with_hint("look at AWS_REGION, the credentials and --cluster")
}

fn failed(failure: Failure) -> Plan {
    let kind = Kind::Failed(failure);
    Plan {
        steps: Vec::new(),
        enable_blob_mounting: Vec::new(),
        problems: vec![Problem::error(kind, &[])],
        blocked: true,
    }
}

/// ECR's second opinion on every policy that would be put on a repository that exists. One preview runs at a time in a
/// repository, and none waits for those of others.
async fn preview(plan: &mut Plan, ecr: &Ecr) {
    let steps = plan.steps.iter().enumerate();
    let existing = steps.filter(|(_, step)| step.create.is_none());
    let previews: Vec<_> = existing
        .filter_map(|(at, step)| {
            Some((
                at,
                step.repository().clone(),
                step.policy_to_put()?.to_string(),
            ))
        })
        .collect();
    let previews = previews
        .iter()
        .map(async |(at, repository, policy)| (*at, ecr.preview(repository, policy).await));
    let previews = iter(previews)
        .buffer_unordered(PREVIEWS_AT_ONCE)
        .collect::<Vec<_>>();
    let mut previews = previews.await;
    previews.sort_by_key(|(at, _)| *at);
    for (at, preview) in previews {
        bootstrap::confirm_preview(plan, at, preview);
    }
}

/// Shows, asks, acts, shows.
async fn act(
    args: &Args,
    plan: &Plan,
    connection: &Connection,
    surroundings: &mut Surroundings<'_>,
) -> Exit {
    let before = problem::exit(&plan.problems);
    let dry_run = args.dry_run || args.output == Output::Terraform;
    let refuse = |exit: Exit, surroundings: &mut Surroundings<'_>| {
        let report = show::report(plan, None, exit.code());
        write(plan, &report, args.output, surroundings);
        surroundings.tell(problems::render(&report.problems));
        exit
    };
    if dry_run || plan.blocked || !plan.has_changes() {
        let pending = dry_run && args.detailed_exitcode && plan.has_changes();
        let pending = if pending { Exit::Changes } else { Exit::Done };
        let exit = refuse(before.max(pending), surroundings);
        if plan.blocked && !dry_run {
            surroundings.tell("nothing was written\n");
        }
        return exit;
    }
    let (replaced, marked) = (plan.replaced(), plan.marked());
    if replaced + marked > 0 && !args.yes {
        if !surroundings.can_ask() {
            let exit = refuse(before.max(Exit::Decision), surroundings);
            surroundings.tell(format!(
                "error: {replaced} lifecycle policies would be replaced, and {marked} images would expire; nothing was written\n  hint: pass --yes\n"
            ));
            return exit;
        }
        show_plan(plan, args.output, surroundings);
        surroundings.tell(format!(
            "Lifecycle policies to replace: {replaced}. Images to expire: {marked}. Go on? [y/N] "
        ));
        let answer = tokio::select! {
            answer = tokio::task::spawn_blocking(surroundings::answer) => answer.unwrap_or(false),
            exit = signals::received() => {
                surroundings.tell("\ninterrupted; nothing was written\n");
                return exit;
            }
        };
        if !answer {
            surroundings.tell("nothing was written\n");
            return Exit::Decision;
        }
    } else {
        show_plan(plan, args.output, surroundings);
    }
    let (outcome, stopped) = carry_out(plan, connection, surroundings).await;
    let exit = before.max(problem::exit(&outcome.problems)).max(stopped);
    let report = show::report(plan, Some(&outcome), exit.code());
    write(plan, &report, args.output, surroundings);
    let while_acting = report::findings(&outcome.problems);
    surroundings.tell(problems::render(&while_acting));
    exit
}

fn show_plan(plan: &Plan, output: Output, surroundings: &mut Surroundings<'_>) {
    let preview = show::report(plan, None, 0);
    if output == Output::Table {
        surroundings.tell(show::table(&preview, surroundings.colour()));
    }
    surroundings.tell(problems::render(&preview.problems));
}

async fn carry_out(
    plan: &Plan,
    connection: &Connection,
    surroundings: &mut Surroundings<'_>,
) -> (Provisioned, Exit) {
    let progress = Progress::writing(surroundings.is_watched(), plan);
    let told = RefCell::new(&mut *surroundings);
    let on_event = |event: Event<'_>| {
        if let Some(line) = progress.on_event(&event) {
            told.borrow_mut().tell(line);
        }
    };
    let run = Bootstrap::new(plan, &connection.ecr, &on_event);
    let stopped = tokio::select! {
        () = run.carry_out(plan) => Exit::Done,
        exit = signals::received() => exit,
        () = tokio::time::sleep_until(connection.pace.end()) => Exit::World,
    };
    let outcome = run.into_outcome();
    drop(progress);
    match stopped {
        Exit::Done => {}
        Exit::World => surroundings
            .tell("error: the run took longer than --timeout; run it again to finish the rest\n"),
        _ => surroundings.tell("interrupted; run it again to finish the rest\n"),
    }
    (outcome, stopped)
}

fn write(plan: &Plan, report: &show::Report, output: Output, surroundings: &mut Surroundings<'_>) {
    let text = match output {
        Output::Table => show::table(report, surroundings.colour()),
        Output::Json => report::json::text(report),
        Output::Markdown => show::markdown(report),
        Output::Terraform => show::hcl(plan),
    };
    surroundings.show(&text);
}
