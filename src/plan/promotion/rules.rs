//! What the flags and `demitasse.yml` decided about promotions.

use crate::model::settings::{CreateRepository, Lifecycle};
use crate::plan::problem::Severity;
use crate::plan::provision::Provision;

/// The rules of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What is created and installed.
    pub provision: Provision,
    /// `--min-pushes`: below it an image that is deployed again is pinned.
    pub min_pushes: u32,
    /// `--lifecycle`.
    pub lifecycle: Lifecycle,
    /// `--create-repository`.
    pub create_repository: CreateRepository,
    /// `--mount-only`.
    pub mount_only: bool,
    /// `--max-upload`, in bytes.
    pub max_upload: Option<u64>,
    /// `--allow-tag-move`.
    pub allow_tag_move: bool,
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
}
