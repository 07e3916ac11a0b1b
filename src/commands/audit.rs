//! `audit`: what is in use, what the lifecycle policies do to it, and everything that is or will be wrong. Writes nothing.

use clap::builder::BoolishValueParser;
use futures_util::future::join_all;

use crate::commands::surroundings::Surroundings;
use crate::commands::usage::{Scoped, Scoping, Seen};
use crate::commands::wrong::{self, Wrong};
use crate::commands::{choices, reading, runtime, signals};
use crate::model::exit::Exit;
use crate::plan::audit::{self, Audit};
use crate::plan::problem::Severity;
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
    scoping: Scoping,

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

    /// Ask ECR's own preview of every policy as well
    #[arg(long, env = "DEMITASSE_PREVIEW", value_parser = BoolishValueParser::new(), help_heading = "Run")]
    preview: bool,

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

async fn audited(args: &Args, surroundings: &mut Surroundings<'_>) -> Result<Exit, Vec<Wrong>> {
    let scoped = args.scoping.connect(surroundings).await?;
    let rules = choices::audit(args.min_pushes, &scoped.settings).map_err(|wrong| vec![wrong])?;
    let mut seen = match reading::read(&scoped, &rules, surroundings).await? {
        Ok(seen) => seen,
        Err(exit) => return Ok(exit),
    };
    if args.preview
        && let Some(exit) = preview(&mut seen, &scoped, surroundings).await
    {
        return Ok(exit);
    }
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

/// Adds ECR's second opinion. Gives the exit code where that was cut short.
async fn preview(
    seen: &mut Seen,
    scoped: &Scoped,
    surroundings: &mut Surroundings<'_>,
) -> Option<Exit> {
    let previews = audit::previews(&seen.audit, &seen.inventory);
    let each = previews.iter().map(async |wanted| {
        let repository = &wanted.repository;
        let ecr = scoped.sources.client_for(repository)?;
        let marked = ecr
            .preview_of(repository, wanted.policy, &wanted.digests)
            .await;
        Some(audit::compare(&seen.audit, repository, marked))
    });
    let (exit, words) = tokio::select! {
        found = join_all(each) => {
            seen.audit.findings.extend(found.into_iter().flatten().flatten());
            return None;
        }
        exit = signals::received() => (exit, "interrupted\n"),
        () = tokio::time::sleep_until(scoped.sources.end()) => {
            (Exit::World, "error: the previews took longer than --timeout\n")
        }
    };
    surroundings.tell(words);
    Some(exit)
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
