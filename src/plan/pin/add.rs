//! Which images get a pin, and whether it would protect them.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::digest::Digest;
use crate::model::inventory::ImageId;
use crate::model::lifecycle::{self, Policy};
use crate::model::reference::{Repository, Tag};
use crate::model::time::Timestamp;
use crate::plan::audit::{Audit, Image, Left, standings, with_known_children};
use crate::plan::finding::{Finding, Kind, Named};
use crate::plan::look::{End, Look};
use crate::plan::pin::Pin;
use crate::plan::problem::Severity;
use crate::plan::reason::Why;

/// What would be pinned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The pins to set, by repository.
    pub steps: Vec<Step>,
    /// How many images are pinned already.
    pub pinned: usize,
    /// How many need none: no rule ever acts on them.
    pub safe: usize,
    /// Images that a pin would not protect, and what could not be read.
    pub findings: Vec<Finding>,
}

/// An image that gets a pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The image.
    pub image: Image,
    /// Its pin.
    pub pin: Pin,
}

/// Decides for every protected image. What has to be known first is asked; until nothing is, the plan is not one yet.
pub fn plan(audit: &Audit, look: &mut Look<'_>, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let images = audit.images.as_slice();
    for images in images.chunk_by(|one, other| one.repository == other.repository) {
        let Some(first) = images.first() else {
            continue;
        };
        one_repository(&first.repository, images, look, now, &mut plan);
    }
    plan
}

fn one_repository(
    repository: &Repository,
    images: &[Image],
    look: &mut Look<'_>,
    now: Timestamp,
    plan: &mut Plan,
) {
    let end = End::target(repository);
    let policy = match look.policy(end) {
        Some(Ok(Some(text))) => text.parse::<Policy>().ok(),
        // Without a policy nothing expires, and one that cannot be read is a finding of the audit.
        _ => None,
    };
    let listing = look.listing(end).and_then(|known| known.as_ref().ok());
    let (Some(policy), Some(listing)) = (policy, listing) else {
        plan.pinned += images.iter().filter(|image| image.standing.pinned).count();
        plan.safe += images.iter().filter(|image| !image.standing.pinned).count();
        return;
    };
    let listed: BTreeMap<&Digest, &lifecycle::Image> =
        listing.iter().map(|one| (&one.digest, one)).collect();
    let mut wanted: Vec<&Image> = Vec::new();
    for image in images {
        if image.standing.pinned {
            plan.pinned += 1;
        } else if image.standing.left == Left::Never {
            plan.safe += 1;
        } else if wants_pin(image, &listed) {
            wanted.push(image);
        }
    }
    let pinned = with_pins(repository, &wanted, listing, look);
    let after = standings(Some(&policy), &pinned, now);
    for image in wanted {
        let shielded = after
            .get(&image.digest)
            .is_some_and(|standing| standing.left == Left::Never);
        if !shielded {
            plan.findings.push(Finding {
                severity: Severity::Error,
                kind: Kind::PinWithoutShield {
                    image: Named::new(repository, &image.digest, &image.tags),
                },
                reasons: image.reasons.clone(),
            });
            continue;
        }
        match look.image(end, &ImageId::Digest(image.digest.clone())) {
            None | Some(Ok(None)) => {}
            Some(Err(failure)) => plan.findings.push(Finding {
                severity: Severity::Error,
                kind: Kind::Unreadable {
                    repository: repository.clone(),
                    failure: failure.clone(),
                },
                reasons: image.reasons.clone(),
            }),
            Some(Ok(Some(manifest))) => plan.steps.push(Step {
                image: image.clone(),
                pin: Pin {
                    manifest: manifest.clone(),
                    tag: Tag::pin(&image.digest),
                },
            }),
        }
    }
}

/// Archived images, and those that are being restored, have no manifest to give; an OCI 1.1 referrer goes with its subject, and a child with its index.
fn wants_pin(image: &Image, listed: &BTreeMap<&Digest, &lifecycle::Image>) -> bool {
    let Some(one) = listed.get(&image.digest) else {
        return false;
    };
    let only_child = image.reasons.iter().all(|reason| reason.why == Why::Child);
    one.is_pullable() && one.subject.is_none() && !only_child
}

fn with_pins(
    repository: &Repository,
    wanted: &[&Image],
    listing: &[lifecycle::Image],
    look: &Look<'_>,
) -> Vec<lifecycle::Image> {
    let wanted: BTreeSet<_> = wanted.iter().map(|image| &image.digest).collect();
    let mut images = with_known_children(repository, listing, look);
    for image in images.iter_mut() {
        if wanted.contains(&image.digest) {
            image.tags.push(Tag::pin(&image.digest).to_string());
        }
    }
    images
}
