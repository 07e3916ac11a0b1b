//! Tells a GitHub Actions step what happened, when this is one.

use std::path::Path;

use crate::commands::surroundings::Surroundings;
use crate::commands::wrong::Wrong;
use crate::report::{Finding, Report, github};

/// Writes annotations, step outputs and the job summary. What cannot be written is said and changes nothing: the images
/// are where they are.
pub(super) fn tell(report: &Report, surroundings: &mut Surroundings<'_>) {
    if !is_step(surroundings) {
        return;
    }
    annotate(&report.problems, surroundings);
    write(
        "GITHUB_OUTPUT",
        &github::render_outputs(report),
        surroundings,
    );
    write(
        "GITHUB_STEP_SUMMARY",
        &github::summary(report),
        surroundings,
    );
}

/// The same for a run that never came to a report, so that a later step still finds outputs that it can read.
pub(super) fn refuse(wrong: &[Wrong], surroundings: &mut Surroundings<'_>) {
    if !is_step(surroundings) {
        return;
    }
    let findings: Vec<Finding> = wrong.iter().map(finding).collect();
    annotate(&findings, surroundings);
    write("GITHUB_OUTPUT", &github::no_outputs(), surroundings);
}

/// Annotations for wrong input, and nothing else.
pub(super) fn annotate_wrong(wrong: &[Wrong], surroundings: &mut Surroundings<'_>) {
    let findings: Vec<Finding> = wrong.iter().map(finding).collect();
    annotate_findings(&findings, surroundings);
}

/// Annotations for findings, and nothing else.
pub(super) fn annotate_findings(findings: &[Finding], surroundings: &mut Surroundings<'_>) {
    if is_step(surroundings) {
        annotate(findings, surroundings);
    }
}

fn is_step(surroundings: &Surroundings<'_>) -> bool {
    surroundings.variable("GITHUB_ACTIONS") == Some("true")
}

/// Annotations name files from the workspace's root; ours are named from the current directory.
fn annotate(findings: &[Finding], surroundings: &mut Surroundings<'_>) {
    let directory = surroundings.directory().unwrap_or_default();
    let workspace = surroundings
        .variable("GITHUB_WORKSPACE")
        .unwrap_or_default();
    let below = directory
        .strip_prefix(workspace)
        .map(Path::to_owned)
        .unwrap_or_default();
    surroundings.tell(github::annotations(findings, &below));
}

fn write(variable: &str, text: &str, surroundings: &mut Surroundings<'_>) {
    let path = surroundings.variable(variable).map(str::to_owned);
    let written = path.map(|path| surroundings.append(Path::new(&path), text));
    if let Some(Err(error)) = written {
        surroundings.tell(format!("warning: {variable} {error}\n"));
    }
}

fn finding(wrong: &Wrong) -> Finding {
    let location = wrong.location.as_ref();
    Finding {
        severity: "error",
        code: "INPUT",
        message: wrong.message.clone(),
        hint: wrong.hint.clone(),
        concerns: Vec::new(),
        file: location.map(|location| location.file.display().to_string()),
        line: location.map(|location| location.line),
    }
}
