//! What happens to one image.

use crate::model::digest::Digest;
use crate::model::failure::Failure;
use crate::model::inventory::{Facts, ImageId, Inventory};
use crate::model::manifest::{Descriptor, Manifest};
use crate::model::reference::Tag;
use crate::model::time::Timestamp;
use crate::model::wildcard;
use crate::plan::mapping::Wanted;
use crate::plan::problem::{Kind, MoveObstacle, Problem, Severity, StreamingRefused};
use crate::plan::promotion::action::{Action, Copy, Pin};
use crate::plan::promotion::content::{self, Broken, Content, MAX_DEPTH, Whole};
use crate::plan::promotion::repository;
use crate::plan::promotion::rules::Rules;
use crate::plan::promotion::standing;

/// What source and target say of a wanted image.
pub(super) enum Verdict<'a> {
    /// The target lacks the tag: put this manifest.
    Copy(&'a Manifest),
    /// The target's tag holds this digest already.
    There {
        digest: &'a Digest,
        source_gone: bool,
    },
    /// The target's tag holds another digest.
    Taken {
        holds: &'a Manifest,
        wanted: Wished<'a>,
    },
    /// The source's tag is not the digest that the reference says.
    Disagrees {
        tag: &'a Tag,
        holds: &'a Digest,
        digest: &'a Digest,
    },
    /// Neither has it.
    Missing,
    /// A required answer is not there.
    Unreadable(&'a Failure),
    /// Not asked yet.
    Open,
}

/// The digest a taken tag should hold, with its manifest where somebody has it.
pub(super) struct Wished<'a> {
    digest: &'a Digest,
    manifest: Option<&'a Manifest>,
}

/// Compares what was read.
pub(super) fn verdict<'a>(wanted: &'a Wanted, source: &'a Facts, target: &'a Facts) -> Verdict<'a> {
    let tag = ImageId::Tag(wanted.target_tag());
    let (Some(in_source), Some(in_target)) =
        (source.images.get(&wanted.asked()), target.images.get(&tag))
    else {
        return Verdict::Open;
    };
    let holds = match in_target {
        Ok(holds) => holds.as_ref(),
        Err(failure) => return Verdict::Unreadable(failure),
    };
    if let (Some(holds), Some(digest)) = (holds, &wanted.digest)
        && holds.digest == *digest
    {
        let source_gone = matches!(in_source, Ok(None));
        return Verdict::There {
            digest,
            source_gone,
        };
    }
    let built = match in_source {
        Ok(built) => built.as_ref(),
        Err(failure) => return Verdict::Unreadable(failure),
    };
    if let (Some(digest), Some(tag)) = (&wanted.digest, &wanted.tag) {
        match source.images.get(&ImageId::Tag(tag.clone())) {
            None => return Verdict::Open,
            Some(Err(failure)) => return Verdict::Unreadable(failure),
            Some(Ok(Some(tagged))) if tagged.digest != *digest => {
                let holds = &tagged.digest;
                return Verdict::Disagrees { tag, holds, digest };
            }
            Some(Ok(_)) => {}
        }
    }
    let by_digest = wanted.digest.as_ref();
    let there = by_digest.and_then(|digest| {
        let id = ImageId::Digest(digest.clone());
        target.images.get(&id)?.as_ref().ok()?.as_ref()
    });
    let manifest = built.or(there);
    match (
        holds,
        by_digest.or(manifest.map(|manifest| &manifest.digest)),
    ) {
        (Some(holds), None) => Verdict::There {
            digest: &holds.digest,
            source_gone: true,
        },
        (Some(holds), Some(digest)) if holds.digest == *digest => Verdict::There {
            digest,
            source_gone: built.is_none(),
        },
        (Some(holds), Some(digest)) => Verdict::Taken {
            holds,
            wanted: Wished { digest, manifest },
        },
        (None, _) => manifest.map_or(Verdict::Missing, Verdict::Copy),
    }
}

