//! What a promotion from an upstream does, and refuses to do.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::registry::{Door, Trouble, Upstream};
use crate::support::HOST;
use crate::{agents, case, digest, promote, status};

#[test]
fn every_kind_of_image_arrives_byte_for_byte() {
    let world = include_str!("../../fixtures/worlds/multi-arch.json");
    let mut world: Value = serde_json::from_str(world).expect("JSON");
    world["repositories"][0]["name"] = "datadog/agent".into();
    let images = world["repositories"][0]["images"]
        .as_array()
        .expect("a list");
    let tags: Vec<String> = images
        .iter()
        .filter_map(|image| Some(image["tags"][0].as_str()?.to_owned()))
        .collect();
    assert!(tags.len() > 7, "{tags:?}");
    for door in [Door::Open, Door::Token] {
        let upstream = Upstream::start(&world["repositories"], door);
        let case = case(&upstream);
        let images: Vec<String> = tags
            .iter()
            .map(|tag| format!("HOST/datadog/agent/app:{tag}"))
            .collect();
        let images: Vec<&str> = images.iter().map(String::as_str).collect();
        let config = case.project("app", &images);
        let ran = case.run(&["promote", "-c", &config, "--output", "json"]);
        ran.expect(0, &[]);
        assert!(!ran.err.contains("warning"), "{}", ran.err);
        let promoted = case.tags("datadog/agent/app");
        for tag in &tags {
            assert_eq!(promoted[tag], digest(&upstream, tag), "{tag}");
            case.pull("datadog/agent/app", tag);
        }
        let manifests = |state: &mut demitasse_sandbox::state::State, name: &str| {
            let repository = state.repository(name).expect("a repository");
            repository.images.keys().cloned().collect::<Vec<_>>()
        };
        let theirs = upstream
            .sandbox()
            .with_state(|state| manifests(state, "datadog/agent"));
        let ours = case
            .sandbox
            .with_state(|state| manifests(state, "datadog/agent/app"));
        assert_eq!(ours, theirs, "children and referrers too");
        case.sandbox.with_state(|state| {
            let repository = state.repository("datadog/agent/app").expect("created");
            let source = format!("{}/datadog/agent", upstream.host());
            assert_eq!(repository.tags["demitasse:source"], source);
            assert_eq!(state.open_uploads(), 0);
        });
        assert_eq!(ran.report()["summary"]["mounted"], 0);
        case.sandbox.clear_log();
        case.run(&["promote", "-c", &config]).expect(0, &[]);
        assert!(case.writes().is_empty());
    }
}

#[test]
fn a_plan_writes_nothing_and_says_what_is_streamed() {
    let upstream = Upstream::start(&agents(&["7.50"]), Door::Token);
    let case = case(&upstream);
    let config = case.project(
        "app",
        &["HOST/datadog/agent/app:7.50", "HOST/datadog/agent/app:7.50"],
    );
    let plan = case.run(&["plan", "-c", &config]);
    let source = format!("{}/datadog/agent", upstream.host());
    plan.expect(0, &["note: up to 5.", "will be streamed", &source]);
    plan.shows(
        0,
        &[
            "1 to promote",
            &format!("{source}:7.50 -> datadog/agent/app:7.50"),
            "3 blobs to stream",
        ],
    );
    assert!(case.writes().is_empty());
}

#[test]
fn mount_only_and_max_upload_refuse_before_any_write() {
    let upstream = Upstream::start(&agents(&["7.50"]), Door::Open);
    let case = case(&upstream);
    promote(&case, "7.50", &["--mount-only"]).expect(4, &["--mount-only refuses"]);
    promote(&case, "7.50", &["--max-upload", "1kB"]).expect(4, &["--max-upload 1.0 kB refuses"]);
    assert!(case.writes().is_empty());
    promote(&case, "7.50", &["--max-upload", "1MB"]).expect(0, &[]);
}

