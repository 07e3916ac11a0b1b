//! What a bootstrap shows.

use serde::Serialize;

use crate::plan::bootstrap::{Plan, PolicyStep, Role, Step};
use crate::plan::outcome::{Provisioned, StepDone};
use crate::plan::provision::Creation;
use crate::report::table::{Colour, paint, plural};
use crate::report::terraform::{self, Settings};
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
    /// It gets the repository policy that a creation which was cut short left out.
    pub repository_policy: bool,
    /// What happens to its policy.
    pub policy: Word,
    /// ECR's own preview of the policy that is put marks nothing.
    pub previewed: bool,
    /// How many images the policy that is put keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<u32>,
    /// Whether it was done.
    pub done: bool,
}

/// What happens to a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// There is none: ours is put.
    Install,
    /// Ours is put in the place of another.
    Replace,
    /// It means the same as ours.
    Equal,
    /// It protects at least as much as ours.
    Stronger,
    /// It protects less, and stays.
    Weaker,
    /// Ours would be put, but a tool that declares the repository owns it.
    Owned,
    /// It is not ours to give one.
    Left,
    /// Nothing, because of a problem.
    Refused,
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
    /// Repositories that are left as they are.
    pub left: usize,
    /// Repositories that are refused.
    pub refused: usize,
    /// Steps that were done.
    pub done: usize,
    /// Steps that failed.
    pub failed: usize,
    /// Steps that were not done because the run ended before.
    pub not_done: usize,
}

/// Makes the report.
pub fn report(plan: &Plan, outcome: Option<&Provisioned>, exit_code: u8) -> Report {
    let done = |at: usize| outcome.and_then(|outcome| outcome.steps.get(at).copied());
    let rows = plan
        .steps
        .iter()
        .enumerate()
        .map(|(at, step)| row(step, done(at)));
    let rows: Vec<Row> = rows.collect();
    let while_acting = outcome.map(|outcome| outcome.problems.as_slice());
    let problems = plan.problems.iter().chain(while_acting.unwrap_or_default());
    let enable = outcome.map_or(&plan.enable_blob_mounting, |outcome| &outcome.enabled);
    let written = |outcome: &Provisioned| {
        let changed = |step: &StepDone| step.created || step.put;
        !outcome.enabled.is_empty() || outcome.steps.iter().any(changed)
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
        summary: summary(plan, outcome),
        repositories: rows,
        enable_blob_mounting: enable
            .iter()
            .map(|registry| registry.host().to_owned())
            .collect(),
        problems: findings(problems),
        exit_code,
    }
}

fn row(step: &Step, done: Option<StepDone>) -> Row {
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
        repository_policy: step.access.is_some(),
        policy: match step.policy {
            PolicyStep::Install(_) => Word::Install,
            PolicyStep::Replace(_) => Word::Replace,
            PolicyStep::Equal => Word::Equal,
            PolicyStep::Stronger => Word::Stronger,
            PolicyStep::Weaker => Word::Weaker,
            PolicyStep::Owned(_) => Word::Owned,
            PolicyStep::Leave => Word::Left,
            PolicyStep::Refuse => Word::Refused,
        },
        previewed: step.previewed,
        keep,
        done: done.is_some_and(|done| is_whole(step, done)),
    }
}

/// Whether everything that a step changes was done.
fn is_whole(step: &Step, done: StepDone) -> bool {
    step.changes()
        && (done.created || step.create.is_none())
        && (done.put || step.policy_to_put().is_none())
}

