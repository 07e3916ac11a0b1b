//! Where an image in the target stands under its lifecycle policy, and whether a pin would protect it.

use crate::model::digest::Digest;
use crate::model::inventory::ImageId;
use crate::model::lifecycle::{Image, Policy};
use crate::model::reference::Tag;
use crate::model::settings::Lifecycle;
use crate::model::time::Timestamp;
use crate::plan::expiry::{self, Fate, Push, PushesLeft};
use crate::plan::look::{End, Look};
use crate::plan::mapping::Wanted;
use crate::plan::pin::Pin;
use crate::plan::problem::{Kind, MoveObstacle, Problem};
use crate::plan::promotion::action::Standing;
use crate::plan::promotion::rules::Rules;
use crate::plan::window;

/// An image that is deployed now and would go by its age within so many days is pinned.
const DAYS_LEFT: u32 = 30;

/// A tag like a commit's.
const NEXT_TAG: &str = "0123456789abcdef0123456789abcdef01234567";

/// What every decision about an image is made under.
#[derive(Clone, Copy)]
pub(super) struct Case<'r> {
    /// The rules of the run.
    pub(super) rules: &'r Rules,
    /// The time of the decision.
    pub(super) now: Timestamp,
    /// How many other new images the same run may bring into the target.
    pub(super) others: u64,
}

/// The standing of an image that the target holds already. Its age does not restart when it is deployed again
/// (`imagePushedAt` is per digest), so it is pinned where too few pushes, or days, are left. Nothing while something had
/// to be asked.
pub(super) fn of(
    wanted: &Wanted,
    digest: &Digest,
    source_gone: bool,
    case: Case<'_>,
    look: &mut Look<'_>,
    problems: &mut Vec<Problem>,
) -> Result<Option<Standing>, Kind> {
    let mut standing = Standing {
        digest: digest.clone(),
        source_gone,
        pushed_at: None,
        place: None,
        pinned: false,
        pin: None,
    };
    let target = End::target(&wanted.target);
    let Some(Ok(images)) = look.listing(target) else {
        return Ok(Some(standing));
    };
    let images = with_tag(images, digest, &wanted.target_tag());
    let Some(image) = images.iter().find(|image| image.digest == *digest) else {
        return Ok(Some(standing));
    };
    let pin = Tag::pin(digest);
    standing.pushed_at = Some(image.pushed_at);
    standing.pinned = image.is_pinned();
    let Ok(Some(policy)) = policy_in_force(wanted, case, look) else {
        return Ok(Some(standing));
    };
    let Some(fate) = fate(&policy, &images, digest, case.now) else {
        return Ok(Some(standing));
    };
    let rule = fate.governing.as_ref();
    standing.place = rule
        .and_then(|rule| Some((rule.rank? + 1, rule.keep?)))
        .filter(|_| !standing.pinned);
    if !is_close(&fate, case) {
        return Ok(Some(standing));
    }
    let shielded = shield(wanted, digest, None, case, look).is_ok();
    if standing.pinned || !shielded {
        let (target, digest) = (wanted.target.clone(), digest.clone());
        let kind = if standing.pinned {
            Kind::PinWithoutShield { target, digest }
        } else {
            let left = left(&fate, case);
            Kind::FewPushesLeft {
                target,
                digest,
                left,
            }
        };
        problems.push(Problem::warning(kind, &wanted.uses));
        return Ok(Some(standing));
    }
    match look.image(target, &ImageId::Digest(digest.clone())) {
        None => Ok(None),
        Some(Err(failure)) => Err(Kind::Failed(failure.clone())),
        Some(Ok(manifest)) => {
            standing.pin = manifest.clone().map(|manifest| Pin { manifest, tag: pin });
            Ok(Some(standing))
        }
    }
}

