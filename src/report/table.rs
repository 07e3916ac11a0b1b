//! The report for a terminal: a sign, what, from where to where, and one line that sums up.
//!
//! Signs are `+` new, `=` already there, `~` changed, `x` refused or failed, `.` left alone; colours only repeat them.

use crate::model::ordinal::Ordinal;
use crate::model::size::Size;
use crate::report::{Config, Image, Mode, Report, Repository, Standing, Summary, Word};

/// Whether to write colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// ANSI colours.
    On,
    /// Plain text.
    Off,
}

/// Plain lines; the last one begins with `Plan:` or `Done:`.
pub fn render(report: &Report, colour: Colour) -> String {
    let mut text = String::new();
    for config in &report.configs {
        text.push_str(&render_config(config, colour));
    }
    for repository in &report.repositories {
        let line = format!("  ~ {}\n", describe_repository(repository));
        text.push_str(&paint('~', &line, colour));
    }
    text.push_str(&conclusion(report));
    text.push('\n');
    text
}

fn render_config(config: &Config, colour: Colour) -> String {
    let mut text = format!("{}  ({})\n", config.family, config.config);
    let width = |read: fn(&Image) -> String| {
        let widths = config
            .images
            .iter()
            .map(|image| read(image).chars().count());
        widths.max().unwrap_or(0)
    };
    let containers = width(|image| image.container.clone());
    let routes = width(route);
    for image in &config.images {
        let sign = sign(image);
        let line = format!(
            "  {sign} {:containers$}  {:routes$}  {}",
            image.container,
            route(image),
            describe(image),
        );
        text.push_str(&paint(sign, line.trim_end(), colour));
        text.push('\n');
    }
    text
}

fn sign(image: &Image) -> char {
    match image.action {
        Word::Promote | Word::Promoted if image.displaced.is_some() => '~',
        Word::Promote | Word::Promoted => '+',
        Word::AlreadyThere => '=',
        Word::Pin | Word::Pinned => '~',
        Word::Refused | Word::Failed | Word::NotDone => 'x',
        Word::LeftAlone => '.',
    }
}

/// A line in the colour of its sign.
pub(super) fn paint(sign: char, line: &str, colour: Colour) -> String {
    let code = match (colour, sign) {
        (Colour::Off, _) => return line.to_owned(),
        (Colour::On, '+') => "32",
        (Colour::On, '~') => "33",
        (Colour::On, 'x') => "31",
        (Colour::On, _) => "2",
    };
    let (line, end) = match line.strip_suffix('\n') {
        Some(line) => (line, "\n"),
        None => (line, ""),
    };
    format!("\u{1b}[{code}m{line}\u{1b}[0m{end}")
}

fn route(image: &Image) -> String {
    match (&image.source, &image.target) {
        (Some(source), Some(target)) => {
            format!("{} -> {}", shorten(source), shorten(target))
        }
        _ => image.image.clone(),
    }
}

/// A digest reference with the first 12 hex digits only.
fn shorten(reference: &str) -> String {
    match reference.split_once("@sha256:") {
        Some((repository, hex)) => {
            let short: String = hex.chars().take(12).collect();
            format!("{repository}@{short}")
        }
        None => reference.to_owned(),
    }
}

/// What is said behind the route.
pub(super) fn describe(image: &Image) -> String {
    let digest = image.digest.as_ref().map_or("", |digest| digest.short());
    match image.action {
        Word::LeftAlone => "left alone".to_owned(),
        Word::Refused => "refused".to_owned(),
        Word::Failed => "failed".to_owned(),
        Word::NotDone => "not done".to_owned(),
        Word::AlreadyThere | Word::Pin | Word::Pinned => {
            let standing = image.standing.as_ref().map(describe_standing);
            let mut text = standing.unwrap_or_else(|| "already there".to_owned());
            match image.action {
                Word::Pin => text.push_str(", to be pinned"),
                Word::Pinned => text.push_str(", pinned now"),
                _ => {}
            }
            text
        }
        Word::Promote | Word::Promoted => {
            let mut text = digest.to_owned();
            if let Some(done) = image.done {
                text.push_str(&format!("  {} mounted", blobs(done.mounted)));
                if done.streamed > 0 {
                    let bytes = Size(done.transferred);
                    text.push_str(&format!(", {} streamed ({bytes})", done.streamed));
                }
            } else if let Some(content) = image.content {
                let count = u64::try_from(content.blobs).unwrap_or(u64::MAX);
                let bytes = Size(content.bytes);
                let how = if content.mountable { "mount" } else { "stream" };
                text.push_str(&format!("  {} to {how} ({bytes})", blobs(count)));
            }
            if let Some(standing) = &image.standing {
                text.push_str(&format!(", {}", describe_standing(standing)));
                if standing.pin {
                    text.push_str(", pinned first");
                }
            }
            if let Some(displaced) = &image.displaced {
                let moved = format!(", moves the tag from {} (pinned first)", displaced.short());
                text.push_str(&moved);
            }
            text
        }
    }
}

