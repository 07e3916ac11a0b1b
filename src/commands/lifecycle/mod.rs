//! `lifecycle`: what a lifecycle policy would do, and what is probably wrong with it.

use std::path::Path;

use crate::commands::github;
use crate::commands::surroundings::Surroundings;
use crate::commands::wrong::{self, Wrong};
use crate::model::exit::Exit;

mod lint;
mod live;
mod simulate;
mod template;

/// The arguments of `lifecycle`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Find what is probably wrong with a lifecycle policy, in a file or in the registry
    Lint(lint::Args),
    /// Show what a lifecycle policy does to a list of images; needs no AWS account
    Simulate(simulate::Args),
    /// Print our policy as a template for repositories that ECR creates itself; needs no AWS account
    Template(template::Args),
}

/// How a result is written to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For a terminal.
    Table,
    /// JSON.
    Json,
    /// For pull requests and job summaries.
    Markdown,
}

/// Runs the command.
pub fn run(args: &Args, surroundings: &mut Surroundings<'_>) -> Exit {
    let ended = match &args.command {
        Command::Lint(args) => lint::run(args, surroundings),
        Command::Simulate(args) => simulate::run(args, surroundings),
        Command::Template(args) => template::run(args, surroundings),
    };
    ended.unwrap_or_else(|wrong| {
        wrong::tell(&wrong, surroundings);
        github::annotate_wrong(&wrong, surroundings);
        Exit::Input
    })
}

/// A file's name as it is shown.
fn shown(path: &Path) -> String {
    if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

impl Wrong {
    fn new(message: String, hint: Option<String>) -> Wrong {
        Wrong {
            hint,
            ..Wrong::from(message)
        }
    }
}
