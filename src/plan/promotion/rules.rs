//! What the flags and `demitasse.yml` decided about promotions.

use std::collections::BTreeMap;

use crate::model::settings::{CreateRepository, Lifecycle, NewMutability};
use crate::plan::problem::Severity;

/// The rules of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `--keep`: how many images a policy of ours keeps.
    pub keep: u32,
    /// `--min-pushes`: below it an image that is deployed again is pinned.
    pub min_pushes: u32,
    /// `--lifecycle`.
    pub lifecycle: Lifecycle,
    /// `--create-repository`.
    pub create_repository: CreateRepository,
    /// `--mutability` of a repository we create.
    pub mutability: NewMutability,
    /// `--mount-only`.
    pub mount_only: bool,
    /// `--max-upload`, in bytes.
    pub max_upload: Option<u64>,
    /// `--allow-tag-move`.
    pub allow_tag_move: bool,
    /// `moving_tags:`; `*` matches any run of characters.
    pub moving_tags: Vec<String>,
    /// `--unmatched`.
    pub unmatched: Severity,
    /// `--foreign-target`.
    pub foreign_target: Severity,
    /// `--from-common`.
    pub from_common: Severity,
    /// Whether `--env-out` hands the new references over.
    pub handed_over: bool,
    /// `--referrers copy`.
    pub referrers: bool,
    /// Resource tags of repositories we create, besides our own.
    pub tags: BTreeMap<String, String>,
}
