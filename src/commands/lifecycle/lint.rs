//! `lifecycle lint`: a policy file, the policies of live repositories, or a file as if it stood on them.

use std::path::PathBuf;

use crate::commands::connection::{self, Wish};
use crate::commands::lifecycle::live::{self, Given};
use crate::commands::lifecycle::{Output, shown};
use crate::commands::pacing::Pacing;
use crate::commands::repositories::Names;
use crate::commands::surroundings::Surroundings;
use crate::commands::wrong::Wrong;
use crate::commands::{github, runtime, signals};
use crate::model::exit::Exit;
use crate::model::failure::Failure;
use crate::model::lifecycle::Policy;
use crate::plan::lint::{self, Known, Severity};
use crate::report::json;
use crate::report::lint::{self as report, Linted, Report};

/// From which severity on findings fail the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FailOn {
    /// Errors.
    Error,
    /// Errors and warnings.
    Warning,
    /// Anything.
    Info,
    /// Nothing.
    Never,
}

/// The arguments of `lifecycle lint`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// A policy as JSON, or - for standard input
    #[arg(value_name = "POLICY", required_unless_present = "repository")]
    policy: Option<PathBuf>,

    /// Repositories, `*` allowed; with POLICY, it is judged as if it stood on them
    #[arg(
        long,
        env = "DEMITASSE_REPOSITORY",
        value_name = "PATTERN",
        value_delimiter = ','
    )]
    repository: Vec<String>,

    /// Exit 2 when there is a finding of this severity or above
    #[arg(long, env = "DEMITASSE_FAIL_ON", value_enum, default_value = "error")]
    fail_on: FailOn,

    /// The role to assume for AWS calls
    #[arg(long, env = "DEMITASSE_ASSUME_ROLE_ARN", value_name = "ARN")]
    assume_role_arn: Option<String>,

    #[command(flatten)]
    pacing: Pacing,

    /// What to write to stdout
    #[arg(
        short,
        long,
        env = "DEMITASSE_OUTPUT",
        value_enum,
        default_value = "table"
    )]
    output: Output,
}

/// Runs the command.
///
/// # Errors
/// Wrong input.
pub(super) fn run(args: &Args, surroundings: &mut Surroundings<'_>) -> Result<Exit, Vec<Wrong>> {
    let one = |wrong: Wrong| vec![wrong];
    let mut given = None;
    if let Some(path) = &args.policy {
        let text = surroundings.read(path).map_err(|wrong| one(wrong.into()))?;
        match text.parse::<Policy>() {
            Ok(policy) => given = Some(Given { path, text, policy }),
            Err(invalid) => {
                let linted = Linted::refused(&shown(path), &text, &lint::refused(&invalid));
                return Ok(end(
                    args,
                    vec![linted],
                    Vec::new(),
                    Exit::Input,
                    surroundings,
                ));
            }
        }
    }
    if args.repository.is_empty() {
        let now = surroundings.now();
        let linted = given.iter().map(|given| {
            let findings = lint::lint(&given.policy, &Known::default(), now);
            Linted::of_file(&shown(given.path), &given.text, &given.policy, &findings)
        });
        let linted: Vec<Linted> = linted.collect();
        return Ok(end(args, linted, Vec::new(), Exit::Done, surroundings));
    }
    runtime::run(in_registry(args, given.as_ref(), surroundings))
}

async fn in_registry(
    args: &Args,
    given: Option<&Given<'_>>,
    surroundings: &mut Surroundings<'_>,
) -> Result<Exit, Vec<Wrong>> {
    let one = |wrong: Wrong| vec![wrong];
    let names = Names::read(args.repository.iter().map(String::as_str))?;
    let twin = surroundings.variable("ECSPRESSO_ASSUME_ROLE_ARN");
    let wish = Wish {
        role: args
            .assume_role_arn
            .clone()
            .or_else(|| twin.map(str::to_owned)),
        timeout: args.pacing.timeout,
        jobs: args.pacing.jobs,
        ..Wish::default()
    };
    let connection = connection::connect(wish, surroundings).await.map_err(one)?;
    let end_of_run = connection.pace.end();
    let now = surroundings.now();
    let read = tokio::select! {
        read = live::read(&connection.ecr, &names, given, now) => read?,
        exit = signals::received() => {
            surroundings.tell("interrupted\n");
            return Ok(exit);
        }
        () = tokio::time::sleep_until(end_of_run) => {
            surroundings.tell("error: reading took longer than --timeout\n");
            return Ok(Exit::World);
        }
    };
    let (linted, failures) = read;
    for failure in &failures {
        surroundings.tell(format!("error: {failure}\n"));
        if let Some(hint) = failure.hint() {
            surroundings.tell(format!("  hint: {hint}\n"));
        }
    }
    let exit = if failures.is_empty() {
        Exit::Done
    } else {
        Exit::World
    };
    Ok(end(args, linted, failures, exit, surroundings))
}

/// Shows the report and says how the run ends: the worst of `exit` and the findings.
fn end(
    args: &Args,
    linted: Vec<Linted>,
    failures: Vec<Failure>,
    exit: Exit,
    surroundings: &mut Surroundings<'_>,
) -> Exit {
    let least = match args.fail_on {
        FailOn::Error => Some(Severity::Error),
        FailOn::Warning => Some(Severity::Warning),
        FailOn::Info => Some(Severity::Info),
        FailOn::Never => None,
    };
    let failures = failures.iter().map(ToString::to_string).collect();
    let mut report = Report::new(linted, failures);
    let fails = least.is_some_and(|least| report.worst() >= Some(least));
    let exit = exit.max(if fails { Exit::Changes } else { Exit::Done });
    report.exit_code = exit.code();
    let text = match args.output {
        Output::Table => report::table(&report, surroundings.colour()),
        Output::Json => json::text(&report),
        Output::Markdown => report::markdown(&report),
    };
    surroundings.show(&text);
    github::annotate_findings(&report::findings(&report), surroundings);
    exit
}
