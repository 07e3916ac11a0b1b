//! The report of `lifecycle lint`, as a value; `text` renders it.

use serde::Serialize;

use crate::model::lifecycle::{Policy, RuleName, place};
use crate::plan::lint::{Code, Finding, Severity};

mod text;

pub use text::{markdown, table};

/// The schema's name. Keys are only ever added to it.
pub const SCHEMA: &str = "demitasse.lint/v1";

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The version of demitasse.
    pub tool_version: &'static str,
    /// Each policy, in the order of the repositories' names.
    pub policies: Vec<Linted>,
    /// What could not be read.
    pub failures: Vec<String>,
    /// Counts.
    pub summary: Summary,
    /// The exit code of the run.
    pub exit_code: u8,
}

/// One policy, or a repository without one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Linted {
    /// The file it is from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The repository it is on, or is judged for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// How many rules it has; `null` where there is no policy, or none that ECR takes.
    pub rules: Option<usize>,
    /// What was found, by rule.
    pub findings: Vec<Row>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// `error`, `warning` or `info`.
    pub severity: &'static str,
    /// `L1` to `L18`.
    pub code: &'static str,
    /// The `rulePriority`, where it is about one rule that has one.
    pub rule: Option<u32>,
    /// A sentence.
    pub message: String,
    /// The next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Where in the file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column, in characters from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    #[serde(skip)]
    weight: Severity,
}

/// How many of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Policies.
    pub policies: usize,
    /// Repositories without one.
    pub without_policy: usize,
    /// Errors.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
    /// Infos.
    pub infos: usize,
}

impl Linted {
    /// A file's policy.
    pub fn of_file(file: &str, text: &str, policy: &Policy, findings: &[Finding]) -> Linted {
        Linted {
            file: Some(file.to_owned()),
            repository: None,
            rules: Some(policy.rules().len()),
            findings: findings
                .iter()
                .map(|finding| row(finding, Some(text)))
                .collect(),
        }
    }

    /// A file that holds no policy ECR takes.
    pub fn refused(file: &str, text: &str, findings: &[Finding]) -> Linted {
        Linted {
            file: Some(file.to_owned()),
            repository: None,
            rules: None,
            findings: findings
                .iter()
                .map(|finding| row(finding, Some(text)))
                .collect(),
        }
    }

    /// A repository's policy.
    pub fn of_repository(repository: &str, policy: &Policy, findings: &[Finding]) -> Linted {
        Linted {
            file: None,
            repository: Some(repository.to_owned()),
            rules: Some(policy.rules().len()),
            findings: findings.iter().map(|finding| row(finding, None)).collect(),
        }
    }

    /// A repository without a policy.
    pub fn without_policy(repository: &str) -> Linted {
        Linted {
            file: None,
            repository: Some(repository.to_owned()),
            rules: None,
            findings: Vec::new(),
        }
    }

    /// The same, judged for a repository.
    pub fn on(self, repository: &str) -> Linted {
        Linted {
            repository: Some(repository.to_owned()),
            ..self
        }
    }

    fn title(&self) -> String {
        match (&self.file, &self.repository) {
            (Some(file), Some(repository)) => format!("{file} on {repository}"),
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (None, None) => String::new(),
        }
    }

    fn state(&self) -> String {
        match (self.rules, self.findings.len()) {
            (None, 0) => "no lifecycle policy".to_owned(),
            (None, _) => "not a policy that ECR takes".to_owned(),
            (Some(1), _) => "1 rule".to_owned(),
            (Some(rules), _) => format!("{rules} rules"),
        }
    }
}

fn row(finding: &Finding, text: Option<&str>) -> Row {
    // A rule that cannot be found in the text is one that has no place of its own.
    let place = finding.syntax.or_else(|| {
        let text = text?;
        place(text, finding.rule, &finding.field).or_else(|| place(text, None, &finding.field))
    });
    Row {
        severity: finding.severity.word(),
        code: finding.code.name(),
        rule: match finding.rule {
            Some(RuleName::Priority(priority)) => Some(priority),
            Some(RuleName::Position(_)) | None => None,
        },
        message: message(finding),
        hint: finding.hint.clone(),
        line: place.map(|place| place.line),
        column: place.map(|place| place.column),
        weight: finding.severity,
    }
}

/// What ECR refuses is told by the field; which rule that is stands before it.
fn message(finding: &Finding) -> String {
    match (&finding.rule, finding.code) {
        (Some(rule), Code::AnyNotLast | Code::TagList | Code::Refused) => {
            format!("{rule}: {}", finding.message)
        }
        _ => finding.message.clone(),
    }
}

impl Report {
    /// A report with its counts.
    pub fn new(policies: Vec<Linted>, failures: Vec<String>) -> Report {
        let count = |severity: Severity| {
            let rows = policies.iter().flat_map(|linted| &linted.findings);
            rows.filter(|row| row.weight == severity).count()
        };
        let bare = |linted: &&Linted| linted.rules.is_none() && linted.findings.is_empty();
        let without_policy = policies.iter().filter(bare).count();
        let summary = Summary {
            policies: policies.len() - without_policy,
            without_policy,
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            infos: count(Severity::Info),
        };
        Report {
            schema: SCHEMA,
            tool_version: env!("CARGO_PKG_VERSION"),
            policies,
            failures,
            summary,
            exit_code: 0,
        }
    }

    /// The gravest severity; `None` if nothing was found.
    pub fn worst(&self) -> Option<Severity> {
        let rows = self.policies.iter().flat_map(|linted| &linted.findings);
        rows.map(|row| row.weight).max()
    }
}

/// The same as findings that can be shown at a line of a file.
pub fn findings(report: &Report) -> Vec<crate::report::Finding> {
    let of = |linted: &Linted| {
        let (title, file) = (linted.title(), linted.file.clone());
        let finding = move |row: &Row| crate::report::Finding {
            severity: match row.weight {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => "note",
            },
            code: row.code,
            message: format!("{title}: {}", row.message),
            hint: row.hint.clone(),
            concerns: Vec::new(),
            file: file.clone(),
            line: row.line,
        };
        linted.findings.iter().map(finding).collect::<Vec<_>>()
    };
    report.policies.iter().flat_map(of).collect()
}
