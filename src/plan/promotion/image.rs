//! What happens to one image.

use crate::model::digest::Digest;
use crate::model::inventory::ImageId;
use crate::model::lifecycle::{Image, StorageClass};
use crate::model::manifest::Manifest;
use crate::model::reference::Tag;
use crate::plan::look::{End, Look};
use crate::plan::mapping::Wanted;
use crate::plan::pin::Pin;
use crate::plan::problem::{Kind, MoveObstacle, Problem};
use crate::plan::promotion::action::Action;
use crate::plan::promotion::copy::{self, Before};
use crate::plan::promotion::repository;
use crate::plan::promotion::rules::Rules;
use crate::plan::promotion::standing::{self, Case};
use crate::plan::promotion::upstream;

/// What the target's tag holds.
enum Held<'a> {
    Nothing,
    Ready(&'a Digest),
    /// It is in the archive: it cannot be pulled (Amazon ECR User Guide, "Archiving an image").
    Archived(&'a Digest),
}

/// Decides what happens to one image, or nothing while something had to be asked. What speaks against it is added to
/// `problems`.
pub(super) fn decide(
    wanted: &Wanted,
    case: Case<'_>,
    look: &mut Look<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Action> {
    match judge(wanted, case, look, problems) {
        Ok(action) => action,
        Err(kind) => {
            problems.push(Problem::error(kind, &wanted.uses));
            Some(Action::Refuse)
        }
    }
}

fn judge(
    wanted: &Wanted,
    case: Case<'_>,
    look: &mut Look<'_>,
    problems: &mut Vec<Problem>,
) -> Result<Option<Action>, Kind> {
    let mark = look.mark();
    let source = End::source(&wanted.source);
    if !wanted.source.registry.is_ecr() {
        // Whether the upstream is needed at all depends on what the target holds.
        first_round(wanted, case.rules, look);
        if look.has_asked_since(mark) {
            return Ok(None);
        }
        match held(wanted, look)? {
            None => return Ok(None),
            Some(Held::Ready(digest)) => {
                return upstream::held(wanted, digest, case, look, problems);
            }
            Some(Held::Nothing | Held::Archived(_)) => {}
        }
    }
    let built = look.image(source, &wanted.asked());
    let tagged = match (&wanted.digest, &wanted.tag) {
        (Some(_), Some(tag)) => Some(look.image(source, &ImageId::Tag(tag.clone()))),
        _ => None,
    };
    first_round(wanted, case.rules, look);
    if look.has_asked_since(mark) {
        return Ok(None);
    }
    let Some(held) = held(wanted, look)? else {
        return Ok(None);
    };
    if let (Held::Ready(digest), Some(wanted_digest)) = (&held, &wanted.digest)
        && *digest == wanted_digest
    {
        let source_gone = matches!(built, None | Some(Ok(None)));
        return stay(wanted, digest, source_gone, case, look, problems);
    }
    let built = match built {
        Some(Err(failure)) => return Err(Kind::Failed(failure.clone())),
        Some(Ok(built)) => built.as_ref(),
        None => None,
    };
    if let (Some(digest), Some(tag), Some(Some(answer))) = (&wanted.digest, &wanted.tag, tagged) {
        match answer {
            Err(failure) => return Err(Kind::Failed(failure.clone())),
            Ok(Some(tagged)) if tagged.digest != *digest => {
                return Err(Kind::TagDisagrees {
                    repository: wanted.source.clone(),
                    tag: tag.clone(),
                    holds: tagged.digest.clone(),
                    wanted: digest.clone(),
                });
            }
            Ok(_) => {}
        }
    }
    let digest = wanted.digest.as_ref().or(built.map(|built| &built.digest));
    match (held, digest) {
        (Held::Ready(held), None) => stay(wanted, held, true, case, look, problems),
        (Held::Ready(held), Some(digest)) if held == digest => {
            stay(wanted, held, built.is_none(), case, look, problems)
        }
        (Held::Ready(held), Some(digest)) => {
            taken(wanted, held, digest, built, case, look, problems)
        }
        (Held::Archived(held), digest) => match (digest, built) {
            (Some(digest), Some(built)) if digest == held => {
                copy::plan(wanted, built, Before::default(), case, look, problems)
            }
            (Some(digest), _) if digest != held => Err(tag_taken(
                wanted,
                held,
                digest,
                Some(MoveObstacle::Archived),
            )),
            _ => Err(Kind::Archived {
                target: wanted.target.clone(),
                tag: wanted.target_tag(),
                digest: held.clone(),
            }),
        },
        (Held::Nothing, _) => match manifest(wanted, digest, built, look)? {
            None => Ok(None),
            Some(Some(manifest)) => {
                copy::plan(wanted, manifest, Before::default(), case, look, problems)
            }
            Some(None) => missing(wanted, look),
        },
    }
}

/// Everything that does not depend on another answer, so that it is asked in one round.
fn first_round(wanted: &Wanted, rules: &Rules, look: &mut Look<'_>) {
    let target = End::target(&wanted.target);
    look.settings(target);
    look.listing(target);
    if rules.needs_policy(&wanted.target_tag()) {
        look.policy(target);
    }
    look.sign_in(&wanted.target.registry);
    if wanted.source.registry == wanted.target.registry {
        look.settings(End::source(&wanted.source));
        look.blob_mounting(&wanted.target.registry);
        if look.is_missing(&wanted.target) {
            // What it would be created with.
            repository::origin(wanted, look);
        }
    } else if wanted.source.registry.is_ecr() {
        look.sign_in(&wanted.source.registry);
    }
}

/// What the target's tag holds: from the listing, or asked for alone where the listing is denied.
fn held<'a>(wanted: &Wanted, look: &mut Look<'a>) -> Result<Option<Held<'a>>, Kind> {
    if look.is_missing(&wanted.target) {
        return Ok(Some(Held::Nothing));
    }
    let tag = wanted.target_tag();
    let target = End::target(&wanted.target);
    if let Some(Ok(images)) = look.listing(target) {
        let holds = |image: &&Image| image.tags.iter().any(|one| one == tag.as_str());
        return Ok(Some(match images.iter().find(holds) {
            None => Held::Nothing,
            Some(image) if image.storage_class == StorageClass::Archive => {
                Held::Archived(&image.digest)
            }
            Some(image) => Held::Ready(&image.digest),
        }));
    }
    match look.image(target, &ImageId::Tag(tag)) {
        None => Ok(None),
        Some(Err(failure)) => Err(Kind::Failed(failure.clone())),
        Some(Ok(None)) => Ok(Some(Held::Nothing)),
        Some(Ok(Some(manifest))) => Ok(Some(Held::Ready(&manifest.digest))),
    }
}

