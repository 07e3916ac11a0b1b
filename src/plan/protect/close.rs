//! From images that are asked for to everything in the registry that they need: tags become digests, and what an index lists,
//! what lists an image, and what refers to it are protected with it.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::digest::Digest;
use crate::model::failure::FailureKind;
use crate::model::inventory::ImageId;
use crate::model::lifecycle::Image;
use crate::model::manifest::Manifest;
use crate::model::reference::Repository;
use crate::plan::companions;
use crate::plan::finding::{Asked, Finding, Kind, Named};
use crate::plan::look::{End, Look};
use crate::plan::problem::Severity;
use crate::plan::protect::images::{InUse, Place};
use crate::plan::reason::{Reason, Why};

/// The protected set: in each repository the digests that must stay, each with all its reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protected(pub BTreeMap<Repository, BTreeMap<Digest, BTreeSet<Reason>>>);

impl Protected {
    /// The protected images of a repository.
    pub fn of(&self, repository: &Repository) -> Option<&BTreeMap<Digest, BTreeSet<Reason>>> {
        self.0.get(repository)
    }
}

/// Everything the images need. What has to be known first is asked; until nothing is, the answer is not one yet.
pub fn close(in_use: &InUse, look: &mut Look<'_>) -> (Protected, Vec<Finding>) {
    let mut protected = Protected::default();
    let mut findings = Vec::new();
    let places: Vec<(&Place, &BTreeSet<Reason>)> = in_use.places.iter().collect();
    // Places are ordered by repository first.
    for places in places.chunk_by(|(one, _), (other, _)| one.repository == other.repository) {
        let Some((first, _)) = places.first() else {
            continue;
        };
        let repository = &first.repository;
        let held = one_repository(repository, places, look, &mut findings);
        protected.0.insert(repository.clone(), held);
    }
    findings.extend(moved_tags(in_use, look));
    (protected, findings)
}

fn one_repository(
    repository: &Repository,
    places: &[(&Place, &BTreeSet<Reason>)],
    look: &mut Look<'_>,
    findings: &mut Vec<Finding>,
) -> BTreeMap<Digest, BTreeSet<Reason>> {
    let images = match look.listing(End::target(repository)) {
        Some(Ok(images)) => images.as_slice(),
        // In a repository that does not exist there is no image: nothing is unknown.
        None if look.is_missing(repository) => &[],
        Some(Err(failure)) if failure.kind == FailureKind::RepositoryNotFound => &[],
        None => return BTreeMap::new(),
        Some(Err(failure)) => {
            findings.push(Finding {
                severity: Severity::Error,
                kind: Kind::Unreadable {
                    repository: repository.clone(),
                    failure: failure.clone(),
                },
                reasons: places
                    .iter()
                    .flat_map(|(_, reasons)| (*reasons).clone())
                    .collect(),
            });
            return BTreeMap::new();
        }
    };
    let listing = Listing::new(repository, images);
    let seeds = listing.seeds(places, findings);
    let mut closure = Closure {
        listing: &listing,
        held: BTreeMap::new(),
        queue: Vec::new(),
    };
    for (digest, reasons) in seeds {
        for reason in reasons {
            closure.add(&digest, reason);
        }
    }
    closure.run(look, findings);
    for (digest, reasons) in &closure.held {
        let image = listing.by_digest.get(digest);
        let asleep = image.filter(|image| !image.is_pullable());
        findings.extend(asleep.map(|image| Finding {
            severity: severity(reasons),
            kind: match image.restoring {
                true => Kind::Restoring(Named::new(repository, digest, &image.tags)),
                false => Kind::Archived(Named::new(repository, digest, &image.tags)),
            },
            reasons: reasons.clone(),
        }));
    }
    closure.held
}

/// The worst that any of the reasons makes of a missing image.
pub(in crate::plan) fn severity(reasons: &BTreeSet<Reason>) -> Severity {
    let severities = reasons.iter().map(|reason| reason.why.severity());
    severities.max().unwrap_or(Severity::Warning)
}

/// A repository's images, to look up.
struct Listing<'a> {
    repository: &'a Repository,
    images: &'a [Image],
    by_digest: BTreeMap<&'a Digest, &'a Image>,
    by_tag: BTreeMap<&'a str, &'a Image>,
    /// What names a subject, by that.
    by_subject: BTreeMap<&'a Digest, Vec<&'a Image>>,
}

