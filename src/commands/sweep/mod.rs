//! `sweep`: delete what nothing protects, or archive it. Without `--yes` it is a dry run; it never asks.

mod look;

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;

use crate::apply::event::Event;
use crate::apply::halt;
use crate::apply::sweep::Sweeper;
use crate::commands::connection::Wish;
use crate::commands::pacing::Pacing;
use crate::commands::surroundings::Surroundings;
use crate::commands::sweep::look::{Looks, Seen};
use crate::commands::usage::{self, Reading, Sources};
use crate::commands::wrong::{self, Wrong};
use crate::commands::{log, reading, repositories, runtime, selection, settings, signals};
use crate::model::exit::Exit;
use crate::model::reference::Repository;
use crate::model::usage::Scope;
use crate::plan::sweep::{self, Batch, Outcome, Ratio, Refusal, Rules};
use crate::report::{self, Finding, problems, sweep as show};

/// How the report is written to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For a terminal: counts, and what goes.
    Table,
    /// JSON, schema demitasse.sweep/v1: every image.
    Json,
    /// For pull requests.
    Markdown,
}

/// The arguments of `sweep`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Repositories to sweep, by name or by a pattern with *
    #[arg(
        long,
        env = "DEMITASSE_REPOSITORY",
        value_name = "PATTERN",
        value_delimiter = ',',
        required_unless_present = "repositories_from",
        help_heading = "What goes"
    )]
    repository: Vec<String>,

    /// The same from a file, one on a line; - reads standard input
    #[arg(
        long,
        env = "DEMITASSE_REPOSITORIES_FROM",
        value_name = "FILE|-",
        help_heading = "What goes"
    )]
    repositories_from: Option<PathBuf>,

    /// Younger images stay
    #[arg(long, env = "DEMITASSE_OLDER_THAN", value_name = "DURATION", default_value = "30d", value_parser = humantime::parse_duration, help_heading = "What goes")]
    older_than: Duration,

    /// So many of the newest tagged images of each repository stay
    #[arg(
        long,
        env = "DEMITASSE_KEEP",
        value_name = "N",
        default_value = "30",
        help_heading = "What goes"
    )]
    keep: usize,

    /// Refuse where a repository would lose more than this part of its images
    #[arg(
        long,
        env = "DEMITASSE_MAX_RATIO",
        value_name = "PART",
        default_value = "0.5",
        help_heading = "What goes"
    )]
    max_ratio: Ratio,

    /// Sweep also where no service was found at all
    #[arg(long, env = "DEMITASSE_ALLOW_EMPTY", value_parser = BoolishValueParser::new(), help_heading = "What goes")]
    allow_empty: bool,

    /// Archive images instead of deleting them
    #[arg(long, env = "DEMITASSE_ARCHIVE", value_parser = BoolishValueParser::new(), help_heading = "Run")]
    archive: bool,

    /// Really do it; without this flag nothing is written
    #[arg(long, env = "DEMITASSE_YES", value_parser = BoolishValueParser::new(), help_heading = "Run")]
    yes: bool,

    /// Exit 2 when a dry run finds something to delete
    #[arg(long, env = "DEMITASSE_DETAILED_EXITCODE", value_parser = BoolishValueParser::new(), help_heading = "Run")]
    detailed_exitcode: bool,

    #[command(flatten)]
    reading: Reading,

    /// The roles to assume for AWS calls: one for each account to read
    #[arg(
        long,
        env = "DEMITASSE_ASSUME_ROLE_ARN",
        value_name = "ARN",
        value_delimiter = ',',
        help_heading = "Usage"
    )]
    assume_role_arn: Vec<String>,

    /// demitasse.yml; without it, the nearest one from here up to the repository's root
    #[arg(
        long,
        env = "DEMITASSE_SETTINGS",
        value_name = "FILE",
        help_heading = "Usage"
    )]
    settings: Option<PathBuf>,

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
    fn rules(&self) -> Rules {
        Rules {
            older_than: self.older_than,
            keep: self.keep,
            max_ratio: self.max_ratio,
            archive: self.archive,
            allow_empty: self.allow_empty,
        }
    }
}

/// Runs the command.
pub fn run(args: &Args, surroundings: &mut Surroundings<'_>) -> Exit {
    let ended = runtime::run(sweep(args, surroundings));
    ended.unwrap_or_else(|wrong| wrong::tell(&wrong, surroundings))
}

