//! What a sweep deletes: the images of some repositories that nothing protects, and why each of the others stays. Whatever is not known
//! keeps an image or stops the sweep; it never deletes one.

mod decide;
mod keep;
mod order;
mod outcome;
#[cfg(test)]
mod properties;
mod refusal;
mod relations;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::digest::Digest;
use crate::model::inventory::Inventory;
use crate::model::lifecycle::Image;
use crate::model::reference::Repository;
use crate::plan::finding::Finding;

pub use decide::sweep;
pub use keep::Keep;
pub use order::{Batch, Dropped, batches, dropped, taken};
pub use outcome::{Ended, Outcome, Stopped};
pub use refusal::{Circumstances, Refusal, refusals};

/// What may go at all: the images that were listed before usage was read. One that is pushed later is no candidate, because
/// whatever starts it may have been read too early.
pub type Candidates = BTreeMap<Repository, BTreeSet<Digest>>;

/// What stays besides what is protected, and when a sweep is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `--older-than`: younger images stay. An image that was restored from the archive is as young as that.
    pub older_than: Duration,
    /// `--keep`: so many of the newest standalone tagged images of each repository stay.
    pub keep: usize,
    /// `--max-ratio`.
    pub max_ratio: Ratio,
    /// `--archive`: images are archived and not deleted.
    pub archive: bool,
    /// `--allow-empty`: an account without any service may be swept.
    pub allow_empty: bool,
}

/// A part of a whole, in ten-thousandths, so that it can be compared exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio(pub u32);

impl Ratio {
    /// Whether so many of so many are more than this part.
    pub fn is_exceeded(self, part: usize, of: usize) -> bool {
        let of = u128::try_from(of).unwrap_or(u128::MAX);
        let part = u128::try_from(part).unwrap_or(u128::MAX);
        part.saturating_mul(10_000) > of.saturating_mul(u128::from(self.0))
    }
}

impl std::str::FromStr for Ratio {
    type Err = String;

    /// Reads `0.5`, from 0 to 1 with at most four decimals.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is not a part between 0 and 1, such as 0.5");
        let part: f64 = text.parse().map_err(|_| wrong())?;
        if !(0.0..=1.0).contains(&part) {
            return Err(wrong());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range is checked"
        )]
        Ok(Self((part * 10_000.0).round() as u32))
    }
}

/// What is decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Every repository that was asked for, in order.
    pub repositories: Vec<Swept>,
    /// What could not be told, and what is wrong with images in use.
    pub findings: Vec<Finding>,
}

/// What is decided about one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swept {
    /// Which.
    pub repository: Repository,
    /// Whether everything in it could be read; nothing of it goes where not.
    pub readable: bool,
    /// Every image in it, the newest first.
    pub images: Vec<Judged>,
}

/// What is decided about one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The image, with the children of an index that was read.
    pub image: Image,
    /// Why it stays; `None` where it goes.
    pub keep: Option<Keep>,
    /// The images of the repository that it refers to.
    pub subjects: Vec<Digest>,
}

impl Swept {
    /// The images that go.
    pub fn going(&self) -> impl Iterator<Item = &Judged> {
        self.images.iter().filter(|one| one.keep.is_none())
    }
}

impl Sweep {
    /// How many images go, everywhere.
    pub fn going(&self) -> usize {
        let each = self.repositories.iter();
        each.map(|one| one.going().count()).sum()
    }
}

/// The candidates that a first listing gives. A repository that could not be listed has none.
pub fn candidates<'r>(
    repositories: impl IntoIterator<Item = &'r Repository>,
    inventory: &Inventory,
) -> Candidates {
    let listed = |repository: &Repository| {
        let facts = inventory.repositories.get(repository)?;
        facts.listing.as_ref()?.as_ref().ok()
    };
    let each = repositories.into_iter().map(|repository| {
        let images = listed(repository).into_iter().flatten();
        let digests = images.map(|image| image.digest.clone()).collect();
        (repository.clone(), digests)
    });
    each.collect()
}
