//! Reports as JSON.

use serde::Serialize;

/// Indented JSON with a newline at the end.
pub fn text(report: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(report);
    text.map_or_else(|error| error.to_string(), |text| text + "\n")
}
