//! The report of `pin`, as a value, and its renderings.

use serde::Serialize;

use crate::model::failure::Failure;
use crate::model::reference::Repository;
use crate::plan::finding::{self, own_tag};
use crate::plan::pin::{Done, Plan, Removal, Removals};
use crate::report::Finding;
use crate::report::audit;
use crate::report::markdown::render_finding;
use crate::report::table::{Colour, paint, plural, width};

/// The schema's name. Keys are only ever added to it.
pub const SCHEMA: &str = "demitasse.pin/v1";

/// What happens to pins, or happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The version of demitasse.
    pub tool_version: &'static str,
    /// Whether everything in use could be told.
    pub complete: bool,
    /// Whether anything was written, or was tried to be.
    pub acted: bool,
    /// Each change, by kind and repository.
    pub changes: Vec<Change>,
    /// Every finding, errors first.
    pub findings: Vec<Finding>,
    /// Counts.
    pub summary: Summary,
    /// The exit code of the run.
    pub exit_code: u8,
}

/// What happens to one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What.
    pub action: Word,
    /// The repository, with the registry host.
    pub repository: String,
    /// The repository's name with the tag or digest that people know the image by.
    pub name: String,
    /// The digest.
    pub digest: String,
    /// The tags that are set or taken away.
    pub tags: Vec<String>,
    /// Why it is pinned, strongest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// Whether it is done.
    pub done: bool,
}

/// The kinds of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// A pin is set.
    Pin,
    /// A pin is taken away: two looks a day apart found the image unused.
    Unpin,
    /// A mark is set: this look found the image unused.
    Mark,
    /// A mark is taken away: the image is in use again.
    Unmark,
}

/// Counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// To pin, or pinned.
    pub pin: usize,
    /// Pinned before.
    pub pinned: usize,
    /// Protected images that no rule ever acts on.
    pub safe: usize,
    /// To unpin, or unpinned.
    pub unpin: usize,
    /// Unused, and marked so by this run.
    pub mark: usize,
    /// In use again, and not marked any more.
    pub unmark: usize,
    /// Unused for less than a day.
    pub waiting: usize,
    /// Unused, but the pin is their last tag.
    pub last_tag: usize,
    /// Changes that failed, or were not reached.
    pub failed: usize,
}

/// What a run of `pin` decided and did.
#[derive(Clone, Copy, Debug)]
pub struct Run<'r> {
    /// Pins to set.
    pub plan: &'r Plan,
    /// Pins that go.
    pub removals: &'r Removals,
    /// What was done; `None` before it is.
    pub done: Option<&'r [Done]>,
    /// Everything to tell.
    pub findings: &'r [finding::Finding],
}

/// Makes the report.
pub fn report(run: Run<'_>, exit_code: u8) -> Report {
    let Run {
        plan,
        removals,
        done,
        findings,
    } = run;
    let is_done = |repository: &Repository, digest: &_| {
        let mut done = done.unwrap_or_default().iter();
        done.any(|one| one.repository == *repository && one.digest == *digest && one.result.is_ok())
    };
    let mut changes = Vec::new();
    for step in &plan.steps {
        let image = &step.image;
        changes.push(Change {
            action: Word::Pin,
            repository: image.repository.uri(),
            name: name(&image.repository, &image.digest, &image.tags),
            digest: image.digest.to_string(),
            tags: vec![step.pin.tag.to_string()],
            reasons: image.reasons.iter().map(ToString::to_string).collect(),
            done: is_done(&image.repository, &image.digest),
        });
    }
    let all = [
        (Word::Unpin, &removals.remove),
        (Word::Unmark, &removals.unmark),
    ];
    for (action, removals) in all {
        for removal in removals {
            let Removal {
                repository, image, ..
            } = removal;
            changes.push(Change {
                action,
                repository: repository.uri(),
                name: name(repository, &image.digest, &image.tags),
                digest: image.digest.to_string(),
                tags: removal.tags.iter().map(ToString::to_string).collect(),
                reasons: Vec::new(),
                done: is_done(repository, &image.digest),
            });
        }
    }
    for (repository, pin) in &removals.mark {
        let digest = &pin.manifest.digest;
        changes.push(Change {
            action: Word::Mark,
            repository: repository.uri(),
            name: format!("{}@sha256:{}", repository.name, digest.short()),
            digest: digest.to_string(),
            tags: vec![pin.tag.to_string()],
            reasons: Vec::new(),
            done: is_done(repository, digest),
        });
    }
    let failed = match done {
        None => 0,
        Some(_) => changes.iter().filter(|change| !change.done).count(),
    };
    let mut shown = audit::findings(findings);
    shown.extend(done.unwrap_or_default().iter().filter_map(failure));
    Report {
        schema: SCHEMA,
        tool_version: env!("CARGO_PKG_VERSION"),
        complete: !findings.iter().any(|one| one.kind.is_incomplete()),
        acted: done.is_some(),
        summary: Summary {
            pin: plan.steps.len(),
            pinned: plan.pinned,
            safe: plan.safe,
            unpin: removals.remove.len(),
            mark: removals.mark.len(),
            unmark: removals.unmark.len(),
            waiting: removals.waiting,
            last_tag: removals.last_tag,
            failed,
        },
        changes,
        findings: shown,
        exit_code,
    }
}