async fn sweep(args: &Args, surroundings: &mut Surroundings<'_>) -> Result<Exit, Vec<Wrong>> {
    let from = args.repositories_from.as_deref();
    let names = repositories::given(&args.repository, from, surroundings)?;
    let Some(names) = names else {
        let message = "no repository is named: pass --repository";
        return Err(vec![Wrong::from(message.to_owned())]);
    };
    let given = args.settings.as_deref();
    let settings = settings::read_here(given, surroundings).map_err(|wrong| vec![wrong])?;
    let base = Wish {
        timeout: args.pacing.timeout,
        jobs: args.pacing.jobs,
        ..Wish::default()
    };
    let roles = selection::roles(&args.assume_role_arn, surroundings);
    let wishes = usage::everywhere(&args.reading, &roles, &base).into_iter();
    let wishes = wishes.map(|wish| (wish, Scope::Everything)).collect();
    let sources = Sources::connect(&args.reading, wishes, &settings, surroundings).await?;
    let rules = args.rules();
    let mut looks = Looks::new(&sources, &rules, surroundings.now());
    let seen = reading::shown(sources.end(), surroundings, async |on_step| {
        looks.first(&names, on_step).await
    });
    let seen = match seen.await {
        Ok(seen) => seen?,
        Err(exit) => return Ok(exit),
    };
    Ok(act(args, &seen, &sources, &mut looks, surroundings).await)
}

/// Shows, acts, shows.
async fn act(
    args: &Args,
    seen: &Seen,
    sources: &Sources,
    looks: &mut Looks<'_>,
    surroundings: &mut Surroundings<'_>,
) -> Exit {
    let refusals = seen.refusals(sources, &args.rules());
    let mut before = refusals.iter().map(Refusal::exit).max();
    if seen.sweep.repositories.iter().any(|one| !one.readable) {
        before = before.max(Some(Exit::World));
    }
    let before = before.unwrap_or(Exit::Done);
    let going = seen.sweep.going();
    if !refusals.is_empty() || !args.yes || going == 0 {
        let pending = !args.yes && args.detailed_exitcode && going > 0;
        let pending = if pending { Exit::Changes } else { Exit::Done };
        let exit = before.max(pending);
        write(args, seen, &refusals, None, exit, surroundings);
        if args.yes && !refusals.is_empty() {
            surroundings.tell("nothing was written\n");
        }
        return exit;
    }
    if args.output == Output::Table {
        let plan = report(args, seen, &refusals, None, before);
        surroundings.tell(show::table(&plan, surroundings.colour()));
    }
    let batches = sweep::batches(&seen.sweep);
    let outcome = carry_out(args, batches, sources, looks, surroundings).await;
    let exit = before.max(outcome.exit());
    write(args, seen, &refusals, Some(&outcome), exit, surroundings);
    if let Some(stopped) = &outcome.stopped {
        let why = &stopped.why;
        surroundings.tell(format!(
            "error: stopped: {why}\n  hint: run it again to finish the rest\n"
        ));
    }
    exit
}

async fn carry_out(
    args: &Args,
    batches: Vec<Batch>,
    sources: &Sources,
    looks: &mut Looks<'_>,
    surroundings: &mut Surroundings<'_>,
) -> Outcome {
    let told = RefCell::new(&mut *surroundings);
    let on_event = |event: Event<'_>| {
        if let Some(line) = log::line(&event) {
            told.borrow_mut().tell(line);
        }
    };
    let ecr = |repository: &Repository| sources.client_for(repository);
    let (halter, halt) = halt::halt();
    let run = Sweeper::new(args.archive, &ecr, &on_event, halt.clone());
    let work = run.carry_out(batches, async |round: &[Batch]| {
        looks.again(round, &halt).await
    });
    tokio::select! {
        () = work => {}
        () = signals::halt(&halter, sources.end()) => {}
    }
    run.into_outcome()
}

fn report(
    args: &Args,
    seen: &Seen,
    refusals: &[Refusal],
    outcome: Option<&Outcome>,
    exit: Exit,
) -> show::Report {
    let shown = show::Shown {
        usages: &seen.usages,
        found: &seen.findings,
        sweep: &seen.sweep,
        refusals,
        outcome,
        archive: args.archive,
    };
    show::report(&shown, exit.code())
}

fn write(
    args: &Args,
    seen: &Seen,
    refusals: &[Refusal],
    outcome: Option<&Outcome>,
    exit: Exit,
    surroundings: &mut Surroundings<'_>,
) {
    let report = report(args, seen, refusals, outcome, exit);
    surroundings.show(&match args.output {
        Output::Table => show::table(&report, surroundings.colour()),
        Output::Json => report::json::text(&report),
        Output::Markdown => show::markdown(&report),
    });
    // What is only worth a warning is the audit's to tell.
    let told = |one: &&Finding| one.severity == "error" || one.code == "LEFT_OUT";
    let told: Vec<Finding> = report.findings.iter().filter(told).cloned().collect();
    surroundings.tell(problems::render_with_reasons(&told));
}
