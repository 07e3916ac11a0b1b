//! `pin` with the real binary: what is in use gets a tag that no rule can expire, and only what two looks a day apart find unused loses it.

#![expect(
    clippy::disallowed_methods,
    reason = "marks are told against the real clock"
)]

mod support;

use std::time::Duration;

use demitasse_sandbox::{Denied, Options};
use serde_json::{Value, json};
use support::{Case, HOST, our_policy};

/// `fluentd/app` with `v1` (oldest) … `v7`, task definitions `app:1` … `app:7` for them, and a service that runs `app:3`.
fn world(policy: &Value) -> Value {
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
        "now": "2026-11-20T09:00:00Z",
        "blobMounting": true,
        "repositories": [{
            "name": "fluentd/app",
            "lifecyclePolicy": policy,
            "images": (1..=7).map(image).collect::<Vec<_>>(),
        }],
        "clusters": ["default"],
        "taskDefinitions": (1..=7).map(definition).collect::<Vec<_>>(),
        "services": [{"name": "app", "taskDefinition": "app:3"}],
    })
}

fn case(policy: &Value) -> Case {
    Case::new(&world(policy), Options::default())
}

/// The tags of `fluentd/app` that begin so, with the image's own tag behind each.
fn tagged(case: &Case, prefix: &str) -> Vec<String> {
    let tags = case.tags("fluentd/app");
    let own = |digest: &String| {
        let mut own = tags.iter();
        let own = own.find(|(tag, held)| *held == digest && tag.starts_with('v'));
        own.map_or_else(String::new, |(tag, _)| tag.clone())
    };
    let found = tags.iter().filter(|(tag, _)| tag.starts_with(prefix));
    let mut found: Vec<String> = found.map(|(_, digest)| own(digest)).collect();
    found.sort();
    found
}

fn pinned(case: &Case) -> Vec<String> {
    tagged(case, "inuse-")
}

#[test]
fn everything_in_use_gets_its_pin_once() {
    let case = case(&our_policy(30));
    let ran = case.run(&["pin", "--all"]);
    ran.shows(0, &["set on service default/app", "Done: 6 pinned."]);
    assert_eq!(pinned(&case), ["v2", "v3", "v4", "v5", "v6", "v7"]);
    let writes = case.writes().len();
    case.run(&["pin", "--all"]).shows(0, &["6 pinned before"]);
    assert_eq!(case.writes().len(), writes, "the second run writes nothing");
}

#[test]
fn what_a_config_deploys_is_pinned_after_the_deploy() {
    let case = case(&our_policy(30));
    let config = case.project("app", &["HOST/fluentd/app:v7"]);
    case.run(&["pin", "-c", &config]).expect(0, &["pinned"]);
    assert_eq!(pinned(&case), ["v2", "v3", "v4", "v5", "v6", "v7"]);
}

#[test]
fn an_image_that_is_gone_is_told_and_does_not_fail_the_pins() {
    let case = case(&our_policy(30));
    case.sandbox.with_state(|state| state.empty("fluentd/app"));
    let config = case.project("app", &["HOST/fluentd/app:v7"]);
    let ran = case.run(&["pin", "-c", &config]);
    ran.expect(0, &["warning: ", "fluentd/app:v3 is not in ECR"]);
    assert!(!ran.err.contains("error: "), "{}", ran.err);
    case.run(&["audit", "-c", &config]).expect(2, &["error: "]);
}

#[test]
fn a_pinned_image_survives_what_would_expire_it() {
    let case = case(&our_policy(3));
    case.run(&["pin", "--all"]).expect(0, &[]);
    case.sandbox.with_state(|state| state.run_lifecycle());
    let tags = case.tags("fluentd/app");
    assert!(!tags.contains_key("v1"), "{tags:?}");
    for tag in ["v2", "v3", "v4"] {
        case.pull("fluentd/app", tag);
    }
    let ran = case.run(&["audit", "--all"]);
    ran.shows(0, &["pinned"]);
}