impl<'a> Listing<'a> {
    fn new(repository: &'a Repository, images: &'a [Image]) -> Self {
        let mut by_subject: BTreeMap<&Digest, Vec<&Image>> = BTreeMap::new();
        for image in images {
            if let Some(subject) = &image.subject {
                by_subject.entry(subject).or_default().push(image);
            }
        }
        Self {
            repository,
            images,
            by_digest: images.iter().map(|image| (&image.digest, image)).collect(),
            by_tag: by_tag(images),
            by_subject,
        }
    }

    /// The digests that are asked for. Where a digest and a tag are written, the image of either is kept.
    fn seeds(
        &self,
        places: &[(&Place, &BTreeSet<Reason>)],
        findings: &mut Vec<Finding>,
    ) -> BTreeMap<Digest, BTreeSet<Reason>> {
        let mut seeds: BTreeMap<Digest, BTreeSet<Reason>> = BTreeMap::new();
        for (place, reasons) in places {
            let tagged = place.tag.as_ref();
            let tagged = tagged.and_then(|tag| self.by_tag.get(tag.as_str()));
            let named = place.digest.as_ref();
            let named = named.and_then(|digest| self.by_digest.get(digest));
            for image in tagged.iter().chain(&named) {
                let known = seeds.entry(image.digest.clone()).or_default();
                known.extend(reasons.iter().cloned());
            }
            let found = match place.digest {
                Some(_) => named.is_some(),
                None => tagged.is_some(),
            };
            if !found {
                findings.push(Finding {
                    severity: severity(reasons),
                    kind: Kind::Missing(Asked {
                        repository: self.repository.clone(),
                        tag: place.tag.clone(),
                        digest: place.digest.clone(),
                    }),
                    reasons: (*reasons).clone(),
                });
            }
        }
        seeds
    }
}

fn by_tag(images: &[Image]) -> BTreeMap<&str, &Image> {
    let tags = images
        .iter()
        .flat_map(|image| image.tags.iter().map(move |tag| (tag.as_str(), image)));
    tags.collect()
}

struct Closure<'a> {
    listing: &'a Listing<'a>,
    held: BTreeMap<Digest, BTreeSet<Reason>>,
    queue: Vec<Digest>,
}

