//! A repository and what it holds.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::clock::Time;
use crate::lifecycle::preview::Preview;
use crate::manifest::Manifest;

/// A repository.
#[derive(Debug, Clone, Default)]
pub struct Repository {
    /// Its name.
    pub name: String,
    /// The account it is in, where that is not the world's.
    pub account: Option<String>,
    /// When it was created.
    pub created_at: Time,
    /// `MUTABLE`, `IMMUTABLE`, `IMMUTABLE_WITH_EXCLUSION` or `MUTABLE_WITH_EXCLUSION`.
    pub mutability: String,
    /// The wildcards of the two `…_WITH_EXCLUSION`.
    pub exclusions: Vec<String>,
    /// `AES256`, `KMS` or `KMS_DSSE`, and the key's ARN.
    pub encryption: (String, Option<String>),
    /// The repository policy's text.
    pub policy: Option<String>,
    /// The lifecycle policy's text.
    pub lifecycle: Option<String>,
    /// When the lifecycle policy last ran.
    pub evaluated_at: Option<Time>,
    /// The resource tags.
    pub tags: BTreeMap<String, String>,
    /// Whether a pull-through-cache rule made it.
    pub pull_through: bool,
    /// The images by digest.
    pub images: BTreeMap<String, Image>,
    /// The blobs by digest.
    pub blobs: BTreeMap<String, Blob>,
    /// The tags that were removed although they could not be moved, each with the digest it had.
    pub removed_tags: BTreeMap<String, String>,
    /// The last lifecycle preview.
    pub preview: Option<Preview>,
    /// For how many more requests the repository is not found (creation is eventually consistent).
    pub hidden_for: u32,
}

/// A manifest in a repository.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// Its digest.
    pub digest: String,
    /// Its bytes, exactly as they were put.
    pub bytes: Bytes,
    /// Its media type.
    pub media_type: String,
    /// What it says.
    pub manifest: Arc<Manifest>,
    /// Its tags.
    pub tags: BTreeSet<String>,
    /// When this digest was first put; never refreshed.
    pub pushed_at: Time,
    /// When it was last pulled.
    pub pulled_at: Option<Time>,
    /// Where it is stored.
    pub storage: Storage,
    /// When it was last archived.
    pub archived_at: Option<Time>,
    /// When it was last restored.
    pub activated_at: Option<Time>,
    /// When a restore that has begun will end.
    pub restored_at: Option<Time>,
}

/// Where an image is stored, and whether it can be pulled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Storage {
    /// Pullable.
    #[default]
    Active,
    /// In the archive, not pullable.
    Archived,
    /// Being restored, not pullable yet.
    Activating,
}

impl Storage {
    /// The word of the API, `imageStatus`.
    pub fn word(self) -> &'static str {
        match self {
            Storage::Active => "ACTIVE",
            Storage::Archived => "ARCHIVED",
            Storage::Activating => "ACTIVATING",
        }
    }
}

/// A blob in a repository.
#[derive(Debug, Clone)]
pub struct Blob {
    /// Its bytes.
    pub bytes: Bytes,
    /// Which upload it came from: mounted blobs keep the number of the blob they were mounted from.
    pub origin: u64,
}

impl Repository {
    /// The image a tag names, or one of this digest.
    pub fn image(&self, reference: &str) -> Option<&Image> {
        self.images.get(reference).or_else(|| {
            self.images
                .values()
                .find(|image| image.tags.contains(reference))
        })
    }

    pub(crate) fn image_mut(&mut self, reference: &str) -> Option<&mut Image> {
        let digest = self.image(reference)?.digest.clone();
        self.images.get_mut(&digest)
    }

    /// Whether a tag may be moved or put again here.
    pub fn is_mutable(&self, tag: &str) -> bool {
        let excluded = || {
            self.exclusions
                .iter()
                .any(|pattern| matches_wildcard(pattern, tag))
        };
        match self.mutability.as_str() {
            "IMMUTABLE" => false,
            "IMMUTABLE_WITH_EXCLUSION" => excluded(),
            "MUTABLE_WITH_EXCLUSION" => !excluded(),
            _ => true,
        }
    }

