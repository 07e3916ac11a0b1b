//! What is happening, for the eye: progress bars and log lines are made of it.

use crate::model::reference::{Repository, Tag};
use crate::plan::outcome::Ended;
use crate::plan::promotion::Promotion;

/// Something that just happened.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A repository was created, or somebody else had just done it.
    Created {
        /// Which.
        repository: &'a Repository,
    },
    /// A lifecycle policy was installed.
    PolicyInstalled {
        /// Where.
        repository: &'a Repository,
    },
    /// A promotion begins.
    Began {
        /// Its place in the plan.
        at: usize,
        /// The promotion.
        promotion: &'a Promotion,
        /// How many blobs it has to mount or stream.
        blobs: usize,
    },
    /// A blob is in the target.
    Blob {
        /// The promotion's place in the plan.
        at: usize,
        /// Whether it was mounted; streamed or there already otherwise.
        mounted: bool,
    },
    /// An image was pinned.
    Pinned {
        /// Where.
        target: &'a Repository,
        /// Its pin.
        tag: &'a Tag,
    },
    /// Images went.
    Swept {
        /// Where.
        repository: &'a Repository,
        /// How many.
        images: usize,
        /// To the archive; deleted otherwise.
        archived: bool,
    },
    /// Tags were taken from an image.
    Unpinned {
        /// Where.
        target: &'a Repository,
        /// The tags.
        tags: &'a [Tag],
    },
    /// A promotion ended.
    Ended {
        /// Its place in the plan.
        at: usize,
        /// The promotion.
        promotion: &'a Promotion,
        /// How.
        result: &'a Ended,
    },
}
