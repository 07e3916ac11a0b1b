//! The report of `lifecycle lint` as lines for a terminal, and as Markdown.

use crate::plan::lint::Severity;
use crate::report::lint::{Report, Row};
use crate::report::markdown::escape;
use crate::report::table::Colour;

/// Lines for a terminal; the last one begins with `Lint:`.
pub fn table(report: &Report, colour: Colour) -> String {
    let mut text = String::new();
    for linted in &report.policies {
        text.push_str(&format!("{}  ({})\n", linted.title(), linted.state()));
        for row in &linted.findings {
            let place = place_of(row).map_or_else(String::new, |place| place + "  ");
            let line = format!(
                "  {} {:7}  {:3}  {place}{}",
                sign(row),
                row.severity,
                row.code,
                row.message
            );
            text.push_str(&paint(row, &line, colour));
            text.push('\n');
            if let Some(hint) = &row.hint {
                text.push_str(&format!("      hint: {hint}\n"));
            }
        }
    }
    text + &conclusion(report) + "\n"
}

/// `line:column`, where it is known.
fn place_of(row: &Row) -> Option<String> {
    Some(format!("{}:{}", row.line?, row.column?))
}

fn sign(row: &Row) -> char {
    match row.weight {
        Severity::Error => 'x',
        Severity::Warning => '~',
        Severity::Info => '.',
    }
}

fn paint(row: &Row, line: &str, colour: Colour) -> String {
    let code = match row.weight {
        Severity::Error => "31",
        Severity::Warning => "33",
        Severity::Info => "2",
    };
    match colour {
        Colour::Off => line.to_owned(),
        Colour::On => format!("\u{1b}[{code}m{line}\u{1b}[0m"),
    }
}

/// A list for each policy.
pub fn markdown(report: &Report) -> String {
    let mut text = String::new();
    for linted in &report.policies {
        text.push_str(&format!(
            "### {} ({})\n\n",
            escape(&linted.title()),
            linted.state()
        ));
        for row in &linted.findings {
            let place = place_of(row).map_or_else(String::new, |place| format!(" {place}"));
            text.push_str(&format!(
                "* **{}** {}{place}: {}",
                row.severity,
                row.code,
                escape(&row.message)
            ));
            if let Some(hint) = &row.hint {
                text.push_str(&format!("<br>hint: {}", escape(hint)));
            }
            text.push('\n');
        }
        if !linted.findings.is_empty() {
            text.push('\n');
        }
    }
    text + &format!("**{}**\n", conclusion(report))
}

fn conclusion(report: &Report) -> String {
    let plural = |count: usize, one: &str, many: &str| {
        format!("{count} {}", if count == 1 { one } else { many })
    };
    let summary = &report.summary;
    let mut text = format!(
        "Lint: {}, {}, {} in {}",
        plural(summary.errors, "error", "errors"),
        plural(summary.warnings, "warning", "warnings"),
        plural(summary.infos, "info", "infos"),
        plural(summary.policies, "policy", "policies"),
    );
    if summary.without_policy > 0 {
        let without = plural(summary.without_policy, "repository", "repositories");
        text.push_str(&format!("; {without} without"));
    }
    if !report.failures.is_empty() {
        text.push_str(&format!("; {} could not be read", report.failures.len()));
    }
    text + "."
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::lifecycle::Policy;
    use crate::model::time::Timestamp;
    use crate::plan::lint::{Known, lint, refused};
    use crate::report::json;
    use crate::report::lint::{Linted, SCHEMA};

    const TEXT: &str = r#"{"rules": [
  {"rulePriority": 1, "action": {"type": "expire"},
   "selection": {"tagStatus": "tagged", "tagPrefixList": ["prod", "staging"],
                 "countType": "imageCountMoreThan", "countNumber": 9}}]}"#;

    fn linted() -> Report {
        let policy: Policy = TEXT.parse().unwrap();
        let findings = lint(&policy, &Known::default(), Timestamp(0));
        let file = Linted::of_file("a.json", TEXT, &policy, &findings);
        Report::new(
            vec![file, Linted::without_policy("fluentd/app")],
            Vec::new(),
        )
    }

    #[test]
    fn a_finding_has_its_place_in_the_file() {
        let expected = "a.json  (1 rule)\n  \
            ~ warning  L1   3:58  rule 1 selects only images whose tags match \"prod\" and \"staging\" at once: ECR reads the entries of a list as AND\n      \
            hint: write a rule for each entry, unless every image really has a tag for each\n\
            fluentd/app  (no lifecycle policy)\n\
            Lint: 0 errors, 1 warning, 0 infos in 1 policy; 1 repository without.\n";
        assert_eq!(table(&linted(), Colour::Off), expected);
    }

    #[test]
    fn json_has_the_schema_and_the_place() {
        let value: serde_json::Value = serde_json::from_str(&json::text(&linted())).unwrap();
        assert_eq!(value["schema"], SCHEMA);
        let finding = &value["policies"][0]["findings"][0];
        assert_eq!(finding["code"], "L1");
        assert_eq!(finding["rule"], 1);
        assert_eq!(
            (&finding["line"], &finding["column"]),
            (&3.into(), &58.into())
        );
        assert_eq!(value["policies"][1]["rules"], serde_json::Value::Null);
        assert_eq!(value["summary"]["warnings"], 1);
    }

    #[test]
    fn what_ecr_refuses_is_shown_at_its_field() {
        let text = TEXT.replace("\"countNumber\": 9", "\"countNumber\": 0");
        let invalid = text.parse::<Policy>().unwrap_err();
        let report = Report::new(
            vec![Linted::refused("a.json", &text, &refused(&invalid))],
            Vec::new(),
        );
        let shown = table(&report, Colour::Off);
        let expected =
            "x error    L10  4:68  rule 1: selection.countNumber must be a whole number from 1";
        assert!(shown.contains(expected), "{shown}");
        assert_eq!(report.worst(), Some(Severity::Error));
    }

    #[test]
    fn markdown_is_a_list() {
        let shown = markdown(&linted());
        assert!(
            shown.contains("### a.json (1 rule)\n\n* **warning** L1 3:58: rule 1"),
            "{shown}"
        );
    }
}
