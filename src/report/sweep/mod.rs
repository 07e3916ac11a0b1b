//! The report of `sweep`, as a value: every image with what becomes of it and why; the formats render it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::usage::Usage;
use crate::plan::finding;
use crate::plan::sweep::{Ended, Judged, Keep, Outcome, Refusal, Sweep, Swept};
use crate::report::Finding;
use crate::report::audit::{self, Because, Coverage};

mod text;

pub use text::{markdown, table};

/// The schema's name. Keys are only ever added to it.
pub const SCHEMA: &str = "demitasse.sweep/v1";

/// What there is to show.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// Usage, for each account and Region.
    pub usages: &'a [Usage],
    /// What reading it found.
    pub found: &'a [finding::Finding],
    /// What is decided.
    pub sweep: &'a Sweep,
    /// What speaks against doing it.
    pub refusals: &'a [Refusal],
    /// What was done, where it was.
    pub outcome: Option<&'a Outcome>,
    /// Whether images are archived and not deleted.
    pub archive: bool,
}

/// Everything there is to show of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The version of demitasse.
    pub tool_version: &'static str,
    /// `plan`: nothing was written; `sweep`: it was carried out, as far as nothing spoke against it.
    pub mode: &'static str,
    /// Whether images are archived and not deleted.
    pub archive: bool,
    /// Whether everything could be told. Where not, nothing is deleted; of a repository that is not `readable`, nothing of it.
    pub complete: bool,
    /// Where usage was looked for.
    pub coverage: Coverage,
    /// By repository.
    pub repositories: Vec<Repository>,
    /// Every finding, errors first: what speaks against it, what failed, what could not be told.
    pub findings: Vec<Finding>,
    /// Counts.
    pub summary: Summary,
    /// The exit code of the run.
    pub exit_code: u8,
}

/// One repository.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Repository {
    /// The repository, with the registry host.
    pub repository: String,
    /// Its name.
    pub name: String,
    /// Whether everything in it could be read.
    pub readable: bool,
    /// How many images it has.
    pub total: usize,
    /// How many go.
    pub going: usize,
    /// How many stay, by why.
    pub kept: BTreeMap<&'static str, usize>,
    /// Every image, the newest first.
    pub images: Vec<Image>,
}

/// One image.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Image {
    /// The digest.
    pub digest: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// The repository's name with the tag or digest that people know the image by.
    pub name: String,
    /// When it was pushed, RFC 3339.
    pub pushed_at: String,
    /// `keep`, `delete` or `archive`.
    pub action: &'static str,
    /// Why: `unused` for what goes, otherwise the name of what keeps it.
    pub reason: &'static str,
    /// The same as a sentence.
    pub because: String,
    /// Of a protected image: everything that protects it, strongest first.
    pub protected_by: Vec<Because>,
    /// What became of one that was to go: `deleted`, `archived`, `absent`, `with-index`, `dropped`, `failed` or `not-done`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<&'static str>,
    /// More about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Counts, over all repositories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Images.
    pub total: usize,
    /// Those that stay by the plan.
    pub kept: usize,
    /// Those that go by the plan.
    pub going: usize,
    /// Deleted.
    pub deleted: usize,
    /// Archived.
    pub archived: usize,
    /// Not there any more.
    pub absent: usize,
    /// Left with the index that was archived.
    pub with_index: usize,
    /// Needed again, and stayed.
    pub dropped: usize,
    /// Failed.
    pub failed: usize,
    /// Not come to.
    pub not_done: usize,
}

/// Makes the report.
pub fn report(shown: &Shown<'_>, exit_code: u8) -> Report {
    let each = shown.sweep.repositories.iter();
    let repositories: Vec<Repository> = each.map(|swept| repository(swept, shown)).collect();
    let known = shown.found.iter().chain(&shown.sweep.findings);
    let complete = !known.clone().any(|one| one.kind.is_incomplete());
    let mut findings: Vec<Finding> = shown.refusals.iter().map(refusal).collect();
    findings.extend(shown.outcome.map(failures).unwrap_or_default());
    findings.extend(audit::findings(&known.cloned().collect::<Vec<_>>()));
    Report {
        schema: SCHEMA,
        tool_version: env!("CARGO_PKG_VERSION"),
        mode: match shown.outcome {
            Some(_) => "sweep",
            None => "plan",
        },
        archive: shown.archive,
        complete,
        coverage: audit::coverage(shown.usages),
        summary: summary(&repositories),
        repositories,
        findings,
        exit_code,
    }
}