/// Decides what happens to one image; what speaks against it is added to `problems`.
pub(super) fn decide(
    wanted: &Wanted,
    inventory: &Inventory,
    rules: &Rules,
    now: Timestamp,
    problems: &mut Vec<Problem>,
) -> Action {
    let nothing = Facts::default();
    let facts = |repository| inventory.repositories.get(repository).unwrap_or(&nothing);
    let (source, target) = (facts(&wanted.source), facts(&wanted.target));
    let decided = match verdict(wanted, source, target) {
        Verdict::Copy(top) => copy(wanted, inventory, top, None, rules, problems),
        Verdict::There {
            digest,
            source_gone,
        } => {
            let standing = standing::of(wanted, target, digest, source_gone, rules, now, problems);
            Ok(Action::Stay(Box::new(standing)))
        }
        Verdict::Taken {
            holds,
            wanted: wished,
        } => taken(wanted, inventory, holds, &wished, rules, now, problems),
        Verdict::Disagrees { tag, holds, digest } => Err(Kind::TagDisagrees {
            repository: wanted.source.clone(),
            tag: tag.clone(),
            holds: holds.clone(),
            wanted: digest.clone(),
        }),
        Verdict::Missing => Err(Kind::Missing {
            source: wanted.source.clone(),
            asked: wanted.asked().to_string(),
            target: wanted.target.clone(),
            source_exists: !source.missing,
            newest: newest(source),
        }),
        Verdict::Unreadable(failure) => Err(Kind::Failed(failure.clone())),
        Verdict::Open => Ok(Action::Refuse),
    };
    decided.unwrap_or_else(|kind| {
        problems.push(Problem::error(kind, &wanted.uses));
        Action::Refuse
    })
}

fn copy(
    wanted: &Wanted,
    inventory: &Inventory,
    top: &Manifest,
    displaced: Option<Pin>,
    rules: &Rules,
    problems: &mut Vec<Problem>,
) -> Result<Action, Kind> {
    let nothing = Facts::default();
    let facts = |repository| inventory.repositories.get(repository).unwrap_or(&nothing);
    let (source, target) = (facts(&wanted.source), facts(&wanted.target));
    let Whole {
        children,
        mut blobs,
    } = match content::of(top, source, target) {
        Content::Whole(whole) => whole,
        Content::Unread(_) => return Ok(Action::Refuse),
        Content::Broken(broken) => return Err(broken_kind(wanted, top, broken)),
    };
    let present = content::present(target);
    let mut referrers = Vec::new();
    for digest in source
        .referrers
        .get(&top.digest)
        .iter()
        .copied()
        .flatten()
        .flatten()
    {
        match source.images.get(&ImageId::Digest(digest.clone())) {
            Some(Ok(Some(referrer))) if present.contains(&referrer.digest) => {}
            Some(Ok(Some(referrer))) => {
                add_blobs(&mut blobs, &referrer.blobs, target);
                referrers.push(referrer.clone());
            }
            Some(Err(failure)) => {
                let kind = Kind::Unknown(failure.clone());
                problems.push(Problem::warning(kind, &wanted.uses));
            }
            _ => {}
        }
    }
    let obstacle = repository::obstacle(wanted, inventory);
    let tag = wanted.target_tag();
    let frozen = match &target.settings {
        Some(Ok(settings)) => settings.mutability.freezes(&tag),
        _ => target.missing && repository::new_mutability(wanted, inventory, rules).freezes(&tag),
    };
    let copy = Copy {
        top: top.clone(),
        children,
        referrers,
        blobs,
        obstacle,
        suspicion: repository::suspicion(wanted, inventory),
        displaced,
        read_back: !frozen,
    };
    if let Some(problem) = streaming(wanted, &copy, rules) {
        let refused = problem.severity == Severity::Error;
        problems.push(problem);
        if refused {
            return Ok(Action::Refuse);
        }
    }
    Ok(Action::Promote(Box::new(copy)))
}