/// Whether a pin protects this digest from any number of promotions, once it lost the tag that moves away.
///
/// # Errors
/// Why it does not, or that nobody knows.
pub(super) fn shield(
    wanted: &Wanted,
    digest: &Digest,
    moved: Option<&Tag>,
    case: Case<'_>,
    look: &mut Look<'_>,
) -> Result<(), MoveObstacle> {
    let target = End::target(&wanted.target);
    let Some(policy) = policy_in_force(wanted, case, look)? else {
        return Ok(());
    };
    let Some(Ok(images)) = look.listing(target) else {
        return Err(MoveObstacle::Unknown);
    };
    let mut images = with_tag(images, digest, &Tag::pin(digest));
    for image in images.iter_mut().filter(|image| image.digest == *digest) {
        image
            .tags
            .retain(|tag| moved.is_none_or(|moved| tag != moved.as_str()));
    }
    let fate = fate(&policy, &images, digest, case.now);
    match fate.map(|fate| fate.pushes_left) {
        Some(PushesLeft::Never) => Ok(()),
        Some(_) => Err(MoveObstacle::Unshielded),
        None => Err(MoveObstacle::Unknown),
    }
}

/// The policy that is in force, or will be: where there is none and ours may be installed, ours.
///
/// # Errors
/// Nobody knows.
fn policy_in_force(
    wanted: &Wanted,
    case: Case<'_>,
    look: &mut Look<'_>,
) -> Result<Option<Policy>, MoveObstacle> {
    match look.policy(End::target(&wanted.target)) {
        None | Some(Err(_)) => Err(MoveObstacle::Unknown),
        Some(Ok(None)) => {
            let ours = case.rules.lifecycle == Lifecycle::Install;
            Ok(ours.then(|| case.rules.provision.policy(&wanted.target.name)))
        }
        Some(Ok(Some(text))) => text.parse().map(Some).map_err(|_| MoveObstacle::Unknown),
    }
}

/// What the policy has in store, if each further promotion brings an image with a tag like a commit's.
fn fate(policy: &Policy, images: &[Image], digest: &Digest, now: Timestamp) -> Option<Fate> {
    let next = Push::tagged(&[NEXT_TAG]);
    expiry::fate(policy, images, digest, &next, now)
}

fn is_close(fate: &Fate, case: Case<'_>) -> bool {
    match fate.pushes_left {
        PushesLeft::Never => false,
        PushesLeft::AlreadyMarked => true,
        PushesLeft::Date { expires_at } => expires_at <= case.now.plus_days(DAYS_LEFT),
        PushesLeft::Pushes { .. } => {
            let keep = fate.governing.as_ref().and_then(|rule| rule.keep);
            let enough = window::enough(case.rules.min_pushes, keep.unwrap_or(u32::MAX));
            left(fate, case) < enough
        }
    }
}

/// The images without a pin that come too close to their end, each with the promotions it has left then.
pub(super) fn close(
    wanted: &Wanted,
    images: &[Image],
    case: Case<'_>,
    look: &mut Look<'_>,
) -> Vec<(Image, u64)> {
    let Ok(Some(policy)) = policy_in_force(wanted, case, look) else {
        return Vec::new();
    };
    let next = Push::tagged(&[NEXT_TAG]);
    let fates = expiry::fates(&policy, images, &next, case.now);
    let both = images.iter().zip(fates);
    both.filter(|(image, fate)| {
        !image.tags.is_empty() && !image.is_pinned() && is_close(fate, case)
    })
    .map(|(image, fate)| (image.clone(), left(&fate, case)))
    .collect()
}

/// Further promotions until it is marked, those of this run already taken off.
fn left(fate: &Fate, case: Case<'_>) -> u64 {
    match fate.pushes_left {
        PushesLeft::Pushes { min, .. } => min.saturating_sub(case.others),
        _ => 0,
    }
}

fn with_tag(images: &[Image], digest: &Digest, tag: &Tag) -> Vec<Image> {
    let mut images = images.to_vec();
    for image in images.iter_mut().filter(|image| image.digest == *digest) {
        if image.tags.iter().all(|one| one != tag.as_str()) {
            image.tags.push(tag.to_string());
        }
    }
    images
}