    /// The digests of the indexes that list this manifest.
    pub fn parents(&self, digest: &str) -> Vec<&str> {
        self.images
            .values()
            .filter(|image| image.manifest.children.iter().any(|child| child == digest))
            .map(|image| image.digest.as_str())
            .collect()
    }

    /// The manifests that refer to this one.
    pub fn referrers(&self, digest: &str) -> Vec<&Image> {
        self.images
            .values()
            .filter(|image| image.manifest.subject.as_deref() == Some(digest))
            .collect()
    }

    /// Whether a committed manifest refers to this blob.
    pub fn needs_blob(&self, digest: &str) -> bool {
        self.images.values().any(|image| {
            image
                .manifest
                .blobs
                .iter()
                .any(|blob| blob.digest == digest)
        })
    }

    pub(crate) fn needed_blobs(&self) -> BTreeSet<String> {
        self.images
            .values()
            .flat_map(|image| image.manifest.blobs.iter().map(|blob| blob.digest.clone()))
            .collect()
    }

    /// The size ECR reports: the blobs of an image; for an index the largest of its children.
    pub fn size(&self, image: &Image) -> u64 {
        let own: u64 = image.manifest.blobs.iter().map(|blob| blob.size).sum();
        let children = image
            .manifest
            .children
            .iter()
            .filter_map(|child| self.images.get(child));
        own.max(
            children
                .map(|child| self.size(child))
                .max()
                .unwrap_or_default(),
        )
    }

    /// Remembers the removal of a tag that could not be moved.
    pub(crate) fn note_removal(&mut self, tag: &str, digest: &str) {
        if !self.is_mutable(tag) {
            self.removed_tags.insert(tag.to_owned(), digest.to_owned());
        }
    }

    /// Deletes an image and the blobs that only it needed.
    pub(crate) fn remove(&mut self, digest: &str) -> Option<Image> {
        let removed = self.images.remove(digest)?;
        for tag in &removed.tags {
            self.note_removal(tag, digest);
        }
        let needed = self.needed_blobs();
        for blob in &removed.manifest.blobs {
            if !needed.contains(&blob.digest) {
                self.blobs.remove(&blob.digest);
            }
        }
        Some(removed)
    }
}

/// Whether a text matches a pattern in which `*` stands for any characters, none included.
pub fn matches_wildcard(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text.strip_prefix(head).is_some_and(|tail| {
            tail.char_indices()
                .map(|(at, _)| at)
                .chain([tail.len()])
                .any(|at| matches_wildcard(rest, tail.get(at..).unwrap_or_default()))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("prod*", "prod", true),
            ("prod*", "production-team1", true),
            ("*prod*", "repo-production", true),
            ("prod*", "a-prod", false),
            ("v1.0", "v1x0", false),
            ("*", "anything", true),
            ("*test*1*2*3", "a-test-1-2-3", true),
            ("*test*1*2*3", "a-test-1-3-2", false),
        ] {
            assert_eq!(
                matches_wildcard(pattern, text),
                expected,
                "{pattern} on {text}"
            );
        }
    }

    #[test]
    fn mutability() {
        let repository = |mutability: &str| Repository {
            mutability: mutability.to_owned(),
            exclusions: vec!["inuse-*".to_owned()],
            ..Repository::default()
        };
        for (mutability, tag, expected) in [
            ("MUTABLE", "v1", true),
            ("IMMUTABLE", "v1", false),
            ("IMMUTABLE", "inuse-1", false),
            ("IMMUTABLE_WITH_EXCLUSION", "v1", false),
            ("IMMUTABLE_WITH_EXCLUSION", "inuse-1", true),
            ("MUTABLE_WITH_EXCLUSION", "v1", true),
            ("MUTABLE_WITH_EXCLUSION", "inuse-1", false),
        ] {
            assert_eq!(
                repository(mutability).is_mutable(tag),
                expected,
                "{mutability} {tag}"
            );
        }
    }
}
