//! The report of `audit`, as a value; the formats render it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::usage::Usage;
use crate::plan::audit::{self, Audit, Left};
use crate::plan::finding::{self, own_tag};
use crate::plan::problem::Severity;
use crate::plan::reason::{Reason, Why};
use crate::report::Finding;

mod ecrm;
mod text;

pub use ecrm::ecrm;
pub use text::{markdown, table};

/// The schema's name. Keys are only ever added to it.
pub const SCHEMA: &str = "demitasse.audit/v1";

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The version of demitasse.
    pub tool_version: &'static str,
    /// Whether everything could be told. Where not, no image may be taken for unused.
    pub complete: bool,
    /// Where usage was looked for.
    pub coverage: Coverage,
    /// What uses images, each with the fewest promotions left over its images.
    pub consumers: Vec<Consumer>,
    /// Every protected image, by repository, the newest first.
    pub images: Vec<Image>,
    /// Every finding, errors first.
    pub findings: Vec<Finding>,
    /// Counts.
    pub summary: Summary,
    /// The exit code of the run.
    pub exit_code: u8,
}

/// Where usage was looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// The sources that were read.
    pub read: BTreeSet<&'static str>,
    /// Those that were left out on purpose.
    pub left_out: BTreeSet<&'static str>,
    /// Those that could not be read.
    pub unread: BTreeSet<&'static str>,
    /// How many services were found.
    pub services: usize,
    /// How many tasks.
    pub tasks: usize,
    /// How many families were listed.
    pub families: usize,
}

/// What uses images: a service, a schedule, a family that nothing runs, …
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Consumer {
    /// Its name: `cluster/service` for a service.
    pub name: String,
    /// In how many further pushes the first of its images expires, rollback targets included; `null` for never.
    pub pushes_left: Option<u64>,
    /// Its images, as places in `images`.
    pub images: Vec<usize>,
}

/// A protected image.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Image {
    /// The repository, with the registry host.
    pub repository: String,
    /// The digest.
    pub digest: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// The repository's name with the tag or digest that people know the image by.
    pub name: String,
    /// When it was pushed, RFC 3339.
    pub pushed_at: String,
    /// Why it is protected, strongest first.
    pub reasons: Vec<Because>,
    /// Whether it is pinned.
    pub pinned: bool,
    /// What the lifecycle policy does to it.
    pub lifecycle: Lifecycle,
}

/// A reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Because {
    /// Its kind, such as `service` or `rollback-target`.
    pub kind: &'static str,
    /// Whose.
    pub by: String,
}

impl Because {
    pub(super) fn of(reason: &Reason) -> Self {
        Self {
            kind: reason.why.name(),
            by: reason.by.clone(),
        }
    }
}

/// What the lifecycle policy does to an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lifecycle {
    /// The priority of the only rule that can act on it.
    pub rule: Option<u32>,
    /// Its place among the images of that rule, from 1 for the newest.
    pub place: Option<usize>,
    /// How many that rule keeps.
    pub keep: Option<u32>,
    /// `never`, `now`, `pushes`, `date` or `unknown`.
    pub fate: &'static str,
    /// With which further push it is marked, in the worst case.
    pub pushes_left: Option<u64>,
    /// After which moment it is marked, RFC 3339.
    pub expires_at: Option<String>,
}

/// Counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Protected images, children and referrers included.
    pub protected: usize,
    /// Pinned ones among them.
    pub pinned: usize,
    /// Errors.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
    /// Notes.
    pub notes: usize,
}

/// Makes the report.
pub fn report(usages: &[Usage], audit: &Audit, exit_code: u8) -> Report {
    let images: Vec<Image> = audit.images.iter().map(image).collect();
    let count = |severity: Severity| {
        let found = audit.findings.iter();
        found.filter(|one| one.severity == severity).count()
    };
    Report {
        schema: SCHEMA,
        tool_version: env!("CARGO_PKG_VERSION"),
        complete: audit.is_complete(),
        coverage: coverage(usages),
        consumers: consumers(&audit.images),
        findings: findings(&audit.findings),
        summary: Summary {
            protected: images.len(),
            pinned: images.iter().filter(|image| image.pinned).count(),
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            notes: count(Severity::Note),
        },
        images,
        exit_code,
    }
}

