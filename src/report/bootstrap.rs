//! What a bootstrap shows.

use serde::Serialize;

use crate::plan::bootstrap::{Plan, PolicyStep, Role, Step};
use crate::plan::outcome::Provisioned;
use crate::report::table::{Colour, paint, plural};
use crate::report::{Finding, Mode, findings};

/// The schema's name. Keys are only ever added to it.
pub const SCHEMA: &str = "demitasse.bootstrap/v1";

/// Everything there is to show of a bootstrap.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The version of demitasse.
    pub tool_version: &'static str,
    /// `plan`, or `promote` where it was carried out.
    pub mode: Mode,
    /// Whether anything was written, or would be.
    pub changed: bool,
    /// By repository.
    pub repositories: Vec<Row>,
    /// Hosts of registries whose blob mounting is enabled.
    pub enable_blob_mounting: Vec<String>,
    /// Every finding, errors first.
    pub problems: Vec<Finding>,
    /// Counts.
    pub summary: Summary,
    /// The exit code of the run.
    pub exit_code: u8,
}

/// One repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its name.
    pub repository: String,
    /// Its ARN.
    pub arn: String,
    /// Why it is wanted: `target`, `common` or `listed`.
    pub role: &'static str,
    /// It is created.
    pub create: bool,
    /// What happens to its policy.
    pub policy: &'static str,
    /// How many images the policy that is put keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<u32>,
    /// Whether it was done.
    pub done: bool,
}

/// How many of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Repositories to create.
    pub create: usize,
    /// Policies to install.
    pub install: usize,
    /// Policies to replace.
    pub replace: usize,
    /// Policies that mean the same, or protect more.
    pub fine: usize,
    /// Policies that protect less and stay.
    pub weaker: usize,
    /// Repositories that are refused.
    pub refused: usize,
    /// Steps that were done.
    pub done: usize,
    /// Steps that were not, although the run tried.
    pub failed: usize,
}

/// Makes the report.
pub fn report(plan: &Plan, outcome: Option<&Provisioned>, exit_code: u8) -> Report {
    let done = |at: usize| outcome.is_some_and(|outcome| outcome.done.get(at) == Some(&true));
    let rows = plan
        .steps
        .iter()
        .enumerate()
        .map(|(at, step)| row(step, done(at)));
    let rows: Vec<Row> = rows.collect();
    let while_acting = outcome.map(|outcome| outcome.problems.as_slice());
    let problems = plan.problems.iter().chain(while_acting.unwrap_or_default());
    let enable = plan.enable_blob_mounting.iter();
    let written = |outcome: &Provisioned| {
        !outcome.enabled.is_empty() || outcome.done.iter().any(|&done| done)
    };
    Report {
        schema: SCHEMA,
        tool_version: env!("CARGO_PKG_VERSION"),
        mode: if outcome.is_some() {
            Mode::Promote
        } else {
            Mode::Plan
        },
        changed: outcome.map_or_else(|| plan.has_changes(), written),
        summary: summary(plan, &rows, outcome.is_some()),
        repositories: rows,
        enable_blob_mounting: enable.map(|registry| registry.host().to_owned()).collect(),
        problems: findings(problems),
        exit_code,
    }
}

fn row(step: &Step, done: bool) -> Row {
    let keep = step.policy_to_put();
    let keep = keep.and_then(|policy| policy.rules().iter().filter_map(|rule| rule.keep()).min());
    Row {
        repository: step.repository().to_string(),
        arn: step.repository().arn(),
        role: match step.wanted.role {
            Role::Target { .. } => "target",
            Role::Common { .. } => "common",
            Role::Listed => "listed",
        },
        create: step.create.is_some(),
        policy: match step.policy {
            PolicyStep::Install(_) => "install",
            PolicyStep::Replace(_) => "replace",
            PolicyStep::Equal => "equal",
            PolicyStep::Stronger => "stronger",
            PolicyStep::Weaker => "weaker",
            PolicyStep::Refuse => "refused",
        },
        keep,
        done,
    }
}

