//! The command line: subcommands, and what a run gets from its process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;

use clap::builder::Resettable;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::commands::surroundings::Surroundings;
use crate::commands::{audit, bootstrap, lifecycle, pin, promote, render, sweep};
use crate::model::exit::Exit;
use crate::model::time::Timestamp;

#[derive(Parser)]
#[command(
    name = "demitasse",
    version,
    about = "Promotes the images of an ECS task definition, by digest, into a repository of its own before ecspresso deploys it",
    after_help = "Exit codes: 0 done or nothing to do; 1 the world failed; 2 changes pending (--detailed-exitcode) or findings (--fail-on); \
                  3 wrong input; 4 refused on purpose; 130/143 interrupted",
    max_term_width = 110,
    propagate_version = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Put the images of these task definitions where ECS will pull them from
    Promote(Box<promote::Args>),
    /// Show what promote would do; writes nothing
    Plan(Box<promote::Args>),
    /// Create repositories and install lifecycle policies, in bulk
    Bootstrap(Box<bootstrap::Args>),
    /// Show what is in use, when it would expire, and what is or will be wrong
    Audit(Box<audit::Args>),
    /// Tag what is in use so that no rule can expire it
    Pin(Box<pin::Args>),
    /// Delete what nothing protects (a dry run without --yes)
    Sweep(Box<sweep::Args>),
    /// Show the task definition as ecspresso would register it, or its images
    Render(Box<render::Args>),
    /// Judge lifecycle policies: what is probably wrong, and what they do to which image
    Lifecycle(Box<lifecycle::Args>),
}

/// Runs the program. Data goes to `out`, everything for people to `err`.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: BTreeMap<String, String>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    run_in(arguments, Surroundings::new(environment, out, err))
}

/// Runs the program at another time than the machine's: a history of months is played in seconds.
pub fn run_at(
    now: Timestamp,
    arguments: impl IntoIterator<Item = OsString>,
    environment: BTreeMap<String, String>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    run_in(arguments, Surroundings::new(environment, out, err).at(now))
}

fn run_in(
    arguments: impl IntoIterator<Item = OsString>,
    mut surroundings: Surroundings<'_>,
) -> Exit {
    let command = without_empty_variables(Cli::command(), &surroundings.environment);
    let matches = command.try_get_matches_from(arguments);
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &mut surroundings),
    };
    match cli.command {
        Command::Promote(args) => promote::run(&args, &mut surroundings),
        Command::Render(args) => render::run(&args, &mut surroundings),
        Command::Plan(args) => promote::run(&args.read_only(), &mut surroundings),
        Command::Bootstrap(args) => bootstrap::run(&args, &mut surroundings),
        Command::Audit(args) => audit::run(&args, &mut surroundings),
        Command::Pin(args) => pin::run(&args, &mut surroundings),
        Command::Sweep(args) => sweep::run(&args, &mut surroundings),
        Command::Lifecycle(args) => lifecycle::run(&args, &mut surroundings),
    }
}

/// A variable that is set and empty counts as not set, as ecspresso's do: workflows pass inputs that nobody gave so.
fn without_empty_variables(
    command: clap::Command,
    environment: &BTreeMap<String, String>,
) -> clap::Command {
    let is_empty = |argument: &clap::Arg| {
        let name = argument.get_env().and_then(|name| name.to_str());
        name.and_then(|name| environment.get(name))
            .is_some_and(String::is_empty)
    };
    let command = command.mut_args(|argument| {
        if is_empty(&argument) {
            argument.env(Resettable::Reset)
        } else {
            argument
        }
    });
    command.mut_subcommands(|subcommand| without_empty_variables(subcommand, environment))
}

/// Help and version are data; a wrong flag is wrong input, not clap's own code 2, which would mean pending changes.
fn usage(error: &clap::Error, surroundings: &mut Surroundings<'_>) -> Exit {
    let text = error.render();
    if error.use_stderr() {
        surroundings.tell(text);
        Exit::Input
    } else {
        surroundings.show(&text.to_string());
        Exit::Done
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_a_variable() {
        let command = Cli::command();
        let nested = command
            .get_subcommands()
            .flat_map(clap::Command::get_subcommands);
        for command in command.get_subcommands().chain(nested) {
            let named = command.get_arguments().filter(|one| !one.is_positional());
            for argument in named {
                let long = argument.get_long().unwrap_or_default();
                let expected = format!("DEMITASSE_{}", long.to_uppercase().replace('-', "_"));
                let found = argument
                    .get_env()
                    .map(|name| name.to_string_lossy().into_owned());
                assert!(
                    matches!(long, "help" | "version") || found == Some(expected),
                    "--{long}"
                );
            }
        }
    }
}
