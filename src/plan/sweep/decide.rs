//! Decides for every image of the repositories whether it stays. First whatever stays by itself, then whatever that needs: a sweep
//! never takes a child from an index, a signature from an image, or an image from what refers to it.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::digest::Digest;
use crate::model::failure::{Failure, FailureKind};
use crate::model::inventory::{ImageId, Known};
use crate::model::lifecycle::{Image, StorageClass};
use crate::model::manifest::Manifest;
use crate::model::reference::Repository;
use crate::model::time::Timestamp;
use crate::plan::finding::{Finding, Kind};
use crate::plan::look::{End, Look};
use crate::plan::problem::Severity;
use crate::plan::protect::{self, InUse};
use crate::plan::reason::Reason;
use crate::plan::sweep::keep::Keep;
use crate::plan::sweep::relations::Relations;
use crate::plan::sweep::{Candidates, Judged, Rules, Sweep, Swept};

/// The protected images of one repository.
type Held = BTreeMap<Digest, BTreeSet<Reason>>;

/// Decides. What has to be known first is asked; until nothing is, the answer is not one yet.
pub fn sweep(
    candidates: &Candidates,
    in_use: &InUse,
    look: &mut Look<'_>,
    rules: &Rules,
    now: Timestamp,
) -> Sweep {
    let mut in_use = in_use.clone();
    in_use.retain(|repository| candidates.contains_key(repository));
    let (protected, mut findings) = protect::close(&in_use, look);
    let none = Held::new();
    let mut repositories = Vec::with_capacity(candidates.len());
    for (repository, candidates) in candidates {
        let held = protected.of(repository).unwrap_or(&none);
        let case = Case {
            held,
            candidates,
            rules,
            now,
        };
        let (images, failure) = one_repository(repository, &case, look);
        let unread = failure.map(|failure| Kind::Unreadable {
            repository: repository.clone(),
            failure,
        });
        let unread = unread.filter(|kind| findings.iter().all(|one| one.kind != *kind));
        findings.extend(unread.map(|kind| Finding {
            severity: Severity::Error,
            kind,
            reasons: BTreeSet::new(),
        }));
        repositories.push(Swept {
            repository: repository.clone(),
            readable: true,
            images,
        });
    }
    for swept in &mut repositories {
        let of_it = |finding: &Finding| finding.kind.repository() == Some(&swept.repository);
        let mut unread = findings.iter().filter(|one| one.kind.is_incomplete());
        if unread.any(of_it) {
            swept.readable = false;
            for judged in &mut swept.images {
                judged.keep.get_or_insert(Keep::Unread);
            }
        }
    }
    Sweep {
        repositories,
        findings,
    }
}

/// What decides about the images of one repository.
struct Case<'a> {
    held: &'a Held,
    candidates: &'a BTreeSet<Digest>,
    rules: &'a Rules,
    now: Timestamp,
}

fn one_repository(
    repository: &Repository,
    case: &Case<'_>,
    look: &mut Look<'_>,
) -> (Vec<Judged>, Option<Failure>) {
    let end = End::target(repository);
    let images = match look.listing(end) {
        None => return (Vec::new(), None),
        Some(Err(failure)) => return (Vec::new(), Some(failure.clone())),
        Some(Ok(images)) => images.as_slice(),
    };
    let mark = look.mark();
    let read: Vec<_> = images
        .iter()
        .map(|image| look.image(end, &ImageId::Digest(image.digest.clone())))
        .collect();
    if look.has_asked_since(mark) {
        return (Vec::new(), None);
    }
    let both = images.iter().zip(&read);
    let failure = both
        .filter(|(image, _)| image.storage_class != StorageClass::Archive)
        .find_map(|(image, answer)| trouble(repository, image, *answer));
    let manifests: Vec<Option<&Manifest>> = read.iter().map(|answer| manifest(*answer)).collect();
    let relations = Relations::new(images, &manifests);
    let mut keeps: Vec<Option<Keep>> = (0..images.len())
        .map(|at| by_itself(at, &relations, case))
        .collect();
    keep_newest(&relations, case, &mut keeps);
    close(&relations, &mut keeps);
    let judged = images.iter().zip(keeps).enumerate();
    let judged = judged.map(|(at, (image, keep))| {
        let mut image = image.clone();
        let listed = manifests.get(at).copied().flatten();
        let listed = listed.iter().flat_map(|manifest| &manifest.children);
        image.children = listed.map(|child| child.digest.clone()).collect();
        Judged {
            image,
            keep,
            subjects: relations.subject_digests(at),
        }
    });
    let mut judged: Vec<Judged> = judged.collect();
    judged.sort_by(|one, other| {
        let key = |one: &Judged| (one.image.sort_key(), one.image.digest.clone());
        key(other).cmp(&key(one))
    });
    (judged, failure)
}

fn manifest(answer: Option<&Known<Option<Manifest>>>) -> Option<&Manifest> {
    answer?.as_ref().ok()?.as_ref()
}