impl Closure<'_> {
    fn add(&mut self, digest: &Digest, reason: Reason) {
        if !self.held.contains_key(digest) {
            self.queue.push(digest.clone());
        }
        self.held.entry(digest.clone()).or_default().insert(reason);
    }

    /// First everything below what is asked for. Then the indexes of those that lie below nothing: to find one, every manifest of
    /// the repository has to be read.
    fn run(&mut self, look: &mut Look<'_>, findings: &mut Vec<Finding>) {
        let mut looked_for = BTreeSet::new();
        loop {
            let mark = look.mark();
            self.descend(look, findings);
            if look.has_asked_since(mark) {
                return;
            }
            let mut kept = self.held.keys();
            let orphan = kept.find(|one| self.may_be_a_child(one) && !looked_for.contains(*one));
            let Some(orphan) = orphan.cloned() else {
                return;
            };
            self.add_parents(&orphan, look, findings);
            looked_for.insert(orphan);
        }
    }

    fn descend(&mut self, look: &mut Look<'_>, findings: &mut Vec<Finding>) {
        while let Some(digest) = self.queue.pop() {
            let children = self.children(&digest, look, findings);
            for child in children {
                if self.listing.by_digest.contains_key(&child) {
                    let reason = Reason::new(Why::Child, digest.to_string());
                    self.add(&child, reason);
                } else {
                    findings.push(Finding {
                        severity: self.held.get(&digest).map_or(Severity::Warning, severity),
                        kind: Kind::ChildMissing {
                            repository: self.listing.repository.clone(),
                            index: digest.clone(),
                            child,
                        },
                        reasons: self.held.get(&digest).cloned().unwrap_or_default(),
                    });
                }
            }
            self.add_referrers(&digest);
        }
    }

    /// What an index lists; nothing for an image, and while the manifest has to be asked for. A manifest that cannot be read
    /// makes the answer incomplete: it may be an index, whose children would be lost.
    fn children(
        &self,
        digest: &Digest,
        look: &mut Look<'_>,
        findings: &mut Vec<Finding>,
    ) -> Vec<Digest> {
        let manifest = self.manifest(digest, look, findings);
        let children = manifest.into_iter().flat_map(|manifest| &manifest.children);
        children.map(|child| child.digest.clone()).collect()
    }

    fn manifest<'i>(
        &self,
        digest: &Digest,
        look: &mut Look<'i>,
        findings: &mut Vec<Finding>,
    ) -> Option<&'i Manifest> {
        let repository = self.listing.repository;
        // One that cannot be pulled has no manifest to give, and says so in its own finding.
        let listed = self.listing.by_digest.get(digest);
        if listed.is_some_and(|image| !image.is_pullable()) {
            return None;
        }
        let failure = match look.image(End::target(repository), &ImageId::Digest(digest.clone()))? {
            Ok(Some(manifest)) => return Some(manifest),
            // One that went since the listing is found missing the next time.
            Ok(None) => return None,
            Err(failure) => failure.clone(),
        };
        let kind = Kind::Unreadable {
            repository: repository.clone(),
            failure,
        };
        if findings.iter().all(|finding| finding.kind != kind) {
            findings.push(Finding {
                severity: Severity::Error,
                kind,
                reasons: self.held.get(digest).cloned().unwrap_or_default(),
            });
        }
        None
    }

    /// Only an image without a tag of its own lives by the index that lists it; where one that is kept does, no other is needed.
    fn may_be_a_child(&self, digest: &Digest) -> bool {
        let mut reasons = self.held.get(digest).into_iter().flatten();
        if reasons.any(|reason| reason.why == Why::Child) {
            return false;
        }
        let Some(image) = self.listing.by_digest.get(digest) else {
            return false;
        };
        image.subject.is_none() && image.pins().count() == image.tags.len()
    }

    fn add_parents(&mut self, digest: &Digest, look: &mut Look<'_>, findings: &mut Vec<Finding>) {
        for image in self.listing.images {
            if image.digest == *digest {
                continue;
            }
            let children = self.children(&image.digest, look, findings);
            if children.contains(digest) {
                let reason = Reason::new(Why::Parent, digest.to_string());
                self.add(&image.digest, reason);
            }
        }
    }

    /// OCI 1.1 referrers name their subject (`subjectManifestDigest`, which `DescribeImages` tells); cosign's tags and the fallback of
    /// registries without the referrers API carry its digest in their tag.
    fn add_referrers(&mut self, digest: &Digest) {
        let reason = Reason::new(Why::Referrer, digest.to_string());
        let referrers = self.listing.by_subject.get(digest);
        for image in referrers.into_iter().flatten() {
            self.add(&image.digest, reason.clone());
        }
        for tag in companions::tags(digest) {
            if let Some(image) = self.listing.by_tag.get(tag.as_str()) {
                self.add(&image.digest, reason.clone());
            }
        }
    }
}

