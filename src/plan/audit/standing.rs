//! Where images stand under a lifecycle policy, in the words of the audit.

use std::collections::BTreeMap;

use crate::model::digest::Digest;
use crate::model::lifecycle::{Image, Policy};
use crate::model::time::Timestamp;
use crate::plan::expiry::{self, Push, PushesLeft};

/// A tag like a commit's: what each further promotion brings.
const NEXT_TAG: &str = "0123456789abcdef0123456789abcdef01234567";

/// Where an image stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether it carries its pin.
    pub pinned: bool,
    /// The `rulePriority` of the only rule that can act on it.
    pub rule: Option<u32>,
    /// Its place among the images of a rule that counts, from 1 for the newest, and how many that rule keeps.
    pub place: Option<(usize, u32)>,
    /// How far it is from its end.
    pub left: Left,
}

/// How far an image is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nobody knows: the policy could not be read.
    Unknown,
    /// There is no policy, or nothing in it ever acts on the image.
    Never,
    /// ECR acts on it within 24 hours.
    Now,
    /// It is marked with this many-th further push in the worst case, and in the best (`None`: never).
    Pushes {
        /// In the worst case.
        min: u64,
        /// In the best case.
        max: Option<u64>,
    },
    /// It is marked after this moment.
    At(Timestamp),
}

impl Standing {
    /// Of an image whose policy is not known.
    pub(super) fn unknown(image: &Image) -> Self {
        Self {
            pinned: image.is_pinned(),
            rule: None,
            place: None,
            left: Left::Unknown,
        }
    }
}

/// The standing of every image under a policy, or without one. Each further push is taken to bring what the largest index of
/// the repository brought: under a rule on `any` its children take places too.
pub fn standings(
    policy: Option<&Policy>,
    images: &[Image],
    now: Timestamp,
) -> BTreeMap<Digest, Standing> {
    let Some(policy) = policy else {
        let never = |image: &Image| Standing {
            pinned: image.is_pinned(),
            rule: None,
            place: None,
            left: Left::Never,
        };
        let all = images.iter();
        return all
            .map(|image| (image.digest.clone(), never(image)))
            .collect();
    };
    let children = images.iter().map(|image| image.children.len()).max();
    let next = Push {
        tags: vec![NEXT_TAG.to_owned()],
        children: children
            .and_then(|most| u32::try_from(most).ok())
            .unwrap_or(0),
        referrers: 0,
    };
    let fates = expiry::fates(policy, images, &next, now);
    let both = images.iter().zip(fates);
    both.map(|(image, fate)| {
        let governing = fate.governing;
        let place = governing.and_then(|rule| Some((rule.rank? + 1, rule.keep?)));
        let left = match fate.pushes_left {
            PushesLeft::Never => Left::Never,
            PushesLeft::AlreadyMarked => Left::Now,
            PushesLeft::Pushes { min: 0, .. } => Left::Now,
            PushesLeft::Pushes { min, max } => Left::Pushes { min, max },
            PushesLeft::Date { expires_at } => Left::At(expires_at),
        };
        let standing = Standing {
            pinned: image.is_pinned(),
            rule: governing.map(|rule| rule.rule),
            place: place.filter(|_| left != Left::Never),
            left,
        };
        (image.digest.clone(), standing)
    })
    .collect()
}
