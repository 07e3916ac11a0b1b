//! Lifecycle policies over the API, a run on the virtual clock, previews.

mod support;

use std::time::Duration;

use demitasse_sandbox::Options;
use demitasse_sandbox::Undocumented;
use demitasse_sandbox::World;
use serde_json::json;
use support::*;

#[test]
fn the_first_scenario() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/worlds/shared-repository.json"
    );
    let world = World::read(path.as_ref()).unwrap();
    let sandbox = demitasse_sandbox::Sandbox::start(world, Options::default()).unwrap();
    let running = sandbox.with_state(|state| {
        state.ecs.running("default", "middleware")[0].containers[0]
            .digest
            .clone()
    });
    assert!(sandbox.pull("fluentd", &running.clone().unwrap()).is_ok());
    let expired: Vec<String> = sandbox
        .run_lifecycle()
        .into_iter()
        .flat_map(|execution| execution.tags)
        .collect();
    assert_eq!(expired.len(), 2);
    assert!(expired.contains(&"aaaa".to_owned()) && expired.contains(&"bbbb".to_owned()));
    assert!(sandbox.pull("fluentd", &running.unwrap()).is_err());
    assert!(sandbox.run_lifecycle().is_empty());
}

#[test]
fn every_shipped_world_starts() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/worlds");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let world = World::read(&path).unwrap();
        let sandbox = demitasse_sandbox::Sandbox::start(world, Options::default()).unwrap();
        let images: Vec<(String, String)> = sandbox.with_state(|state| {
            let repositories = state.repositories.values();
            repositories
                .flat_map(|repository| {
                    repository
                        .images
                        .keys()
                        .map(|digest| (repository.name.clone(), digest.clone()))
                })
                .collect()
        });
        assert!(!images.is_empty(), "{}", path.display());
        for (repository, digest) in images {
            sandbox.pull(&repository, &digest).unwrap();
        }
        count += 1;
    }
    assert!(count >= 4);
}

const SHIELDED: &str = r#"{"rules": [
    {"rulePriority": 1, "selection": {"tagStatus": "tagged", "tagPatternList": ["inuse-*"], "countType": "imageCountMoreThan", "countNumber": 9999}, "action": {"type": "expire"}},
    {"rulePriority": 2, "selection": {"tagStatus": "tagged", "tagPatternList": ["*"], "countType": "imageCountMoreThan", "countNumber": 1}, "action": {"type": "expire"}},
    {"rulePriority": 3, "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 30}, "action": {"type": "expire"}}]}"#;

#[test]
fn children_become_orphans_and_then_old() {
    let sandbox = start(
        r#"{"repositories": [{"name": "a/app", "images": [
            {"tags": ["v1"], "pushedDaysAgo": 3, "platforms": ["linux/amd64", "linux/arm64"],
             "referrers": [{"artifactType": "application/spdx+json"}]},
            {"tags": ["v2", "inuse-1"], "pushedDaysAgo": 2}, {"tags": ["v3"], "pushedDaysAgo": 1}]}]}"#,
        Options::default(),
    );
    let (status, _) = ecr(
        &sandbox,
        "PutLifecyclePolicy",
        &json!({"repositoryName": "a/app", "lifecyclePolicyText": SHIELDED}),
    );
    assert_eq!(status, 200);
    // The index expires and its referrer follows; the pinned image stays; the children stay behind.
    let rules: Vec<u32> = sandbox
        .run_lifecycle()
        .iter()
        .map(|execution| execution.rule_priority)
        .collect();
    assert_eq!(rules, [2, 0]);
    assert!(sandbox.with_state(|state| state.image("a/app", "inuse-1").is_some()));
    assert!(sandbox.run_lifecycle().is_empty());
    sandbox.advance(Duration::from_secs(30 * 86400));
    let rules: Vec<u32> = sandbox
        .run_lifecycle()
        .iter()
        .map(|execution| execution.rule_priority)
        .collect();
    assert_eq!(rules, [3, 3]);
    let (_, answer) = ecr(
        &sandbox,
        "GetLifecyclePolicy",
        &json!({"repositoryName": "a/app"}),
    );
    assert!(answer["lastEvaluatedAt"].is_number());
}

#[test]
fn policies_are_validated_and_previewed() {
    let undocumented = Undocumented {
        preview_polls: 1,
        ..Undocumented::draw(0)
    };
    let options = Options {
        undocumented: Some(undocumented),
        ..Options::default()
    };
    let sandbox = start(
        r#"{"repositories": [{"name": "a/app", "images": [{"tags": ["v1"]}, {"tags": ["v2"]}]}]}"#,
        options,
    );
    let call = |operation: &str, text: Option<&str>| {
        let mut input = json!({"repositoryName": "a/app"});
        if let Some(text) = text {
            input["lifecyclePolicyText"] = json!(text);
        }
        let (status, answer) = ecr(&sandbox, operation, &input);
        (
            if status == 200 {
                "ok".to_owned()
            } else {
                answer["__type"].as_str().unwrap().to_owned()
            },
            answer,
        )
    };
    assert_eq!(
        call("GetLifecyclePolicy", None).0,
        "LifecyclePolicyNotFoundException"
    );
    let wrong = SHIELDED.replace("\"countNumber\": 9999", "\"countNumber\": 0");
    let (code, answer) = call("PutLifecyclePolicy", Some(&wrong));
    assert_eq!(code, "InvalidParameterException");
    assert!(
        answer["message"]
            .as_str()
            .unwrap()
            .contains("Lifecycle policy validation failure")
    );
    assert_eq!(
        call("StartLifecyclePolicyPreview", None).0,
        "LifecyclePolicyNotFoundException"
    );
    assert_eq!(
        call("GetLifecyclePolicyPreview", None).0,
        "LifecyclePolicyPreviewNotFoundException"
    );
    assert_eq!(
        call("StartLifecyclePolicyPreview", Some(SHIELDED)).1["status"],
        "IN_PROGRESS"
    );
    assert_eq!(
        call("StartLifecyclePolicyPreview", Some(SHIELDED)).0,
        "LifecyclePolicyPreviewInProgressException"
    );
    assert_eq!(
        call("GetLifecyclePolicyPreview", None).1["status"],
        "IN_PROGRESS"
    );
    let (_, preview) = call("GetLifecyclePolicyPreview", None);
    assert_eq!(preview["status"], "COMPLETE");
    assert_eq!(preview["summary"]["expiringImageTotalCount"], 1);
    assert_eq!(preview["previewResults"][0]["imageTags"], json!(["v1"]));
    assert_eq!(preview["previewResults"][0]["appliedRulePriority"], 2);
    assert!(
        sandbox.with_state(|state| state.image("a/app", "v1").is_some()),
        "a preview deletes nothing"
    );
    assert_eq!(call("StartLifecyclePolicyPreview", Some(SHIELDED)).0, "ok");
}
