//! The report as JSON.

use crate::report::Report;

/// Indented JSON with a newline at the end.
pub fn render(report: &Report) -> String {
    let text = serde_json::to_string_pretty(report);
    text.map_or_else(|error| error.to_string(), |text| text + "\n")
}