/// Services whose digest is not what their tag means any more.
fn moved_tags(in_use: &InUse, look: &mut Look<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut tags: BTreeMap<&Repository, BTreeMap<&str, &Image>> = BTreeMap::new();
    for ((service, repository, tag), runs) in &in_use.resolved {
        let Some(Ok(images)) = look.listing(End::target(repository)) else {
            continue;
        };
        // Thousands of services may use one repository.
        let tags = tags.entry(repository).or_insert_with(|| by_tag(images));
        let tagged = tags.get(tag.as_str());
        let Some(means) = tagged.filter(|image| image.digest != *runs) else {
            continue;
        };
        let place = Place {
            repository: repository.clone(),
            tag: None,
            digest: Some(runs.clone()),
        };
        findings.push(Finding {
            severity: Severity::Warning,
            kind: Kind::TagMoved {
                repository: repository.clone(),
                tag: tag.clone(),
                runs: runs.clone(),
                means: means.digest.clone(),
                service: service.clone(),
            },
            reasons: in_use.places.get(&place).cloned().unwrap_or_default(),
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::failure::{Failure, FailureKind};
    use crate::model::inventory::{Facts, Inventory};
    use crate::model::lifecycle::StorageClass;
    use crate::model::reference::{Registry, Tag};
    use crate::model::time::Timestamp;
    use crate::plan::protect::samples::HOST;

    fn repository() -> Repository {
        Repository {
            registry: Registry::from_host(HOST).expect("a host"),
            name: "fluentd/app".parse().expect("a name"),
        }
    }

    /// A world of one repository: manifests by name, each an image or an index of others.
    #[derive(Default)]
    struct World {
        inventory: Inventory,
        images: Vec<Image>,
        manifests: BTreeMap<Digest, Manifest>,
        in_use: InUse,
    }

    impl World {
        fn put(&mut self, seed: &str, tags: &[&str], children: &[&Digest]) -> Digest {
            let text = if children.is_empty() {
                let blob = Digest::of(seed.as_bytes());
                format!(
                    r#"{{"schemaVersion":2,"config":{{"digest":"{blob}","size":1}},"layers":[]}}"#
                )
            } else {
                let entries: Vec<String> = children
                    .iter()
                    .map(|child| format!(r#"{{"digest":"{child}","size":1}}"#))
                    .collect();
                let entries = entries.join(",");
                format!(r#"{{"schemaVersion":2,"x":"{seed}","manifests":[{entries}]}}"#)
            };
            let digest = Digest::of(text.as_bytes());
            let manifest = Manifest::read(text, &digest, None).expect(seed);
            self.manifests.insert(digest.clone(), manifest);
            let tags = tags.iter().map(|&tag| tag.to_owned()).collect();
            let image = Image::pushed(digest.clone(), tags, Timestamp(0));
            self.images.push(image);
            digest
        }

        fn use_it(&mut self, tag: Option<&str>, digest: Option<&Digest>) {
            let place = Place {
                repository: repository(),
                tag: tag.map(|tag| tag.parse().expect(tag)),
                digest: digest.cloned(),
            };
            let reason = Reason::new(Why::RunningTask, "task");
            self.in_use.places.insert(place, BTreeSet::from([reason]));
        }

        /// Answers what is asked until nothing is. Gives how each kept image is explained, and the codes of the findings.
        fn close(&mut self) -> (BTreeMap<Digest, Vec<&'static str>>, Vec<&'static str>) {
            let facts = Facts {
                listing: Some(Ok(self.images.clone())),
                ..Facts::default()
            };
            self.inventory.repositories.insert(repository(), facts);
            loop {
                let mut look = Look::new(&self.inventory);
                let (protected, findings) = close(&self.in_use, &mut look);
                let questions = look.into_questions();
                if questions.is_empty() {
                    let held = protected.of(&repository()).cloned().unwrap_or_default();
                    let names = |reasons: BTreeSet<Reason>| {
                        let names = reasons.iter().map(|reason| reason.why.name());
                        names.collect()
                    };
                    let held = held.into_iter();
                    let held = held.map(|(digest, reasons)| (digest, names(reasons)));
                    let codes = findings.iter().map(|finding| finding.kind.code());
                    return (held.collect(), codes.collect());
                }
                let asked = questions.repositories.into_values();
                for id in asked.flat_map(|ask| ask.images) {
                    let ImageId::Digest(digest) = &id else {
                        panic!("asked by tag: {id}")
                    };
                    let manifest = self.manifests.get(digest).cloned();
                    let facts = self.inventory.repositories.entry(repository());
                    facts.or_default().images.insert(id, Ok(manifest));
                }
            }
        }
    }

    #[test]
    fn an_index_keeps_its_children_at_any_depth() {
        let mut world = World::default();
        let (amd, arm) = (world.put("amd", &[], &[]), world.put("arm", &[], &[]));
        let inner = world.put("inner", &[], &[&amd, &arm]);
        let top = world.put("top", &["v1"], &[&inner]);
        let other = world.put("other", &["v2"], &[]);
        world.use_it(Some("v1"), None);
        let (held, findings) = world.close();
        for child in [&amd, &arm, &inner] {
            assert_eq!(held[child], ["child"]);
        }
        assert_eq!(held[&top], ["running-task"]);
        assert!(!held.contains_key(&other));
        assert!(findings.is_empty(), "{findings:?}");
    }

    #[test]
    fn a_child_keeps_the_index_it_lives_by_and_its_siblings() {
        let mut world = World::default();
        let (amd, arm) = (world.put("amd", &[], &[]), world.put("arm", &[], &[]));
        let index = world.put("index", &["v1"], &[&amd, &arm]);
        world.use_it(None, Some(&amd));
        let (held, _) = world.close();
        assert_eq!(held[&index], ["index"]);
        assert_eq!(held[&amd], ["running-task", "child"]);
        assert_eq!(held[&arm], ["child"]);
    }

    #[test]
    fn what_refers_to_an_image_is_kept() {
        let mut world = World::default();
        let image = world.put("image", &["v1"], &[]);
        let hex = image.as_str().trim_start_matches("sha256:").to_owned();
        let signature = world.put("signature", &[&format!("sha256-{hex}.sig")], &[]);
        let soci = world.put("soci", &[], &[]);
        let fallback = world.put("fallback", &[&format!("sha256-{hex}")], &[&soci]);
        let sbom = world.put("sbom", &[], &[]);
        let of_sbom = world.put("of-sbom", &[], &[]);
        let at = world.images.len();
        world.images[at - 2].subject = Some(image.clone());
        world.images[at - 1].subject = Some(sbom.clone());
        world.use_it(Some("v1"), None);
        let (held, _) = world.close();
        for one in [&signature, &fallback, &sbom, &of_sbom] {
            assert_eq!(held[one], ["referrer"]);
        }
        assert_eq!(held[&soci], ["child"]);
    }

    #[test]
    fn where_both_are_written_the_digest_decides_and_the_tag_is_kept_too() {
        let mut world = World::default();
        let old = world.put("old", &[], &[]);
        let new = world.put("new", &["v1"], &[]);
        world.use_it(Some("v1"), Some(&old));
        let (held, findings) = world.close();
        assert!(held.contains_key(&old) && held.contains_key(&new));
        assert!(findings.is_empty(), "{findings:?}");
    }

    #[test]
    fn what_is_not_there_is_told() {
        let mut world = World::default();
        world.use_it(Some("v1"), None);
        world.use_it(None, Some(&Digest::of(b"gone")));
        let tagged = world.put("image", &["v2"], &[]);
        world.use_it(Some("v2"), Some(&Digest::of(b"other")));
        let (held, findings) = world.close();
        assert_eq!(findings, ["MISSING"; 3]);
        assert!(held.contains_key(&tagged), "the tag is kept all the same");
    }

    #[test]
    fn archived_images_and_missing_children_are_told() {
        let mut world = World::default();
        let index = world.put("index", &["v1"], &[&Digest::of(b"gone")]);
        world.use_it(Some("v1"), None);
        assert_eq!(world.close().1, ["CHILD_MISSING"]);
        world.images[0].storage_class = StorageClass::Archive;
        let (held, findings) = world.close();
        assert!(held.contains_key(&index));
        assert_eq!(findings, ["ARCHIVED"], "its manifest cannot be read");
        world.images[0].storage_class = StorageClass::Standard;
        world.images[0].restoring = true;
        assert_eq!(world.close().1, ["ARCHIVED"]);
    }

    #[test]
    fn a_manifest_that_cannot_be_read_makes_the_answer_incomplete() {
        let mut world = World::default();
        let image = world.put("image", &["v1"], &[]);
        world.use_it(Some("v1"), None);
        let failure = Failure::new("BatchGetImage", "fluentd/app", FailureKind::BadAnswer, "");
        let facts = Facts {
            listing: Some(Ok(world.images.clone())),
            images: BTreeMap::from([(ImageId::Digest(image.clone()), Err(failure))]),
            ..Facts::default()
        };
        let inventory = Inventory {
            repositories: BTreeMap::from([(repository(), facts)]),
            ..Inventory::default()
        };
        let mut look = Look::new(&inventory);
        let (protected, findings) = close(&world.in_use, &mut look);
        assert!(
            protected
                .of(&repository())
                .is_some_and(|held| held.contains_key(&image))
        );
        assert!(findings.iter().any(|finding| finding.kind.is_incomplete()));
    }

    #[test]
    fn a_moved_tag_is_told_and_both_images_are_kept() {
        let mut world = World::default();
        let old = world.put("old", &[], &[]);
        let new = world.put("new", &["latest"], &[]);
        world.use_it(Some("latest"), None);
        world.use_it(None, Some(&old));
        let tag: Tag = "latest".parse().expect("a tag");
        let key = ("default/app".to_owned(), repository(), tag);
        world.in_use.resolved.insert(key, old.clone());
        let (held, findings) = world.close();
        assert!(held.contains_key(&old) && held.contains_key(&new));
        assert_eq!(findings, ["TAG_MOVED"]);
    }
}
