//! What happens between the look and the deletion.

use std::thread;
use std::time::{Duration, Instant};

use demitasse_sandbox::ImageSpec;
use serde_json::json;

use crate::support::{Case, HOST, Ran};
use crate::{case, image, old, sent, sweep, tags};

/// Waits until so many requests of an operation were answered.
fn wait_for(case: &Case, operation: &str, requests: usize) {
    let began = Instant::now();
    while sent(case, operation) < requests {
        let waited = began.elapsed();
        assert!(waited < Duration::from_secs(60), "{operation} never came");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Runs a sweep, and changes the world after so many listings of its images. Each listing, and the manifests, come slowly from
/// then on, so that the change is there when the next request is sent.
fn changed_after(case: &Case, listings: usize, change: impl FnOnce() + Send) -> Ran {
    let slow = |at: &str| format!("slow-body;700ms@{at}").parse().expect("a fault");
    let listing = format!("ecr:DescribeImages#{listings}");
    case.sandbox
        .set_faults(vec![slow(&listing), slow("ecr:BatchGetImage")]);
    case.sandbox.clear_log();
    thread::scope(|scope| {
        scope.spawn(|| {
            wait_for(case, "DescribeImages", listings);
            change();
        });
        sweep(case, &["--yes", "--output", "json"])
    })
}

/// The candidates, and the images once usage was read.
const PLANNED: usize = 2;
/// The images once usage was read again.
const CHECKED: usize = 3;

/// Pushes an index that lists `v1`.
fn push_index(case: &Case) {
    let digest = case.tags("fluentd/app")["v1"].clone();
    let text = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 1}]});
    let spec = json!({"manifest": {"mediaType": "application/vnd.oci.image.index.v1+json", "text": text.to_string()}});
    let spec: ImageSpec = serde_json::from_value(spec).expect("a spec");
    let pushed = case
        .sandbox
        .with_state(|state| state.push("fluentd/app", &spec, &["new"]));
    pushed.expect("pushed");
}

#[test]
fn an_image_that_is_deployed_between_the_look_and_the_deletion_stays() {
    let case = case(&[old("v1"), old("v2")]);
    let ran = changed_after(&case, PLANNED, || {
        case.sandbox.with_state(|state| {
            let image = format!("{HOST}/fluentd/app:v1");
            let revision = state.register("app", &[("app", &image)]);
            let deployed = state.deploy("default", "app", &format!("app:{revision}"));
            deployed.expect("deployed");
        });
    });
    ran.expect(0, &[]);
    assert_eq!(tags(&case), ["used", "v1"]);
    case.pull("fluentd/app", "v1");
    let report = ran.report();
    let dropped = image(&report, "fluentd/app:v1");
    assert_eq!(dropped["action"], "delete", "so it was planned");
    assert_eq!(dropped["ended"], "dropped");
    let detail = dropped["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("service default/app"), "{detail}");
    assert_eq!(report["summary"]["deleted"], 1);
    let described = sent(&case, "DescribeTaskDefinition");
    assert_eq!(
        described, 2,
        "each definition once, however often usage is read"
    );
    assert_eq!(sent(&case, "ListTasks"), 4, "running and stopped, twice");
}

#[test]
fn an_index_that_comes_meanwhile_keeps_what_it_lists() {
    let case = case(&[old("v1")]);
    let ran = changed_after(&case, PLANNED, || push_index(&case));
    ran.expect(0, &[]);
    assert_eq!(tags(&case), ["new", "used", "v1"]);
    assert_eq!(image(&ran.report(), "fluentd/app:v1")["ended"], "dropped");
}

#[test]
fn what_ecr_refuses_to_delete_is_tried_once_more_and_told() {
    let case = case(&[old("v1"), old("v2")]);
    // Too late for any look: ECR says that an index lists it. The look before the second try sees the index.
    let ran = changed_after(&case, CHECKED, || push_index(&case));
    ran.expect(0, &[]);
    assert_eq!(tags(&case), ["new", "used", "v1"]);
    let report = ran.report();
    assert_eq!(image(&report, "fluentd/app:v1")["ended"], "dropped");
    assert_eq!(report["summary"]["deleted"], 1);
    assert_eq!(
        sent(&case, "BatchDeleteImage"),
        1,
        "the second try is not needed"
    );
}

#[test]
fn usage_that_cannot_be_read_again_stops_it_before_anything_goes() {
    let case = case(&[old("v1")]);
    let ran = changed_after(&case, PLANNED, || {
        let denied = "ecs:ListTasks".parse().expect("a denial");
        case.sandbox.deny(vec![denied]);
    });
    let texts = [
        "stopped: when usage was read again",
        "ListTasks",
        "run it again",
    ];
    ran.expect(1, &texts);
    assert!(case.writes().is_empty());
    assert_eq!(ran.report()["summary"]["not_done"], 1);
}

#[test]
fn services_that_are_gone_the_second_time_stop_it() {
    let case = case(&[old("v1")]);
    let ran = changed_after(&case, PLANNED, || {
        case.sandbox.with_state(|state| {
            let deleted = state.delete_service("default", "app");
            deleted.expect("deleted");
            state.finish_draining("default", "app");
        });
    });
    ran.expect(
        4,
        &["stopped: when usage was read again: no service was found"],
    );
    assert!(case.writes().is_empty());
}
