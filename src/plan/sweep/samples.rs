//! A repository made by hand, for tests: manifests by name, each an image, an index or something else.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::digest::Digest;
use crate::model::failure::{Failure, FailureKind};
use crate::model::inventory::{Facts, ImageId, Inventory, Known};
use crate::model::lifecycle::{Image, StorageClass};
use crate::model::manifest::Manifest;
use crate::model::reference::{Registry, Repository};
use crate::model::time::Timestamp;
use crate::plan::look::Look;
use crate::plan::protect::samples::HOST;
use crate::plan::protect::{InUse, Place};
use crate::plan::reason::{Reason, Why};
use crate::plan::sweep::{Candidates, Ratio, Rules, Sweep, batches, sweep};

pub(super) const NOW: Timestamp = Timestamp(1_800_000_000_000);
pub(super) const DAY: i64 = 86_400_000;
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// 30 days, none of the newest, half.
pub(super) fn rules() -> Rules {
    Rules {
        older_than: std::time::Duration::from_secs(30 * 24 * 60 * 60),
        keep: 0,
        max_ratio: Ratio(5000),
        archive: false,
        allow_empty: false,
    }
}

pub(super) fn repository(name: &str) -> Repository {
    Repository {
        registry: Registry::from_host(HOST).expect("a host"),
        name: name.parse().expect("a name"),
    }
}

/// A repository, and what is in use of it.
pub(super) struct World {
    pub(super) images: Vec<Image>,
    manifests: BTreeMap<Digest, Known<Option<Manifest>>>,
    pub(super) in_use: InUse,
    pub(super) rules: Rules,
    late: BTreeSet<Digest>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            images: Vec::new(),
            manifests: BTreeMap::new(),
            in_use: InUse::default(),
            rules: rules(),
            late: BTreeSet::new(),
        }
    }
}

impl World {
    /// An image, pushed so many days ago.
    pub(super) fn image(&mut self, seed: &str, tags: &[&str], days: i64) -> Digest {
        self.artifact(seed, tags, days, OCI_CONFIG)
    }

    /// A manifest whose configuration is of this type.
    pub(super) fn artifact(&mut self, seed: &str, tags: &[&str], days: i64, kind: &str) -> Digest {
        let blob = Digest::of(seed.as_bytes());
        let text = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"{kind}","digest":"{blob}","size":1}},"layers":[]}}"#
        );
        self.put(&text, tags, days)
    }

    /// An index of these.
    pub(super) fn index(
        &mut self,
        seed: &str,
        tags: &[&str],
        days: i64,
        children: &[&Digest],
    ) -> Digest {
        let entry = |child: &&Digest| format!(r#"{{"digest":"{child}","size":1}}"#);
        let entries: Vec<String> = children.iter().map(entry).collect();
        let entries = entries.join(",");
        let text = format!(r#"{{"schemaVersion":2,"x":"{seed}","manifests":[{entries}]}}"#);
        self.put(&text, tags, days)
    }

    /// What refers to an image, by its `subject`.
    pub(super) fn referrer(&mut self, seed: &str, days: i64, subject: &Digest) -> Digest {
        let digest = self.artifact(seed, &[], days, "application/vnd.oci.empty.v1+json");
        if let Some(image) = self.images.last_mut() {
            image.subject = Some(subject.clone());
        }
        digest
    }

    fn put(&mut self, text: &str, tags: &[&str], days: i64) -> Digest {
        let digest = Digest::of(text.as_bytes());
        let manifest = Manifest::read(text.to_owned(), &digest, None).expect(text);
        self.manifests.insert(digest.clone(), Ok(Some(manifest)));
        let tags = tags.iter().map(|&tag| tag.to_owned()).collect();
        let at = NOW.plus_milliseconds(-days * DAY);
        self.images.push(Image::pushed(digest.clone(), tags, at));
        digest
    }

    /// The image is in the archive, and its manifest cannot be read.
    pub(super) fn archive(&mut self, digest: &Digest) {
        for image in self.images.iter_mut().filter(|one| one.digest == *digest) {
            image.storage_class = StorageClass::Archive;
        }
        self.fail(digest);
    }

    /// The manifest cannot be read.
    pub(super) fn fail(&mut self, digest: &Digest) {
        let failure = Failure::new(
            "BatchGetImage",
            digest.to_string(),
            FailureKind::Other,
            "ImageInaccessible",
        );
        self.manifests.insert(digest.clone(), Err(failure));
    }

    /// It was pushed after the first listing.
    pub(super) fn late(&mut self, digest: &Digest) {
        self.late.insert(digest.clone());
    }

    /// A task runs it.
    pub(super) fn use_digest(&mut self, digest: &Digest) {
        let place = Place {
            repository: repository("fluentd/app"),
            tag: None,
            digest: Some(digest.clone()),
        };
        let reason = Reason::new(Why::RunningTask, "task");
        self.in_use.places.insert(place, BTreeSet::from([reason]));
    }

    /// Decides, answering what is asked until nothing is.
    pub(super) fn sweep(&self) -> Sweep {
        let all = self.images.iter().map(|image| image.digest.clone());
        let candidates = all.filter(|digest| !self.late.contains(digest)).collect();
        self.sweep_of(BTreeMap::from([(repository("fluentd/app"), candidates)]))
    }

    /// The same with these candidates.
    pub(super) fn sweep_of(&self, candidates: Candidates) -> Sweep {
        let facts = Facts {
            listing: Some(Ok(self.images.clone())),
            ..Facts::default()
        };
        let of_it = BTreeMap::from([(repository("fluentd/app"), facts)]);
        let mut inventory = Inventory {
            repositories: of_it,
            ..Inventory::default()
        };
        loop {
            let mut look = Look::new(&inventory);
            let sweep = sweep(&candidates, &self.in_use, &mut look, &self.rules, NOW);
            let questions = look.into_questions();
            if questions.is_empty() {
                return sweep;
            }
            for (repository, ask) in questions.repositories {
                let facts = inventory.repositories.entry(repository).or_default();
                for id in ask.images {
                    let ImageId::Digest(digest) = &id else {
                        panic!("asked by tag: {id}")
                    };
                    let known = self.manifests.get(digest).cloned();
                    facts.images.insert(id, known.unwrap_or(Ok(None)));
                }
            }
        }
    }

    /// Why each image stays, by name, and `None` for what goes.
    pub(super) fn verdicts(&self) -> BTreeMap<Digest, Option<&'static str>> {
        let sweep = self.sweep();
        let judged = sweep.repositories.iter().flat_map(|one| &one.images);
        let name = |keep: &crate::plan::sweep::Keep| keep.name();
        judged
            .map(|one| (one.image.digest.clone(), one.keep.as_ref().map(name)))
            .collect()
    }
}

/// In which batch each image goes.
pub(super) fn stage_of(sweep: &Sweep) -> BTreeMap<Digest, usize> {
    let all = batches(sweep).into_iter().enumerate();
    all.flat_map(|(at, batch)| batch.digests.into_iter().map(move |digest| (digest, at)))
        .collect()
}
