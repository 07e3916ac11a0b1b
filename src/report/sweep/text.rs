//! The sweep for a terminal and for pull requests: counts for each repository, and what goes.

use crate::report::markdown::{escape, render_finding};
use crate::report::sweep::{Image, Report, Repository};
use crate::report::table::{Colour, paint, plural};

/// For a terminal. What stays is only counted.
pub fn table(report: &Report, colour: Colour) -> String {
    let mut text = String::new();
    for repository in &report.repositories {
        text.push_str(&format!("{}  ({})\n", repository.name, counts(repository)));
        let going: Vec<&Image> = going(repository).collect();
        let widths = going.iter().map(|image| image.name.chars().count());
        let width = widths.max().unwrap_or(0);
        for image in going {
            let sign = sign(image);
            let line = format!(
                "  {sign} {:width$}  pushed {}  {}",
                image.name,
                image.pushed_at,
                word(image),
            );
            text.push_str(&paint(sign, line.trim_end(), colour));
            text.push('\n');
        }
    }
    text.push_str(&conclusion(report));
    text.push('\n');
    text
}

/// For pull requests.
pub fn markdown(report: &Report) -> String {
    let mut text = "| image | digest | pushed | |\n|---|---|---|---|\n".to_owned();
    for image in report.repositories.iter().flat_map(going) {
        text.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            escape(&image.name),
            short(&image.digest),
            image.pushed_at,
            escape(&word(image)),
        ));
    }
    text.push_str("\n| repository | images | go | stay |\n|---|---|---|---|\n");
    for repository in &report.repositories {
        text.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            repository.name,
            repository.total,
            repository.going,
            kept(repository),
        ));
    }
    text.push('\n');
    for finding in &report.findings {
        text.push_str(&render_finding(finding));
    }
    text.push_str(&format!("\n**{}**\n", conclusion(report)));
    text
}

fn going(repository: &Repository) -> impl Iterator<Item = &Image> {
    let images = repository.images.iter();
    images.filter(|image| image.action != "keep")
}

fn short(digest: &str) -> String {
    let hex = digest.trim_start_matches("sha256:");
    hex.chars().take(12).collect()
}

fn kept(repository: &Repository) -> String {
    let each = repository.kept.iter();
    let each: Vec<String> = each.map(|(why, count)| format!("{count} {why}")).collect();
    each.join(", ")
}

fn counts(repository: &Repository) -> String {
    if !repository.readable {
        return "not everything could be read: nothing goes".to_owned();
    }
    let images = plural(repository.total, "image", "images");
    let going = repository.going;
    match kept(repository) {
        kept if kept.is_empty() => format!("{going} of {images} go"),
        kept => format!("{going} of {images} go; stay: {kept}"),
    }
}

/// `-` goes, `x` failed, `=` stays all the same.
fn sign(image: &Image) -> char {
    match image.ended {
        Some("failed" | "not-done") => 'x',
        Some("dropped" | "with-index") => '=',
        _ if image.action == "archive" => '~',
        _ => '-',
    }
}

fn word(image: &Image) -> String {
    let word = match (image.ended, image.action) {
        (None, "archive") => "to archive",
        (None, _) => "to delete",
        (Some("absent"), _) => "gone already",
        (Some("with-index"), _) => "stays with its archived index",
        (Some("dropped"), _) => "needed again, stays",
        (Some("not-done"), _) => "not done",
        (Some(ended), _) => ended,
    };
    match &image.detail {
        Some(detail) => format!("{word}: {detail}"),
        None => word.to_owned(),
    }
}

fn conclusion(report: &Report) -> String {
    let summary = &report.summary;
    let verb = if report.archive { "archive" } else { "delete" };
    let stay = plural(summary.kept, "image stays", "images stay");
    if report.mode == "plan" {
        let going = plural(summary.going, "image", "images");
        let complete = match report.complete {
            true => "",
            false => " INCOMPLETE: not everything could be read.",
        };
        return format!("Plan: {going} to {verb}, {stay}.{complete}");
    }
    let mut parts = Vec::new();
    let counts = [
        (summary.deleted, "deleted"),
        (summary.archived, "archived"),
        (summary.absent, "gone already"),
        (summary.with_index, "left with an archived index"),
        (summary.dropped, "needed again"),
        (summary.failed, "failed"),
        (summary.not_done, "not done"),
    ];
    for (count, word) in counts {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    parts.push(stay);
    format!("Done: {}.", parts.join(", "))
}
