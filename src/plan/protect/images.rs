//! From task definition revisions to images of ECR, parsed: two spellings of a host are one registry, no tag is `latest`, and of
//! tag and digest the digest decides.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::digest::Digest;
use crate::model::reference::{Reference, Registry, Repository, RepositoryName, Tag};
use crate::model::usage::{ContainerImage, Revision, Role, Usage};
use crate::plan::finding::{Finding, Kind};
use crate::plan::problem::Severity;
use crate::plan::protect::revisions;
use crate::plan::reason::{Reason, Why};

/// Where an image is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The repository.
    pub repository: Repository,
    /// The tag that was written. Beside a digest it does not decide, and is protected all the same.
    pub tag: Option<Tag>,
    /// The digest that was written, or that ECS resolved.
    pub digest: Option<Digest>,
}

/// The images of ECR that are in use or kept, each with all its reasons; before anything is asked of ECR.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InUse {
    /// Where they are asked for. At least one of tag and digest stands in each.
    pub places: BTreeMap<Place, BTreeSet<Reason>>,
    /// For each service and tag the digest that ECS resolved it to and starts tasks from.
    pub resolved: BTreeMap<(String, Repository, Tag), Digest>,
    /// The families whose task definitions name an image of each repository.
    pub families: BTreeMap<Repository, BTreeSet<String>>,
}

impl InUse {
    /// Leaves out what is in other repositories.
    pub fn retain(&mut self, wanted: impl Fn(&Repository) -> bool) {
        self.places.retain(|place, _| wanted(&place.repository));
        self.resolved
            .retain(|(_, repository, _), _| wanted(repository));
        self.families.retain(|repository, _| wanted(repository));
    }

    /// Takes what another account or Region uses.
    pub fn join(&mut self, other: InUse) {
        for (place, reasons) in other.places {
            self.places.entry(place).or_default().extend(reasons);
        }
        self.resolved.extend(other.resolved);
        for (repository, families) in other.families {
            self.families
                .entry(repository)
                .or_default()
                .extend(families);
        }
    }
}

/// The images of the revisions, of running tasks, of service revisions and of the lists; and what could not be told.
pub fn images(
    usage: &Usage,
    revisions: &BTreeMap<Revision, BTreeSet<Reason>>,
) -> (InUse, Vec<Finding>) {
    let mut found = Collector::default();
    for (revision, reasons) in revisions {
        match usage.definitions.get(revision) {
            Some(Ok(containers)) => {
                for container in containers {
                    if let Some(place) = found.add(container, reasons) {
                        let families = found.in_use.families.entry(place.repository);
                        families.or_default().insert(revision.family.clone());
                    }
                }
            }
            Some(Err(failure)) if !is_resolved(usage, revision) => found.findings.push(Finding {
                severity: Severity::Error,
                kind: Kind::Undescribed {
                    revision: revision.clone(),
                    failure: Some(failure.clone()),
                },
                reasons: reasons.clone(),
            }),
            Some(Err(_)) => {}
            None => found.findings.push(Finding {
                severity: Severity::Error,
                kind: Kind::Undescribed {
                    revision: revision.clone(),
                    failure: None,
                },
                reasons: reasons.clone(),
            }),
        }
    }
    for service in &usage.services {
        let name = revisions::name(service);
        for revision in &service.revisions {
            let reasons = BTreeSet::from([Reason::new(Why::Service(revision.role), &name)]);
            for image in &revision.images {
                let place = found.add(image, &reasons);
                let (Some(place), Some(digest)) = (place, &image.digest) else {
                    continue;
                };
                if let (Some(tag), true) = (place.tag, revision.role == Role::Set) {
                    let key = (name.clone(), place.repository, tag);
                    found.in_use.resolved.insert(key, digest.clone());
                }
            }
        }
    }
    for task in &usage.tasks {
        let why = if task.stopped {
            Why::RecentTask
        } else {
            Why::RunningTask
        };
        let reasons = BTreeSet::from([Reason::new(why, &task.arn)]);
        for image in &task.images {
            found.add(image, &reasons);
        }
    }
    for listed in &usage.listed {
        let reason = Reason::new(Why::Listed(listed.by), &listed.name);
        found.add(&listed.image, &BTreeSet::from([reason]));
    }
    (found.in_use, found.findings)
}