/// Where usage was looked for.
pub(super) fn coverage(usages: &[Usage]) -> Coverage {
    let mut coverage = Coverage::default();
    for usage in usages {
        coverage
            .read
            .extend(usage.read.iter().map(|one| one.name()));
        let left_out = usage.left_out.iter().map(|one| one.name());
        coverage.left_out.extend(left_out);
        let gaps = usage.gaps.iter().map(|gap| gap.source.name());
        coverage.unread.extend(gaps);
        coverage.services += usage.services.len();
        coverage.tasks += usage.tasks.len();
        coverage.families += usage.families.len();
    }
    coverage
}

/// The name under which an image is listed for a reason; nothing for what comes with another image.
fn consumer(reason: &Reason) -> Option<String> {
    match reason.why {
        Why::Service(_) | Why::Rollback | Why::Newer | Why::Pointer(_) | Why::Listed(_) => {
            Some(reason.by.clone())
        }
        Why::Latest => Some(format!("family {}, which nothing uses", reason.by)),
        Why::RunningTask | Why::RecentTask => Some("tasks of no service".to_owned()),
        Why::Child | Why::Parent | Why::Referrer => None,
    }
}

fn is_task(reason: &Reason) -> bool {
    matches!(reason.why, Why::RunningTask | Why::RecentTask)
}

fn consumers(images: &[audit::Image]) -> Vec<Consumer> {
    let mut found: BTreeMap<String, Consumer> = BTreeMap::new();
    for (at, image) in images.iter().enumerate() {
        // A task of a service is told with the service.
        let served = image.reasons.iter().any(|one| !is_task(one));
        let reasons = image.reasons.iter();
        let reasons = reasons.filter(|one| !served || !is_task(one));
        let names: BTreeSet<String> = reasons.filter_map(consumer).collect();
        let left = match image.standing.left {
            Left::Now => Some(0),
            Left::Pushes { min, .. } => Some(min),
            Left::Never | Left::At(_) | Left::Unknown => None,
        };
        for name in names {
            let consumer = found.entry(name.clone()).or_insert_with(|| Consumer {
                name,
                pushes_left: None,
                images: Vec::new(),
            });
            consumer.images.push(at);
            consumer.pushes_left = match (consumer.pushes_left, left) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
    }
    found.into_values().collect()
}

fn image(image: &audit::Image) -> Image {
    let standing = &image.standing;
    let (fate, pushes_left, expires_at) = match standing.left {
        Left::Unknown => ("unknown", None, None),
        Left::Never => ("never", None, None),
        Left::Now => ("now", Some(0), None),
        Left::Pushes { min, .. } => ("pushes", Some(min), None),
        Left::At(at) => ("date", None, Some(at.to_string())),
    };
    let reasons = image.reasons.iter();
    let name = match own_tag(&image.digest, &image.tags) {
        Some(tag) => format!("{}:{tag}", image.repository.name),
        None => format!("{}@sha256:{}", image.repository.name, image.digest.short()),
    };
    Image {
        name,
        repository: image.repository.uri(),
        digest: image.digest.to_string(),
        tags: image.tags.clone(),
        pushed_at: image.pushed_at.to_string(),
        reasons: reasons.map(Because::of).collect(),
        pinned: standing.pinned,
        lifecycle: Lifecycle {
            rule: standing.rule,
            place: standing.place.map(|(place, _)| place),
            keep: standing.place.map(|(_, keep)| keep),
            fate,
            pushes_left,
            expires_at,
        },
    }
}

/// Findings as they are shown, errors first.
pub fn findings(found: &[finding::Finding]) -> Vec<Finding> {
    let mut found: Vec<&finding::Finding> = found.iter().collect();
    found.sort_by_key(|one| std::cmp::Reverse(one.severity));
    let each = found.into_iter().map(|one| Finding {
        severity: match one.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        },
        code: one.kind.code(),
        message: one.kind.to_string(),
        hint: one.kind.hint(),
        concerns: one.reasons.iter().map(Reason::to_string).collect(),
        file: None,
        line: None,
    });
    each.collect()
}
