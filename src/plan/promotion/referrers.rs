//! What belongs to an image without being part of it: its referrers, which travel with it, and what cosign keeps under tags
//! of its own, which does not. A problem with them is a warning and never a refusal, so a run that writes reads them while it
//! copies.

use std::collections::BTreeSet;

use crate::model::digest::Digest;
use crate::model::inventory::{ImageId, Inventory, Questions};
use crate::model::manifest::Manifest;
use crate::model::reference::Tag;
use crate::plan::companions;
use crate::plan::look::{End, Look};
use crate::plan::mapping::Wanted;
use crate::plan::problem::{Kind, Problem, Severity};
use crate::plan::promotion::action::{Action, Copy, Promotion};

/// The referrers of an image that is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Referrers {
    /// These are brought along.
    Known(Vec<Manifest>),
    /// They are read while the image is copied; those among `present` are in the target already.
    Beside {
        /// Every digest the target lists.
        present: BTreeSet<Digest>,
    },
}

/// What was found of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The referrers to bring along.
    pub manifests: Vec<Manifest>,
    /// What stays behind, and what is not known.
    pub problems: Vec<Problem>,
}

/// What has to be asked while these promotions are carried out.
pub fn questions(promotions: &[Promotion], seen: &Inventory) -> Questions {
    let mut look = Look::new(seen);
    for promotion in promotions {
        if let Action::Promote(copy) = &promotion.action
            && let Referrers::Beside { present } = &copy.referrers
        {
            find(&promotion.wanted, &copy.top.digest, present, &mut look);
        }
    }
    look.into_questions()
}

/// What the answers say of one of them.
pub fn found(wanted: &Wanted, copy: &Copy, seen: &Inventory) -> Found {
    match &copy.referrers {
        Referrers::Known(manifests) => Found {
            manifests: manifests.clone(),
            problems: Vec::new(),
        },
        Referrers::Beside { present } => {
            let mut look = Look::new(seen);
            find(wanted, &copy.top.digest, present, &mut look)
        }
    }
}

/// As far as it is known; asks for the rest.
pub(super) fn find(
    wanted: &Wanted,
    digest: &Digest,
    present: &BTreeSet<Digest>,
    look: &mut Look<'_>,
) -> Found {
    let source = End::source(&wanted.source);
    let mut found = Found::default();
    if let Some(Err(failure)) = look.referrers(source, digest) {
        let kind = Kind::Unknown(failure.clone());
        found.problems.push(Problem::warning(kind, &[]));
    }
    let listed = look.referrers(source, digest).into_iter();
    for referrer in listed.flatten().flatten() {
        if present.contains(referrer) {
            continue;
        }
        let kind = match look.image(source, &ImageId::Digest(referrer.clone())) {
            None => continue,
            Some(Ok(Some(manifest))) if manifest.children.is_empty() => {
                found.manifests.push(manifest.clone());
                continue;
            }
            Some(Err(failure)) => Kind::Unknown(failure.clone()),
            Some(Ok(_)) => Kind::ReferrerLeft {
                repository: wanted.source.clone(),
                referrer: referrer.clone(),
            },
        };
        let problem = Problem::warning(kind, &wanted.uses);
        found.problems.push(problem);
    }
    found.problems.extend(left(wanted, digest, look));
    found
}

/// What stays behind because only a tag says that it belongs to the image. Whether an upstream has such tags would be a
/// request for each of them: it is not asked.
fn left(wanted: &Wanted, digest: &Digest, look: &mut Look<'_>) -> Option<Problem> {
    if !wanted.source.registry.is_ecr() {
        return None;
    }
    let source = End::source(&wanted.source);
    let mut tags = Vec::new();
    for tag in companions::tags(digest).filter_map(|tag| tag.parse::<Tag>().ok()) {
        if let Some(Ok(Some(_))) = look.image(source, &ImageId::Tag(tag.clone())) {
            tags.push(tag);
        }
    }
    if tags.is_empty() {
        return None;
    }
    let repository = wanted.source.clone();
    let kind = Kind::CompanionsLeft { repository, tags };
    Some(Problem::new(Severity::Note, kind, &wanted.uses))
}
