//! What is expired for certain and what may be, over everything AWS leaves open: the hypotheses about children and referrers, and the order of
//! images pushed at the same time.
//!
//! Which rule governs an image depends on tags and storage class only, so it is the same under every hypothesis. What varies is the image's rank:
//! lowest when only images that stand alone count and it wins every tie, highest when everything counts and it loses every tie.

use std::cmp::Reverse;

use crate::model::lifecycle::Image;
use crate::model::lifecycle::Policy;
use crate::model::lifecycle::Rule;
use crate::model::time::Timestamp;
use crate::plan::expiry::Marked;
use crate::plan::expiry::evaluate::as_len;
use crate::plan::expiry::evaluate::expires_at;
use crate::plan::expiry::evaluate::selects;
use crate::plan::expiry::family::Kin;
use crate::plan::expiry::family::kin;

/// Push times this close, in milliseconds, are a tie: the APIs report some of them in whole seconds.
const TIE: i64 = 1000;

/// The images a policy acts on, as far as it can be known. Each image is in it once at most, and those of `certain` are in `possible` too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Marked under every hypothesis and in every order of ties.
    pub certain: Vec<Marked>,
    /// Marked under at least one.
    pub possible: Vec<Marked>,
}

/// Everything the policy may act on at `now`: the worst case, in the order of `images`. An image that is not in it is safe until something changes.
pub fn marks(policy: &Policy, images: &[Image], now: Timestamp) -> Vec<Marked> {
    bounds(policy, images, now).possible
}

/// Both ends of what the policy acts on at `now`, in the order of `images`.
pub fn bounds(policy: &Policy, images: &[Image], now: Timestamp) -> Bounds {
    let standings = standings(policy, images);
    let mut bounds = Bounds {
        certain: Vec::new(),
        possible: Vec::new(),
    };
    for (image, standing) in images.iter().zip(&standings) {
        let Some(governing) = &standing.governing else {
            continue;
        };
        let rule = governing.rule;
        let (certainly, possibly) = match (rule.keep(), expires_at(rule.limit, image)) {
            (Some(keep), _) => (
                governing.best_rank >= as_len(keep),
                governing.worst_rank >= as_len(keep),
            ),
            (None, Some(expires_at)) => (now > expires_at, now > expires_at),
            (None, None) => (false, false),
        };
        let marked = || Marked {
            digest: image.digest.clone(),
            rule: rule.priority,
            action: rule.action,
        };
        if possibly && standing.kin != Kin::Child {
            bounds.possible.push(marked());
        }
        if certainly && standing.kin == Kin::None {
            bounds.certain.push(marked());
        }
    }
    bounds
}

/// Where an image stands in a policy.
pub(super) struct Standing<'a> {
    pub(super) kin: Kin,
    /// `None` if no rule selects it.
    pub(super) governing: Option<GoverningRule<'a>>,
}

/// The first rule that selects an image: the only one that can ever act on it.
pub(super) struct GoverningRule<'a> {
    pub(super) rule: &'a Rule,
    /// 0-based rank among the images of a count rule when as few as possible come before it; 0 for an age rule.
    pub(super) best_rank: usize,
    /// The same when as many as possible come before it.
    pub(super) worst_rank: usize,
}

/// The standing of each image, in the order of `images`. Sorts once: O(rules × images + images × log images).
pub(super) fn standings<'a>(policy: &'a Policy, images: &[Image]) -> Vec<Standing<'a>> {
    let kin = kin(images);
    let mut newest_first: Vec<(&Image, Kin)> = images.iter().zip(kin.iter().copied()).collect();
    newest_first.sort_by_key(|(image, _)| Reverse(image.sort_key()));
    let mut ladders: Vec<Ladder<'a>> = policy.rules().iter().map(Ladder::new).collect();
    for ladder in ladders
        .iter_mut()
        .filter(|ladder| ladder.rule.keep().is_some())
    {
        for (image, kin) in newest_first
            .iter()
            .filter(|(image, _)| selects(ladder.rule, image))
        {
            ladder.all.push(image.sort_key());
            if *kin == Kin::None {
                ladder.alone.push(image.sort_key());
            }
        }
    }
    let standing = |(image, kin): (&Image, Kin)| Standing {
        kin,
        governing: ladders
            .iter()
            .find(|ladder| selects(ladder.rule, image))
            .map(|ladder| ladder.place(image)),
    };
    images.iter().zip(kin).map(standing).collect()
}

/// The times of the images a count rule selects, newest first.
struct Ladder<'a> {
    rule: &'a Rule,
    /// Of all of them, shielded and protected ones included.
    all: Vec<Timestamp>,
    /// Of those that are neither children nor referrers.
    alone: Vec<Timestamp>,
}

impl<'a> Ladder<'a> {
    fn new(rule: &'a Rule) -> Ladder<'a> {
        Ladder {
            rule,
            all: Vec::new(),
            alone: Vec::new(),
        }
    }

    fn place(&self, image: &Image) -> GoverningRule<'a> {
        let time = image.sort_key();
        let (newer, older) = (time.plus_milliseconds(TIE), time.plus_milliseconds(-TIE));
        GoverningRule {
            rule: self.rule,
            best_rank: self.alone.partition_point(|other| *other >= newer),
            // The image itself is among those not older.
            worst_rank: self
                .all
                .partition_point(|other| *other > older)
                .saturating_sub(1),
        }
    }
}
