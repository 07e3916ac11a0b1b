//! What was seen in the registries before deciding: possibly incomplete, and saying so. A fact that could not be read
//! is a [`Failure`], never a default.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::model::digest::Digest;
use crate::model::failure::{Failure, Side};
use crate::model::lifecycle;
use crate::model::manifest::Manifest;
use crate::model::reference::{Registry, Repository, Tag};
use crate::model::wildcard;

/// A fact, or why it is not known. Unknown is never "safe".
pub type Known<T> = Result<T, Failure>;

/// How an image is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImageId {
    /// By its tag.
    Tag(Tag),
    /// By its digest.
    Digest(Digest),
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => write!(f, ":{tag}"),
            Self::Digest(digest) => write!(f, "@{digest}"),
        }
    }
}

/// What a plan still has to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    /// Whether these registries mount blobs.
    pub blob_mounting: BTreeSet<Registry>,
    /// Whether these registries give us a token.
    pub sign_in: BTreeSet<Registry>,
    /// What to ask about each repository.
    pub repositories: BTreeMap<Repository, Ask>,
}

impl Questions {
    /// Whether everything is known.
    pub fn is_empty(&self) -> bool {
        self.blob_mounting.is_empty()
            && self.sign_in.is_empty()
            && self.repositories.values().all(Ask::is_empty)
    }

    /// The questions about one repository; `side` is kept from the first time.
    pub fn about(&mut self, repository: &Repository, side: Side) -> &mut Ask {
        self.repositories
            .entry(repository.clone())
            .or_insert_with(|| Ask::new(side))
    }
}

/// What a plan has to know of one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Which end it is, for messages.
    pub side: Side,
    /// Manifests (`BatchGetImage`).
    pub images: BTreeSet<ImageId>,
    /// Which digests these tags of an upstream name (HEAD). Unlike [`Ask::images`] that is asked once and not waited for.
    pub meanings: BTreeSet<Tag>,
    /// Referrers of these digests (`ListImageReferrers`).
    pub referrers: BTreeSet<Digest>,
    /// Whether these blobs are there (`BatchCheckLayerAvailability`).
    pub blobs: BTreeSet<Digest>,
    /// Mutability and encryption (`DescribeRepositories`).
    pub settings: bool,
    /// The lifecycle policy (`GetLifecyclePolicy`).
    pub policy: bool,
    /// Every image with its tags and push date (`DescribeImages`).
    pub listing: bool,
    /// The repository policy (`GetRepositoryPolicy`).
    pub access: bool,
    /// Its resource tags (`ListTagsForResource`).
    pub tags: bool,
    /// Whether a pull-through cache rule is behind it (`DescribePullThroughCacheRules`).
    pub pull_through: bool,
}

impl Ask {
    fn new(side: Side) -> Self {
        Self {
            side,
            images: BTreeSet::new(),
            meanings: BTreeSet::new(),
            referrers: BTreeSet::new(),
            blobs: BTreeSet::new(),
            settings: false,
            policy: false,
            listing: false,
            access: false,
            tags: false,
            pull_through: false,
        }
    }

    fn is_empty(&self) -> bool {
        let flags = [
            self.settings,
            self.policy,
            self.listing,
            self.access,
            self.tags,
            self.pull_through,
        ];
        self.images.is_empty()
            && self.meanings.is_empty()
            && self.referrers.is_empty()
            && self.blobs.is_empty()
            && flags.iter().all(|asked| !asked)
    }
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Whether each registry mounts blobs (account setting `BLOB_MOUNTING`).
    pub blob_mounting: BTreeMap<Registry, Known<bool>>,
    /// Whether each registry gave us a token.
    pub sign_in: BTreeMap<Registry, Known<()>>,
    /// What is known of each repository.
    pub repositories: BTreeMap<Repository, Facts>,
}

