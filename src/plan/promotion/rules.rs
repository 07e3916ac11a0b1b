//! What the flags and `demitasse.yml` decided about promotions.

use crate::model::reference::Tag;
use crate::model::settings::{CreateRepository, Lifecycle};
use crate::model::wildcard;
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
    /// `--referrers`, and when they are read.
    pub referrers: Referring,
}

/// What becomes of referrers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Referring {
    /// They stay behind.
    Skip,
    /// They are read for the plan, which shows them.
    Plan,
    /// They are read while the images are copied.
    Beside,
}

impl Rules {
    /// Whether this tag may move to another digest.
    pub fn may_move(&self, tag: &Tag) -> bool {
        let named = |pattern: &String| wildcard::matches(pattern, tag.as_str());
        self.allow_tag_move || self.provision.moving_tags.iter().any(named)
    }

    /// Whether the target's lifecycle policy has to be known: also where it is not judged, a tag moves only if the digest
    /// that loses it is safe.
    pub fn needs_policy(&self, tag: &Tag) -> bool {
        self.lifecycle != Lifecycle::Off || self.may_move(tag)
    }
}
