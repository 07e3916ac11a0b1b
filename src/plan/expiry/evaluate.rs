//! One evaluation of a policy, as ECR does it within 24 hours of any change.

use std::cmp::Reverse;

use crate::model::digest::Digest;
use crate::model::lifecycle::Action;
use crate::model::lifecycle::Image;
use crate::model::lifecycle::Limit;
use crate::model::lifecycle::Policy;
use crate::model::lifecycle::Rule;
use crate::model::time::Timestamp;
use crate::plan::expiry::Hypotheses;
use crate::plan::expiry::family::kin;

/// An image a rule acts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    /// The image.
    pub digest: Digest,
    /// The `rulePriority` of the one rule that acts on it.
    pub rule: u32,
    /// What the rule does.
    pub action: Action,
}

/// What ECR would expire or archive at `now`, under the default [`Hypotheses`]: by rule, the newest first. Referrers that follow a marked subject,
/// and children that become orphans with a marked index, are not in it. To decide whether something is safe use [`marks`](super::marks).
pub fn evaluate(policy: &Policy, images: &[Image], now: Timestamp) -> Vec<Marked> {
    evaluate_under(Hypotheses::default(), policy, images, now)
}

/// The same under given hypotheses.
pub fn evaluate_under(
    hypotheses: Hypotheses,
    policy: &Policy,
    images: &[Image],
    now: Timestamp,
) -> Vec<Marked> {
    let mut order: Vec<_> = images
        .iter()
        .zip(kin(images))
        .filter(|(_, kin)| hypotheses.counts(*kin))
        .collect();
    // The digest decides between equal times only to make the answer repeatable; ECR's order is not documented.
    order.sort_by_key(|(image, _)| (Reverse(image.sort_key()), &image.digest));
    let mut identified = vec![false; order.len()];
    let mut marked = Vec::new();
    for rule in policy.rules() {
        let mut rank = 0;
        for ((image, kin), identified) in order.iter().zip(&mut identified) {
            if !selects(rule, image) {
                continue;
            }
            // A protected image is identified like any other, and takes a place where it counts, but is never marked.
            let over = is_over(rule.limit, rank, image, now);
            if over && !*identified && hypotheses.may_mark(*kin) {
                marked.push(Marked {
                    digest: image.digest.clone(),
                    rule: rule.priority,
                    action: rule.action,
                });
            }
            *identified = true;
            rank += 1;
        }
    }
    marked
}

/// Whether the rule looks at the image: storage class and tags. This, not being over the limit, is what shields it from the rules below.
pub(super) fn selects(rule: &Rule, image: &Image) -> bool {
    rule.storage_class() == image.storage_class && rule.selection.matches(&image.tags)
}

/// The moment after which an age rule acts on the image; `None` for a count rule. "Older than" is strict: in AWS's example an image pushed one day
/// ago is kept by a one-day rule. An archived image without a known time of archival is judged by its older push time.
pub(super) fn expires_at(limit: Limit, image: &Image) -> Option<Timestamp> {
    match limit {
        Limit::ImageCountMoreThan(_) => None,
        Limit::SinceImagePushed(days) => Some(image.sort_key().plus_days(days)),
        Limit::SinceImagePulled(days) => Some(image.pull_key().plus_days(days)),
        Limit::SinceImageTransitioned(days) => Some(
            image
                .archived_at
                .unwrap_or(image.sort_key())
                .plus_days(days),
        ),
    }
}

/// A count as a length, whatever the width of `usize`.
pub(super) fn as_len(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn is_over(limit: Limit, rank: usize, image: &Image, now: Timestamp) -> bool {
    match (limit, expires_at(limit, image)) {
        (Limit::ImageCountMoreThan(keep), _) => rank >= as_len(keep),
        (_, Some(expires_at)) => now > expires_at,
        (_, None) => false,
    }
}