#[test]
fn a_dry_run_writes_nothing() {
    let case = case(&our_policy(30));
    let ran = case.run(&["pin", "--all", "--dry-run", "--detailed-exitcode"]);
    ran.shows(2, &["Plan: 6 to pin."]);
    assert!(case.writes().is_empty());
}

#[test]
fn a_pin_that_does_not_protect_is_not_set() {
    let policy = json!({"rules": [{
        "rulePriority": 1,
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 30},
        "action": {"type": "expire"},
    }]});
    let case = case(&policy);
    let ran = case.run(&["pin", "--all"]);
    ran.expect(
        1,
        &[
            "no rule of the policy shields inuse-*",
            "demitasse bootstrap --repository fluentd/app --overwrite",
        ],
    );
    assert!(case.writes().is_empty());
}

#[test]
fn nothing_is_pinned_where_nothing_expires() {
    let case = case(&Value::Null);
    case.run(&["pin", "--all"]).shows(0, &["6 need no pin"]);
    assert!(case.writes().is_empty());
}

/// Deploys `app:7`, and lets the tasks of before be forgotten.
fn move_on(case: &Case) {
    case.sandbox.with_state(|state| {
        let deployed = state.deploy("default", "app", "app:7");
        deployed.expect("a deployment");
        state.advance(Duration::from_secs(2 * 3600));
    });
}

const REMOVE: [&str; 3] = ["pin", "--all", "--remove"];

#[test]
fn the_first_look_that_finds_an_image_unused_only_marks_it() {
    let case = case(&our_policy(30));
    case.run(&["pin", "--all"]).expect(0, &[]);
    move_on(&case);
    case.run(&REMOVE).shows(0, &["3 marked as unused"]);
    assert_eq!(pinned(&case).len(), 6, "the first look removes nothing");
    let marked = tagged(&case, "unused-");
    assert_eq!(marked, ["v2", "v4", "v5"], "ECS would roll back to 3");
    let again = case.run(&REMOVE);
    again.shows(0, &["3 unused for less than a day"]);
    assert_eq!(pinned(&case).len(), 6);
}

/// The same world a day later: every pin of the first is there, and a mark of so many hours ago where one was set.
fn a_day_later(first: &Case, hours: i64) -> Case {
    let mut world = world(&our_policy(30));
    let tags = first.tags("fluentd/app");
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("a time after 1970")
        .as_secs();
    let old = i64::try_from(now).expect("a time") - hours * 3600;
    for image in world["repositories"][0]["images"]
        .as_array_mut()
        .expect("images")
    {
        let own = image["tags"][0].as_str().expect("a tag").to_owned();
        let others = tags
            .iter()
            .filter(|(tag, held)| **tag != own && **held == tags[&own]);
        for (tag, _) in others {
            let tag = match tag.strip_prefix("unused-") {
                Some(rest) => format!("unused-{}-{old}", rest.split('-').next().expect("hex")),
                None => tag.clone(),
            };
            image["tags"].as_array_mut().expect("tags").push(json!(tag));
        }
    }
    let case = Case::new(&world, Options::default());
    move_on(&case);
    case
}

#[test]
fn a_pin_goes_with_its_mark_after_a_day() {
    let first = case(&our_policy(30));
    first.run(&["pin", "--all"]).expect(0, &[]);
    move_on(&first);
    first.run(&REMOVE).expect(0, &[]);
    let early = a_day_later(&first, 23);
    early
        .run(&REMOVE)
        .shows(0, &["3 unused for less than a day"]);
    let later = a_day_later(&first, 25);
    later.run(&REMOVE).shows(0, &["3 unpinned"]);
    assert_eq!(pinned(&later), ["v3", "v6", "v7"]);
    assert!(tagged(&later, "unused-").is_empty());
    let tags = later.tags("fluentd/app");
    for tag in ["v1", "v2", "v4", "v5"] {
        assert!(tags.contains_key(tag), "{tag} is there without its pin");
    }
}

