//! Where an image in the target stands under its lifecycle policy, and whether a pin would protect it.

use crate::model::digest::Digest;
use crate::model::inventory::Facts;
use crate::model::lifecycle::{Image, Policy};
use crate::model::manifest::Manifest;
use crate::model::reference::{Repository, Tag};
use crate::model::settings::Lifecycle;
use crate::model::time::Timestamp;
use crate::plan::expiry::{self, Push, PushesLeft};
use crate::plan::mapping::Wanted;
use crate::plan::problem::{Kind, Problem};
use crate::plan::promotion::action::{Pin, Standing};
use crate::plan::promotion::rules::Rules;

/// The standing of an image that is already there. Its age does not restart when it is deployed again
/// (`imagePushedAt` is per digest), so it is pinned where too few pushes are left.
pub(super) fn of(
    wanted: &Wanted,
    target: &Facts,
    digest: &Digest,
    source_gone: bool,
    rules: &Rules,
    now: Timestamp,
    problems: &mut Vec<Problem>,
) -> Standing {
    let mut standing = Standing {
        digest: digest.clone(),
        source_gone,
        pushed_at: None,
        place: None,
        pinned: false,
        pin: None,
    };
    let Some(Ok(images)) = &target.listing else {
        return standing;
    };
    let Some(image) = images.iter().find(|image| image.digest == *digest) else {
        return standing;
    };
    let pin = Tag::pin(digest);
    standing.pushed_at = Some(image.pushed_at);
    standing.pinned = image.tags.iter().any(|tag| tag == pin.as_str());
    let Some(policy) = governing(target) else {
        return standing;
    };
    let tag = wanted.target_tag();
    let next = Push::tagged(&[tag.as_str()]);
    let Some(fate) = expiry::fate(&policy, images, digest, &next, now) else {
        return standing;
    };
    let Some(rule) = fate.governing else {
        return standing;
    };
    let (Some(rank), Some(keep)) = (rule.rank, rule.keep) else {
        return standing;
    };
    if !standing.pinned {
        standing.place = Some((rank + 1, keep));
    }
    let left = match fate.pushes_left {
        PushesLeft::AlreadyMarked => 0,
        PushesLeft::Pushes { min, .. } => min,
        PushesLeft::Never | PushesLeft::Date { .. } => return standing,
    };
    if left >= u64::from(rules.min_pushes.min(keep)) {
        return standing;
    }
    let manifest = target.images.values().flatten().flatten();
    let manifest = manifest
        .into_iter()
        .find(|manifest| manifest.digest == *digest);
    let target = wanted.target.clone();
    standing.pin = manifest.and_then(|manifest| {
        let pinned = with_tags(images, digest, None);
        shielded(Some(&policy), &pinned, digest, now).then(|| Pin {
            manifest: manifest.clone(),
            tag: pin,
        })
    });
    let digest = digest.clone();
    let kind = match &standing.pin {
        Some(_) => return standing,
        None if standing.pinned => Kind::PinWithoutShield { target, digest },
        None => Kind::FewPushesLeft {
            target,
            digest,
            left,
        },
    };
    problems.push(Problem::warning(kind, &wanted.uses));
    standing
}

/// A pin for the digest that loses a tag, if the pin then protects it for certain; where the image carries its pin
/// already, putting it again changes nothing.
pub(super) fn pin_shielding(
    repository: &Repository,
    target: &Facts,
    manifest: &Manifest,
    moved: Option<&Tag>,
    rules: &Rules,
    now: Timestamp,
) -> Option<Pin> {
    let policy = match (&target.policy, rules.lifecycle) {
        (Some(Ok(None)), Lifecycle::Install) => Some(rules.provision.policy(&repository.name)),
        (Some(Ok(None)), _) => None,
        (Some(Ok(Some(text))), _) => Some(text.parse().ok()?),
        (Some(Err(_)) | None, _) => return None,
    };
    let images = target.listing.as_ref()?.as_ref().ok()?;
    let pinned = with_tags(images, &manifest.digest, moved);
    shielded(policy.as_ref(), &pinned, &manifest.digest, now).then(|| Pin {
        manifest: manifest.clone(),
        tag: Tag::pin(&manifest.digest),
    })
}

/// The policy in force, if it can be read.
pub(super) fn governing(target: &Facts) -> Option<Policy> {
    target
        .policy
        .as_ref()?
        .as_ref()
        .ok()?
        .as_ref()?
        .parse()
        .ok()
}

/// The images as they will be once this one has its pin and lost its other tag.
fn with_tags(images: &[Image], digest: &Digest, moved: Option<&Tag>) -> Vec<Image> {
    let mut images = images.to_vec();
    for image in images.iter_mut().filter(|image| image.digest == *digest) {
        image
            .tags
            .retain(|tag| moved.is_none_or(|moved| tag != moved.as_str()));
        let pin = Tag::pin(digest);
        if image.tags.iter().all(|tag| tag != pin.as_str()) {
            image.tags.push(pin.to_string());
        }
    }
    images
}

/// Whether no number of promotions expires the image.
fn shielded(policy: Option<&Policy>, images: &[Image], digest: &Digest, now: Timestamp) -> bool {
    let Some(policy) = policy else {
        return true;
    };
    let next = Push::tagged(&["0123456789abcdef"]);
    let fate = expiry::fate(policy, images, digest, &next, now);
    fate.is_some_and(|fate| fate.pushes_left == PushesLeft::Never)
}
