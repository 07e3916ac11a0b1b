//! ECS: deployments resolve tags once, and the reads a usage audit makes.

mod support;

use demitasse_sandbox::ImageSpec;
use demitasse_sandbox::Options;
use serde_json::Value;
use serde_json::json;
use support::*;

const WORLD: &str = r#"{"repositories": [{"name": "a/app", "images": [{"tags": ["v1"]}, {"tags": ["v2"]}]}],
    "taskDefinitions": [
        {"family": "app", "containers": [{"name": "c", "image": "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/a/app:v1"}]},
        {"family": "app", "containers": [{"name": "c", "image": "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/a/app:v2"}]},
        {"family": "app", "containers": [{"name": "c", "image": "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/a/app:v3"}]}],
    "services": [{"name": "app", "taskDefinition": "app:1", "desiredCount": 2},
                 {"name": "green", "controller": "CODE_DEPLOY", "taskDefinition": "app:2", "taskSets": ["app:2", "app:1"]},
                 {"name": "gone", "taskDefinition": "app:1", "status": "DRAINING"}],
    "tasks": [{"taskDefinition": "app:2"}]}"#;

fn digest_of(sandbox: &demitasse_sandbox::Sandbox, tag: &str) -> String {
    sandbox.with_state(|state| state.image("a/app", tag).unwrap().digest.clone())
}

#[test]
fn a_deployment_resolves_tags_once() {
    let sandbox = start(WORLD, Options::default());
    let old = digest_of(&sandbox, "v1");
    sandbox
        .with_state(|state| state.push("a/app", &ImageSpec::default(), &["v1"]))
        .unwrap();
    assert_ne!(digest_of(&sandbox, "v1"), old);
    let service = || {
        ecs(&sandbox, "DescribeServices", &json!({"services": ["app"]})).1["services"][0].clone()
    };
    let images = |service: &Value| {
        let arn = &service["currentServiceRevisions"][0]["arn"];
        let (_, answer) = ecs(
            &sandbox,
            "DescribeServiceRevisions",
            &json!({"serviceRevisionArns": [arn]}),
        );
        answer["serviceRevisions"][0]["containerImages"][0].clone()
    };
    assert_eq!(
        images(&service())["imageDigest"],
        old,
        "the service keeps the digest it was deployed with"
    );
    let (status, _) = ecs(
        &sandbox,
        "UpdateService",
        &json!({"service": "app", "forceNewDeployment": true}),
    );
    assert_eq!(status, 200);
    assert_eq!(images(&service())["imageDigest"], digest_of(&sandbox, "v1"));

    ecs(
        &sandbox,
        "UpdateService",
        &json!({"service": "app", "taskDefinition": "app:2"}),
    );
    assert_eq!(
        service()["taskDefinition"],
        "arn:aws:ecs:ap-northeast-1:123456789012:task-definition/app:2"
    );
    assert_eq!(service()["runningCount"], 2);
    let (_, tasks) = ecs(&sandbox, "ListTasks", &json!({"serviceName": "app"}));
    let (_, tasks) = ecs(
        &sandbox,
        "DescribeTasks",
        &json!({"tasks": tasks["taskArns"]}),
    );
    assert_eq!(
        tasks["tasks"][0]["containers"][0]["imageDigest"],
        digest_of(&sandbox, "v2")
    );

    // v3 does not exist: the service runs on.
    ecs(
        &sandbox,
        "UpdateService",
        &json!({"service": "app", "taskDefinition": "app:3"}),
    );
    assert!(
        service()["taskDefinition"]
            .as_str()
            .unwrap()
            .ends_with("app:2")
    );
    let (_, answer) = ecs(
        &sandbox,
        "ListServiceDeployments",
        &json!({"service": "app"}),
    );
    let statuses: Vec<&str> = answer["serviceDeployments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["status"].as_str().unwrap())
        .collect();
    assert_eq!(
        statuses,
        [
            "ROLLBACK_SUCCESSFUL",
            "SUCCESSFUL",
            "SUCCESSFUL",
            "SUCCESSFUL"
        ]
    );
    let arn = &answer["serviceDeployments"][0]["serviceDeploymentArn"];
    let (_, answer) = ecs(
        &sandbox,
        "DescribeServiceDeployments",
        &json!({"serviceDeploymentArns": [arn]}),
    );
    assert!(answer["serviceDeployments"][0]["rollback"]["serviceRevisionArn"].is_string());
}

#[test]
fn what_is_listed() {
    let sandbox = start(WORLD, Options::default());
    let call = |operation: &str, input: Value| ecs(&sandbox, operation, &input).1;
    assert_eq!(
        call("ListClusters", json!({}))["clusterArns"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let services = call("ListServices", json!({"cluster": "default"}));
    assert_eq!(
        services["serviceArns"].as_array().unwrap().len(),
        2,
        "a DRAINING service is not listed"
    );
    let gone = call("DescribeServices", json!({"services": ["gone", "never"]}));
    assert_eq!(
        (
            &gone["services"][0]["status"],
            &gone["failures"][0]["reason"]
        ),
        (&json!("DRAINING"), &json!("MISSING"))
    );
    let green = call("DescribeServices", json!({"services": ["green"]}));
    assert_eq!(
        green["services"][0]["taskSets"].as_array().unwrap().len(),
        2
    );
    assert_eq!(green["services"][0]["deployments"], json!([]));
    assert_eq!(
        call("DescribeTaskSets", json!({"service": "green"}))["taskSets"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        call("ListTasks", json!({"family": "app"}))["taskArns"]
            .as_array()
            .unwrap()
            .len(),
        6
    );
    assert_eq!(
        call("ListTasks", json!({"desiredStatus": "STOPPED"}))["taskArns"],
        json!([])
    );
    assert_eq!(
        call("ListServices", json!({"cluster": "none"}))["__type"],
        "ClusterNotFoundException"
    );
}

#[test]
fn task_definitions() {
    let sandbox = start(WORLD, Options::default());
    let call = |operation: &str, input: Value| ecs(&sandbox, operation, &input).1;
    let registered = call(
        "RegisterTaskDefinition",
        json!({"family": "app", "cpu": "256", "containerDefinitions": [{"name": "c", "image": "nginx"}],
            "tags": [{"key": "a", "value": "b"}]}),
    );
    assert_eq!(registered["taskDefinition"]["revision"], 4);
    let described = call(
        "DescribeTaskDefinition",
        json!({"taskDefinition": "app", "include": ["TAGS"]}),
    );
    assert_eq!(
        (
            &described["taskDefinition"]["cpu"],
            &described["tags"][0]["value"]
        ),
        (&json!("256"), &json!("b"))
    );
    assert_eq!(
        call(
            "DeregisterTaskDefinition",
            json!({"taskDefinition": "app:4"})
        )["taskDefinition"]["status"],
        "INACTIVE"
    );
    assert_eq!(
        call("DescribeTaskDefinition", json!({"taskDefinition": "app"}))["taskDefinition"]["revision"],
        3
    );
    let listed = call(
        "ListTaskDefinitions",
        json!({"familyPrefix": "app", "sort": "DESC"}),
    );
    let newest = listed["taskDefinitionArns"][0].as_str().unwrap();
    assert!(newest.ends_with("app:3"));
    assert_eq!(
        call("ListTaskDefinitionFamilies", json!({"familyPrefix": "ap"}))["families"],
        json!(["app"])
    );
    assert_eq!(
        call("ListTaskDefinitions", json!({"familyPrefix": "ap"}))["taskDefinitionArns"],
        json!([])
    );
}
