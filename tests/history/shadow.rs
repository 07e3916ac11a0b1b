//! The same history with other ways of keeping images: one shared repository that keeps the newest N, and copies into a repository for each
//! family that keeps the newest N, both without pins.

use std::collections::{BTreeMap, BTreeSet};

use crate::needed::Start;

/// How often tasks could not have started.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lost {
    /// Starts.
    pub(crate) starts: u64,
    /// Starts whose image was gone.
    pub(crate) lost: u64,
}

/// Digests, oldest first.
#[derive(Default)]
struct Window(Vec<String>);

impl Window {
    /// A digest that is there keeps its place: ECR never refreshes a push date.
    fn push(&mut self, digest: &str) {
        if !self.0.iter().any(|known| known == digest) {
            self.0.push(digest.to_owned());
        }
    }

    fn keep(&mut self, keep: usize) {
        let gone = self.0.len().saturating_sub(keep);
        self.0.drain(..gone);
    }
}

/// Both ways.
#[derive(Default)]
pub(crate) struct Shadow {
    shared: Window,
    copies: BTreeMap<String, Window>,
    keeps: BTreeMap<String, usize>,
    pub(crate) shared_lost: Lost,
    pub(crate) copies_lost: Lost,
}

impl Shadow {
    /// A family whose copies keep so many; the shared repository keeps as many as all together.
    pub(crate) fn family(&mut self, repository: &str, keep: usize) {
        self.keeps.insert(repository.to_owned(), keep);
    }

    /// An image is built, or brought back, and promoted into a family's repository.
    pub(crate) fn promote(&mut self, repository: &str, digest: &str) {
        self.shared.push(digest);
        let copies = self.copies.entry(repository.to_owned());
        copies.or_default().push(digest);
    }

    /// The policies run.
    pub(crate) fn lifecycle(&mut self) {
        self.shared.keep(self.keeps.values().sum());
        for (repository, window) in &mut self.copies {
            window.keep(self.keeps.get(repository).copied().unwrap_or(usize::MAX));
        }
    }

    /// Tasks start, each by its digest.
    pub(crate) fn start(&mut self, starts: &BTreeSet<Start>) {
        for start in starts {
            let digest = &start.reference;
            self.shared_lost.starts += 1;
            self.copies_lost.starts += 1;
            self.shared_lost.lost += u64::from(!self.shared.0.contains(digest));
            let copies = self.copies.get(&start.repository);
            let held = copies.is_some_and(|window| window.0.contains(digest));
            self.copies_lost.lost += u64::from(!held);
        }
    }
}