#[test]
fn a_throttle_is_waited_for_as_long_as_it_says() {
    let upstream = Upstream::start(&agents(&["7.50"]), Door::Token);
    let case = case(&upstream);
    for path in ["/manifests/7.50", "/blobs/"] {
        upstream.trouble(Trouble {
            headers: vec![("retry-after", "1")],
            ..status(path, 1, 429)
        });
    }
    upstream.trouble(status("/token", 1, 503));
    let began = Instant::now();
    promote(&case, "7.50", &[]).expect(0, &[]);
    assert!(
        began.elapsed() >= Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    case.pull("datadog/agent/app", "7.50");
    upstream.trouble(Trouble {
        headers: vec![("retry-after", "21600")],
        ..status("/manifests/", 99, 429)
    });
    promote(&case, "7.51", &[]).expect(1, &["throttled", "(source)", "docker login 127.0.0.1"]);
}

#[test]
fn what_is_not_there_is_missing() {
    let upstream = Upstream::start(&agents(&["7.50"]), Door::Token);
    let case = case(&upstream);
    promote(&case, "7.99", &[]).expect(
        4,
        &[
            "datadog/agent:7.99 does not exist",
            "datadog/agent/app does not have it",
            "sources:",
        ],
    );
    let config = case.project("app", &["HOST/datadog/other/app:7.50"]);
    case.run(&["promote", "-c", &config])
        .expect(4, &["datadog/other", "does not exist"]);
    assert!(case.writes().is_empty());
}

#[test]
fn a_digest_is_read_by_digest_and_gets_a_tag() {
    let upstream = Upstream::start(&agents(&["7.50", "7.51"]), Door::Token);
    let case = case(&upstream);
    let digest = digest(&upstream, "7.50");
    let config = case.project("app", &[&format!("HOST/datadog/agent/app@{digest}")]);
    case.run(&["promote", "-c", &config]).expect(0, &[]);
    let tag = format!("digest-{}", &digest[7..19]);
    assert_eq!(case.tags("datadog/agent/app")[&tag], digest);
    upstream.take_asked();
    case.run(&["promote", "-c", &config]).expect(0, &[]);
    assert!(upstream.take_asked().is_empty(), "there is nothing to ask");
    let wrong = case.project("app", &[&format!("HOST/datadog/agent/app:7.51@{digest}")]);
    case.run(&["promote", "-c", &wrong])
        .expect(4, &["but the task definition says"]);
}

#[test]
fn another_familys_image_is_refused_without_asking_anybody() {
    let upstream = Upstream::start(&agents(&["7.50"]), Door::Open);
    let case = case(&upstream);
    let config = case.project("app", &["HOST/datadog/agent/other:7.50"]);
    case.run(&["promote", "-c", &config]).expect(
        4,
        &[
            "datadog/agent/other",
            &format!("{HOST}/datadog/agent/app:7.50"),
        ],
    );
    assert!(upstream.take_asked().is_empty());
}

#[test]
fn bootstrap_creates_the_target_and_asks_no_upstream() {
    let upstream = Upstream::start(&agents(&["7.50"]), Door::Open);
    let case = case(&upstream);
    let config = case.project("app", &["HOST/datadog/agent/app:7.50"]);
    case.run(&["bootstrap", "-c", &config, "--common-keep"])
        .expect(0, &[]);
    assert!(case.exists("datadog/agent/app"));
    assert!(upstream.take_asked().is_empty());
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let upstream = Upstream::start(&agents(&["7.50"]), Door::Open);
    let case = case(&upstream);
    let check = |settings: &str, texts: &[&str]| {
        case.write("demitasse.yml", settings);
        promote(&case, "7.50", &[]).expect(3, texts);
    };
    check(
        "sources: [{name: a, from: datadog/agent}]\n",
        &["sources: `a`", "hint: write registry and repository"],
    );
    let host = format!("sources: [{{name: a, from: {HOST}/x}}]\n");
    check(&host, &["--source is for"]);
    check("sources: [{name: a, form: x}]\n", &["form"]);
    check(
        "target: '{family}'\nsource: x\nsources: [{name: a, from: ghcr.io/x}]\n",
        &["{name}"],
    );
    assert!(case.writes().is_empty());
}
