//! What is shown: one value made from a plan and, if it was carried out, its outcome; every output format is a
//! rendering of that value.

use serde::Serialize;

use crate::model::digest::Digest;

pub mod audit;
pub mod bootstrap;
pub mod dotenv;
pub mod github;
pub mod images;
pub mod json;
pub mod lint;
mod make;
pub mod markdown;
pub mod pin;
pub mod problems;
pub mod simulation;
pub mod sweep;
pub mod table;
pub mod template;
pub mod terraform;

pub use make::{findings, report};

/// The schema's name. Keys are only ever added to it.
pub const SCHEMA: &str = "demitasse.report/v1";

/// Everything there is to show of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The version of demitasse.
    pub tool_version: &'static str,
    /// `plan` or `promote`.
    pub mode: Mode,
    /// Whether anything was written, or would be.
    pub changed: bool,
    /// By task definition, in the order of the configs.
    pub configs: Vec<Config>,
    /// Target repositories that something happens to.
    pub repositories: Vec<Repository>,
    /// Every finding, errors first.
    pub problems: Vec<Finding>,
    /// Counts.
    pub summary: Summary,
    /// The exit code of the run.
    pub exit_code: u8,
}

/// What kind of run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nothing was written.
    Plan,
    /// The plan was carried out, as far as nothing spoke against it.
    Promote,
}

/// The images of one config.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// The config file.
    pub config: String,
    /// The task definition's family.
    pub family: String,
    /// Its images.
    pub images: Vec<Image>,
}

/// One image of one container.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Image {
    /// The container.
    pub container: String,
    /// The image as the task definition names it.
    pub image: String,
    /// What is done, or was.
    pub action: Word,
    /// The common repository with tag or digest, such as `fluentd/common:3f2c1ab`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The target repository with its tag, without the registry host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The reference that ECS pulls, with the registry host.
    pub reference: String,
    /// The digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Blobs to bring, and their bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// Where an image stands that is already there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// The digest whose tag moves, if one does; it is pinned first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub displaced: Option<Digest>,
    /// How it went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<Done>,
}

/// What is done for an image, or was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// Would be promoted.
    Promote,
    /// Was promoted.
    Promoted,
    /// Nothing to do.
    AlreadyThere,
    /// Is there and would be pinned.
    Pin,
    /// Was there and is pinned now.
    Pinned,
    /// Refused.
    Refused,
    /// Failed.
    Failed,
    /// Not done because the run ended before.
    NotDone,
    /// Not ours.
    LeftAlone,
}

/// What has to be brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Content {
    /// Manifests, children and referrers included.
    pub manifests: usize,
    /// Distinct blobs.
    pub blobs: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Whether they can be mounted, as far as is known.
    pub mountable: bool,
}

/// Where an image stands under its policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// When it was pushed, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pushed_at: Option<String>,
    /// Whole days since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_days: Option<i64>,
    /// Its place in the keep window, 1 for the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<usize>,
    /// How many its rule keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<u32>,
    /// The common repository, or its upstream, no longer has it.
    pub source_gone: bool,
    /// Its source is an upstream.
    #[serde(skip)]
    pub from_upstream: bool,
    /// It carries its pin.
    pub pinned: bool,
    /// It gets its pin, or got it.
    pub pin: bool,
}

/// How a promotion went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Blobs mounted.
    pub mounted: u64,
    /// Blobs streamed.
    pub streamed: u64,
    /// Bytes that went through this machine.
    pub transferred: u64,
}

/// What happens to a target repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repository {
    /// Its name.
    pub repository: String,
    /// Its ARN, for the roles that need it.
    pub arn: String,
    /// It is created, or was.
    pub create: bool,
    /// Its tag mutability, if it is created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mutability: Option<String>,
    /// It gets the repository policy that a creation which was cut short left out, or got it.
    pub repository_policy: bool,
    /// The keep of the lifecycle policy that is installed, or was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install_keep: Option<u32>,
    /// Whether it was created, whatever became of the rest.
    pub created: bool,
    /// Whether all of that was done.
    pub done: bool,
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// The finding's name; never changes.
    pub code: &'static str,
    /// A sentence.
    pub message: String,
    /// The next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whom it concerns: `container app of ecspresso.yml`.
    pub concerns: Vec<String>,
    /// The file it can be pointed at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

/// How many of each. Images that several containers share count once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// To promote.
    pub promote: usize,
    /// Promoted.
    pub promoted: usize,
    /// Already there.
    pub already_there: usize,
    /// To pin, or pinned.
    pub pin: usize,
    /// Left alone.
    pub left_alone: usize,
    /// Refused.
    pub refused: usize,
    /// Failed.
    pub failed: usize,
    /// Not done.
    pub not_done: usize,
    /// Repositories to create.
    pub create: usize,
    /// Lifecycle policies to install.
    pub install: usize,
    /// Blobs mounted.
    pub mounted: u64,
    /// Blobs streamed.
    pub streamed: u64,
    /// Bytes that went through this machine.
    pub transferred: u64,
}
