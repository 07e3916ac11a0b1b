//! How a sweep ended: what became of every image that was to go. `apply` fills it in, `report` shows it.

use std::collections::BTreeMap;

use crate::model::digest::Digest;
use crate::model::exit::Exit;
use crate::model::failure::Failure;
use crate::model::reference::Repository;
use crate::plan::sweep::keep::Keep;

/// What became of an image that was to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was deleted.
    Deleted,
    /// It was moved to the archive.
    Archived,
    /// It was not there any more: somebody else was faster, or an answer got lost.
    Absent,
    /// It stays with the index that was archived: ECR does not archive it by itself.
    WithIndex,
    /// It was needed again when usage was read once more, and stays.
    Dropped(Keep),
    /// It is still there.
    Failed(Failure),
}

/// Why a sweep stopped before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// How the run ends because of it.
    pub exit: Exit,
    /// Why.
    pub why: String,
}

/// What was done, in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What became of each image; one that is not in it was not come to.
    pub ended: BTreeMap<Repository, BTreeMap<Digest, Ended>>,
    /// Why it stopped early.
    pub stopped: Option<Stopped>,
}

impl Outcome {
    /// Records what became of an image.
    pub fn record(&mut self, repository: &Repository, digest: &Digest, ended: Ended) {
        let known = self.ended.entry(repository.clone()).or_default();
        known.insert(digest.clone(), ended);
    }

    /// What became of an image, if the run came to it.
    pub fn of(&self, repository: &Repository, digest: &Digest) -> Option<&Ended> {
        self.ended.get(repository)?.get(digest)
    }

    /// What failed.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        let all = self.ended.values().flat_map(BTreeMap::values);
        all.filter_map(|ended| match ended {
            Ended::Failed(failure) => Some(failure),
            _ => None,
        })
    }

    /// How the run ends: something that could not be deleted is the world's failure.
    pub fn exit(&self) -> Exit {
        let failed = match self.failures().next() {
            Some(_) => Exit::World,
            None => Exit::Done,
        };
        let stopped = self.stopped.as_ref().map(|stopped| stopped.exit);
        stopped.unwrap_or(Exit::Done).max(failed)
    }
}
