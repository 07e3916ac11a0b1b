//! `pin`: a tag that no rule can expire for everything in use. `--remove` also takes away the pins of what two looks a day apart found
//! unused.

use std::cell::RefCell;
use std::collections::BTreeSet;

use clap::builder::BoolishValueParser;

use crate::apply::event::Event;
use crate::apply::pin::Pins;
use crate::commands::surroundings::Surroundings;
use crate::commands::usage::{self, Scoped, Scoping, Seen};
use crate::commands::wrong::{self, Wrong};
use crate::commands::{choices, log, reading, runtime, signals};
use crate::model::digest::Digest;
use crate::model::exit::Exit;
use crate::model::reference::Repository;
use crate::model::time::Timestamp;
use crate::plan::audit::Rules;
use crate::plan::finding::{Finding, Kind};
use crate::plan::pin::{self, Done, Pin, Plan, Removal, Removals};
use crate::plan::problem::Severity;
use crate::plan::protect::{self, Doubt};
use crate::report::{self, pin as show, problems};

/// How many images lose their pins between two looks at usage.
const BATCH: usize = 100;

/// How the report is written to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For a terminal.
    Table,
    /// JSON, schema demitasse.pin/v1.
    Json,
    /// For pull requests.
    Markdown,
}

/// The arguments of `pin`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    scoping: Scoping,

    /// Also remove the pins of images that two runs at least a day apart find unused; with --all or --repository
    #[arg(long, env = "DEMITASSE_REMOVE", value_parser = BoolishValueParser::new(), help_heading = "Run")]
    remove: bool,

    /// Show what would be done and write nothing
    #[arg(long, env = "DEMITASSE_DRY_RUN", value_parser = BoolishValueParser::new(), help_heading = "Run")]
    dry_run: bool,

    /// Exit 2 when a dry run has changes
    #[arg(long, env = "DEMITASSE_DETAILED_EXITCODE", value_parser = BoolishValueParser::new(), help_heading = "Run")]
    detailed_exitcode: bool,

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
    let ended = runtime::run(pinned(args, surroundings));
    ended.unwrap_or_else(|wrong| wrong::tell(&wrong, surroundings))
}

async fn pinned(args: &Args, surroundings: &mut Surroundings<'_>) -> Result<Exit, Vec<Wrong>> {
    if args.remove && !args.scoping.is_whole() {
        let message = "--remove needs --all or --repository: what a config deploys is not all that uses an image";
        return Err(vec![Wrong::from(message.to_owned())]);
    }
    let scoped = args.scoping.connect(surroundings).await?;
    let rules = choices::audit(None, &scoped.settings).map_err(|wrong| vec![wrong])?;
    let mut seen = match reading::read(&scoped, &rules, surroundings).await? {
        Ok(seen) => seen,
        Err(exit) => return Ok(exit),
    };
    let now = surroundings.now();
    let refusal = args
        .remove
        .then(|| refuse_removal(&seen, &scoped))
        .flatten();
    let remove = args.remove && refusal.is_none();
    let decided = tokio::select! {
        decided = decide(&mut seen, &scoped, remove, now) => decided?,
        exit = signals::received() => {
            surroundings.tell("interrupted; nothing was written\n");
            return Ok(exit);
        }
        () = tokio::time::sleep_until(scoped.sources.end()) => {
            surroundings.tell("error: reading took longer than --timeout; nothing was written\n");
            return Ok(Exit::World);
        }
    };
    let (plan, removals) = decided;
    let findings = told(&seen, &plan, &removals);
    let before = exit_before(&findings, refusal.as_ref());
    let changes = !plan.steps.is_empty() || removals.has_changes();
    let run = show::Run {
        plan: &plan,
        removals: &removals,
        done: None,
        findings: &findings,
    };
    if args.dry_run || !changes {
        let pending = args.dry_run && args.detailed_exitcode && changes;
        let exit = before.max(if pending { Exit::Changes } else { Exit::Done });
        write(&show::report(run, exit.code()), args.output, surroundings);
        tell_refusal(refusal.as_ref(), surroundings);
        return Ok(exit);
    }
    if args.output == Output::Table {
        let preview = show::report(run, 0);
        surroundings.tell(show::table(&preview, surroundings.colour()));
    }
    let (done, stopped) = act(&plan, &removals, &scoped, &rules, surroundings).await;
    let failed = done.iter().any(|one| one.result.is_err());
    let exit = before.max(stopped);
    let exit = if failed { exit.max(Exit::World) } else { exit };
    let run = show::Run {
        done: Some(&done),
        ..run
    };
    write(&show::report(run, exit.code()), args.output, surroundings);
    tell_refusal(refusal.as_ref(), surroundings);
    Ok(exit)
}

