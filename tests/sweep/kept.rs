//! What stays, and why.

use demitasse_sandbox::Options;
use serde_json::{Value, json};

use crate::support::{Case, HOST};
use crate::{SWEEP, count, definition, image, old, sweep, tags, untagged, untagged_digests, world};

#[test]
fn young_images_the_newest_and_unknown_artifacts_stay() {
    let blob = format!("sha256:{}", "a".repeat(64));
    let chart = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": blob, "size": 1}, "layers": []});
    let mut young = untagged("young");
    young["pushedDaysAgo"] = json!(29);
    let mut images = vec![
        json!({"tags": ["chart"], "pushedDaysAgo": 300, "manifest": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "text": chart.to_string()}}),
        young,
    ];
    for (tag, age) in [("v1", 60), ("v2", 50), ("v3", 40)] {
        let mut image = old(tag);
        image["pushedDaysAgo"] = json!(age);
        images.push(image);
    }
    let world = world(&images);
    let case = Case::new(&world, Options::default());
    let flags = ["--keep", "2", "--yes", "--output", "json"];
    let done = case.run(&[&SWEEP[..], &flags].concat());
    done.expect(0, &[]);
    assert_eq!(tags(&case), ["chart", "used", "v2", "v3"]);
    assert_eq!(count(&case), 5, "the young untagged image stays");
    let report = done.report();
    assert_eq!(
        report["repositories"][0]["kept"],
        json!({"newest": 2, "protected": 1, "unknown-kind": 1, "young": 1})
    );
    assert_eq!(image(&report, "fluentd/app:v1")["ended"], "deleted");
}

#[test]
fn without_any_flag_thirty_images_and_thirty_days_are_kept() {
    let mut images: Vec<Value> = (0..40)
        .map(|number| old(&format!("v{number:02}")))
        .collect();
    for (number, image) in images.iter_mut().enumerate() {
        image["pushedDaysAgo"] = json!(10 + number);
    }
    let world = world(&images);
    let case = Case::new(&world, Options::default());
    case.run(&[&SWEEP[..], &["--yes"]].concat()).expect(0, &[]);
    assert_eq!(tags(&case).len(), 31, "the newest 30 and the one in use");
    let case = Case::new(&world, Options::default());
    case.run(&[&SWEEP[..], &["--yes", "--keep", "0"]].concat())
        .expect(0, &[]);
    let mut left = tags(&case);
    left.retain(|tag| tag != "used");
    assert_eq!(left.len(), 20, "younger than 30 days: {left:?}");
}

/// The service runs `image` of `fluentd/app`, in which `v1` and an untagged image are old.
fn stays(reference: impl FnOnce(&Case) -> String) -> Vec<String> {
    let mut world = world(&[old("v1"), untagged("u1")]);
    world["services"] = json!([{"name": "app", "taskDefinition": "app:1", "desiredCount": 0}]);
    let case = Case::new(&world, Options::default());
    let image = reference(&case);
    case.sandbox.with_state(|state| {
        state.register("app", &[("app", &image)]);
        let deployed = state.deploy("default", "app", "app:2");
        deployed.expect("deployed");
        state.deregister("app:1").expect("deregistered");
        state.delete_definition("app:1").expect("deleted");
        state.advance(std::time::Duration::from_secs(24 * 60 * 60));
    });
    sweep(&case, &["--yes"]).expect(0, &[]);
    // What ran before is what ECS would roll back to.
    let mut left = tags(&case);
    left.retain(|tag| tag != "used");
    left.extend(
        untagged_digests(&case)
            .iter()
            .map(|_| "untagged".to_owned()),
    );
    left
}

#[test]
fn an_image_is_in_use_however_it_is_written() {
    let digest = |case: &Case| case.tags("fluentd/app")["v1"].clone();
    assert_eq!(stays(|_| format!("{HOST}/fluentd/app:v1")), ["v1"]);
    assert_eq!(
        stays(|case| format!("{HOST}/fluentd/app@{}", digest(case))),
        ["v1"]
    );
    assert_eq!(
        stays(|case| format!("{HOST}/fluentd/app:v1@{}", digest(case))),
        ["v1"]
    );
    let fips = HOST.replace(".ecr.", ".ecr-fips.");
    assert_eq!(stays(|_| format!("{fips}/fluentd/app:v1")), ["v1"]);
    let untagged = |case: &Case| untagged_digests(case).remove(0);
    assert_eq!(
        stays(|case| format!("{HOST}/fluentd/app@{}", untagged(case))),
        ["untagged"]
    );
}

#[test]
fn an_image_without_tag_is_no_leftover_while_it_is_in_use() {
    let mut world = world(&[untagged("u1"), untagged("u2")]);
    world["services"][0]["resolved"] = json!({"app": "#1"});
    let case = Case::new(&world, Options::default());
    sweep(&case, &["--yes"]).expect(0, &[]);
    assert_eq!(untagged_digests(&case).len(), 1);
    assert_eq!(
        tags(&case),
        ["used"],
        "what its tag means is kept beside what runs"
    );
}

#[test]
fn task_sets_and_both_rollback_targets_are_in_use() {
    let mut world = world(&["v1", "v2", "v3", "v4", "v5", "v6"].map(old));
    world["taskDefinitions"] = (1..=6)
        .map(|number| definition(number, &format!("app:v{number}")))
        .collect();
    world["services"] = json!([
        {"name": "blue-green", "controller": "CODE_DEPLOY", "taskDefinition": "app:5", "taskSets": ["app:4"], "desiredCount": 0},
    ]);
    let case = Case::new(&world, Options::default());
    let done = sweep(&case, &["--yes", "--output", "json"]);
    done.expect(0, &[]);
    assert_eq!(tags(&case), ["v3", "v4", "v5", "v6"]);
    let report = done.report();
    let kind = |tag: &str| {
        image(&report, &format!("fluentd/app:{tag}"))["protected_by"][0]["kind"].clone()
    };
    assert_eq!(
        ["v3", "v4", "v5", "v6"].map(kind),
        ["rollback-target", "task-set", "service", "newer-revision"]
    );
}

#[test]
fn a_manifest_that_cannot_be_understood_keeps_its_repository_and_no_other() {
    let strange = json!({"tags": ["strange"], "pushedDaysAgo": 400, "manifest": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "text": format!(r#"{{"schemaVersion": 2, "config": {{"digest": "sha256:{}", "size": 1}}}}"#, "a".repeat(64))}});
    let mut world = world(&[old("v1"), strange]);
    let repositories = world["repositories"].as_array_mut().expect("repositories");
    repositories.push(json!({"name": "fluentd/web", "images": [old("w1")]}));
    let case = Case::new(&world, Options::default());
    let arguments = [
        "sweep",
        "--repository",
        "fluentd/*",
        "--keep",
        "0",
        "--yes",
        "--max-ratio",
        "1",
        "--output",
        "json",
    ];
    let ran = case.run(&arguments);
    ran.expect(1, &["fluentd/app could not be read"]);
    assert_eq!(tags(&case), ["strange", "used", "v1"]);
    assert!(case.tags("fluentd/web").is_empty());
    let report = ran.report();
    assert_eq!(report["repositories"][0]["readable"], false);
    assert_eq!(image(&report, "fluentd/app:v1")["reason"], "unread");
}
