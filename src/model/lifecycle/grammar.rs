//! Tests of reading, validating and printing, over `fixtures/policy/grammar.json`: the verdicts of AWS's documentation and our own cases.

use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use crate::model::lifecycle::Policy;
use crate::model::lifecycle::TagList;

#[derive(Deserialize)]
struct Case {
    name: String,
    rules: Vec<Value>,
    problems: Vec<String>,
}

fn cases() -> Vec<Case> {
    let text = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/policy/grammar.json"
    ));
    serde_json::from_str(text).unwrap()
}

/// Text of at least 100 characters, the least that ECR takes.
fn text(rules: &[Value]) -> String {
    let text = json!({ "rules": rules }).to_string();
    format!("{text:100}")
}

fn check(text: &str, expected: &[&str]) {
    let problems: Vec<String> = match text.parse::<Policy>() {
        Ok(_) => Vec::new(),
        Err(invalid) => invalid.problems.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(problems, expected, "{text}");
}

#[test]
fn verdicts() {
    for case in cases() {
        let found = match text(&case.rules).parse::<Policy>() {
            Ok(_) => Vec::new(),
            Err(invalid) => invalid.problems.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(found, case.problems, "{}", case.name);
    }
}

#[derive(Deserialize)]
struct Wild {
    name: String,
    text: String,
    #[serde(default)]
    refused: bool,
}

/// Shapes in which policies come out of Terraform.
#[test]
fn policies_in_the_wild() {
    let cases: Vec<Wild> = serde_json::from_str(include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/policy/wild.json"
    )))
    .unwrap();
    for case in cases {
        let parsed = case.text.parse::<Policy>();
        assert_eq!(parsed.is_err(), case.refused, "{}: {parsed:?}", case.name);
        if let Ok(policy) = parsed {
            let again: Policy = policy.to_json().parse().unwrap();
            assert_eq!(again, policy, "{}", case.name);
        }
    }
}

#[test]
fn printing_loses_nothing() {
    let mut printed = 0;
    for case in cases().iter().filter(|case| case.problems.is_empty()) {
        let policy: Policy = text(&case.rules).parse().unwrap();
        assert_eq!(
            policy.to_json().parse::<Policy>().unwrap(),
            policy,
            "{}",
            case.name
        );
        assert_eq!(
            format!("{policy:#}").parse::<Policy>().unwrap(),
            policy,
            "{}",
            case.name
        );
        printed += 1;
    }
    assert!(printed > 10);
}

#[test]
fn canonical_text() {
    let text = r#"{ "rules": [
        {"action": {"targetStorageClass": "archive", "type": "transition"}, "rulePriority": 20,
         "selection": {"countNumber": 30, "countUnit": "days", "countType": "sinceImagePushed", "storageClass": "standard", "tagStatus": "any"}},
        {"selection": {"tagPrefixList": ["b", "a"], "tagStatus": "tagged", "countType": "imageCountMoreThan", "countNumber": 7},
         "description": "", "rulePriority": 10, "action": {"type": "expire"}},
        {"rulePriority": 30, "action": {"type": "expire"},
         "selection": {"tagStatus": "any", "storageClass": "archive", "countType": "sinceImageTransitioned", "countUnit": "days", "countNumber": 90}}
      ] }"#;
    let expected = concat!(
        r#"{"rules":[{"rulePriority":10,"description":"","selection":{"tagStatus":"tagged","tagPrefixList":["b","a"],"#,
        r#""countType":"imageCountMoreThan","countNumber":7},"action":{"type":"expire"}},"#,
        r#"{"rulePriority":20,"selection":{"tagStatus":"any","countType":"sinceImagePushed","countUnit":"days","countNumber":30},"#,
        r#""action":{"type":"transition","targetStorageClass":"archive"}},"#,
        r#"{"rulePriority":30,"selection":{"tagStatus":"any","storageClass":"archive","countType":"sinceImageTransitioned","#,
        r#""countUnit":"days","countNumber":90},"action":{"type":"expire"}}]}"#,
    );
    assert_eq!(text.parse::<Policy>().unwrap().to_json(), expected);
}

#[test]
fn text_that_is_no_policy() {
    let short = "the text has 2 characters, and ECR takes 100 to 30720";
    check("{}", &["rules is missing", short]);
    check("[]", &["the policy must be an object, not a list", short]);
    check("", &["line 1, column 0: EOF while parsing a value"]);
    check(
        "{\n \"rules\": [,]}",
        &["line 2, column 12: expected value"],
    );
    check(
        "{\"rules\": [] }\n x",
        &["line 2, column 2: trailing characters"],
    );
    check(
        "{\"rules\": 1,\n \"rules\": []}",
        &["line 2, column 8: the key \"rules\" occurs twice"],
    );
    check(
        &format!("{:100}", "{\"rules\": []}"),
        &["rules needs at least one rule"],
    );
    check(
        &format!("{:100}", "{\"rules\": {}, \"Version\": \"1\"}"),
        &[
            "Version is not a key of a lifecycle policy here",
            "rules must be a list of rules, not an object",
        ],
    );
    check(
        &"[".repeat(100_000),
        &["line 1, column 128: recursion limit exceeded"],
    );
}

#[test]
fn limits_of_size() {
    let rule = |priority: usize| {
        json!({"rulePriority": priority, "action": {"type": "expire"},
               "selection": {"tagStatus": "tagged", "tagPrefixList": [format!("p{priority}")], "countType": "imageCountMoreThan", "countNumber": 1}})
    };
    let rules: Vec<Value> = (1..=51).map(rule).collect();
    let one = text(&rules[..1]);
    check(&text(&rules[..50]), &[]);
    check(
        &text(&rules),
        &["rules has 51 rules, more than the 50 allowed"],
    );
    check(&format!("{one:30720}"), &[]);
    check(
        &format!("{one:30721}"),
        &["the text has 30721 characters, and ECR takes 100 to 30720"],
    );
    check(
        &format!("{:99}", "{\"rules\": []}"),
        &[
            "rules needs at least one rule",
            "the text has 99 characters, and ECR takes 100 to 30720",
        ],
    );
    // Characters, not bytes.
    let described = one.trim_end().replacen(
        "\"rulePriority\"",
        &format!(
            "\"description\":\"{}\",\"rulePriority\"",
            "ü".repeat(30_000)
        ),
        1,
    );
    check(&described, &[]);
}

#[test]
fn no_text_panics() {
    // Every prefix of a valid policy, and the policy with each character replaced by each of a few that matter.
    let text = text(&cases()[0].rules);
    for end in 0..text.len() {
        let _ = text[..end].parse::<Policy>();
        for replacement in ["\"", "{", "]", "0", "-", "\\", "ü", "\u{0}"] {
            let mut changed = text.clone();
            changed.replace_range(end..=end, replacement);
            if let Ok(policy) = changed.parse::<Policy>() {
                assert_eq!(policy.to_json().parse::<Policy>().unwrap(), policy);
            }
        }
    }
}

#[test]
fn lists_are_kept_as_written() {
    let rules = [
        json!({"rulePriority": 1, "action": {"type": "expire"}, "selection":
        {"tagStatus": "tagged", "tagPatternList": ["z*", "a", "z*"], "countType": "imageCountMoreThan", "countNumber": 1}}),
    ];
    let policy: Policy = text(&rules).parse().unwrap();
    let crate::model::lifecycle::Selection::Tagged(TagList::Patterns(entries)) =
        &policy.rules()[0].selection
    else {
        panic!("{policy}")
    };
    assert_eq!(entries, &["z*", "a", "z*"]);
}