fn repository(swept: &Swept, shown: &Shown<'_>) -> Repository {
    let mut kept = BTreeMap::new();
    for keep in swept.images.iter().filter_map(|one| one.keep.as_ref()) {
        *kept.entry(keep.name()).or_insert(0) += 1;
    }
    let images = swept.images.iter();
    Repository {
        repository: swept.repository.uri(),
        name: swept.repository.name.to_string(),
        readable: swept.readable,
        total: swept.images.len(),
        going: swept.going().count(),
        kept,
        images: images.map(|one| image(one, swept, shown)).collect(),
    }
}

fn image(judged: &Judged, swept: &Swept, shown: &Shown<'_>) -> Image {
    let image = &judged.image;
    let name = &swept.repository.name;
    let goes = if shown.archive { "archive" } else { "delete" };
    let (action, reason, because) = match &judged.keep {
        Some(keep) => ("keep", keep.name(), keep.to_string()),
        None => (goes, "unused", "nothing protects it".to_owned()),
    };
    let reasons = match &judged.keep {
        Some(Keep::Protected(reasons)) => reasons.iter().collect(),
        _ => Vec::new(),
    };
    let outcome = shown.outcome.filter(|_| judged.keep.is_none());
    let ended = outcome.map(|outcome| outcome.of(&swept.repository, &image.digest));
    let (ended, detail) = match ended {
        None => (None, None),
        Some(None) => (Some("not-done"), None),
        Some(Some(Ended::Deleted)) => (Some("deleted"), None),
        Some(Some(Ended::Archived)) => (Some("archived"), None),
        Some(Some(Ended::Absent)) => (Some("absent"), None),
        Some(Some(Ended::WithIndex)) => (Some("with-index"), None),
        Some(Some(Ended::Dropped(keep))) => (Some("dropped"), Some(keep.to_string())),
        Some(Some(Ended::Failed(failure))) => (Some("failed"), Some(failure.to_string())),
    };
    Image {
        digest: image.digest.to_string(),
        tags: image.tags.clone(),
        name: match finding::own_tag(&image.digest, &image.tags) {
            Some(tag) => format!("{name}:{tag}"),
            None => format!("{name}@sha256:{}", image.digest.short()),
        },
        pushed_at: image.pushed_at.to_string(),
        action,
        reason,
        because,
        protected_by: reasons.into_iter().map(Because::of).collect(),
        ended,
        detail,
    }
}

fn summary(repositories: &[Repository]) -> Summary {
    let mut summary = Summary::default();
    for image in repositories.iter().flat_map(|one| &one.images) {
        summary.total += 1;
        match image.action {
            "keep" => summary.kept += 1,
            _ => summary.going += 1,
        }
        match image.ended {
            Some("deleted") => summary.deleted += 1,
            Some("archived") => summary.archived += 1,
            Some("absent") => summary.absent += 1,
            Some("with-index") => summary.with_index += 1,
            Some("dropped") => summary.dropped += 1,
            Some("failed") => summary.failed += 1,
            Some(_) => summary.not_done += 1,
            None => {}
        }
    }
    summary
}

fn refusal(refusal: &Refusal) -> Finding {
    Finding {
        severity: "error",
        code: refusal.code(),
        message: refusal.to_string(),
        hint: Some(refusal.hint()),
        concerns: Vec::new(),
        file: None,
        line: None,
    }
}

/// What failed, each once: a call that failed failed for all its images.
fn failures(outcome: &Outcome) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for failure in outcome.failures() {
        let message = failure.to_string();
        if found.iter().all(|one| one.message != message) {
            found.push(Finding {
                severity: "error",
                code: "NOT_DELETED",
                message,
                hint: failure.hint(),
                concerns: Vec::new(),
                file: None,
                line: None,
            });
        }
    }
    found
}
