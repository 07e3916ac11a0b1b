//! `lifecycle template`: our policy and settings for repositories that ECR creates itself. Reads and writes nothing in AWS.

use std::path::PathBuf;

use crate::commands::choices;
use crate::commands::settings;
use crate::commands::surroundings::Surroundings;
use crate::commands::wrong::Wrong;
use crate::model::exit::Exit;
use crate::model::reference::RepositoryName;
use crate::model::settings::NewMutability;
use crate::report::template::{self, Template};
use crate::report::terraform;

/// When ECR creates a repository by the template. Not for a pull-through cache: there the tags must be able to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Occasion {
    /// An image is replicated from another Region or account.
    Replication,
    /// An image is pushed to a repository that does not exist.
    CreateOnPush,
}

impl Occasion {
    /// AWS's word (Amazon ECR API Reference, `RepositoryCreationTemplate`, `appliedFor`).
    fn word(self) -> &'static str {
        match self {
            Self::Replication => "REPLICATION",
            Self::CreateOnPush => "CREATE_ON_PUSH",
        }
    }
}

/// How it is written to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// A Terraform resource to paste.
    Terraform,
    /// For `aws ecr create-repository-creation-template --cli-input-json`.
    Json,
}

/// The arguments of `lifecycle template`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// The names it is for begin with this and a /; ROOT is for all that no other template is for
    #[arg(long, env = "DEMITASSE_PREFIX", value_name = "PREFIX")]
    prefix: String,

    /// What creates the repositories
    #[arg(
        long,
        env = "DEMITASSE_APPLIED_FOR",
        value_enum,
        value_delimiter = ',',
        default_value = "replication"
    )]
    applied_for: Vec<Occasion>,

    /// How many images the lifecycle policy keeps [default: 30]
    #[arg(long, env = "DEMITASSE_KEEP", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,

    /// Tag mutability of the repositories [default: immutable]
    #[arg(long, env = "DEMITASSE_MUTABILITY", value_enum)]
    mutability: Option<NewMutability>,

    /// The role that ECR assumes; it needs one for resource tags and for KMS keys
    #[arg(long, env = "DEMITASSE_CUSTOM_ROLE_ARN", value_name = "ARN")]
    custom_role_arn: Option<String>,

    /// demitasse.yml; without it, the nearest one here or above, up to the repository's root
    #[arg(long, env = "DEMITASSE_SETTINGS", value_name = "FILE")]
    settings: Option<PathBuf>,

    /// What to write to stdout
    #[arg(
        short,
        long,
        env = "DEMITASSE_OUTPUT",
        value_enum,
        default_value = "terraform"
    )]
    output: Output,
}

/// Runs the command.
///
/// # Errors
/// Wrong settings; a prefix that no repository's name can have; a template by which ECR would fail to create anything.
pub(super) fn run(args: &Args, surroundings: &mut Surroundings<'_>) -> Result<Exit, Vec<Wrong>> {
    let one = |wrong: Wrong| vec![wrong];
    let settings = settings::read_here(args.settings.as_deref(), surroundings).map_err(one)?;
    let prefix = args.prefix.trim_end_matches('/');
    if prefix != "ROOT" {
        let legal = prefix.parse::<RepositoryName>();
        legal.map_err(|error| one(Wrong::from(format!("--prefix: {error}"))))?;
    }
    let provision = choices::provision(args.keep, args.mutability, &settings);
    let (creation, policy) = provision.below(prefix);
    let template = Template {
        prefix: prefix.to_owned(),
        applied_for: args.applied_for.iter().map(|one| one.word()).collect(),
        creation,
        policy,
        role: args.custom_role_arn.clone(),
    };
    if let Some(reason) = template.missing_role() {
        let message = format!("the settings have {reason}, for which ECR has to assume a role");
        let hint = "pass --custom-role-arn: without it ECR fails to create the repositories";
        return Err(one(Wrong::new(message, Some(hint.to_owned()))));
    }
    surroundings.show(&match args.output {
        Output::Terraform => terraform::template(&template),
        Output::Json => template::json(&template),
    });
    Ok(Exit::Done)
}
