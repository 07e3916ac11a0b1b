//! What a policy has in store for every image by itself: what happens now, and how far away that is in pushes which the image's own rule selects.
//! Unlike [`fates`](super::fates) it does not ask what the next push will look like.

use crate::model::digest::Digest;
use crate::model::lifecycle::Action;
use crate::model::lifecycle::Image;
use crate::model::lifecycle::Policy;
use crate::model::time::Timestamp;
use crate::plan::expiry::bounds::Standing;
use crate::plan::expiry::bounds::standings;
use crate::plan::expiry::evaluate::as_len;
use crate::plan::expiry::evaluate::expires_at;
use crate::plan::expiry::family::Kin;

/// What becomes of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// The image.
    pub digest: Digest,
    /// What ECR does to it within 24 hours, in the worst case.
    pub action: Option<Action>,
    /// The `rulePriority` of the only rule that can act on it; `None` if none can, as long as nothing else changes.
    pub rule: Option<u32>,
    /// Its place in that rule's count, 0 for the newest, in the worst case.
    pub rank: Option<usize>,
    /// With which further push it is marked, if the rule counts.
    pub pushes: Option<Pushes>,
    /// After which moment it is marked, if the rule goes by age.
    pub expires_at: Option<Timestamp>,
}

/// The image is marked with the `min`-th further image that its rule selects, or the `max`-th, as far as AWS documents it; 0 is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pushes {
    /// In the worst case.
    pub min: u64,
    /// In the best case; `None` for never.
    pub max: Option<u64>,
}

/// What becomes of each image, in the order of `images`.
pub fn outlooks(policy: &Policy, images: &[Image], now: Timestamp) -> Vec<Outlook> {
    images
        .iter()
        .zip(&standings(policy, images))
        .map(|(image, standing)| outlook(image, standing, now))
        .collect()
}

fn outlook(image: &Image, standing: &Standing<'_>, now: Timestamp) -> Outlook {
    let mut outlook = Outlook {
        digest: image.digest.clone(),
        action: None,
        rule: None,
        rank: None,
        pushes: None,
        expires_at: None,
    };
    let Some(governing) = &standing.governing else {
        return outlook;
    };
    if standing.kin == Kin::Child {
        return outlook;
    }
    let rule = governing.rule;
    outlook.rule = Some(rule.priority);
    outlook.expires_at = expires_at(rule.limit, image);
    let mut marked = outlook.expires_at.is_some_and(|moment| now > moment);
    if let Some(keep) = rule.keep().map(as_len) {
        let left = |rank: usize| u64::try_from(keep.saturating_sub(rank)).unwrap_or(u64::MAX);
        let min = left(governing.worst_rank);
        // A tagged child and a referrer may be out of the rule's reach altogether.
        let max = (standing.kin == Kin::None).then(|| left(governing.best_rank));
        outlook.rank = Some(governing.worst_rank);
        outlook.pushes = Some(Pushes { min, max });
        marked = min == 0;
    }
    outlook.action = marked.then_some(rule.action);
    outlook
}
