//! Pins: tags that no rule of our policy can expire. What is in use gets one; what is not in use any more loses it, but only after two looks a day apart that
//! both found nothing.

mod add;
mod remove;

pub use add::{Plan, Step, plan};
pub use remove::{Removal, Removals, removals};

use crate::model::digest::Digest;
use crate::model::failure::Failure;
use crate::model::manifest::Manifest;
use crate::model::reference::{Repository, Tag};

/// A pin to set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The manifest that gets it, as the target holds it.
    pub manifest: Manifest,
    /// The pin.
    pub tag: Tag,
}

/// How a pin that was to be set or removed ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Where.
    pub repository: Repository,
    /// The image.
    pub digest: Digest,
    /// The tags that were set; none where tags were taken away.
    pub result: Result<Vec<Tag>, Failure>,
}
