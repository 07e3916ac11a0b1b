//! What an image consists of, and what of it the target lacks.

use std::collections::BTreeSet;

use crate::model::digest::Digest;
use crate::model::inventory::{Facts, ImageId};
use crate::model::lifecycle::StorageClass;
use crate::model::manifest::{Descriptor, Manifest};
use crate::plan::look::{End, Look};
use crate::plan::mapping::Wanted;
use crate::plan::problem::Kind;

/// How deep indexes may be nested: an index of indexes of … images.
const MAX_DEPTH: usize = 8;

/// What the target lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// Manifests below the top, children before parents, each once.
    pub(super) children: Vec<Manifest>,
    /// Blobs of them and of the top, each once.
    pub(super) blobs: Vec<Descriptor>,
}

/// Walks down from the top, asking for the children it does not know yet. Manifests that the target lists are there with
/// everything below them, because ECR takes no manifest before what it refers to: they are skipped.
///
/// # Errors
/// Why the image cannot be copied.
pub(super) fn of(wanted: &Wanted, top: &Manifest, look: &mut Look<'_>) -> Result<Content, Kind> {
    let present = look.facts(&wanted.target).map(present).unwrap_or_default();
    if present.contains(&top.digest) {
        return Ok(Content::default());
    }
    let mut walk = Walk {
        wanted,
        top: &top.digest,
        present,
        manifests: BTreeSet::new(),
        blobs: BTreeSet::new(),
        content: Content::default(),
    };
    walk.descend(top, 0, look)?;
    Ok(walk.content)
}

/// Every digest the repository is known to hold, ready to be pulled.
pub(super) fn present(facts: &Facts) -> BTreeSet<Digest> {
    let listed = facts.listing.iter().flatten().flatten();
    let listed = listed.filter(|image| image.storage_class == StorageClass::Standard);
    let mut present: BTreeSet<Digest> = listed.map(|image| image.digest.clone()).collect();
    if !matches!(facts.listing, Some(Ok(_))) {
        let read = facts.images.values().flatten().flatten();
        present.extend(read.map(|manifest| manifest.digest.clone()));
    }
    present
}

struct Walk<'w> {
    wanted: &'w Wanted,
    top: &'w Digest,
    present: BTreeSet<Digest>,
    manifests: BTreeSet<Digest>,
    blobs: BTreeSet<Digest>,
    content: Content,
}

impl Walk<'_> {
    fn descend(
        &mut self,
        manifest: &Manifest,
        depth: usize,
        look: &mut Look<'_>,
    ) -> Result<(), Kind> {
        let source = &self.wanted.source;
        if depth > MAX_DEPTH {
            return Err(Kind::TooDeep {
                repository: source.clone(),
                digest: self.top.clone(),
                limit: MAX_DEPTH,
            });
        }
        for blob in &manifest.blobs {
            if self.blobs.insert(blob.digest.clone()) {
                self.content.blobs.push(blob.clone());
            }
        }
        for child in &manifest.children {
            let digest = &child.digest;
            if self.present.contains(digest) || !self.manifests.insert(digest.clone()) {
                continue;
            }
            match look.image(End::source(source), &ImageId::Digest(digest.clone())) {
                None => {}
                Some(Err(failure)) => return Err(Kind::Failed(failure.clone())),
                Some(Ok(None)) => {
                    return Err(Kind::MissingChild {
                        repository: source.clone(),
                        index: manifest.digest.clone(),
                        child: digest.clone(),
                    });
                }
                Some(Ok(Some(found))) => {
                    self.descend(found, depth + 1, look)?;
                    self.content.children.push(found.clone());
                }
            }
        }
        Ok(())
    }
}
