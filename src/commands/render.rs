//! `render`: the task definition as ecspresso would register it, or just its images.

use crate::commands::pacing::Pacing;
use crate::commands::selection::{self, Selection};
use crate::commands::surroundings::Surroundings;
use crate::commands::wrong::{self, Wrong};
use crate::commands::{github, runtime};
use crate::ecspresso::{Depth, printed};
use crate::model::exit::Exit;
use crate::report::images;

/// How images are written to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For a terminal. A task definition is JSON all the same.
    Table,
    /// JSON; of images, schema demitasse.images/v1.
    Json,
}

/// The arguments of `render`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,

    /// Show the image of each container, and look up no more than that takes
    #[arg(long, env = "DEMITASSE_IMAGES", help_heading = "Run")]
    images: bool,

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
    let ended = runtime::run(render(args, surroundings));
    match ended {
        Ok(()) => Exit::Done,
        Err(wrong) => {
            let exit = wrong::tell(&wrong, surroundings);
            github::refuse(&wrong, surroundings);
            exit
        }
    }
}

async fn render(args: &Args, surroundings: &mut Surroundings<'_>) -> Result<(), Vec<Wrong>> {
    let depth = match args.images {
        true => Depth::Images,
        false => Depth::Everything,
    };
    let selected = args
        .selection
        .read(depth, args.pacing.timeout, surroundings)
        .await?
        .whole()?;
    selection::warn(&selected.projects, surroundings);
    let projects = &selected.projects;
    let text = match (args.images, args.output) {
        (false, _) => projects
            .iter()
            .map(|project| printed(&project.task_definition))
            .collect(),
        (true, Output::Table) => images::table(projects),
        (true, Output::Json) => images::json(projects),
    };
    surroundings.show(&text);
    Ok(())
}
