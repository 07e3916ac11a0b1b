//! The report of `lifecycle simulate`: what a policy does to each image, and its renderings.

use serde::{Serialize, Serializer};

use crate::model::digest::Digest;
use crate::model::lifecycle::{Action, Image};
use crate::model::time::Timestamp;
use crate::plan::expiry::{Outlook, Pushes};
use crate::report::markdown::escape;
use crate::report::table::Colour;

/// The schema's name. Keys are only ever added to it.
pub const SCHEMA: &str = "demitasse.simulate/v1";

/// What a policy does at a moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Simulation {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The version of demitasse.
    pub tool_version: &'static str,
    /// The moment, RFC 3339.
    pub at: String,
    /// Each image, in the order of the input.
    pub images: Vec<Fate>,
    /// Counts.
    pub summary: Summary,
}

/// What becomes of one image.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fate {
    /// The image.
    pub digest: Digest,
    /// Its tags.
    pub tags: Vec<String>,
    /// `expire` or `transition` within 24 hours, in the worst case, or `null`.
    pub action: Option<&'static str>,
    /// The `rulePriority` of the only rule that can act on it, or `null`.
    pub rule: Option<u32>,
    /// Its place among the images that rule counts, 0 for the newest, in the worst case; `null` if it does not count.
    pub rank: Option<usize>,
    /// With which further push it goes.
    pub pushes_left: PushesLeft,
    /// After which moment it goes, RFC 3339, if its rule goes by age.
    pub expires_at: Option<String>,
}

/// With which further image that its rule selects an image goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushesLeft {
    /// `{"min", "max"}`: 0 is now, 1 the next push; a `max` of `null` is never. They differ only where AWS documents nothing.
    Within(Pushes),
    /// `"never"`: no rule can act on it.
    Never,
    /// `null`: its rule goes by age.
    ByAge,
}

/// How many images have which fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Expired within 24 hours.
    pub expire: usize,
    /// Archived within 24 hours.
    pub transition: usize,
    /// Left alone.
    pub keep: usize,
}

impl Serialize for PushesLeft {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Within {
            min: u64,
            max: Option<u64>,
        }
        match self {
            PushesLeft::Within(Pushes { min, max }) => Within {
                min: *min,
                max: *max,
            }
            .serialize(serializer),
            PushesLeft::Never => serializer.serialize_str("never"),
            PushesLeft::ByAge => serializer.serialize_none(),
        }
    }
}

impl Simulation {
    /// The images and their outlooks, which stand in the same order.
    pub fn new(images: &[Image], outlooks: &[Outlook], at: Timestamp) -> Simulation {
        let fates: Vec<Fate> = images.iter().zip(outlooks).map(fate).collect();
        let count = |action| fates.iter().filter(|fate| fate.action == action).count();
        let summary = Summary {
            expire: count(Some("expire")),
            transition: count(Some("transition")),
            keep: count(None),
        };
        Simulation {
            schema: SCHEMA,
            tool_version: env!("CARGO_PKG_VERSION"),
            at: at.to_string(),
            images: fates,
            summary,
        }
    }
}

fn fate((image, outlook): (&Image, &Outlook)) -> Fate {
    Fate {
        digest: image.digest.clone(),
        tags: image.tags.clone(),
        action: outlook.action.map(|action| match action {
            Action::Expire => "expire",
            Action::Transition => "transition",
        }),
        rule: outlook.rule,
        rank: outlook.rank,
        pushes_left: match (outlook.pushes, outlook.expires_at) {
            (Some(pushes), _) => PushesLeft::Within(pushes),
            (None, Some(_)) => PushesLeft::ByAge,
            (None, None) => PushesLeft::Never,
        },
        expires_at: outlook.expires_at.map(|time| time.to_string()),
    }
}

const HEAD: [&str; 6] = [
    "digest",
    "tags",
    "what happens",
    "rule",
    "rank",
    "how far away",
];

/// A row for each image; the last line begins with `Simulation:`.
pub fn table(simulation: &Simulation, colour: Colour) -> String {
    let rows: Vec<[String; 6]> = simulation.images.iter().map(row).collect();
    let mut widths = HEAD.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; 6]| {
        let padded = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}  "));
        padded.collect::<String>().trim_end().to_owned()
    };
    let mut text = line(HEAD) + "\n";
    for (row, fate) in rows.iter().zip(&simulation.images) {
        let [a, b, c, d, e, f] = row;
        let line = line([a, b, c, d, e, f]);
        match (colour, fate.action) {
            (Colour::On, Some(_)) => text.push_str(&format!("\u{1b}[31m{line}\u{1b}[0m")),
            _ => text.push_str(&line),
        }
        text.push('\n');
    }
    text + &conclusion(simulation) + "\n"
}

/// A table of all images.
pub fn markdown(simulation: &Simulation) -> String {
    let mut text = format!("| {} |\n|---|---|---|---|---|---|\n", HEAD.join(" | "));
    for fate in &simulation.images {
        text.push_str(&format!(
            "| {} |\n",
            row(fate).map(|cell| escape(&cell)).join(" | ")
        ));
    }
    text + &format!("\n**{}**\n", conclusion(simulation))
}