/// What was seen of one repository. A fact that was not asked for is `None`.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Some call said that it does not exist.
    pub denied_existence: bool,
    /// Some call read something of it.
    pub proved_existence: bool,
    /// The answers to [`Ask::images`]; `None` inside where there is no such image.
    pub images: BTreeMap<ImageId, Known<Option<Manifest>>>,
    /// The answers to [`Ask::meanings`]; `None` inside where there is no such tag.
    pub meanings: BTreeMap<Tag, Known<Option<Digest>>>,
    /// The answers to [`Ask::referrers`].
    pub referrers: BTreeMap<Digest, Known<Vec<Digest>>>,
    /// The answers to [`Ask::blobs`].
    pub blobs: BTreeMap<Digest, Known<bool>>,
    /// Mutability and encryption.
    pub settings: Option<Known<RepositorySettings>>,
    /// Settings were asked for together with those of others, of which one may not exist: then none was told.
    pub refused_together: bool,
    /// The lifecycle policy's text, or that there is none.
    pub policy: Option<Known<Option<String>>>,
    /// Every image, archived ones too.
    pub listing: Option<Known<Vec<lifecycle::Image>>>,
    /// The repository policy's text, or that there is none.
    pub access: Option<Known<Option<String>>>,
    /// Its resource tags.
    pub tags: Option<Known<BTreeMap<String, String>>>,
    /// Whether a pull-through cache rule is behind it.
    pub pull_through: Option<Known<bool>>,
}

impl Facts {
    /// Whether it does not exist. One call that read something outweighs any that said so: a repository is new for ECR's
    /// servers at different times, and taking one for missing would mean to create it.
    pub fn is_missing(&self) -> bool {
        self.denied_existence && !self.proved_existence
    }
}

/// Settings of a repository that matter to a promotion (Amazon ECR API Reference, `Repository`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositorySettings {
    /// Whether tags may move.
    pub mutability: Mutability,
    /// With what it is encrypted; cannot be changed after creation.
    pub encryption: Encryption,
}

/// Tag mutability with its exclusions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutability {
    /// What holds for tags that no exclusion matches.
    pub immutable: bool,
    /// Wildcard filters (`*`) of the tags for which the opposite holds.
    pub exclusions: Vec<String>,
}

impl Mutability {
    /// AWS's word (Amazon ECR API Reference, `ImageTagMutability`).
    pub fn word(&self) -> &'static str {
        match (self.immutable, self.exclusions.is_empty()) {
            (true, true) => "IMMUTABLE",
            (true, false) => "IMMUTABLE_WITH_EXCLUSION",
            (false, true) => "MUTABLE",
            (false, false) => "MUTABLE_WITH_EXCLUSION",
        }
    }

    /// Whether this tag, once set, cannot be moved.
    pub fn freezes(&self, tag: &Tag) -> bool {
        let excluded = self
            .exclusions
            .iter()
            .any(|filter| wildcard::matches(filter, tag.as_str()));
        self.immutable != excluded
    }
}

impl fmt::Display for Mutability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.immutable {
            "immutable"
        } else {
            "mutable"
        })?;
        if !self.exclusions.is_empty() {
            write!(f, " except {}", self.exclusions.join(", "))?;
        }
        Ok(())
    }
}

/// Encryption at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// `AES256`, `KMS` or `KMS_DSSE`.
    pub kind: String,
    /// The key's ARN, for the two KMS kinds.
    pub key: Option<String>,
}

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if let Some(key) = &self.key {
            write!(f, " {key}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusions_turn_mutability_round() {
        let check = |immutable: bool, exclusions: &[&str], tag: &str, expected: bool| {
            let exclusions = exclusions.iter().map(|&filter| filter.to_owned()).collect();
            let mutability = Mutability {
                immutable,
                exclusions,
            };
            let tag: Tag = tag.parse().expect(tag);
            assert_eq!(mutability.freezes(&tag), expected, "{mutability} {tag}");
        };
        check(true, &[], "v1", true);
        check(false, &[], "v1", false);
        check(true, &["inuse-*"], "inuse-0123", false);
        check(true, &["inuse-*"], "v1", true);
        check(false, &["release-*"], "release-1", true);
    }
}
