//! How the images of one repository hang together: which index lists which image, and what refers to what.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::digest::Digest;
use crate::model::lifecycle::Image;
use crate::model::manifest::Manifest;
use crate::plan::companions;
use crate::plan::finding::own_tag;

/// The configurations of container images; whatever else has a configuration is an artifact of another kind.
const IMAGE_CONFIGURATIONS: [&str; 2] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
];

/// The images of a repository, by their place in the listing.
pub(super) struct Relations<'a> {
    pub(super) images: &'a [Image],
    by_digest: BTreeMap<&'a Digest, usize>,
    /// What each image lists, as far as it is in the repository.
    pub(super) children: Vec<Vec<usize>>,
    /// The indexes that list each image.
    pub(super) parents: Vec<Vec<usize>>,
    /// What each image refers to, whether or not it is in the repository.
    subjects: Vec<Vec<Digest>>,
    /// What refers to each image.
    pub(super) referrers: Vec<Vec<usize>>,
    /// Whether the image's own text was read.
    pub(super) read: Vec<bool>,
    /// The artifact type of what is no container image, no index and no referrer.
    pub(super) strange: Vec<Option<Option<String>>>,
}

impl<'a> Relations<'a> {
    /// Of a listing, with the manifest of each image where it could be read.
    pub(super) fn new(images: &'a [Image], manifests: &[Option<&Manifest>]) -> Self {
        let places = images.iter().enumerate();
        let by_digest: BTreeMap<&Digest, usize> =
            places.map(|(at, image)| (&image.digest, at)).collect();
        let mut all = Self {
            images,
            by_digest,
            children: vec![Vec::new(); images.len()],
            parents: vec![Vec::new(); images.len()],
            subjects: vec![Vec::new(); images.len()],
            referrers: vec![Vec::new(); images.len()],
            read: manifests.iter().map(Option::is_some).collect(),
            strange: vec![None; images.len()],
        };
        for (at, (image, manifest)) in images.iter().zip(manifests).enumerate() {
            let listed = manifest.iter().flat_map(|manifest| &manifest.children);
            for child in listed.filter_map(|child| all.by_digest.get(&child.digest).copied()) {
                push(&mut all.children, at, child);
                push(&mut all.parents, child, at);
            }
            let said = manifest.and_then(|manifest| manifest.subject.clone());
            let tagged = image.tags.iter().filter_map(|tag| companions::subject(tag));
            let subjects = image.subject.clone().into_iter().chain(said).chain(tagged);
            let subjects: BTreeSet<Digest> = subjects.filter(|one| *one != image.digest).collect();
            for &of in subjects.iter().filter_map(|one| all.by_digest.get(one)) {
                push(&mut all.referrers, of, at);
            }
            if let Some(known) = all.subjects.get_mut(at) {
                known.extend(subjects);
            }
            if let (Some(manifest), Some(strange)) = (manifest, all.strange.get_mut(at)) {
                *strange = strangeness(manifest);
            }
        }
        all
    }

    /// The places of what an image refers to, as far as it is in the repository.
    pub(super) fn subjects(&self, at: usize) -> impl Iterator<Item = usize> {
        let subjects = self.subjects.get(at).into_iter().flatten();
        subjects.filter_map(|subject| self.by_digest.get(subject).copied())
    }

    /// The digests of what an image refers to, as far as it is in the repository.
    pub(super) fn subject_digests(&self, at: usize) -> Vec<Digest> {
        let places = self.subjects(at).filter_map(|of| self.images.get(of));
        places.map(|image| image.digest.clone()).collect()
    }

    /// Whether an image is there for another one only: an OCI 1.1 referrer, which ECR deletes with its subject whatever its tags;
    /// or one whose tags all name another image.
    pub(super) fn is_referrer(&self, at: usize) -> bool {
        let Some(image) = self.images.get(at) else {
            return false;
        };
        let subjects = self.subjects.get(at).map_or(0, Vec::len);
        let named = |tag: &&String| companions::subject(tag).is_some();
        let by_tag = image.tags.iter().filter(named).count();
        let own = image.tags.iter().filter(|tag| !named(tag)).cloned();
        let own: Vec<String> = own.collect();
        match by_tag {
            0 => subjects > 0,
            _ => image.subject.is_some() || own_tag(&image.digest, &own).is_none(),
        }
    }

    /// Whether nobody knows the image by a tag of its own.
    pub(super) fn is_untagged(&self, at: usize) -> bool {
        let image = self.images.get(at);
        image.is_none_or(|image| own_tag(&image.digest, &image.tags).is_none())
    }

    /// Whether an index in the repository lists it.
    pub(super) fn is_child(&self, at: usize) -> bool {
        self.parents
            .get(at)
            .is_some_and(|parents| !parents.is_empty())
    }
}

fn push(lists: &mut [Vec<usize>], at: usize, value: usize) {
    if let Some(list) = lists.get_mut(at) {
        list.push(value);
    }
}

/// The artifact type of what is neither a container image nor an index; inside it nothing where it says none.
fn strangeness(manifest: &Manifest) -> Option<Option<String>> {
    let kind = manifest.artifact_type.as_deref();
    let ordinary = match kind {
        Some(kind) => IMAGE_CONFIGURATIONS.contains(&kind),
        None => manifest.is_index(),
    };
    (!ordinary).then(|| kind.map(str::to_owned))
}
