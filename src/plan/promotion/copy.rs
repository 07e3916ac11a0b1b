//! A copy: everything that has to be put, in order, and whether it may be.

use crate::model::digest::Digest;
use crate::model::manifest::{MAX_LAYER, Manifest};
use crate::plan::look::{End, Look};
use crate::plan::mapping::Wanted;
use crate::plan::pin::Pin;
use crate::plan::problem::{Kind, Problem};
use crate::plan::promotion::action::{Action, Copy};
use crate::plan::promotion::content;
use crate::plan::promotion::mount;
use crate::plan::promotion::referrers::{self, Referrers};
use crate::plan::promotion::repository;
use crate::plan::promotion::rules::Referring;
use crate::plan::promotion::standing::{self, Case};

/// What has to be done before the tag is put.
#[derive(Default)]
pub(super) struct Before {
    /// The digest that loses the tag, to be pinned.
    pub(super) displaced: Option<Pin>,
}

/// Plans to put this manifest under the wanted tag.
pub(super) fn plan(
    wanted: &Wanted,
    top: &Manifest,
    before: Before,
    case: Case<'_>,
    look: &mut Look<'_>,
    problems: &mut Vec<Problem>,
) -> Result<Option<Action>, Kind> {
    let mark = look.mark();
    let mut content = content::of(wanted, top, look)?;
    let (referrers, mut warnings) = referrers(wanted, &top.digest, case, look);
    let obstacle = mount::obstacle(wanted, case.rules, look);
    let target = End::target(&wanted.target);
    if obstacle.is_some() {
        let mut blobs = content.blobs.iter();
        if let Some(blob) = blobs.find(|blob| blob.size > MAX_LAYER) {
            return Err(Kind::LayerTooLarge {
                source: wanted.source.clone(),
                layer: blob.digest.clone(),
                bytes: blob.size,
            });
        }
        // What cannot be mounted is streamed, unless it is there.
        content
            .blobs
            .retain(|blob| !matches!(look.blob(target, &blob.digest), Some(Ok(true))));
    }
    let standing = if is_listed(wanted, &top.digest, look) {
        standing::of(wanted, &top.digest, false, case, look, &mut warnings)?
    } else {
        None
    };
    if look.has_asked_since(mark) {
        return Ok(None);
    }
    if !content.blobs.is_empty() {
        let source = Some(&wanted.source.registry);
        let source = source.filter(|one| obstacle.is_some() && one.is_ecr());
        for registry in source.into_iter().chain([&wanted.target.registry]) {
            if let Some(Err(failure)) = look.sign_in(registry) {
                return Err(Kind::Failed(failure.clone()));
            }
        }
    }
    for warning in warnings {
        warning.join(problems);
    }
    let tag = wanted.target_tag();
    let frozen = match look.settings(target) {
        Some(Ok(settings)) => settings.mutability.freezes(&tag),
        _ => {
            look.is_missing(&wanted.target)
                && repository::creation(wanted, look, case.rules)
                    .mutability
                    .freezes(&tag)
        }
    };
    let copy = Copy {
        top: top.clone(),
        children: content.children,
        referrers,
        blobs: content.blobs,
        obstacle,
        suspicion: mount::suspicion(wanted, look),
        displaced: before.displaced,
        standing,
        read_back: !frozen,
    };
    Ok(Some(Action::Promote(Box::new(copy))))
}

/// Whether the target holds the digest already, under another tag or none: then its age is old.
fn is_listed(wanted: &Wanted, digest: &Digest, look: &Look<'_>) -> bool {
    let facts = look.facts(&wanted.target);
    facts.is_some_and(|facts| content::present(facts).contains(digest))
}

/// The referrers to bring along, now or later.
fn referrers(
    wanted: &Wanted,
    digest: &Digest,
    case: Case<'_>,
    look: &mut Look<'_>,
) -> (Referrers, Vec<Problem>) {
    let none = (Referrers::Known(Vec::new()), Vec::new());
    if look.is_missing(&wanted.source) {
        return none;
    }
    let facts = look.facts(&wanted.target);
    let present = facts.map(content::present).unwrap_or_default();
    match case.rules.referrers {
        Referring::Skip => none,
        Referring::Plan => {
            let found = referrers::find(wanted, digest, &present, look);
            (Referrers::Known(found.manifests), found.problems)
        }
        Referring::Beside => (Referrers::Beside { present }, Vec::new()),
    }
}
