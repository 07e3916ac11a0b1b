//! Findings for people, on stderr: what, whom it concerns, and the next step.

use crate::report::Finding;

/// The findings in their order; empty if there are none.
pub fn render(findings: &[Finding]) -> String {
    findings.iter().map(finding).collect()
}

fn finding(finding: &Finding) -> String {
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
        text.push_str(&format!("  in {}{more}", concerned.join(", ")));
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