/// Why no pin is removed at all.
struct Refusal {
    words: &'static str,
    hint: &'static str,
    exit: Exit,
}

fn refuse_removal(seen: &Seen, scoped: &Scoped) -> Option<Refusal> {
    let left_out = scoped.sources.left_out_by_flag();
    let doubts = protect::doubts(&seen.usages, &seen.audit.findings, left_out);
    Some(match doubts.first()? {
        Doubt::Incomplete(_) => Refusal {
            words: "not everything in use could be told, so no pin is removed",
            hint: "see the findings above",
            exit: Exit::World,
        },
        Doubt::NoServices => Refusal {
            words: "no service was found, so no pin is removed",
            hint: "check AWS_PROFILE, --region and --assume-role-arn",
            exit: Exit::Decision,
        },
        Doubt::LeftOut(_) => Refusal {
            words: "--without leaves something out, so no pin is removed",
            hint: "put `without:` into demitasse.yml, where everybody sees it",
            exit: Exit::Decision,
        },
    })
}

fn tell_refusal(refusal: Option<&Refusal>, surroundings: &mut Surroundings<'_>) {
    if let Some(refusal) = refusal {
        let Refusal { words, hint, .. } = refusal;
        surroundings.tell(format!("error: {words}\n  hint: {hint}\n"));
    }
}

async fn decide(
    seen: &mut Seen,
    scoped: &Scoped,
    remove: bool,
    now: Timestamp,
) -> Result<(Plan, Removals), Vec<Wrong>> {
    let sources = &scoped.sources;
    let audit = &seen.audit;
    let plan = sources
        .decide(&mut seen.inventory, |look| pin::plan(audit, look, now))
        .await;
    let removals = if remove {
        removals(seen, scoped, now).await?
    } else {
        Removals::default()
    };
    Ok((plan, removals))
}

async fn removals(
    seen: &mut Seen,
    scoped: &Scoped,
    now: Timestamp,
) -> Result<Removals, Vec<Wrong>> {
    let found = scoped.sources.repositories(scoped.names.as_ref()).await;
    let repositories = found.map_err(|trouble| trouble.into_wrong())?;
    let mut in_use = seen.in_use.clone();
    in_use.retain(|repository| repositories.contains(repository));
    let repositories: Vec<Repository> = repositories.into_iter().collect();
    let decided = scoped.sources.decide(&mut seen.inventory, |look| {
        let (protected, findings) = protect::close(&in_use, look);
        if findings.iter().any(|finding| finding.kind.is_incomplete()) {
            return Removals::default();
        }
        pin::removals(&repositories, &protected, look, now)
    });
    Ok(decided.await)
}

/// What concerns pins; the rest is the audit's to tell. An image in use that is gone is the audit's to fail for, so here it
/// is a warning.
fn told(seen: &Seen, plan: &Plan, removals: &Removals) -> Vec<Finding> {
    let concerns = |finding: &&Finding| {
        finding.kind.is_incomplete()
            || matches!(
                finding.kind,
                Kind::Missing(_)
                    | Kind::Archived(_)
                    | Kind::Restoring(_)
                    | Kind::LeftOut(_)
                    | Kind::NothingRuns
                    | Kind::PinWithoutShield { .. }
            )
    };
    let warned = |finding: &Finding| Finding {
        severity: match finding.kind.is_incomplete() {
            true => finding.severity,
            false => finding.severity.min(Severity::Warning),
        },
        ..finding.clone()
    };
    let audited = seen.audit.findings.iter().filter(concerns).map(warned);
    let planned = plan.findings.iter().chain(&removals.findings).cloned();
    audited.chain(planned).collect()
}