fn blobs(count: u64) -> String {
    match count {
        1 => "1 blob".to_owned(),
        count => format!("{count} blobs"),
    }
}

fn describe_standing(standing: &Standing) -> String {
    let mut text = "already there".to_owned();
    match standing.age_days {
        Some(0) => text.push_str(", pushed today"),
        Some(1) => text.push_str(", pushed 1 day ago"),
        Some(days) => text.push_str(&format!(", pushed {days} days ago")),
        None => {}
    }
    if let (Some(place), Some(keep)) = (standing.place, standing.keep) {
        text.push_str(&format!(", {} of keep {keep}", Ordinal(place)));
    }
    if standing.source_gone {
        text.push_str(match standing.from_upstream {
            true => ", no longer at its source",
            false => ", no longer in common",
        });
    }
    if standing.pinned {
        text.push_str(", pinned");
    }
    text
}

/// What happens to a repository, in words.
pub(super) fn describe_repository(repository: &Repository) -> String {
    let mut what = Vec::new();
    if repository.create {
        let mutability = repository.mutability.as_deref().unwrap_or_default();
        what.push(format!("create ({mutability})"));
    }
    if repository.repository_policy {
        what.push("set the repository policy of its source".to_owned());
    }
    if let Some(keep) = repository.install_keep {
        what.push(format!("install lifecycle policy, keep {keep}"));
    }
    let done = match (repository.done, repository.created) {
        (true, _) => ": done",
        (false, true) => ": created, and not the rest",
        (false, false) => "",
    };
    format!("{}  {}{done}", repository.repository, what.join(", "))
}

/// The line that sums up.
pub fn conclusion(report: &Report) -> String {
    let summary = &report.summary;
    match report.mode {
        Mode::Plan => conclude_plan(summary),
        Mode::Promote => conclude_run(summary),
    }
}

fn conclude_plan(summary: &Summary) -> String {
    let mut text = format!(
        "Plan: {} to promote, {} already there",
        summary.promote, summary.already_there
    );
    for (count, word) in [
        (summary.pin, "to pin"),
        (summary.left_alone, "left alone"),
        (summary.refused, "refused"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {word}"));
        }
    }
    let mut repositories = Vec::new();
    if summary.create > 0 {
        repositories.push(plural(summary.create, "repository", "repositories") + " to create");
    }
    if summary.install > 0 {
        let policies = plural(summary.install, "lifecycle policy", "lifecycle policies");
        repositories.push(policies + " to install");
    }
    if !repositories.is_empty() {
        text.push_str("; ");
        text.push_str(&repositories.join(", "));
    }
    text + "."
}

fn conclude_run(summary: &Summary) -> String {
    let mut text = format!(
        "Done: {} promoted, {} already there",
        summary.promoted, summary.already_there
    );
    for (count, word) in [
        (summary.pin, "pinned"),
        (summary.left_alone, "left alone"),
        (summary.refused, "refused"),
        (summary.failed, "failed"),
        (summary.not_done, "not done"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {word}"));
        }
    }
    if summary.promoted > 0 {
        text.push_str(&format!(
            "; {} mounted, {} transferred",
            blobs(summary.mounted),
            Size(summary.transferred)
        ));
    }
    text + "."
}

/// How wide a column of names is at most: one name of hundreds of characters, which ECS and ECR allow, moves no other line.
const WIDEST: usize = 60;

/// The width of a column: that of its widest cell, of those that do not stand out.
pub(super) fn width<'t>(cells: impl Iterator<Item = &'t str>) -> usize {
    let widths = cells.map(|cell| cell.chars().count());
    widths.filter(|&width| width <= WIDEST).max().unwrap_or(0)
}

/// A count with its word.
pub(super) fn plural(count: usize, one: &str, many: &str) -> String {
    let word = if count == 1 { one } else { many };
    format!("{count} {word}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_long_name_makes_no_column_wide() {
        let long = "n".repeat(300);
        assert_eq!(width(["fluentd/app:v1", &long, "a"].into_iter()), 14);
        assert_eq!(width([long.as_str()].into_iter()), 0);
    }

    #[test]
    fn a_standing_says_age_place_and_pin() {
        let standing = Standing {
            pushed_at: None,
            age_days: Some(41),
            place: Some(27),
            keep: Some(30),
            source_gone: true,
            from_upstream: false,
            pinned: false,
            pin: false,
        };
        let expected = "already there, pushed 41 days ago, 27th of keep 30, no longer in common";
        assert_eq!(describe_standing(&standing), expected);
    }

    #[test]
    fn a_plan_ends_with_its_counts() {
        let summary = Summary {
            promote: 1,
            already_there: 2,
            left_alone: 1,
            create: 1,
            install: 2,
            ..Summary::default()
        };
        assert_eq!(
            conclude_plan(&summary),
            "Plan: 1 to promote, 2 already there, 1 left alone; \
             1 repository to create, 2 lifecycle policies to install."
        );
    }
}