fn row(fate: &Fate) -> [String; 6] {
    let or_dash = |number: Option<String>| number.unwrap_or_else(|| "-".to_owned());
    let far = match (fate.pushes_left, &fate.expires_at) {
        (PushesLeft::Within(Pushes { min, max }), _) if max == Some(min) => plural(min),
        (
            PushesLeft::Within(Pushes {
                min,
                max: Some(max),
            }),
            _,
        ) => format!("{min} to {max} pushes"),
        (PushesLeft::Within(Pushes { min, max: None }), _) => format!("{}, or never", plural(min)),
        (_, Some(moment)) => format!("after {moment}"),
        (_, None) => "never".to_owned(),
    };
    [
        fate.digest.short().to_owned(),
        if fate.tags.is_empty() {
            "-".to_owned()
        } else {
            fate.tags.join(",")
        },
        fate.action.unwrap_or("keep").to_owned(),
        or_dash(fate.rule.map(|rule| rule.to_string())),
        or_dash(fate.rank.map(|rank| rank.to_string())),
        far,
    ]
}

fn plural(pushes: u64) -> String {
    match pushes {
        0 => "now".to_owned(),
        1 => "the next push".to_owned(),
        pushes => format!("{pushes} pushes"),
    }
}

fn conclusion(simulation: &Simulation) -> String {
    let Summary {
        expire,
        transition,
        keep,
    } = simulation.summary;
    format!(
        "Simulation: {expire} to expire, {transition} to archive, {keep} to keep at {}.",
        simulation.at
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::lifecycle::{Policy, add_children, read_images};
    use crate::plan::expiry::outlooks;
    use crate::report::json;

    fn simulation() -> Simulation {
        let policy: Policy = r#"{"rules": [
            {"rulePriority": 1, "selection": {"tagStatus": "tagged", "tagPatternList": ["v*"], "countType": "imageCountMoreThan", "countNumber": 1}, "action": {"type": "expire"}},
            {"rulePriority": 2, "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 30},
             "action": {"type": "transition", "targetStorageClass": "archive"}}]}"#
            .parse()
            .unwrap();
        let digest = |c: char| format!("sha256:{}", c.to_string().repeat(64));
        let image = |c: char, tags: &str, pushed: &str| {
            format!(
                r#"{{"imageDigest": "{}", "imageTags": [{tags}], "imagePushedAt": "{pushed}"}}"#,
                digest(c)
            )
        };
        let listing = [
            image('a', r#""v2""#, "2026-11-20T00:00:00Z"),
            image('b', r#""v1""#, "2026-11-10T00:00:00Z"),
            image('c', "", "2026-11-10T00:00:00Z"),
            image('d', "", "2026-11-01T00:00:00Z"),
            image('e', r#""main""#, "2026-11-01T00:00:00Z"),
        ];
        let mut images = read_images(&format!("[{}]", listing.join(","))).unwrap();
        add_children(
            &mut images,
            &format!(r#"{{"{}": ["{}"]}}"#, digest('a'), digest('c')),
        )
        .unwrap();
        let at = "2026-11-20T09:00:00Z".parse().unwrap();
        Simulation::new(&images, &outlooks(&policy, &images, at), at)
    }

    #[test]
    fn every_image_has_a_row() {
        let expected = "\
digest        tags  what happens  rule  rank  how far away
aaaaaaaaaaaa  v2    keep          1     0     the next push
bbbbbbbbbbbb  v1    expire        1     1     now
cccccccccccc  -     keep          -     -     never
dddddddddddd  -     keep          2     -     after 2026-12-01T00:00:00Z
eeeeeeeeeeee  main  keep          -     -     never
Simulation: 1 to expire, 0 to archive, 4 to keep at 2026-11-20T09:00:00Z.
";
        assert_eq!(table(&simulation(), Colour::Off), expected);
        assert!(markdown(&simulation()).contains("| bbbbbbbbbbbb | v1 | expire | 1 | 1 | now |\n"));
    }

    #[test]
    fn json_is_as_documented() {
        let value: serde_json::Value = serde_json::from_str(&json::text(&simulation())).unwrap();
        assert_eq!(value["schema"], SCHEMA);
        let images = value["images"].as_array().unwrap();
        let expected = serde_json::json!({
            "digest": format!("sha256:{}", "b".repeat(64)), "tags": ["v1"], "action": "expire", "rule": 1, "rank": 1,
            "pushes_left": {"min": 0, "max": 0}, "expires_at": null,
        });
        assert_eq!(images[1], expected);
        assert_eq!(images[2]["pushes_left"], "never");
        assert_eq!(images[3]["pushes_left"], serde_json::Value::Null);
        assert_eq!(images[3]["expires_at"], "2026-12-01T00:00:00Z");
    }

    #[test]
    fn what_aws_leaves_open_is_a_range() {
        let row = |min, max| {
            let mut fate = simulation().images.remove(0);
            fate.pushes_left = PushesLeft::Within(Pushes { min, max });
            row(&fate)[5].clone()
        };
        assert_eq!(row(2, Some(5)), "2 to 5 pushes");
        assert_eq!(row(2, None), "2 pushes, or never");
        assert_eq!(row(0, Some(0)), "now");
    }
}
