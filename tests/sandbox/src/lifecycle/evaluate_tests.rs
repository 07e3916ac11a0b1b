//! AWS's worked examples and vectors derived from the rules; each holds whether or not children and referrers count.

use serde_json::Value;

use super::*;

fn candidates(images: &Value, now: Time) -> Vec<Candidate> {
    let days = |image: &Value, key: &str| {
        image
            .get(key)
            .and_then(Value::as_f64)
            .map(|days| now.days_before(days))
    };
    let texts = |image: &Value, key: &str| -> Vec<String> {
        image
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(|text| text.as_str().unwrap().to_owned())
            .collect()
    };
    images
        .as_array()
        .unwrap()
        .iter()
        .map(|image| Candidate {
            id: image["id"].as_str().unwrap().to_owned(),
            tags: texts(image, "tags"),
            pushed_at: days(image, "pushedDaysAgo").unwrap(),
            activated_at: days(image, "activatedDaysAgo"),
            archived_at: days(image, "archivedDaysAgo"),
            is_archived: image["storageClass"] == "archive",
            children: texts(image, "children"),
            ..Candidate::default()
        })
        .collect()
}

fn marks(rules: &Value, images: &Value, children_count: bool) -> Value {
    let now = Time::parse("2026-11-20T09:00:00Z").unwrap();
    let policy: Policy = serde_json::from_value(serde_json::json!({ "rules": rules })).unwrap();
    let undocumented = Undocumented {
        children_count,
        ..Undocumented::draw(0)
    };
    serde_json::to_value(evaluate(
        &policy,
        &candidates(images, now),
        now,
        &undocumented,
    ))
    .unwrap()
}

fn prefixes(rules: &Value) -> Option<Value> {
    let mut rules = rules.clone();
    for rule in rules.as_array_mut().unwrap() {
        let selection = rule["selection"].as_object_mut().unwrap();
        let Some(patterns) = selection.remove("tagPatternList") else {
            continue;
        };
        let list: Option<Vec<&str>> = patterns
            .as_array()?
            .iter()
            .map(|text| text.as_str()?.strip_suffix('*'))
            .collect();
        selection.insert(
            "tagPrefixList".to_owned(),
            serde_json::to_value(list?).unwrap(),
        );
    }
    Some(rules)
}

#[test]
fn vectors() {
    let vectors: Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
    for vector in vectors.as_array().unwrap() {
        for children_count in [true, false] {
            let found = marks(&vector["rules"], &vector["images"], children_count);
            assert_eq!(found, vector["expect"], "{}", vector["name"]);
            if vector["source"].as_str().unwrap().starts_with("AWS")
                && let Some(rules) = prefixes(&vector["rules"])
            {
                assert_eq!(
                    marks(&rules, &vector["images"], children_count),
                    vector["expect"],
                    "{}",
                    vector["name"]
                );
            }
        }
    }
}

#[test]
fn whether_children_take_slots_is_drawn() {
    let rules = serde_json::json!([{"rulePriority": 1, "action": {"type": "expire"},
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 3}}]);
    let images = serde_json::json!([
        {"id": "idx", "tags": ["c3"], "pushedDaysAgo": 0.1, "children": ["x", "y"]},
        {"id": "x", "tags": [], "pushedDaysAgo": 0.2}, {"id": "y", "tags": [], "pushedDaysAgo": 0.2},
        {"id": "t1", "tags": ["c2"], "pushedDaysAgo": 5}, {"id": "t2", "tags": ["c1"], "pushedDaysAgo": 6}]);
    assert_eq!(
        marks(&rules, &images, true),
        serde_json::json!({"t1": 1, "t2": 1})
    );
    assert_eq!(marks(&rules, &images, false), serde_json::json!({}));
}