/// The manifest to put under a new tag: the source's, or the target's own where the source has none any more.
fn manifest<'a>(
    wanted: &Wanted,
    digest: Option<&Digest>,
    built: Option<&'a Manifest>,
    look: &mut Look<'a>,
) -> Result<Option<Option<&'a Manifest>>, Kind> {
    let (None, Some(digest)) = (built, digest) else {
        return Ok(Some(built));
    };
    if look.is_missing(&wanted.target) {
        return Ok(Some(None));
    }
    if is_archived(wanted, digest, look) {
        return Err(Kind::Archived {
            target: wanted.target.clone(),
            tag: wanted.target_tag(),
            digest: digest.clone(),
        });
    }
    match look.image(
        End::target(&wanted.target),
        &ImageId::Digest(digest.clone()),
    ) {
        None => Ok(None),
        Some(Err(failure)) => Err(Kind::Failed(failure.clone())),
        Some(Ok(found)) => Ok(Some(found.as_ref())),
    }
}

fn is_archived(wanted: &Wanted, digest: &Digest, look: &mut Look<'_>) -> bool {
    let images = look.listing(End::target(&wanted.target));
    let mut images = images.into_iter().flatten().flatten();
    images.any(|image| image.digest == *digest && image.storage_class == StorageClass::Archive)
}

pub(super) fn stay(
    wanted: &Wanted,
    digest: &Digest,
    source_gone: bool,
    case: Case<'_>,
    look: &mut Look<'_>,
    problems: &mut Vec<Problem>,
) -> Result<Option<Action>, Kind> {
    let standing = standing::of(wanted, digest, source_gone, case, look, problems)?;
    Ok(standing.map(|standing| Action::Stay(Box::new(standing))))
}

/// A tag that holds another digest moves only where that is allowed and possible, and never before the old digest is
/// pinned: ECS may still start tasks from it by digest.
pub(super) fn taken<'a>(
    wanted: &Wanted,
    held: &Digest,
    digest: &Digest,
    built: Option<&'a Manifest>,
    case: Case<'_>,
    look: &mut Look<'a>,
    problems: &mut Vec<Problem>,
) -> Result<Option<Action>, Kind> {
    let tag = wanted.target_tag();
    let refusal = |obstacle| tag_taken(wanted, held, digest, obstacle);
    if !case.rules.may_move(&tag) {
        return Err(refusal(None));
    }
    let Some(found) = manifest(wanted, Some(digest), built, look)? else {
        return Ok(None);
    };
    let Some(found) = found else {
        return missing(wanted, look);
    };
    let target = End::target(&wanted.target);
    if let Some(Ok(settings)) = look.settings(target)
        && settings.mutability.freezes(&tag)
    {
        return Err(refusal(Some(MoveObstacle::Immutable)));
    }
    standing::shield(wanted, held, Some(&tag), case, look)
        .map_err(|obstacle| refusal(Some(obstacle)))?;
    let displaced = match look.image(target, &ImageId::Digest(held.clone())) {
        None => return Ok(None),
        Some(Err(failure)) => return Err(Kind::Failed(failure.clone())),
        // It went away between two reads: there is nothing left to pin.
        Some(Ok(None)) => None,
        Some(Ok(Some(manifest))) => Some(Pin {
            manifest: manifest.clone(),
            tag: Tag::pin(held),
        }),
    };
    copy::plan(wanted, found, Before { displaced }, case, look, problems)
}

fn tag_taken(
    wanted: &Wanted,
    held: &Digest,
    digest: &Digest,
    obstacle: Option<MoveObstacle>,
) -> Kind {
    Kind::TagTaken {
        target: wanted.target.clone(),
        tag: wanted.target_tag(),
        holds: held.clone(),
        wanted: digest.clone(),
        obstacle,
    }
}

/// Neither has it: the three newest tags of the common repository go into the hint.
fn missing(wanted: &Wanted, look: &mut Look<'_>) -> Result<Option<Action>, Kind> {
    let source_exists = !look.is_missing(&wanted.source);
    let mark = look.mark();
    let listing = match wanted.source.registry.is_ecr() {
        true => look.listing(End::source(&wanted.source)),
        false => None,
    };
    if look.has_asked_since(mark) {
        return Ok(None);
    }
    let mut images: Vec<&Image> = listing.into_iter().flatten().flatten().collect();
    images.sort_by_key(|image| std::cmp::Reverse(image.pushed_at));
    let tags = images.into_iter().flat_map(|image| &image.tags);
    let newest = tags.filter_map(|tag| tag.parse().ok()).take(3).collect();
    Err(Kind::Missing {
        source: wanted.source.clone(),
        asked: wanted.asked().to_string(),
        target: wanted.target.clone(),
        source_exists,
        newest,
    })
}
