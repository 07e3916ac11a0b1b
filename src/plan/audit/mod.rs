//! The state of what is in use: which rule governs each protected image, how many pushes it has left, and everything that is or
//! will be wrong. Reads only; what could not be told makes the audit incomplete.

mod elsewhere;
mod judge;
mod preview;
mod standing;

pub use elsewhere::{is_doubtful, set_aside};
pub use judge::audit;
pub(in crate::plan) use judge::with_known_children;
pub use preview::{Wanted, compare, previews};
pub use standing::{Left, Standing, standings};

use std::collections::BTreeSet;

use crate::model::digest::Digest;
use crate::model::reference::Repository;
use crate::model::time::Timestamp;
use crate::plan::finding::Finding;
use crate::plan::pattern::Pattern;
use crate::plan::reason::Reason;

/// What counts as too close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `--min-pushes`: fewer left than this is an error for an image that is in use.
    pub min_pushes: u32,
    /// The pattern of common repositories.
    pub source: Pattern,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Every protected image, by repository, the newest first.
    pub images: Vec<Image>,
    /// Everything that is or will be wrong.
    pub findings: Vec<Finding>,
}

impl Audit {
    /// Whether everything could be told.
    pub fn is_complete(&self) -> bool {
        !self
            .findings
            .iter()
            .any(|finding| finding.kind.is_incomplete())
    }
}

/// A protected image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Where.
    pub repository: Repository,
    /// Which.
    pub digest: Digest,
    /// Its tags.
    pub tags: Vec<String>,
    /// When it was pushed.
    pub pushed_at: Timestamp,
    /// Why it is protected, strongest first.
    pub reasons: BTreeSet<Reason>,
    /// Where it stands under the policy.
    pub standing: Standing,
}
