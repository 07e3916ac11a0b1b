//! A window that is nearly full: promotions that are never deployed must not push out what runs.

mod support;

use demitasse_sandbox::{Denied, Options, Request};
use serde_json::{Value, json};
use support::{Case, HOST, common, our_policy};

/// `fluentd/app` keeps 10 and holds `v1` (oldest) … `v<images>`; the service runs `app:<runs>`, which is `v<runs>`.
fn world(images: usize, runs: usize) -> Value {
    let commits: Vec<String> = (0..20).map(|number| format!("c{number:02}")).collect();
    let commits: Vec<&str> = commits.iter().map(String::as_str).collect();
    let mut world = common(&commits);
    let image = |number: usize| {
        json!({
            "tags": [format!("v{number}")],
            "pushedDaysAgo": images - number + 1,
            "layers": [{"size": 64, "seed": format!("v{number}")}],
        })
    };
    world["repositories"]
        .as_array_mut()
        .expect("a list")
        .push(json!({
            "name": "fluentd/app",
            "lifecyclePolicy": our_policy(10),
            "images": (1..=images).map(image).collect::<Vec<_>>(),
        }));
    world["clusters"] = json!(["default"]);
    let definition = |number: usize| {
        json!({
            "family": "app",
            "containers": [{"name": "fluentd", "image": format!("{HOST}/fluentd/app:v{number}")}],
        })
    };
    world["taskDefinitions"] = (1..=images).map(definition).collect();
    world["services"] = json!([{"name": "app", "taskDefinition": format!("app:{runs}")}]);
    world
}

fn project(case: &Case, commit: &str) -> String {
    let image = format!("HOST/fluentd/app:{commit}");
    case.project("app", &[&image])
}

fn pins(case: &Case) -> Vec<String> {
    let tags = case.tags("fluentd/app");
    let own = |digest: &String| {
        let mut own = tags.iter();
        own.find(|(tag, held)| *held == digest && tag.starts_with('v'))
            .map(|(tag, _)| tag.clone())
    };
    let pins = tags.iter().filter(|(tag, _)| tag.starts_with("inuse-"));
    let mut pins: Vec<String> = pins.filter_map(|(_, digest)| own(digest)).collect();
    pins.sort();
    pins
}

fn asked_ecs(case: &Case) -> usize {
    let log = case.sandbox.log();
    let of_ecs = |request: &&Request| {
        request
            .action
            .as_deref()
            .is_some_and(|action| action.starts_with("ecs:"))
    };
    log.iter().filter(of_ecs).count()
}

#[test]
fn what_runs_and_its_rollback_are_pinned_before_they_come_too_close() {
    let case = Case::new(&world(9, 2), Options::default());
    let ran = case.run(&["promote", "-c", &project(&case, "c00")]);
    ran.expect(0, &["pinned [target:fluentd/app:inuse-"]);
    assert_eq!(pins(&case), ["v1", "v2"]);
}

#[test]
fn promotions_that_are_never_deployed_do_not_push_out_what_runs() {
    let case = Case::new(&world(3, 3), Options::default());
    for number in 0..20 {
        let config = project(&case, &format!("c{number:02}"));
        case.run(&["promote", "-c", &config]).expect(0, &[]);
        case.sandbox.with_state(|state| state.run_lifecycle());
    }
    assert_eq!(pins(&case), ["v2", "v3"]);
    for tag in ["v2", "v3", "c19"] {
        case.pull("fluentd/app", tag);
    }
    let tags = case.tags("fluentd/app");
    assert!(
        !tags.contains_key("v1") && !tags.contains_key("c05"),
        "{tags:?}"
    );
}

#[test]
fn with_room_left_nobody_asks_ecs() {
    let case = Case::new(&world(6, 1), Options::default());
    case.run(&["promote", "-c", &project(&case, "c00")])
        .expect(0, &[]);
    assert_eq!(asked_ecs(&case), 0);
    assert!(pins(&case).is_empty());
}

#[test]
fn a_full_window_of_what_nothing_runs_costs_four_reads_and_pins_nothing() {
    let case = Case::new(&world(9, 9), Options::default());
    case.run(&["promote", "-c", &project(&case, "c00")])
        .expect(0, &[]);
    assert_eq!(asked_ecs(&case), 4);
    assert!(pins(&case).is_empty());
}

#[test]
fn where_ecs_may_not_be_read_the_promotion_goes_on_with_a_warning() {
    let denied = Options {
        denied: vec!["ecs:DescribeServices".parse::<Denied>().expect("a rule")],
        ..Options::default()
    };
    let case = Case::new(&world(9, 2), denied);
    let ran = case.run(&["promote", "-c", &project(&case, "c00")]);
    ran.expect(0, &["is nearly full", "allow ecs:DescribeServices"]);
    assert!(case.tags("fluentd/app").contains_key("c00"));
}

#[test]
fn a_run_that_only_pinned_says_that_it_changed_something() {
    let case = Case::new(&world(9, 2), Options::default());
    let fault = "403@ecr:PutImage#3".parse().expect("a fault");
    case.sandbox.set_faults(vec![fault]);
    let ran = case.run(&["promote", "-c", &project(&case, "c00"), "--output", "json"]);
    ran.expect(1, &["PutImage fluentd/app:c00"]);
    assert_eq!(pins(&case), ["v1", "v2"]);
    assert_eq!(ran.report()["changed"], true);
}

#[test]
fn a_plan_reads_no_usage_and_a_service_that_is_not_there_yet_is_no_trouble() {
    let case = Case::new(&world(9, 2), Options::default());
    case.run(&["plan", "-c", &project(&case, "c00")])
        .expect(0, &[]);
    assert_eq!(asked_ecs(&case), 0);
    let mut world = world(9, 2);
    world["services"] = json!([]);
    let case = Case::new(&world, Options::default());
    let ran = case.run(&["promote", "-c", &project(&case, "c00")]);
    ran.expect(0, &[]);
    assert!(!ran.err.contains("nearly full"), "{}", ran.err);
}