fn name(repository: &Repository, digest: &crate::model::digest::Digest, tags: &[String]) -> String {
    match own_tag(digest, tags) {
        Some(tag) => format!("{}:{tag}", repository.name),
        None => format!("{}@sha256:{}", repository.name, digest.short()),
    }
}

fn failure(done: &Done) -> Option<Finding> {
    let failure: &Failure = done.result.as_ref().err()?;
    Some(Finding {
        severity: "error",
        code: "FAILED",
        message: failure.to_string(),
        hint: failure.hint(),
        concerns: Vec::new(),
        file: None,
        line: None,
    })
}

/// For a terminal.
pub fn table(report: &Report, colour: Colour) -> String {
    let mut text = String::new();
    let width = width(report.changes.iter().map(|one| one.name.as_str()));
    for change in &report.changes {
        let sign = match (change.action, report.acted && !change.done) {
            (_, true) => 'x',
            (Word::Pin, _) => '+',
            _ => '~',
        };
        let why = change.reasons.first().map(String::as_str);
        let line = format!(
            "  {sign} {:width$}  {}  {}",
            change.name,
            describe(change),
            why.unwrap_or_default()
        );
        text.push_str(&paint(sign, line.trim_end(), colour));
        text.push('\n');
    }
    text.push_str(&conclusion(report));
    text.push('\n');
    text
}

/// For pull requests.
pub fn markdown(report: &Report) -> String {
    let mut text = "| image | | why |\n|---|---|---|\n".to_owned();
    for change in &report.changes {
        let why = change.reasons.first().map(String::as_str);
        text.push_str(&format!(
            "| {} | {} | {} |\n",
            change.name,
            describe(change),
            why.unwrap_or_default()
        ));
    }
    text.push('\n');
    for finding in &report.findings {
        text.push_str(&render_finding(finding));
    }
    text.push_str(&format!("\n**{}**\n", conclusion(report)));
    text
}

fn describe(change: &Change) -> String {
    let tags = change.tags.join(" ");
    match change.action {
        Word::Pin => format!("pin {tags}"),
        Word::Unpin => format!("remove {tags}"),
        Word::Mark => format!("unused; mark {tags}"),
        Word::Unmark => format!("in use again; remove {tags}"),
    }
}

fn conclusion(report: &Report) -> String {
    let summary = &report.summary;
    let acted = report.acted;
    let words = |would: &'static str, was: &'static str| if acted { was } else { would };
    let counts = [
        (summary.pin, words("to pin", "pinned")),
        (summary.pinned, "pinned before"),
        (summary.safe, "need no pin"),
        (summary.unpin, words("to unpin", "unpinned")),
        (summary.mark, words("to mark as unused", "marked as unused")),
        (summary.unmark, words("in use again", "in use again")),
        (summary.waiting, "unused for less than a day"),
        (summary.last_tag, "unused, but with no other tag"),
        (summary.failed, "failed"),
    ];
    let parts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let parts = if parts.is_empty() {
        plural(0, "image", "images")
    } else {
        parts.join(", ")
    };
    format!("{}: {parts}.", words("Plan", "Done"))
}
