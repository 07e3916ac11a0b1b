//! The audit for a terminal and for pull requests: by consumer, each image with a bar for its place in the keep window.

use crate::report::audit::{Consumer, Image, Report};
use crate::report::markdown::{escape, render_finding};
use crate::report::table::{Colour, paint, plural, width};

/// How many cells the bar has.
const CELLS: usize = 10;

/// For a terminal.
pub fn table(report: &Report, colour: Colour) -> String {
    let mut text = String::new();
    for consumer in &report.consumers {
        text.push_str(&format!("{}  ({})\n", consumer.name, headroom(consumer)));
        let images: Vec<&Image> = images(report, consumer).collect();
        let names = images.iter().map(|image| image.name.clone()).collect();
        let bars = images.iter().map(|image| bar(image)).collect();
        let fates = images.iter().map(|image| fate(image)).collect();
        let columns = [column(names), column(bars), column(fates)];
        for (at, image) in images.iter().enumerate() {
            let sign = sign(image);
            let mut line = format!("  {sign} ");
            for cell in columns.iter().filter_map(|column| column.get(at)) {
                line.push_str(cell);
            }
            line.push_str(&kinds(image));
            text.push_str(&paint(sign, line.trim_end(), colour));
            text.push('\n');
        }
    }
    text.push_str(&conclusion(report));
    text.push('\n');
    text
}

/// Cells of one width, with a gap after each; none of a column that says nothing.
fn column(cells: Vec<String>) -> Vec<String> {
    let width = width(cells.iter().map(String::as_str));
    match cells.iter().all(String::is_empty) {
        true => Vec::new(),
        false => cells
            .iter()
            .map(|cell| format!("{cell:width$}  "))
            .collect(),
    }
}

/// For pull requests.
pub fn markdown(report: &Report) -> String {
    let mut text = "| used by | image | place | | why |\n|---|---|---|---|---|\n".to_owned();
    for consumer in &report.consumers {
        for image in images(report, consumer) {
            text.push_str(&format!(
                "| {} | {} | {} | {} | {} |\n",
                escape(&consumer.name),
                image.name,
                place(image),
                fate(image),
                kinds(image),
            ));
        }
    }
    text.push('\n');
    for finding in &report.findings {
        text.push_str(&render_finding(finding));
    }
    text.push_str(&format!("\n**{}**\n", conclusion(report)));
    text
}

fn images<'r>(report: &'r Report, consumer: &'r Consumer) -> impl Iterator<Item = &'r Image> {
    let at = consumer.images.iter();
    at.filter_map(|&at| report.images.get(at))
}

fn kinds(image: &Image) -> String {
    let mut kinds: Vec<&str> = image.reasons.iter().map(|reason| reason.kind).collect();
    kinds.dedup();
    kinds.join(", ")
}

fn sign(image: &Image) -> char {
    match image.lifecycle.fate {
        "now" | "unknown" => 'x',
        "date" => '~',
        _ => '=',
    }
}

fn place(image: &Image) -> String {
    match (image.lifecycle.place, image.lifecycle.keep) {
        (Some(place), Some(keep)) => format!("{place} of {keep}"),
        _ => String::new(),
    }
}

/// Where an image stands in the window of the rule that keeps the newest: full when it is the last to stay.
fn bar(image: &Image) -> String {
    let (Some(at), Some(keep)) = (image.lifecycle.place, image.lifecycle.keep) else {
        return String::new();
    };
    let keep = usize::try_from(keep).unwrap_or(usize::MAX).max(1);
    let filled = at.saturating_mul(CELLS).div_ceil(keep).min(CELLS);
    let bar = format!("{}{}", "#".repeat(filled), ".".repeat(CELLS - filled));
    format!("[{bar}] {}", place(image))
}

fn fate(image: &Image) -> String {
    let lifecycle = &image.lifecycle;
    match (lifecycle.fate, lifecycle.pushes_left, &lifecycle.expires_at) {
        (_, Some(0), _) => "expires within 24 hours".to_owned(),
        (_, Some(1), _) => "expires with the next push".to_owned(),
        (_, Some(pushes), _) => format!("expires in {pushes} pushes"),
        (_, _, Some(at)) => format!("expires after {at}"),
        ("unknown", _, _) => "nobody knows when it expires".to_owned(),
        _ if image.pinned => "pinned".to_owned(),
        _ => "never expires".to_owned(),
    }
}

fn headroom(consumer: &Consumer) -> String {
    match consumer.pushes_left {
        None => "nothing of it expires by further promotions".to_owned(),
        Some(0) => "no promotion left".to_owned(),
        // The image is marked with the last of them.
        Some(pushes) => {
            let left = usize::try_from(pushes - 1).unwrap_or(usize::MAX);
            format!("{} left", plural(left, "promotion", "promotions"))
        }
    }
}

fn conclusion(report: &Report) -> String {
    let summary = &report.summary;
    let mut parts = vec![plural(
        summary.protected,
        "protected image",
        "protected images",
    )];
    let counts = [
        (summary.pinned, "pinned", "pinned"),
        (summary.errors, "error", "errors"),
        (summary.warnings, "warning", "warnings"),
        (summary.notes, "note", "notes"),
    ];
    for (count, one, many) in counts {
        if count > 0 {
            parts.push(plural(count, one, many));
        }
    }
    let complete = match report.complete {
        true => "",
        false => " INCOMPLETE: nothing may be taken for unused.",
    };
    format!("Audit: {}.{complete}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_empty_ones_are_left_out() {
        let cells = |texts: &[&str]| column(texts.iter().map(|&text| text.to_owned()).collect());
        assert_eq!(
            cells(&["never expires", "pinned"]),
            ["never expires  ", "pinned         "]
        );
        assert!(cells(&["", ""]).is_empty());
    }
}
