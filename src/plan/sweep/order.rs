//! In which order images go: what refers to an image before that image, an index before what it lists. ECR refuses to delete a child
//! while its index is there (`ImageReferencedByManifestList`).

use std::collections::{BTreeMap, BTreeSet};

use crate::model::digest::Digest;
use crate::model::reference::Repository;
use crate::plan::sweep::keep::Keep;
use crate::plan::sweep::{Candidates, Judged, Sweep, Swept};

/// The most images one `BatchDeleteImage` takes (Amazon ECR API Reference).
const MOST: usize = 100;

/// Images of one repository that go at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Where.
    pub repository: Repository,
    /// Which, at most 100.
    pub digests: Vec<Digest>,
    /// Those among them that an index lists, which then goes before them.
    pub listed: BTreeSet<Digest>,
}

/// Of some batches, what must stay by now, and why.
pub type Dropped = BTreeMap<Repository, BTreeMap<Digest, Keep>>;

/// What some batches would take.
pub fn taken(batches: &[Batch]) -> Candidates {
    let mut taken = Candidates::new();
    for batch in batches {
        let digests = taken.entry(batch.repository.clone()).or_default();
        digests.extend(batch.digests.iter().cloned());
    }
    taken
}

/// What a second look keeps of what some batches would take.
pub fn dropped(again: &Sweep, taken: &Candidates) -> Dropped {
    let mut dropped = Dropped::new();
    for swept in &again.repositories {
        let Some(taken) = taken.get(&swept.repository) else {
            continue;
        };
        for judged in &swept.images {
            let digest = &judged.image.digest;
            if let Some(keep) = judged.keep.as_ref().filter(|_| taken.contains(digest)) {
                let of_it = dropped.entry(swept.repository.clone()).or_default();
                of_it.insert(digest.clone(), keep.clone());
            }
        }
    }
    dropped
}

/// Everything that goes, in batches that are to be carried out in this order. No batch holds an image and what must go before it.
pub fn batches(sweep: &Sweep) -> Vec<Batch> {
    let each = sweep.repositories.iter().flat_map(of_one);
    each.collect()
}

fn of_one(swept: &Swept) -> Vec<Batch> {
    let going: Vec<&Judged> = swept.going().collect();
    let mut stages: BTreeMap<usize, Vec<&Judged>> = BTreeMap::new();
    for (judged, stage) in going.iter().zip(stages_of(&going)) {
        stages.entry(stage).or_default().push(judged);
    }
    let listed = going.iter().flat_map(|one| &one.image.children);
    let listed: BTreeSet<&Digest> = listed.collect();
    let mut batches = Vec::new();
    for mut images in stages.into_values() {
        // The oldest first: that is how far an interrupted sweep came.
        images.sort_by_key(|one| (one.image.sort_key(), &one.image.digest));
        for images in images.chunks(MOST) {
            let digests: Vec<Digest> = images.iter().map(|one| one.image.digest.clone()).collect();
            let of_indexes = digests.iter().filter(|digest| listed.contains(digest));
            batches.push(Batch {
                repository: swept.repository.clone(),
                listed: of_indexes.cloned().collect(),
                digests,
            });
        }
    }
    batches
}

/// For each image how many others must go one after another before it. Images that name each other in a circle, as tags can, go
/// last.
fn stages_of(going: &[&Judged]) -> Vec<usize> {
    let places = going.iter().enumerate();
    let place: BTreeMap<&Digest, usize> = places.map(|(at, one)| (&one.image.digest, at)).collect();
    let after: Vec<Vec<usize>> = going
        .iter()
        .map(|one| {
            let all = one.image.children.iter().chain(&one.subjects);
            all.filter_map(|digest| place.get(digest).copied())
                .collect()
        })
        .collect();
    let mut waits_for = vec![0_usize; going.len()];
    for &at in after.iter().flatten() {
        if let Some(count) = waits_for.get_mut(at) {
            *count += 1;
        }
    }
    let mut stages: Vec<Option<usize>> = vec![None; going.len()];
    let mut stage = 0;
    let free = |waits_for: &[usize], stages: &[Option<usize>]| -> Vec<usize> {
        let both = waits_for.iter().zip(stages).enumerate();
        let free = both.filter(|(_, (waits, stage))| **waits == 0 && stage.is_none());
        free.map(|(at, _)| at).collect()
    };
    let mut ready = free(&waits_for, &stages);
    while !ready.is_empty() {
        let mut next = Vec::new();
        for at in ready {
            if let Some(known) = stages.get_mut(at) {
                *known = Some(stage);
            }
            for &later in after.get(at).into_iter().flatten() {
                if let Some(count) = waits_for.get_mut(later) {
                    *count -= 1;
                    if *count == 0 {
                        next.push(later);
                    }
                }
            }
        }
        ready = next;
        stage += 1;
    }
    stages
        .into_iter()
        .map(|known| known.unwrap_or(stage))
        .collect()
}
