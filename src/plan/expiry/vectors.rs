//! Runs the vectors of `fixtures/policy`: AWS's worked examples first, then a real preview, then cases that follow from the rules.
//!
//! AWS's reasoning, from "Examples of lifecycle policies in Amazon ECR":
//! multiple rules A: rule 1 (`prod*`) sees A and B and marks A; rule 2 (`beta*`) would mark A and B, but "Image A has already been seen by Rule 1 and
//! if Image B were expired it would violate Rule 1 and thus is skipped". Multiple rules B: rule 1 (`beta*`) sees all three and marks A and B; rule 2
//! "would see no images because all available images were already seen by Rule 1". Multiple tags A: "It sees images C and F". Multiple tags B: "tags
//! are not exclusive". All images B: rule 3 identifies A to E, "However, it can't mark images A, B, C, or E because they were identified by higher
//! priority rules. It marks image D".

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use crate::model::lifecycle::Policy;
use crate::plan::expiry::Hypotheses;
use crate::plan::expiry::Push;
use crate::plan::expiry::PushesLeft;
use crate::plan::expiry::bounds;
use crate::plan::expiry::evaluate;
use crate::plan::expiry::evaluate_under;
use crate::plan::expiry::fate;
use crate::plan::expiry::fates;
use crate::plan::expiry::marks;
use crate::plan::expiry::samples::ImageText;
use crate::plan::expiry::samples::NOW;
use crate::plan::expiry::samples::by_id;
use crate::plan::expiry::samples::days_ago;
use crate::plan::expiry::samples::digest;
use crate::plan::expiry::samples::images;
use crate::plan::expiry::samples::policy;
use crate::plan::expiry::samples::vectors;

#[test]
fn evaluation() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 20);
    for vector in vectors {
        let (policy, images) = (policy(&vector.rules), images(&vector.images));
        assert_eq!(
            by_id(&evaluate(&policy, &images, NOW)),
            vector.expect,
            "{}",
            vector.name
        );
        // "All vectors give the same result whether or not index children count."
        let counted = Hypotheses {
            children_counted: true,
            ..Hypotheses::default()
        };
        assert_eq!(
            by_id(&evaluate_under(counted, &policy, &images, NOW)),
            vector.expect,
            "{}, children counted",
            vector.name
        );
        assert_eq!(
            by_id(&marks(&policy, &images, NOW)),
            vector.expect,
            "{}, worst case",
            vector.name
        );
        assert_eq!(
            by_id(&bounds(&policy, &images, NOW).certain),
            vector.expect,
            "{}, best case",
            vector.name
        );
    }
}

#[test]
fn a_prefix_is_a_pattern_with_a_star_at_its_end() {
    let mut replaced = 0;
    for vector in vectors()
        .iter()
        .filter(|vector| vector.source.starts_with("AWS"))
    {
        let text = serde_json::to_string(&vector.rules).unwrap();
        let text = text
            .replace("tagPatternList", "tagPrefixList")
            .replace("*\"", "\"");
        replaced += usize::from(text.contains("tagPrefixList"));
        let rules: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(
            by_id(&evaluate(&policy(&rules), &images(&vector.images), NOW)),
            vector.expect,
            "{}",
            vector.name
        );
        assert!(
            policy(&rules).same_meaning(&policy(&vector.rules)),
            "{}",
            vector.name
        );
    }
    assert_eq!(replaced, 5);
}

/// "If an image was never pulled, the image's pushed_at_time is used instead"; a restored image counts from its activation until it is pulled again.
#[test]
fn archiving_by_pull_time() {
    let rule = json!({"rulePriority": 1, "action": {"type": "transition", "targetStorageClass": "archive"},
        "selection": {"tagStatus": "any", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 30}});
    let policy = policy(&[rule]);
    let ages = [
        // pushed, activated, pulled, archived now?
        (90.0, None, None, true),
        (90.0, None, Some(31.0), true),
        (90.0, None, Some(30.0), false),
        (10.0, None, None, false),
        (90.0, Some(40.0), None, true),
        (90.0, Some(20.0), None, false),
        (90.0, Some(20.0), Some(60.0), false),
        (90.0, Some(60.0), Some(40.0), true),
    ];
    let texts: Vec<Value> = ages
        .iter()
        .enumerate()
        .map(|(id, (pushed, activated, pulled, _))| {
            json!({"id": id.to_string(), "tags": [], "pushedDaysAgo": pushed, "activatedDaysAgo": activated, "pulledDaysAgo": pulled})
        })
        .collect();
    let texts: Vec<ImageText> = serde_json::from_value(Value::Array(texts)).unwrap();
    let images = images(&texts);
    let marked = by_id(&evaluate(&policy, &images, NOW));
    assert_eq!(by_id(&marks(&policy, &images, NOW)), marked);
    for (id, age) in ages.iter().enumerate() {
        assert_eq!(marked.contains_key(&id.to_string()), age.3, "{age:?}");
    }
}