/// Why an image could not be read: then nobody knows whether it is an index, and whose children would be lost.
fn trouble(
    repository: &Repository,
    image: &Image,
    answer: Option<&Known<Option<Manifest>>>,
) -> Option<Failure> {
    match answer? {
        Ok(Some(_)) => None,
        Err(failure) => Some(failure.clone()),
        Ok(None) => Some(Failure::new(
            "BatchGetImage",
            format!("{repository}@{}", image.digest),
            FailureKind::ImageNotFound,
            "it was listed a moment ago: run again",
        )),
    }
}

/// Why an image stays whatever becomes of the others.
fn by_itself(at: usize, relations: &Relations<'_>, case: &Case<'_>) -> Option<Keep> {
    let image = relations.images.get(at)?;
    if let Some(reasons) = case.held.get(&image.digest) {
        return Some(Keep::Protected(reasons.clone()));
    }
    if image.is_pinned() {
        return Some(Keep::Pinned);
    }
    if image.storage_class == StorageClass::Archive {
        return Some(Keep::Archived);
    }
    if !case.candidates.contains(&image.digest) {
        return Some(Keep::Late);
    }
    let follows = relations.is_referrer(at) && relations.subjects(at).next().is_some();
    if follows {
        // It stays or goes with its subject: ECR would delete it with it, however young it is.
        return None;
    }
    let since = image.sort_key();
    let age = i64::try_from(case.rules.older_than.as_millis()).unwrap_or(i64::MAX);
    if since.plus_milliseconds(age) >= case.now {
        return Some(Keep::Young { since });
    }
    let is_child = relations.is_child(at);
    match relations.strange.get(at) {
        Some(Some(kind)) if !is_child && !relations.is_referrer(at) => {
            return Some(Keep::UnknownKind { kind: kind.clone() });
        }
        _ => {}
    }
    let unread = relations.read.iter().any(|read| !read);
    (unread && relations.is_untagged(at)).then_some(Keep::MayBeChild)
}

/// The newest images that people know by a tag of their own: no children, no referrers, nothing in the archive.
fn keep_newest(relations: &Relations<'_>, case: &Case<'_>, keeps: &mut [Option<Keep>]) {
    let standalone = |&at: &usize| {
        let image = relations.images.get(at);
        let lives = image.is_some_and(|image| image.storage_class != StorageClass::Archive);
        lives && !relations.is_untagged(at) && !relations.is_child(at) && !relations.is_referrer(at)
    };
    let mut places: Vec<usize> = (0..relations.images.len()).filter(standalone).collect();
    places.sort_by_key(|&at| {
        let image = relations.images.get(at);
        std::cmp::Reverse(image.map(|image| (image.sort_key(), &image.digest)))
    });
    for (place, at) in places.into_iter().take(case.rules.keep).enumerate() {
        if let Some(keep) = keeps.get_mut(at) {
            keep.get_or_insert(Keep::Newest { place: place + 1 });
        }
    }
}

/// Everything that what stays needs, until nothing changes.
fn close(relations: &Relations<'_>, keeps: &mut [Option<Keep>]) {
    let mut queue: Vec<usize> = (0..keeps.len())
        .filter(|&at| keeps.get(at).is_some_and(Option::is_some))
        .collect();
    loop {
        while let Some(at) = queue.pop() {
            let Some(image) = relations.images.get(at) else {
                continue;
            };
            let of = || image.digest.clone();
            let list = |lists: &[Vec<usize>]| lists.get(at).cloned().unwrap_or_default();
            let holds = keeps.get(at).and_then(Option::as_ref);
            let holds = holds.is_some_and(Keep::holds_others);
            let mut add = |other: usize, keep: Keep| {
                if let Some(known @ None) = keeps.get_mut(other) {
                    *known = Some(keep);
                    queue.push(other);
                }
            };
            for child in list(&relations.children) {
                add(child, Keep::Child { of: of() });
            }
            for referrer in list(&relations.referrers) {
                add(referrer, Keep::Referrer { of: of() });
            }
            if holds {
                for subject in relations.subjects(at) {
                    add(subject, Keep::Subject { of: of() });
                }
            }
        }
        queue = orphans(relations, keeps);
        if queue.is_empty() {
            return;
        }
    }
}

/// Keeps the indexes of untagged images that stay and that no index that stays lists: they live by one of those. Gives what was
/// kept.
fn orphans(relations: &Relations<'_>, keeps: &mut [Option<Keep>]) -> Vec<usize> {
    let mut added = Vec::new();
    for at in 0..keeps.len() {
        let keep = keeps.get(at).and_then(Option::as_ref);
        let Some(image) = relations.images.get(at) else {
            continue;
        };
        if !keep.is_some_and(Keep::holds_others)
            || !relations.is_untagged(at)
            || relations.is_referrer(at)
        {
            continue;
        }
        let parents = relations.parents.get(at).cloned().unwrap_or_default();
        let stays = |&parent: &usize| keeps.get(parent).is_some_and(Option::is_some);
        if parents.iter().any(stays) {
            continue;
        }
        for parent in parents {
            if let Some(known @ None) = keeps.get_mut(parent) {
                let of = image.digest.clone();
                *known = Some(Keep::Index { of });
                added.push(parent);
            }
        }
    }
    added
}