fn summary(plan: &Plan, rows: &[Row], acted: bool) -> Summary {
    let mut summary = Summary::default();
    for (step, row) in plan.steps.iter().zip(rows) {
        summary.create += usize::from(row.create);
        match step.policy {
            PolicyStep::Install(_) => summary.install += 1,
            PolicyStep::Replace(_) => summary.replace += 1,
            PolicyStep::Equal | PolicyStep::Stronger => summary.fine += 1,
            PolicyStep::Weaker => summary.weaker += 1,
            PolicyStep::Refuse => summary.refused += 1,
        }
        summary.done += usize::from(row.done);
        summary.failed += usize::from(acted && step.changes() && !row.done);
    }
    summary
}

/// For a terminal.
pub fn table(report: &Report, colour: Colour) -> String {
    let width = report
        .repositories
        .iter()
        .map(|row| row.repository.len())
        .max();
    let width = width.unwrap_or(0);
    let mut text = String::new();
    for row in &report.repositories {
        let sign = sign(row);
        let line = format!("  {sign} {:width$}  {}", row.repository, describe(row));
        text.push_str(&paint(sign, &line, colour));
        text.push('\n');
    }
    for host in &report.enable_blob_mounting {
        text.push_str(&paint(
            '~',
            &format!("  ~ {host}  enable BLOB_MOUNTING"),
            colour,
        ));
        text.push('\n');
    }
    text.push_str(&conclusion(report));
    text.push('\n');
    text
}

/// For pull requests.
pub fn markdown(report: &Report) -> String {
    let mut text = "| repository | role | |\n|---|---|---|\n".to_owned();
    for row in &report.repositories {
        let line = format!(
            "| {} | {} | {} |\n",
            row.repository,
            row.role,
            describe(row)
        );
        text.push_str(&line);
    }
    for host in &report.enable_blob_mounting {
        text.push_str(&format!("| {host} | registry | enable BLOB_MOUNTING |\n"));
    }
    text.push('\n');
    for finding in &report.problems {
        text.push_str(&crate::report::markdown::render_finding(finding));
    }
    text.push_str(&format!("\n**{}**\n", conclusion(report)));
    text
}

fn sign(row: &Row) -> char {
    match row.policy {
        "refused" => 'x',
        _ if row.create => '+',
        "install" | "replace" => '~',
        "weaker" => '.',
        _ => '=',
    }
}

fn describe(row: &Row) -> String {
    let mut what = Vec::new();
    if row.create {
        what.push("create".to_owned());
    }
    let keep = row
        .keep
        .map(|keep| format!(", keep {keep}"))
        .unwrap_or_default();
    what.push(match row.policy {
        "install" => format!("install lifecycle policy{keep}"),
        "replace" => format!("replace the lifecycle policy{keep}"),
        "equal" => "has this policy".to_owned(),
        "stronger" => "has a policy that protects as much".to_owned(),
        "weaker" => "has a policy that protects less (--overwrite replaces it)".to_owned(),
        _ => "refused".to_owned(),
    });
    let done = if row.done { ": done" } else { "" };
    format!("{}{done}", what.join(", "))
}

fn conclusion(report: &Report) -> String {
    let summary = &report.summary;
    let mut parts = Vec::new();
    let counts = [
        (
            summary.create,
            "repository to create",
            "repositories to create",
        ),
        (summary.install, "policy to install", "policies to install"),
        (summary.replace, "policy to replace", "policies to replace"),
        (summary.fine, "policy fine", "policies fine"),
        (summary.weaker, "policy weaker", "policies weaker"),
        (summary.refused, "refused", "refused"),
    ];
    for (count, one, many) in counts {
        if count > 0 {
            parts.push(plural(count, one, many));
        }
    }
    if parts.is_empty() {
        parts.push("nothing to do".to_owned());
    }
    let plan = parts.join(", ");
    match report.mode {
        Mode::Plan => format!("Plan: {plan}."),
        Mode::Promote if summary.failed > 0 => {
            format!(
                "Done: {} of {plan}; {} failed.",
                summary.done, summary.failed
            )
        }
        Mode::Promote => format!("Done: {plan}."),
    }
}
