//! Findings for people, on stderr: what, whom it concerns, and the next step.

use crate::report::Finding;

/// The findings in their order; empty if there are none.
pub fn render(findings: &[Finding]) -> String {
    let each = findings.iter().map(|one| finding(one, "in"));
    each.collect()
}

/// The same for findings whose `concerns` are the reasons why an image is kept.
pub fn render_with_reasons(findings: &[Finding]) -> String {
    let each = findings.iter().map(|one| finding(one, "why:"));
    each.collect()
}

fn finding(finding: &Finding, word: &str) -> String {
    let mut text = format!("{}: {}\n", finding.severity, finding.message);
    let concerned: Vec<&str> = finding
        .concerns
        .iter()
        .take(3)
        .map(String::as_str)
        .collect();
    if !concerned.is_empty() {
        let more = finding.concerns.len() - concerned.len();
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        text.push_str(&format!("  {word} {}{more}", concerned.join(", ")));
        if let (Some(file), Some(line)) = (&finding.file, finding.line) {
            text.push_str(&format!(" ({file}:{line})"));
        }
        text.push('\n');
    }
    if let Some(hint) = &finding.hint {
        text.push_str(&format!("  hint: {hint}\n"));
    }
    text
}
