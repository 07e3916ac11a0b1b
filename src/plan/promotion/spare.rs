//! Mounts that need not be asked for: in a run so large that they would wait for their quota, the targets are asked what they
//! hold already.

use crate::plan::look::{End, Look};
use crate::plan::promotion::action::{Action, Copy, Promotion};

/// As many mounts as this go out at once (Amazon ECR service quotas, "Rate of InitiateLayerUpload requests", 100 each second).
/// Below that the question would cost a round trip and save none.
const AT_ONCE: usize = 100;

/// Leaves out the blobs that their targets hold. Asks for what is not known yet.
pub(super) fn leave_out(promotions: &mut [Promotion], look: &mut Look<'_>) {
    let mounts = promotions.iter_mut().filter_map(mounting);
    let mounts: usize = mounts.map(|(copy, _)| copy.blobs.len()).sum();
    if mounts <= AT_ONCE {
        return;
    }
    for (copy, target) in promotions.iter_mut().filter_map(mounting) {
        let listing = look
            .facts(target.repository())
            .and_then(|facts| facts.listing.as_ref());
        if matches!(listing, Some(Ok(images)) if images.is_empty()) {
            continue;
        }
        copy.blobs
            .retain(|blob| !matches!(look.blob(target, &blob.digest), Some(Ok(true))));
    }
}

/// A copy whose blobs are mounted, and where to. What cannot be mounted was looked for already.
fn mounting(promotion: &mut Promotion) -> Option<(&mut Copy, End<'_>)> {
    let target = End::target(&promotion.wanted.target);
    match &mut promotion.action {
        Action::Promote(copy) if copy.obstacle.is_none() => Some((copy, target)),
        _ => None,
    }
}
