//! `audit` with the real binary: its outputs, what it asks, and how it ends. What is in use is `tests/usage.rs`'s to compare.

mod support;

use demitasse_sandbox::{Denied, Options, Request};
use serde_json::{Value, json};
use support::{Case, HOST, our_policy};

/// `fluentd/app` with `v1` (oldest) … `v7` under a policy that keeps so many; the service runs `app:3`, which is `v3`.
fn world(keep: u32) -> Value {
    let image = |number: u32| {
        json!({
            "tags": [format!("v{number}")],
            "pushedDaysAgo": 10 - number,
            "layers": [{"size": 64, "seed": format!("v{number}")}],
        })
    };
    let definition = |number: u32| {
        json!({
            "family": "app",
            "containers": [{"name": "fluentd", "image": format!("{HOST}/fluentd/app:v{number}")}],
        })
    };
    json!({
        "repositories": [{
            "name": "fluentd/app",
            "lifecyclePolicy": our_policy(keep),
            "images": (1..=7).map(image).collect::<Vec<_>>(),
        }],
        "clusters": ["default"],
        "taskDefinitions": (1..=7).map(definition).collect::<Vec<_>>(),
        "services": [{"name": "app", "taskDefinition": "app:3"}],
    })
}

fn case(keep: u32) -> Case {
    Case::new(&world(keep), Options::default())
}

#[test]
fn the_headroom_is_that_of_the_image_that_goes_first() {
    let ran = case(9).run(&["audit", "--all"]);
    let row = "  = fluentd/app:v2  [#######...] 6 of 9  expires in 4 pushes  rollback-target";
    ran.shows(0, &["default/app  (3 promotions left)", row]);
}

#[test]
fn what_fails_is_chosen() {
    let fails = |flags: &[&str]| case(5).run(&[&["audit", "--all"], flags].concat()).code;
    assert_eq!(fails(&[]), 2, "v3 and its rollback target expire now");
    assert_eq!(fails(&["--fail-on", "never"]), 0);
    let quiet = |flags: &[&str]| case(30).run(&[&["audit", "--all"], flags].concat()).code;
    assert_eq!(quiet(&["--fail-on", "note"]), 0);
    assert_eq!(quiet(&["--min-pushes", "28"]), 2, "v2 has 25 pushes left");
}

#[test]
fn nothing_is_written_and_no_preview_is_begun() {
    let case = case(5);
    case.run(&["audit", "--all"]).expect(2, &[]);
    assert!(case.writes().is_empty());
    let previews = |case: &Case| {
        let is_preview = |request: &&Request| request.operation.contains("Preview");
        case.sandbox.log().iter().filter(is_preview).count()
    };
    assert_eq!(previews(&case), 0);
    let ran = case.run(&["audit", "--all", "--preview"]);
    ran.expect(2, &["fluentd/app:v2 expires within 24 hours by rule 2"]);
    assert_eq!(previews(&case), 2, "one is begun and read");
    assert!(!ran.err.contains("preview"), "ECR agrees: {}", ran.err);
}

#[test]
fn a_preview_that_cannot_be_had_is_a_warning() {
    let denied = "ecr:StartLifecyclePolicyPreview";
    let options = Options {
        denied: vec![denied.parse::<Denied>().expect("a rule")],
        ..Options::default()
    };
    let case = Case::new(&world(30), options);
    let ran = case.run(&["audit", "--all", "--preview"]);
    ran.expect(0, &["warning: ECR gave no preview of fluentd/app", denied]);
}

#[test]
fn what_is_in_use_is_printed_for_other_tools_and_read_back() {
    let case = case(30);
    let ran = case.run(&["audit", "--all", "--output", "ecrm"]);
    ran.expect(0, &[]);
    let images: Vec<String> = serde_json::from_str(&ran.out).expect("a JSON array");
    assert!(images.contains(&format!("{HOST}/fluentd/app:v3")));
    assert!(
        images
            .iter()
            .any(|image| image.contains("/fluentd/app@sha256:"))
    );
    assert!(!images.contains(&format!("{HOST}/fluentd/app:v1")));
    case.write("in-use.json", &ran.out);
    let mut idle = world(30);
    idle["services"] = json!([]);
    idle["taskDefinitions"] = json!([]);
    let elsewhere = Case::new(&idle, Options::default());
    elsewhere.write("in-use.json", &ran.out);
    let read = elsewhere.run(&["audit", "--all", "--in-use-file", "in-use.json"]);
    read.shows(0, &["fluentd/app:v2", "in-use-file"]);
    let printed = elsewhere.run(&["audit", "--all", "--in-use-command", "cat in-use.json"]);
    printed.shows(0, &["fluentd/app:v2", "in-use-command"]);
}

#[test]
fn lists_that_cannot_be_read_are_told() {
    let case = case(30);
    case.write("in-use.json", "{}");
    let ran = case.run(&["audit", "--all", "--in-use-file", "in-use.json"]);
    ran.expect(3, &["in-use.json: not a JSON array of images"]);
    let ran = case.run(&["audit", "--all", "--in-use-command", "exit 7"]);
    ran.expect(1, &["in-use-command could not be read"]);
}

#[test]
fn the_report_is_json_and_markdown_too() {
    let case = case(30);
    let report = case.run(&["audit", "--all", "--output", "json"]).report();
    assert_eq!(report["schema"], "demitasse.audit/v1");
    assert_eq!(report["complete"], true);
    assert_eq!(report["coverage"]["services"], 1);
    assert_eq!(report["consumers"][0]["pushes_left"], 25);
    let ran = case.run(&["audit", "--all", "--output", "markdown"]);
    ran.shows(
        0,
        &[
            "| default/app | fluentd/app:v2 | 6 of 30 |",
            "**Audit: 6 protected images.**",
        ],
    );
}

#[test]
fn a_sidecar_of_another_account_is_a_note_and_no_gap() {
    let mut world = world(30);
    let image = "906394416424.dkr.ecr.ap-northeast-1.amazonaws.com/aws-for-fluent-bit:stable";
    let sidecar = json!({"name": "log-router", "image": image});
    let containers = world["taskDefinitions"][2]["containers"].as_array_mut();
    containers.expect("containers").push(sidecar);
    let case = Case::new(&world, Options::default());
    let ran = case.run(&["audit", "--all"]);
    ran.expect(0, &["note: 906394416424.dkr.ecr.ap-northeast-1.amazonaws.com/aws-for-fluent-bit belongs to account 906394416424"]);
    case.run(&["pin", "--all", "--remove"]).expect(0, &[]);
    let ran = case.run(&["audit", "--all", "--fail-on", "note"]);
    ran.expect(2, &[]);
}