/// Whether ECS itself says what a revision runs, which serves where the definition can no longer be described: AWS's
/// documents contradict each other about INACTIVE revisions. An image without a digest is as good as the definition's own: the
/// tag that it names is kept.
fn is_resolved(usage: &Usage, revision: &Revision) -> bool {
    let is_whole = |images: &[ContainerImage]| {
        !images.is_empty() && images.iter().all(|image| !image.image.is_empty())
    };
    let in_services = usage
        .services
        .iter()
        .flat_map(|service| &service.revisions)
        .any(|one| one.revision == *revision && is_whole(&one.images));
    let mut tasks = usage.tasks.iter();
    in_services || tasks.any(|task| task.revision == *revision && is_whole(&task.images))
}

#[derive(Default)]
struct Collector {
    in_use: InUse,
    findings: Vec<Finding>,
}

impl Collector {
    /// Takes an image of a container, if it is one of ECR. Gives the place that was written.
    fn add(&mut self, image: &ContainerImage, reasons: &BTreeSet<Reason>) -> Option<Place> {
        let reference: Reference = match image.image.parse() {
            Ok(reference) => reference,
            Err(error) => {
                if names_ecr(&image.image) {
                    let image = image.image.clone();
                    self.wrong(Kind::Unparsable { image, error }, reasons);
                }
                return None;
            }
        };
        let registry = reference.registry?;
        let name: RepositoryName = reference.name.parse().ok()?;
        let tag = match (reference.tag, &reference.digest) {
            (None, None) => Some(Tag::latest()),
            (tag, _) => tag,
        };
        let written = Place {
            repository: Repository { registry, name },
            tag,
            digest: reference.digest,
        };
        self.note(written.clone(), reasons);
        if let (Some(digest), None) = (&image.digest, &written.digest) {
            let resolved = Place {
                repository: written.repository.clone(),
                tag: None,
                digest: Some(digest.clone()),
            };
            self.note(resolved, reasons);
        }
        Some(written)
    }

    /// One finding for each image, however many name it.
    fn wrong(&mut self, kind: Kind, reasons: &BTreeSet<Reason>) {
        let mut known = self.findings.iter_mut();
        if let Some(known) = known.find(|known| known.kind == kind) {
            known.reasons.extend(reasons.iter().cloned());
            return;
        }
        self.findings.push(Finding {
            severity: Severity::Error,
            kind,
            reasons: reasons.clone(),
        });
    }

    fn note(&mut self, place: Place, reasons: &BTreeSet<Reason>) {
        let known = self.in_use.places.entry(place).or_default();
        known.extend(reasons.iter().cloned());
    }
}

