//! `lifecycle simulate`: what a policy does to images that are listed in a file.

use std::path::{Path, PathBuf};

use crate::commands::lifecycle::{Output, shown};
use crate::commands::surroundings::Surroundings;
use crate::commands::wrong::Wrong;
use crate::model::exit::Exit;
use crate::model::lifecycle::{
    Image, ListingError, Policy, Problem, add_children, place, read_images,
};
use crate::model::time::{TimeError, Timestamp};
use crate::plan::expiry;
use crate::report::json;
use crate::report::simulation::{self, Simulation};

/// The arguments of `lifecycle simulate`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// The policy as JSON, or - for standard input
    #[arg(long, env = "DEMITASSE_POLICY", value_name = "FILE")]
    policy: PathBuf,

    /// The images, as `aws ecr describe-images --filter imageStatus=ANY` prints them, or - for standard input
    #[arg(long, env = "DEMITASSE_IMAGES", value_name = "FILE")]
    images: PathBuf,

    /// Manifests that tell the children of indexes: what `aws ecr batch-get-image` prints, or one index as it is
    #[arg(long, env = "DEMITASSE_MANIFESTS", value_name = "FILE")]
    manifests: Option<PathBuf>,

    /// The moment at which ECR evaluates the policy (2026-11-20T09:00:00Z, or seconds since 1970) [default: now]
    #[arg(long, env = "DEMITASSE_AT", value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,

    /// What to write to stdout; JSON has the schema demitasse.simulate/v1
    #[arg(
        short,
        long,
        env = "DEMITASSE_OUTPUT",
        value_enum,
        default_value = "table"
    )]
    output: Output,
}

fn time(text: &str) -> Result<Timestamp, TimeError> {
    text.parse()
}

/// Runs the command.
///
/// # Errors
/// Everything that is wrong with the policy; what is wrong with the images.
pub(super) fn run(args: &Args, surroundings: &mut Surroundings<'_>) -> Result<Exit, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let inputs = [
        Some(&args.policy),
        Some(&args.images),
        args.manifests.as_ref(),
    ];
    let piped = inputs
        .iter()
        .flatten()
        .filter(|path| path.as_path() == Path::new("-"));
    if piped.count() > 1 {
        return Err(vec![Wrong::from(
            "only one file can come from standard input".to_owned(),
        )]);
    }
    let policy = policy(&args.policy, surroundings).unwrap_or_else(|errors| {
        wrong.extend(errors);
        None
    });
    let images = images(args, surroundings).unwrap_or_else(|error| {
        wrong.push(error);
        Vec::new()
    });
    let Some(policy) = policy.filter(|_| wrong.is_empty()) else {
        return Err(wrong);
    };
    let now = args.at.unwrap_or_else(|| surroundings.now());
    let outlooks = expiry::outlooks(&policy, &images, now);
    let simulation = Simulation::new(&images, &outlooks, now);
    let text = match args.output {
        Output::Table => simulation::table(&simulation, surroundings.colour()),
        Output::Json => json::text(&simulation),
        Output::Markdown => simulation::markdown(&simulation),
    };
    surroundings.show(&text);
    Ok(Exit::Done)
}

fn policy(path: &Path, surroundings: &Surroundings<'_>) -> Result<Option<Policy>, Vec<Wrong>> {
    let text = surroundings
        .read(path)
        .map_err(|wrong| vec![wrong.into()])?;
    let name = shown(path);
    text.parse::<Policy>().map(Some).map_err(|invalid| {
        let wrong = |problem: &Problem| {
            let place = place(&text, problem.rule, &problem.field);
            let place = place.map_or_else(String::new, |place| {
                format!(":{}:{}", place.line, place.column)
            });
            Wrong::from(format!("{name}{place}: {problem}"))
        };
        invalid.problems.iter().map(wrong).collect()
    })
}

fn images(args: &Args, surroundings: &Surroundings<'_>) -> Result<Vec<Image>, Wrong> {
    let describe = |path: &Path, error: &ListingError| {
        let hint = match error {
            ListingError::Incomplete => Some(
                "list all pages: without --max-items, --no-paginate and --max-results".to_owned(),
            ),
            _ => None,
        };
        Wrong::new(format!("{}: {error}", shown(path)), hint)
    };
    let text = surroundings.read(&args.images)?;
    let mut images = read_images(&text).map_err(|error| describe(&args.images, &error))?;
    if let Some(path) = &args.manifests {
        let text = surroundings.read(path)?;
        add_children(&mut images, &text).map_err(|error| describe(path, &error))?;
    }
    Ok(images)
}
