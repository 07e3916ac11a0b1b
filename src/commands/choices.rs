//! How to promote: flags, with the settings file behind them and the defaults behind that.

use clap::builder::BoolishValueParser;

use crate::commands::wrong::Wrong;
use crate::model::settings::{CreateRepository, Lifecycle, NewMutability, Settings, SourceSetting};
use crate::model::size::Size;
use crate::plan::pattern::{Pattern, Placeholder};
use crate::plan::problem::Severity;
use crate::plan::promotion::{Referring, Rules};
use crate::plan::provision::Provision;
use crate::plan::{audit, mapping};

const SOURCE: &str = "{name}/common";
const TARGET: &str = "{name}/{family}";
const KEEP: u32 = 30;
/// How many pushes an image in use should have left.
const MIN_PUSHES: u32 = 3;

/// Whether a finding stops the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Strictness {
    /// Refuse.
    Error,
    /// Only say so.
    Warn,
}

/// What to do with images that match no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Unmatched {
    /// Leave them alone.
    Skip,
    /// Refuse.
    Error,
}

/// Whether referrers travel with their subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Referrers {
    /// They do.
    Copy,
    /// They stay.
    Skip,
}

/// Where images go, and what repositories and policies are made of.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Repositories")]
pub(super) struct Provisioning {
    /// Pattern of the common repository [default: {name}/common]
    #[arg(long, env = "DEMITASSE_SOURCE", value_name = "PATTERN")]
    source: Option<String>,

    /// Pattern of the task-definition repository [default: {name}/{family}]
    #[arg(long, env = "DEMITASSE_TARGET", value_name = "PATTERN")]
    target: Option<String>,

    /// A role for reading sources that are in another account than the targets
    #[arg(long, env = "DEMITASSE_SOURCE_ROLE_ARN", value_name = "ARN")]
    source_role_arn: Option<String>,

    /// How many images the lifecycle policy keeps, where we install one [default: 30]
    #[arg(long, env = "DEMITASSE_KEEP", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,

    /// Tag mutability of repositories we create [default: immutable]
    #[arg(long, env = "DEMITASSE_MUTABILITY", value_enum)]
    mutability: Option<NewMutability>,
}

/// The flags that say how to promote.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Promotion")]
pub(super) struct Choices {
    /// Install our lifecycle policy, verify that the present one protects as much, or do not look [default: install]
    #[arg(long, env = "DEMITASSE_LIFECYCLE", value_enum)]
    lifecycle: Option<Lifecycle>,

    /// Create target repositories that do not exist [default: auto]
    #[arg(long, env = "DEMITASSE_CREATE_REPOSITORY", value_enum)]
    create_repository: Option<CreateRepository>,

    /// Refuse to stream blobs that cannot be mounted
    #[arg(long, env = "DEMITASSE_MOUNT_ONLY", value_parser = BoolishValueParser::new())]
    mount_only: bool,

    /// Refuse to stream more than this in a run (such as 500MB)
    #[arg(long, env = "DEMITASSE_MAX_UPLOAD", value_name = "SIZE")]
    max_upload: Option<Size>,

    /// Let a tag move to another digest; the old digest is pinned first
    #[arg(long, env = "DEMITASSE_ALLOW_TAG_MOVE", value_parser = BoolishValueParser::new())]
    allow_tag_move: bool,

    /// Images that match neither pattern
    #[arg(long, env = "DEMITASSE_UNMATCHED", value_enum, default_value = "skip")]
    unmatched: Unmatched,

    /// Images in another family's repository
    #[arg(
        long,
        env = "DEMITASSE_FOREIGN_TARGET",
        value_enum,
        default_value = "error"
    )]
    foreign_target: Strictness,

    /// Images taken from the common repository without --env-out
    #[arg(
        long,
        env = "DEMITASSE_FROM_COMMON",
        value_enum,
        default_value = "error"
    )]
    from_common: Strictness,

    /// OCI referrers of the images (signatures, SBOMs)
    #[arg(long, env = "DEMITASSE_REFERRERS", value_enum, default_value = "copy")]
    referrers: Referrers,

    /// An image that is deployed again with fewer promotions left than this is pinned [default: 3]
    #[arg(long, env = "DEMITASSE_MIN_PUSHES", value_name = "N")]
    min_pushes: Option<u32>,
}

/// The pattern of common repositories, where no flag gives one.
///
/// # Errors
/// A pattern that cannot work.
pub(super) fn source(settings: &Settings) -> Result<Pattern, Wrong> {
    pattern("--source", None, settings.source.as_deref(), SOURCE)
}

