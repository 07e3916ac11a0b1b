//! What a policy would mark now, against what is in use. A policy that marks anything is put only where usage is known and nothing of it is marked.

use std::collections::BTreeSet;

use crate::model::digest::Digest;
use crate::model::lifecycle::{Image, Policy, StorageClass};
use crate::model::reference::Repository;
use crate::model::time::Timestamp;
use crate::plan::audit::standings;
use crate::plan::expiry::{self, Marked};
use crate::plan::finding::Named;
use crate::plan::look::{End, Look};
use crate::plan::problem::Kind;
use crate::plan::protect::{InUse, Protected};
use crate::plan::reason::Reason;
use crate::plan::window;

/// So many of the images that would go are named.
pub(super) const NAMED: usize = 5;

/// What was found to be in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownUse {
    /// The images that are asked for.
    pub in_use: InUse,
    /// Why not everything could be told, if it could not.
    pub unknown: Option<String>,
}

/// What is protected, as far as it was looked at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Usage<'u> {
    /// Nobody looked.
    Unread,
    /// Not everything could be told.
    Unknown(&'u str),
    /// Everything.
    Known(&'u Protected),
}

/// Whether a policy may be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Marking {
    /// It marks nothing.
    Nothing,
    /// It marks images, none of them in use.
    Unused {
        /// How many.
        marked: usize,
        /// Some of them.
        images: Vec<String>,
    },
    /// It may not.
    Refused(Box<Kind>),
}

/// Judges a policy on a repository that exists. Nothing at all while something had to be asked.
pub(super) fn judge(
    repository: &Repository,
    policy: &Policy,
    look: &mut Look<'_>,
    usage: Usage<'_>,
    now: Timestamp,
) -> Option<Marking> {
    let end = End::target(repository);
    let images = match look.listing(end)? {
        Err(failure) => return Some(refused(Kind::Failed(failure.clone()))),
        Ok(images) => images,
    };
    let marks = |images: Vec<Image>| !expiry::marks(policy, &images, now).is_empty();
    let images = window::with_children(end, images, look, marks)?;
    let marked = expiry::marks(policy, &images, now);
    if marked.is_empty() {
        return Some(Marking::Nothing);
    }
    let target = repository.clone();
    let named = named(marked.iter().map(|mark| &mark.digest), &images);
    Some(match usage {
        Usage::Unread => refused(Kind::WouldExpire {
            target,
            marked: marked.len(),
            images: named,
            preview: false,
        }),
        Usage::Unknown(why) => refused(Kind::UsageUnknown {
            target,
            marked: marked.len(),
            images: named,
            why: why.to_owned(),
            needed: keep_of_all(&images, &marked),
        }),
        Usage::Known(protected) => {
            let held = protected.of(repository);
            let digests: BTreeSet<_> = marked.iter().map(|mark| &mark.digest).collect();
            let lost = images.iter().filter_map(|image| {
                let reasons = held?.get(&image.digest)?;
                digests.contains(&image.digest).then_some((image, reasons))
            });
            match worst(repository, policy, &images, lost, now) {
                Some(kind) => refused(kind),
                None => Marking::Unused {
                    marked: marked.len(),
                    images: named,
                },
            }
        }
    })
}

fn refused(kind: Kind) -> Marking {
    Marking::Refused(Box::new(kind))
}

/// The protected image that goes furthest over the count, and the keep that all of them need; nothing where none is marked.
fn worst<'i>(
    repository: &Repository,
    policy: &Policy,
    images: &[Image],
    lost: impl Iterator<Item = (&'i Image, &'i BTreeSet<Reason>)>,
    now: Timestamp,
) -> Option<Kind> {
    let standings = standings(Some(policy), images, now);
    let place = |image: &Image| standings.get(&image.digest).and_then(|one| one.place);
    let lost: Vec<_> = lost.collect();
    let counted = lost.iter().all(|(image, _)| place(image).is_some());
    let places = lost.iter().filter_map(|(image, _)| place(image));
    let needed = places.map(|(place, _)| place).max().filter(|_| counted);
    let (image, reasons) = lost
        .iter()
        .max_by_key(|(image, _)| place(image).map(|(place, _)| place))?;
    Some(Kind::WouldExpireInUse {
        image: Named::new(repository, &image.digest, &image.tags),
        why: reasons.first().map(ToString::to_string).unwrap_or_default(),
        place: place(image),
        others: lost.len() - 1,
        needed,
    })
}

/// The keep that marks nothing: that of all tagged images, where only such are marked.
fn keep_of_all(images: &[Image], marked: &[Marked]) -> Option<usize> {
    let counted =
        |image: &&Image| !image.tags.is_empty() && image.storage_class == StorageClass::Standard;
    let tagged: Vec<&Image> = images.iter().filter(counted).collect();
    let is_tagged = |mark: &Marked| tagged.iter().any(|image| image.digest == mark.digest);
    marked.iter().all(is_tagged).then_some(tagged.len())
}

/// Names of some of these images.
fn named<'a>(digests: impl Iterator<Item = &'a Digest>, images: &[Image]) -> Vec<String> {
    let name = |digest: &Digest| {
        let image = images.iter().find(|image| image.digest == *digest);
        let tags = image.map(|image| image.tags.join(" ")).unwrap_or_default();
        match tags.is_empty() {
            true => digest.short().to_owned(),
            false => tags,
        }
    };
    digests.take(NAMED).map(name).collect()
}