/// A pin that does not protect, and what could not be told, is ours.
fn exit_before(findings: &[Finding], refusal: Option<&Refusal>) -> Exit {
    let bad = |finding: &Finding| {
        finding.kind.is_incomplete() || matches!(finding.kind, Kind::PinWithoutShield { .. })
    };
    let exit = match findings.iter().any(bad) {
        true => Exit::World,
        false => Exit::Done,
    };
    exit.max(refusal.map_or(Exit::Done, |refusal| refusal.exit))
}

async fn act(
    plan: &Plan,
    removals: &Removals,
    scoped: &Scoped,
    rules: &Rules,
    surroundings: &mut Surroundings<'_>,
) -> (Vec<Done>, Exit) {
    let now = surroundings.now();
    let told = RefCell::new(&mut *surroundings);
    let on_event = |event: Event<'_>| {
        if let Some(line) = log::line(&event) {
            told.borrow_mut().tell(line);
        }
    };
    let client_for = |repository: &Repository| scoped.sources.client_for(repository);
    let pins = Pins::new(&client_for, &on_event);
    let stopped = tokio::select! {
        stopped = carry_out(&pins, plan, removals, scoped, rules, now) => stopped,
        exit = signals::received() => exit,
        () = tokio::time::sleep_until(scoped.sources.end()) => Exit::World,
    };
    let done = pins.into_done();
    match stopped {
        Exit::Done => {}
        Exit::World => {
            surroundings.tell("error: the run was cut short; run it again to finish the rest\n")
        }
        _ => surroundings.tell("interrupted; run it again to finish the rest\n"),
    }
    (done, stopped)
}

/// Pins are set first: nothing that is removed can be in the way of one.
async fn carry_out(
    pins: &Pins<'_>,
    plan: &Plan,
    removals: &Removals,
    scoped: &Scoped,
    rules: &Rules,
    now: Timestamp,
) -> Exit {
    let steps = plan.steps.iter();
    let steps = steps.map(|step| (&step.image.repository, &step.pin));
    let marks = removals.mark.iter();
    let marks = marks.map(|(repository, mark)| (repository, mark));
    let set: Vec<(&Repository, &Pin)> = steps.chain(marks).collect();
    pins.set(&set).await;
    let unmark: Vec<&Removal> = removals.unmark.iter().collect();
    pins.remove(&unmark).await;
    for batch in removals.remove.chunks(BATCH) {
        let Some(still) = look_again(scoped, rules, now).await else {
            return Exit::World;
        };
        let unchanged = |removal: &&Removal| {
            let key = (removal.repository.clone(), removal.image.digest.clone());
            still.contains(&key)
        };
        let batch: Vec<&Removal> = batch.iter().filter(unchanged).collect();
        pins.remove(&batch).await;
    }
    Exit::Done
}

/// What is unused by a fresh look, right before anything is taken away; nothing where not everything can be told now.
async fn look_again(
    scoped: &Scoped,
    rules: &Rules,
    now: Timestamp,
) -> Option<BTreeSet<(Repository, Digest)>> {
    let names = scoped.names.as_ref();
    let seen = usage::look(&scoped.sources, names, rules, now, &|_| {}).await;
    let mut seen = seen.ok()?;
    if refuse_removal(&seen, scoped).is_some() {
        return None;
    }
    let again = removals(&mut seen, scoped, now).await.ok()?;
    let keys = again.remove.into_iter();
    let keys = keys.map(|removal| (removal.repository, removal.image.digest));
    Some(keys.collect())
}

fn write(report: &show::Report, output: Output, surroundings: &mut Surroundings<'_>) {
    surroundings.show(&match output {
        Output::Table => show::table(report, surroundings.colour()),
        Output::Json => report::json::text(report),
        Output::Markdown => show::markdown(report),
    });
    surroundings.tell(problems::render_with_reasons(&report.findings));
}