/// What an audit takes for too close.
///
/// # Errors
/// A pattern that cannot work.
pub(super) fn audit(min_pushes: Option<u32>, settings: &Settings) -> Result<audit::Rules, Wrong> {
    let min_pushes = min_pushes.or(settings.min_pushes);
    Ok(audit::Rules {
        min_pushes: min_pushes.unwrap_or(MIN_PUSHES),
        source: source(settings)?,
    })
}

fn pattern(
    flag: &str,
    given: Option<&str>,
    set: Option<&str>,
    default: &str,
) -> Result<Pattern, Wrong> {
    let text = given.or(set).unwrap_or(default);
    let parsed = text.parse::<Pattern>();
    parsed.map_err(|error| Wrong::from(format!("{flag} `{text}`: {error}")))
}

/// The upstreams of `sources:`.
fn upstreams(settings: &Settings, target: &Pattern) -> Result<Vec<mapping::Upstream>, Wrong> {
    if !settings.sources.is_empty() && !target.asks_for(Placeholder::Name) {
        let message =
            "`sources:` in demitasse.yml goes by {name}, which the target pattern has not";
        return Err(Wrong::from(message.to_owned()));
    }
    let read = |one: &SourceSetting| {
        let from = Pattern::upstream(&one.from);
        let from = from.map_err(|error| {
            let message = format!("sources: `{}`: {error}", one.name);
            Wrong::from(message).with_hint(
                "write registry and repository, such as public.ecr.aws/datadog/agent; builds in ECR are what --source is for",
            )
        })?;
        let name = one.name.clone();
        Ok(mapping::Upstream { name, from })
    };
    settings.sources.iter().map(read).collect()
}

impl Provisioning {
    /// The patterns.
    ///
    /// # Errors
    /// A pattern that cannot work.
    pub(super) fn mapping(&self, settings: &Settings) -> Result<mapping::Rules, Wrong> {
        let (given, set) = (self.source.as_deref(), settings.source.as_deref());
        let source = pattern("--source", given, set, SOURCE)?;
        let (given, set) = (self.target.as_deref(), settings.target.as_deref());
        let target = pattern("--target", given, set, TARGET)?;
        let upstreams = upstreams(settings, &target)?;
        mapping::Rules::new(source, target, settings.families.clone())
            .map(|rules| rules.with_upstreams(upstreams))
            .map_err(|error| Wrong::from(error.to_string()))
    }

    /// The role for reading sources in other accounts. An empty variable of CI is none.
    pub(super) fn source_role(&self) -> Option<String> {
        let given = self.source_role_arn.clone();
        given.filter(|arn| !arn.is_empty())
    }

    /// What is created and installed.
    pub(super) fn provision(&self, settings: &Settings) -> Provision {
        provision(self.keep, self.mutability, settings)
    }
}

/// What is created and installed, by the flags `--keep` and `--mutability` and the settings.
pub(super) fn provision(
    keep: Option<u32>,
    mutability: Option<NewMutability>,
    settings: &Settings,
) -> Provision {
    Provision {
        keep_flag: keep,
        keep: settings.keep.unwrap_or(KEEP),
        mutability_flag: mutability,
        mutability: settings.mutability,
        moving_tags: settings.moving_tags.clone(),
        tags: settings.tags.clone(),
        exceptions: settings.repositories.clone(),
    }
}

impl Choices {
    /// Everything else. `handed_over` says whether `--env-out` is given, `writes` whether the run is not only to show a plan.
    pub(super) fn rules(
        &self,
        settings: &Settings,
        provision: Provision,
        handed_over: bool,
        writes: bool,
    ) -> Rules {
        let strict = |strictness: Strictness| match strictness {
            Strictness::Error => Severity::Error,
            Strictness::Warn => Severity::Warning,
        };
        Rules {
            provision,
            min_pushes: self
                .min_pushes
                .or(settings.min_pushes)
                .unwrap_or(MIN_PUSHES),
            lifecycle: self
                .lifecycle
                .or(settings.lifecycle)
                .unwrap_or(Lifecycle::Install),
            create_repository: self
                .create_repository
                .or(settings.create_repository)
                .unwrap_or(CreateRepository::Auto),
            mount_only: self.mount_only,
            max_upload: self.max_upload.map(|size| size.0),
            allow_tag_move: self.allow_tag_move,
            unmatched: match self.unmatched {
                Unmatched::Skip => Severity::Note,
                Unmatched::Error => Severity::Error,
            },
            foreign_target: strict(self.foreign_target),
            from_common: strict(self.from_common),
            handed_over,
            referrers: match self.referrers {
                Referrers::Skip => Referring::Skip,
                Referrers::Copy if writes => Referring::Beside,
                Referrers::Copy => Referring::Plan,
            },
        }
    }
}