#[test]
fn what_is_not_documented_gives_a_range() {
    #[derive(Deserialize)]
    struct Case {
        name: String,
        rules: Vec<Value>,
        images: Vec<ImageText>,
        certain: BTreeMap<String, u32>,
        possible: BTreeMap<String, u32>,
    }
    let cases: Vec<Case> = serde_json::from_str(include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/policy/bounds.json"
    )))
    .unwrap();
    for case in cases {
        let found = bounds(&policy(&case.rules), &images(&case.images), NOW);
        assert_eq!(
            (by_id(&found.certain), by_id(&found.possible)),
            (case.certain, case.possible),
            "{}",
            case.name
        );
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PushCase {
    name: String,
    rules: Vec<Value>,
    images: Vec<ImageText>,
    image: String,
    next_tags: Vec<String>,
    #[serde(default)]
    next_children: u32,
    #[serde(default)]
    next_referrers: u32,
    pushes_left: Value,
}

fn push_cases() -> Vec<PushCase> {
    serde_json::from_str(include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/policy/pushes.json"
    )))
    .unwrap()
}

fn expected(value: &Value) -> PushesLeft {
    match value {
        Value::String(word) if word == "never" => PushesLeft::Never,
        Value::String(word) if word == "already marked" => PushesLeft::AlreadyMarked,
        Value::Number(number) => PushesLeft::Pushes {
            min: number.as_u64().unwrap(),
            max: number.as_u64(),
        },
        Value::Object(map) if map.contains_key("days") => PushesLeft::Date {
            expires_at: days_ago(-map["days"].as_f64().unwrap()),
        },
        Value::Object(map) => PushesLeft::Pushes {
            min: map["min"].as_u64().unwrap(),
            max: map["max"].as_u64(),
        },
        other => panic!("{other}"),
    }
}

#[test]
fn pushes_left() {
    for case in push_cases() {
        let (policy, images): (Policy, _) = (policy(&case.rules), images(&case.images));
        let next = Push {
            tags: case.next_tags,
            children: case.next_children,
            referrers: case.next_referrers,
        };
        let found = fate(&policy, &images, &digest(&case.image), &next, NOW).unwrap();
        assert_eq!(
            found.pushes_left,
            expected(&case.pushes_left),
            "{}: {found:?}",
            case.name
        );
        let all = fates(&policy, &images, &next, NOW);
        assert_eq!(all.len(), images.len());
        assert!(all.contains(&found), "{}", case.name);
    }
}

#[test]
fn the_governing_rule_and_the_rank_are_told() {
    let cases = push_cases();
    let find = |name: &str| cases.iter().find(|case| case.name == name).unwrap();
    let of = |name: &str, image: &str| {
        let case = find(name);
        fate(
            &policy(&case.rules),
            &images(&case.images),
            &digest(image),
            &Push::tagged(&["v9"]),
            NOW,
        )
        .unwrap()
    };
    let check = |name: &str,
                 image: &str,
                 expected: Option<(u32, Option<u32>, Option<usize>)>,
                 held: bool| {
        let fate = of(name, image);
        assert_eq!(
            fate.governing
                .map(|governing| (governing.rule, governing.keep, governing.rank)),
            expected,
            "{name}: {image}"
        );
        assert_eq!(fate.held_by_index, held, "{name}: {image}");
    };
    check("P1", "v2", Some((1, Some(5), Some(2))), false);
    check("P4", "v4", Some((1, Some(9999), Some(0))), false);
    check("P4", "v3", Some((2, Some(5), Some(3))), false);
    check("P13", "v3", None, false);
    check("P14 untagged", "it", Some((1, None, None)), false);
    check("child of an index", "c1", Some((1, Some(1), Some(1))), true);
    assert!(
        fate(
            &policy(&find("P1").rules),
            &[],
            &digest("v0"),
            &Push::default(),
            NOW
        )
        .is_none()
    );
}
