//! What an image consists of, and what of it the target lacks.

use std::collections::BTreeSet;

use crate::model::digest::Digest;
use crate::model::failure::Failure;
use crate::model::inventory::{Facts, ImageId};
use crate::model::lifecycle::StorageClass;
use crate::model::manifest::{Descriptor, Manifest};

/// How deep indexes may be nested: an index of indexes of … images.
pub(super) const MAX_DEPTH: usize = 8;

/// What is below a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Everything was read.
    Whole(Whole),
    /// These manifests have to be read first.
    Unread(Vec<Digest>),
    /// It cannot be copied.
    Broken(Broken),
}

/// What the target lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Whole {
    /// Manifests below the top, children before parents, each once.
    pub(super) children: Vec<Manifest>,
    /// Blobs of them and of the top, each once.
    pub(super) blobs: Vec<Descriptor>,
}

/// Why an image cannot be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// An index names something its repository does not hold.
    MissingChild {
        /// The index.
        index: Digest,
        /// What it names.
        child: Digest,
    },
    /// A child could not be read.
    Unreadable(Failure),
    /// Nested too deep.
    TooDeep,
}

/// Walks down from the top. Manifests that the target lists are there with everything below them, because ECR takes
/// no manifest before what it refers to: they are skipped.
pub(super) fn of(top: &Manifest, source: &Facts, target: &Facts) -> Content {
    let mut walk = Walk {
        source,
        present: present(target),
        seen: BTreeSet::new(),
        whole: Whole::default(),
        unread: Vec::new(),
    };
    if walk.present.contains(&top.digest) {
        return Content::Whole(walk.whole);
    }
    if let Err(broken) = walk.descend(top, 0) {
        return Content::Broken(broken);
    }
    if walk.unread.is_empty() {
        let there = |blob: &Descriptor| matches!(target.blobs.get(&blob.digest), Some(Ok(true)));
        walk.whole.blobs.retain(|blob| !there(blob));
        Content::Whole(walk.whole)
    } else {
        Content::Unread(walk.unread)
    }
}

/// Every digest the target is known to hold.
pub(super) fn present(target: &Facts) -> BTreeSet<Digest> {
    let listed = target.listing.iter().flatten().flatten();
    let listed = listed.filter(|image| image.storage_class == StorageClass::Standard);
    let mut present: BTreeSet<Digest> = listed.map(|image| image.digest.clone()).collect();
    let read = target.images.values().flatten().flatten();
    present.extend(read.map(|manifest| manifest.digest.clone()));
    present
}

struct Walk<'a> {
    source: &'a Facts,
    present: BTreeSet<Digest>,
    seen: BTreeSet<Digest>,
    whole: Whole,
    unread: Vec<Digest>,
}

impl Walk<'_> {
    fn descend(&mut self, manifest: &Manifest, depth: usize) -> Result<(), Broken> {
        if depth > MAX_DEPTH {
            return Err(Broken::TooDeep);
        }
        for blob in &manifest.blobs {
            if self.seen.insert(blob.digest.clone()) {
                self.whole.blobs.push(blob.clone());
            }
        }
        for child in &manifest.children {
            let digest = &child.digest;
            if self.present.contains(digest) || !self.seen.insert(digest.clone()) {
                continue;
            }
            match self.source.images.get(&ImageId::Digest(digest.clone())) {
                None => self.unread.push(digest.clone()),
                Some(Err(failure)) => return Err(Broken::Unreadable(failure.clone())),
                Some(Ok(None)) => {
                    return Err(Broken::MissingChild {
                        index: manifest.digest.clone(),
                        child: digest.clone(),
                    });
                }
                Some(Ok(Some(found))) => {
                    self.descend(found, depth + 1)?;
                    self.whole.children.push(found.clone());
                }
            }
        }
        Ok(())
    }
}