fn names_ecr(image: &str) -> bool {
    let host = image.trim().split('/').next().unwrap_or_default();
    Registry::from_host(host).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::failure::{Failure, FailureKind};
    use crate::model::usage::{Listed, Lister, ServiceRevision};
    use crate::plan::protect::revisions::{Generations, revisions};
    use crate::plan::protect::samples::{HOST, container, service, task};

    fn digest() -> Digest {
        Digest::of(b"image")
    }

    fn running(image: &str) -> Usage {
        let mut usage = Usage::default();
        usage.listed.push(Listed {
            image: container(image, None),
            by: Lister::File,
            name: "in-use.json".to_owned(),
        });
        usage
    }

    fn places(usage: &Usage) -> (Vec<String>, Vec<Finding>) {
        let revisions = revisions(usage, Generations::default());
        let (in_use, findings) = images(usage, &revisions);
        let text = |place: &Place| {
            let tag = place.tag.as_ref().map(|tag| format!(":{tag}"));
            let digest = place.digest.as_ref().map(|digest| format!("@{digest}"));
            let (tag, digest) = (tag.unwrap_or_default(), digest.unwrap_or_default());
            format!("{}{tag}{digest}", place.repository.name)
        };
        (in_use.places.keys().map(text).collect(), findings)
    }

    #[test]
    fn every_spelling_of_a_reference_is_understood() {
        let check = |image: &str, expected: &[&str]| {
            let (places, findings) = places(&running(image));
            assert_eq!(places, expected, "{image}");
            assert!(findings.is_empty(), "{image}: {findings:?}");
        };
        let pinned = format!("fluentd/app@{}", digest());
        let both = format!("fluentd/app:v1@{}", digest());
        check(&format!("{HOST}/fluentd/app:v1"), &["fluentd/app:v1"]);
        check(&format!("{HOST}/fluentd/app"), &["fluentd/app:latest"]);
        check(&format!("{HOST}/{pinned}"), &[&pinned]);
        check(&format!("{HOST}/{both}"), &[&both]);
        let china = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn";
        check(&format!("{china}/fluentd/app:v1"), &["fluentd/app:v1"]);
        let dual_stack = "123456789012.dkr-ecr.ap-northeast-1.on.aws";
        check(&format!("{dual_stack}/fluentd/app:v1"), &["fluentd/app:v1"]);
        let fips = "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com";
        check(&format!("{fips}/fluentd/app:v1"), &["fluentd/app:v1"]);
        check("public.ecr.aws/docker/library/nginx:1", &[]);
        check("nginx", &[]);
        check("ghcr.io/x/y:!!", &[]);
    }

    #[test]
    fn an_image_of_ecr_that_cannot_be_parsed_makes_the_answer_incomplete() {
        for image in ["/fluentd/app:a b", "/Fluentd:v1", "/fluentd/app@sha256:12"] {
            let (places, findings) = places(&running(&format!("{HOST}{image}")));
            assert!(places.is_empty(), "{image}");
            let incomplete = findings.iter().any(|finding| finding.kind.is_incomplete());
            assert!(incomplete, "{image}: {findings:?}");
        }
    }

    #[test]
    fn the_digest_ecs_resolved_is_kept_beside_the_tag() {
        let mut usage = Usage::default();
        service(&mut usage, "app", &[]);
        usage.services[0].revisions.push(ServiceRevision {
            arn: "revision".to_owned(),
            revision: Revision::named("app:1").expect("a revision"),
            images: vec![container(
                &format!("{HOST}/fluentd/app:v1"),
                Some(&digest()),
            )],
            role: Role::Set,
        });
        let (places, _) = places(&usage);
        let resolved = format!("fluentd/app@{}", digest());
        assert_eq!(places, [resolved.as_str(), "fluentd/app:v1"]);
    }

    #[test]
    fn a_revision_that_cannot_be_described_is_unknown_unless_ecs_resolved_it() {
        let mut usage = Usage::default();
        task(&mut usage, "app", 3, false);
        let unknown = |usage: &Usage| {
            let (_, findings) = places(usage);
            findings.iter().any(|finding| finding.kind.is_incomplete())
        };
        assert!(unknown(&usage), "it was never described");
        let failure = Failure::new("DescribeTaskDefinition", "app:3", FailureKind::Other, "");
        let revision = Revision::named("app:3").expect("a revision");
        usage.definitions.insert(revision, Err(failure));
        assert!(unknown(&usage));
        let image = container(&format!("{HOST}/fluentd/app:v3"), Some(&digest()));
        usage.tasks[0].images.push(image);
        assert!(!unknown(&usage));
        // A service that never ran a task has no digests yet, and names its images all the same.
        usage.tasks[0].images[0].digest = None;
        assert!(!unknown(&usage));
        usage.tasks[0].images[0].image.clear();
        assert!(unknown(&usage));
    }
}