#[test]
fn what_is_in_use_again_keeps_its_pin() {
    let first = case(&our_policy(30));
    first.run(&["pin", "--all"]).expect(0, &[]);
    move_on(&first);
    first.run(&REMOVE).expect(0, &[]);
    let later = a_day_later(&first, 25);
    later.sandbox.with_state(|state| {
        let deployed = state.deploy("default", "app", "app:4");
        deployed.expect("a deployment");
    });
    later
        .run(&REMOVE)
        .shows(0, &["2 in use again", "1 unpinned"]);
    assert!(pinned(&later).contains(&"v4".to_owned()));
}

#[test]
fn pins_are_removed_only_where_everything_in_use_is_known() {
    let denied = Options {
        denied: vec!["scheduler:ListSchedules".parse::<Denied>().expect("a rule")],
        ..Options::default()
    };
    let unread = Case::new(&world(&our_policy(30)), denied);
    let ran = unread.run(&["pin", "--all", "--remove"]);
    ran.expect(
        1,
        &[
            "scheduler could not be read",
            "no pin is removed",
            "--without scheduler",
        ],
    );
    assert_eq!(pinned(&unread).len(), 6, "pins are set all the same");

    let left_out = case(&our_policy(30));
    let ran = left_out.run(&["pin", "--all", "--remove", "--without", "scheduler"]);
    ran.expect(4, &["no pin is removed", "demitasse.yml"]);

    let mut nobody = world(&our_policy(30));
    nobody["services"] = json!([]);
    let nobody = Case::new(&nobody, Options::default());
    let ran = nobody.run(&["pin", "--all", "--remove"]);
    ran.expect(4, &["no service was found", "no pin is removed"]);

    let config = left_out.project("app", &["HOST/fluentd/app:v7"]);
    let ran = left_out.run(&["pin", "-c", &config, "--remove"]);
    ran.expect(3, &["--remove needs --all or --repository"]);
}

/// The same world with tags that cannot move.
fn immutable() -> Value {
    let mut world = world(&our_policy(30));
    world["repositories"][0]["tagMutability"] = json!("IMMUTABLE");
    world
}

#[test]
fn repositories_with_immutable_tags_take_pins() {
    let case = Case::new(&immutable(), Options::default());
    case.run(&["pin", "--all"]).shows(0, &["Done: 6 pinned."]);
    assert_eq!(pinned(&case).len(), 6);
    case.run(&["pin", "--all"]).shows(0, &["6 pinned before"]);
}

#[test]
fn where_an_immutable_repository_does_not_take_the_pin_the_second_one_is_set() {
    let plan = Case::new(&immutable(), Options::default());
    let plan = plan.run(&["pin", "--all", "--dry-run", "--output", "json"]);
    let plan = plan.report();
    let changes = plan["changes"].as_array().expect("changes");
    let running = changes.iter().find(|one| one["name"] == "fluentd/app:v3");
    let pin = running.expect("v3")["tags"][0]
        .as_str()
        .expect("a tag")
        .to_owned();
    let mut world = immutable();
    let taken = world["repositories"][0]["images"][0]["tags"].as_array_mut();
    taken.expect("tags").push(json!(pin));
    let case = Case::new(&world, Options::default());
    case.run(&["pin", "--all"])
        .expect(0, &[&format!("{pin}-2")]);
    let tags = case.tags("fluentd/app");
    assert_eq!(tags[&format!("{pin}-2")], tags["v3"]);
    assert_eq!(tags[&pin], tags["v1"], "the other image keeps it");
    case.run(&["pin", "--all"]).shows(0, &["6 pinned before"]);
    case.run(&["audit", "--all"]).shows(0, &["6 pinned."]);
}