/// Before acting, what would be done; afterwards, what was.
fn summary(plan: &Plan, outcome: Option<&Provisioned>) -> Summary {
    let mut summary = Summary::default();
    for (at, step) in plan.steps.iter().enumerate() {
        let done = match outcome {
            None => StepDone {
                created: step.create.is_some(),
                put: step.policy_to_put().is_some(),
                ..StepDone::default()
            },
            Some(outcome) => outcome.steps.get(at).copied().unwrap_or_default(),
        };
        summary.create += usize::from(done.created);
        match step.policy {
            PolicyStep::Install(_) => summary.install += usize::from(done.put),
            PolicyStep::Replace(_) => summary.replace += usize::from(done.put),
            PolicyStep::Equal | PolicyStep::Stronger => summary.fine += 1,
            PolicyStep::Weaker => summary.weaker += 1,
            PolicyStep::Owned(_) | PolicyStep::Leave => summary.left += 1,
            PolicyStep::Refuse => summary.refused += 1,
        }
        if outcome.is_some() {
            let whole = is_whole(step, done);
            summary.done += usize::from(whole);
            summary.failed += usize::from(done.failed);
            let is_open = step.changes() && !whole && !done.elsewhere && !done.failed;
            summary.not_done += usize::from(is_open);
        }
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

/// For Terraform: what would be created or put, and the policies that are left to their owner. Nothing of a plan that is
/// blocked: half of it must not be pasted.
pub fn hcl(plan: &Plan) -> String {
    if plan.blocked {
        return String::new();
    }
    let wanted = |step: &Step| {
        let policy = match &step.policy {
            PolicyStep::Install(policy)
            | PolicyStep::Replace(policy)
            | PolicyStep::Owned(policy) => policy.clone(),
            _ => return None,
        };
        Some(terraform::Wanted {
            name: step.repository().name.to_string(),
            settings: step.create.as_ref().map(declared),
            policy: Some(policy),
        })
    };
    let wanted: Vec<terraform::Wanted> = plan.steps.iter().filter_map(wanted).collect();
    terraform::repositories(&wanted)
}

/// The settings under which Terraform creates it. It is then Terraform that manages it, and the tag says so.
fn declared(creation: &Creation) -> Settings {
    let mut settings = Settings::from(creation);
    let tags = &mut settings.tags;
    tags.insert("ManagedBy".to_owned(), "terraform".to_owned());
    settings
}

fn sign(row: &Row) -> char {
    match row.policy {
        Word::Refused => 'x',
        Word::Owned | Word::Left | Word::Weaker => '.',
        _ if row.create => '+',
        Word::Install | Word::Replace => '~',
        Word::Equal | Word::Stronger => '=',
    }
}

fn describe(row: &Row) -> String {
    let mut what = Vec::new();
    if row.create {
        what.push("create".to_owned());
    }
    if row.repository_policy {
        what.push("set the repository policy of its source".to_owned());
    }
    let keep = row.keep.map(|keep| format!(", keep {keep}"));
    let mut keep = keep.unwrap_or_default();
    if row.previewed {
        keep.push_str(", ECR's preview expires nothing");
    }
    what.push(match row.policy {
        Word::Install => format!("install lifecycle policy{keep}"),
        Word::Replace => format!("replace the lifecycle policy{keep}"),
        Word::Equal => "has this policy".to_owned(),
        Word::Stronger => "has a policy that protects as much".to_owned(),
        Word::Weaker => "has a policy that protects less (--overwrite replaces it)".to_owned(),
        Word::Owned => "left to the tool that declares it".to_owned(),
        Word::Left => "left as it is".to_owned(),
        Word::Refused => "refused".to_owned(),
    });
    let done = if row.done { ": done" } else { "" };
    format!("{}{done}", what.join(", "))
}

fn conclusion(report: &Report) -> String {
    let summary = &report.summary;
    let acted = report.mode == Mode::Promote;
    let words = |would: &'static str, was: &'static str| if acted { was } else { would };
    let mut parts = Vec::new();
    let changed = [
        (
            summary.create,
            "repository",
            "repositories",
            words("to create", "created"),
        ),
        (
            summary.install,
            "policy",
            "policies",
            words("to install", "installed"),
        ),
        (
            summary.replace,
            "policy",
            "policies",
            words("to replace", "replaced"),
        ),
        (summary.fine, "policy", "policies", "fine"),
        (summary.weaker, "policy", "policies", "weaker"),
    ];
    for (count, one, many, word) in changed {
        if count > 0 {
            parts.push(format!("{} {word}", plural(count, one, many)));
        }
    }
    let counts = [
        (summary.left, "left"),
        (summary.refused, "refused"),
        (summary.failed, "failed"),
        (summary.not_done, "not done"),
    ];
    for (count, word) in counts {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    if parts.is_empty() {
        parts.push("nothing to do".to_owned());
    }
    format!("{}: {}.", words("Plan", "Done"), parts.join(", "))
}