fn add_blobs(blobs: &mut Vec<Descriptor>, more: &[Descriptor], target: &Facts) {
    for blob in more {
        let known = matches!(target.blobs.get(&blob.digest), Some(Ok(true)));
        if !known && blobs.iter().all(|other| other.digest != blob.digest) {
            blobs.push(blob.clone());
        }
    }
}

fn broken_kind(wanted: &Wanted, top: &Manifest, broken: Broken) -> Kind {
    let repository = wanted.source.clone();
    match broken {
        Broken::MissingChild { index, child } => Kind::MissingChild {
            repository,
            index,
            child,
        },
        Broken::Unreadable(failure) => Kind::Failed(failure),
        Broken::TooDeep => Kind::TooDeep {
            repository,
            digest: top.digest.clone(),
            limit: MAX_DEPTH,
        },
    }
}

/// Says why nothing can be mounted and what that costs, and refuses where a flag does.
fn streaming(wanted: &Wanted, copy: &Copy, rules: &Rules) -> Option<Problem> {
    let obstacle = copy.obstacle.clone()?;
    let bytes = copy.bytes();
    if copy.blobs.is_empty() {
        return None;
    }
    let refused = if rules.mount_only {
        Some(StreamingRefused::MountOnly)
    } else {
        let limit = rules.max_upload.filter(|&limit| bytes > limit);
        limit.map(StreamingRefused::MaxUpload)
    };
    let make = if refused.is_some() {
        Problem::error
    } else {
        Problem::warning
    };
    let kind = Kind::Streaming {
        source: wanted.source.clone(),
        target: wanted.target.clone(),
        obstacle,
        bytes,
        refused,
    };
    Some(make(kind, &wanted.uses))
}

/// A tag that holds another digest moves only where that is allowed and possible, and never before the old digest is
/// pinned: ECS may still start tasks from it by digest.
fn taken(
    wanted: &Wanted,
    inventory: &Inventory,
    holds: &Manifest,
    wished: &Wished<'_>,
    rules: &Rules,
    now: Timestamp,
    problems: &mut Vec<Problem>,
) -> Result<Action, Kind> {
    let tag = wanted.target_tag();
    let refusal = |obstacle| Kind::TagTaken {
        target: wanted.target.clone(),
        tag: tag.clone(),
        holds: holds.digest.clone(),
        wanted: wished.digest.clone(),
        obstacle,
    };
    let named = |pattern: &String| wildcard::matches(pattern, tag.as_str());
    if !(rules.allow_tag_move || rules.provision.moving_tags.iter().any(named)) {
        return Err(refusal(None));
    }
    let Some(manifest) = wished.manifest else {
        return Err(Kind::Missing {
            source: wanted.source.clone(),
            asked: wanted.asked().to_string(),
            target: wanted.target.clone(),
            source_exists: true,
            newest: Vec::new(),
        });
    };
    let Some(target) = inventory.repositories.get(&wanted.target) else {
        return Ok(Action::Refuse);
    };
    if let Some(Ok(settings)) = &target.settings
        && settings.mutability.freezes(&tag)
    {
        return Err(refusal(Some(MoveObstacle::Immutable)));
    }
    let Some(pin) = standing::pin_shielding(&wanted.target, target, holds, Some(&tag), rules, now)
    else {
        return Err(refusal(Some(MoveObstacle::Unshielded)));
    };
    copy(wanted, inventory, manifest, Some(pin), rules, problems)
}

/// The three newest tags of the common repository, for the hint.
fn newest(source: &Facts) -> Vec<Tag> {
    let Some(Ok(images)) = &source.listing else {
        return Vec::new();
    };
    let mut tagged: Vec<_> = images
        .iter()
        .filter(|image| !image.tags.is_empty())
        .collect();
    tagged.sort_by_key(|image| std::cmp::Reverse(image.pushed_at));
    let tags = tagged.into_iter().flat_map(|image| &image.tags);
    tags.filter_map(|tag| tag.parse().ok()).take(3).collect()
}
