//! Looking a fact up while deciding: what is not known yet is asked for, so that a decision and its questions are one
//! piece of code. A decision that asked something is made again when the answer is there.

use std::collections::BTreeMap;

use crate::model::digest::Digest;
use crate::model::failure::Side;
use crate::model::inventory::{
    Ask, Facts, ImageId, Inventory, Known, Questions, RepositorySettings,
};
use crate::model::lifecycle::Image;
use crate::model::manifest::Manifest;
use crate::model::reference::{Registry, Repository, Tag};

/// What is known, and what was asked while deciding.
pub struct Look<'a> {
    inventory: &'a Inventory,
    questions: Questions,
    asked: usize,
}

/// How much had been asked at some point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(usize);

/// One repository, as one end of a promotion.
#[derive(Clone, Copy, Debug)]
pub struct End<'r> {
    repository: &'r Repository,
    side: Side,
}

impl<'r> End<'r> {
    /// The common repository.
    pub fn source(repository: &'r Repository) -> Self {
        let side = Side::Source;
        Self { repository, side }
    }

    /// The task-definition repository.
    pub fn target(repository: &'r Repository) -> Self {
        let side = Side::Target;
        Self { repository, side }
    }

    /// Which it is.
    pub fn repository(self) -> &'r Repository {
        self.repository
    }
}

impl<'a> Look<'a> {
    /// Over these facts.
    pub fn new(inventory: &'a Inventory) -> Self {
        Self {
            inventory,
            questions: Questions::default(),
            asked: 0,
        }
    }

    /// What was asked.
    pub fn into_questions(self) -> Questions {
        self.questions
    }

    /// How much has been asked so far.
    pub fn mark(&self) -> Mark {
        Mark(self.asked)
    }

    /// Whether anything was asked since: then a decision has to wait.
    pub fn has_asked_since(&self, mark: Mark) -> bool {
        self.asked > mark.0
    }

    /// Everything that is known of a repository.
    pub fn facts(&self, repository: &Repository) -> Option<&'a Facts> {
        self.inventory.repositories.get(repository)
    }

    /// Whether the repository is known not to exist.
    pub fn is_missing(&self, repository: &Repository) -> bool {
        self.facts(repository).is_some_and(Facts::is_missing)
    }

    /// Mutability and encryption.
    pub fn settings(&mut self, end: End<'_>) -> Option<&'a Known<RepositorySettings>> {
        self.fact(
            end,
            |facts| facts.settings.as_ref(),
            |ask| ask.settings = true,
        )
    }

    /// The lifecycle policy.
    pub fn policy(&mut self, end: End<'_>) -> Option<&'a Known<Option<String>>> {
        self.fact(end, |facts| facts.policy.as_ref(), |ask| ask.policy = true)
    }

    /// Every image.
    pub fn listing(&mut self, end: End<'_>) -> Option<&'a Known<Vec<Image>>> {
        self.fact(
            end,
            |facts| facts.listing.as_ref(),
            |ask| ask.listing = true,
        )
    }

    /// The repository policy.
    pub fn access(&mut self, end: End<'_>) -> Option<&'a Known<Option<String>>> {
        self.fact(end, |facts| facts.access.as_ref(), |ask| ask.access = true)
    }

    /// The resource tags.
    pub fn tags(&mut self, end: End<'_>) -> Option<&'a Known<BTreeMap<String, String>>> {
        self.fact(end, |facts| facts.tags.as_ref(), |ask| ask.tags = true)
    }

    /// Whether a pull-through cache rule is behind it.
    pub fn pull_through(&mut self, end: End<'_>) -> Option<&'a Known<bool>> {
        self.fact(
            end,
            |facts| facts.pull_through.as_ref(),
            |ask| ask.pull_through = true,
        )
    }

    /// A manifest.
    pub fn image(&mut self, end: End<'_>, id: &ImageId) -> Option<&'a Known<Option<Manifest>>> {
        let asked = id.clone();
        self.fact(
            end,
            |facts| facts.images.get(id),
            |ask| {
                ask.images.insert(asked);
            },
        )
    }

    /// Which digest a tag of an upstream names, where nothing depends on it but a warning.
    pub fn meaning(&mut self, end: End<'_>, tag: &Tag) -> Option<&'a Known<Option<Digest>>> {
        let asked = tag.clone();
        self.fact(
            end,
            |facts| facts.meanings.get(tag),
            |ask| {
                ask.meanings.insert(asked);
            },
        )
    }

    /// The referrers of an image.
    pub fn referrers(&mut self, end: End<'_>, digest: &Digest) -> Option<&'a Known<Vec<Digest>>> {
        let asked = digest.clone();
        self.fact(
            end,
            |facts| facts.referrers.get(digest),
            |ask| {
                ask.referrers.insert(asked);
            },
        )
    }

    /// Whether a blob is there.
    pub fn blob(&mut self, end: End<'_>, digest: &Digest) -> Option<&'a Known<bool>> {
        let asked = digest.clone();
        self.fact(
            end,
            |facts| facts.blobs.get(digest),
            |ask| {
                ask.blobs.insert(asked);
            },
        )
    }

    /// Whether the registry mounts blobs.
    pub fn blob_mounting(&mut self, registry: &Registry) -> Option<&'a Known<bool>> {
        let known = self.inventory.blob_mounting.get(registry);
        if known.is_none() {
            self.asked += 1;
            self.questions.blob_mounting.insert(registry.clone());
        }
        known
    }

    /// Whether the registry gives us a token.
    pub fn sign_in(&mut self, registry: &Registry) -> Option<&'a Known<()>> {
        let known = self.inventory.sign_in.get(registry);
        if known.is_none() {
            self.asked += 1;
            self.questions.sign_in.insert(registry.clone());
        }
        known
    }

    /// Nothing is asked of a repository that does not exist.
    fn fact<T>(
        &mut self,
        end: End<'_>,
        read: impl Fn(&'a Facts) -> Option<&'a T>,
        ask: impl FnOnce(&mut Ask),
    ) -> Option<&'a T> {
        let facts = self.facts(end.repository);
        if let Some(known) = facts.and_then(read) {
            return Some(known);
        }
        if !facts.is_some_and(Facts::is_missing) {
            self.asked += 1;
            ask(self.questions.about(end.repository, end.side));
        }
        None
    }
}
