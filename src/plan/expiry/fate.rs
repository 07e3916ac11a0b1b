//! How long each image has: "how many more pushes until this image is marked?", or the date.

use crate::model::digest::Digest;
use crate::model::lifecycle::Action;
use crate::model::lifecycle::Image;
use crate::model::lifecycle::Policy;
use crate::model::time::Timestamp;
use crate::plan::expiry::Push;
use crate::plan::expiry::bounds::GoverningRule;
use crate::plan::expiry::bounds::Standing;
use crate::plan::expiry::bounds::standings;
use crate::plan::expiry::evaluate::as_len;
use crate::plan::expiry::evaluate::expires_at;
use crate::plan::expiry::family::Kin;

/// What a policy has in store for one image, as long as its tags stay as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// The image.
    pub digest: Digest,
    /// The only rule that can ever act on it; `None` if no rule selects it.
    pub governing: Option<Governing>,
    /// Whether an index that exists and is not archived lists it. Then no rule may act on it before that index is gone or archived, after which it
    /// is an orphan and an image like any other: look at the fate of the index.
    pub held_by_index: bool,
    /// How much it takes until the governing rule acts on it.
    pub pushes_left: PushesLeft,
}

/// The first rule by priority whose selection matches an image. No lower rule can touch the image (User Guide: "An image that matches the tagging
/// requirements of a rule cannot be expired or archived by a rule with a lower priority").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Governing {
    /// Its `rulePriority`.
    pub rule: u32,
    /// What it does.
    pub action: Action,
    /// How many images it keeps, if it is a count rule.
    pub keep: Option<u32>,
    /// The image's place among all images a count rule selects, 0 for the newest, in the worst case. `None` for an age rule.
    pub rank: Option<usize>,
}

/// The distance to the moment at which ECR marks an image; it acts within 24 hours after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushesLeft {
    /// No number of such pushes and no time does it.
    Never,
    /// ECR acts on it with its next evaluation.
    AlreadyMarked,
    /// It is marked with this many-th further push, so it survives one fewer.
    Pushes {
        /// In the worst case; 0 if it may be marked already.
        min: u64,
        /// In the best case; `None` for never.
        max: Option<u64>,
    },
    /// It is marked after this moment, whatever is pushed.
    Date {
        /// The last moment at which it is safe.
        expires_at: Timestamp,
    },
}

/// The fate of one image; `None` if it is not among `images`. For many images use [`fates`], which sorts once.
pub fn fate(
    policy: &Policy,
    images: &[Image],
    digest: &Digest,
    next: &Push,
    now: Timestamp,
) -> Option<Fate> {
    let index = images.iter().position(|image| image.digest == *digest)?;
    let standings = standings(policy, images);
    Some(judge(images.get(index)?, standings.get(index)?, next, now))
}

/// The fate of every image, in the order of `images`, if each further push is like `next`.
pub fn fates(policy: &Policy, images: &[Image], next: &Push, now: Timestamp) -> Vec<Fate> {
    images
        .iter()
        .zip(&standings(policy, images))
        .map(|(image, standing)| judge(image, standing, next, now))
        .collect()
}

fn judge(image: &Image, standing: &Standing<'_>, next: &Push, now: Timestamp) -> Fate {
    let governing = standing.governing.as_ref().map(|governing| Governing {
        rule: governing.rule.priority,
        action: governing.rule.action,
        keep: governing.rule.keep(),
        rank: governing.rule.keep().map(|_| governing.worst_rank),
    });
    let pushes_left = match &standing.governing {
        Some(governing) if standing.kin != Kin::Child => {
            pushes_left(image, standing.kin, governing, next, now)
        }
        _ => PushesLeft::Never,
    };
    let held_by_index = matches!(standing.kin, Kin::Child | Kin::TaggedChild);
    Fate {
        digest: image.digest.clone(),
        governing,
        held_by_index,
        pushes_left,
    }
}

fn pushes_left(
    image: &Image,
    kin: Kin,
    governing: &GoverningRule<'_>,
    next: &Push,
    now: Timestamp,
) -> PushesLeft {
    if let Some(expires_at) = expires_at(governing.rule.limit, image) {
        return if now > expires_at {
            PushesLeft::AlreadyMarked
        } else {
            PushesLeft::Date { expires_at }
        };
    }
    let Some(keep) = governing.rule.keep().map(as_len) else {
        return PushesLeft::Never;
    };
    let (fewest, most) = next.seen_by(governing.rule);
    let Some(min) = pushes_until(keep, governing.worst_rank, most) else {
        return PushesLeft::Never;
    };
    // A tagged child and a referrer may be out of the rule's reach altogether.
    let max = if kin == Kin::None {
        pushes_until(keep, governing.best_rank, fewest)
    } else {
        None
    };
    if max == Some(0) {
        PushesLeft::AlreadyMarked
    } else {
        PushesLeft::Pushes { min, max }
    }
}

/// The push with which the rank reaches `keep` if each push adds `step` newer images; `None` if that never happens.
fn pushes_until(keep: usize, rank: usize, step: usize) -> Option<u64> {
    let missing = keep.saturating_sub(rank);
    match (missing, step) {
        (0, _) => Some(0),
        (_, 0) => None,
        _ => u64::try_from(missing.div_ceil(step)).ok(),
    }
}
