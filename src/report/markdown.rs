//! The report as Markdown, for pull requests and job summaries.

use crate::report::table::{conclusion, describe, describe_repository};
use crate::report::{Config, Finding, Report};

/// One table for each config, then repositories, findings and the conclusion.
pub fn render(report: &Report) -> String {
    let mut text = String::new();
    for config in &report.configs {
        text.push_str(&render_config(config));
    }
    for repository in &report.repositories {
        text.push_str(&format!("* {}\n", escape(&describe_repository(repository))));
    }
    if !report.repositories.is_empty() {
        text.push('\n');
    }
    for finding in &report.problems {
        text.push_str(&render_finding(finding));
    }
    if !report.problems.is_empty() {
        text.push('\n');
    }
    text.push_str(&format!("**{}**\n", conclusion(report)));
    text
}

fn render_config(config: &Config) -> String {
    let (family, file) = (escape(&config.family), escape(&config.config));
    let mut text = format!("### {family} ({file})\n\n");
    text.push_str("| container | from | to | |\n|---|---|---|---|\n");
    for image in &config.images {
        let from = image.source.as_deref().unwrap_or(&image.image);
        let to = image.target.as_deref().unwrap_or_default();
        text.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            escape(&image.container),
            escape(from),
            escape(to),
            escape(&describe(image))
        ));
    }
    text + "\n"
}

/// A finding as a list item.
pub(super) fn render_finding(finding: &Finding) -> String {
    let mut text = format!("* **{}**: {}", finding.severity, escape(&finding.message));
    if let Some(hint) = &finding.hint {
        text.push_str(&format!("<br>hint: {}", escape(hint)));
    }
    text + "\n"
}

/// Text from outside must not become markup.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\n' | '\r' => escaped.push(' '),
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn nothing_from_outside_is_markup() {
        assert_eq!(escape("a|b<c>\n*d*"), "a\\|b&lt;c&gt; \\*d\\*");
    }
}
