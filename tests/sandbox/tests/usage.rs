//! The situations a usage audit must understand, each made by a world: what ECS answers about them.

mod support;

use demitasse_sandbox::Options;
use demitasse_sandbox::Sandbox;
use demitasse_sandbox::Undocumented;
use serde_json::Value;
use serde_json::json;
use support::*;

const HOST: &str = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com";

/// A world with revisions 5 to 11 of one family, each on an image of its own, and whatever else is given.
fn world(more: &Value) -> String {
    let definitions: Vec<Value> = (5..=11)
        .map(|revision| {
            json!({"family": "app", "revision": revision, "status": if revision == 8 { "INACTIVE" } else { "ACTIVE" },
                "containers": [{"name": "c", "image": format!("{HOST}/app:v{revision}")}]})
        })
        .collect();
    let images: Vec<Value> = (5..=11)
        .map(|revision| json!({"tags": [format!("v{revision}")]}))
        .chain([
            json!({}),
            json!({"tags": ["multi"], "platforms": ["linux/amd64", "linux/arm64"]}),
        ])
        .collect();
    let mut world = json!({
        "repositories": [{"name": "app", "images": images}], "taskDefinitions": definitions,
    });
    for (key, value) in more.as_object().unwrap() {
        match world.get_mut(key).and_then(Value::as_array_mut) {
            Some(list) => list.extend(value.as_array().unwrap().iter().cloned()),
            None => world[key] = value.clone(),
        }
    }
    world.to_string()
}

fn drawn(more: &Value, change: impl FnOnce(&mut Undocumented)) -> Sandbox {
    let mut undocumented = Undocumented::draw(0);
    change(&mut undocumented);
    let options = Options {
        undocumented: Some(undocumented),
        ..Options::default()
    };
    start(&world(more), options)
}

fn with(more: &Value) -> Sandbox {
    drawn(more, |_| {})
}

fn service(sandbox: &Sandbox) -> Value {
    let (_, answer) = ecs(sandbox, "DescribeServices", &json!({"services": ["app"]}));
    answer["services"][0].clone()
}

/// The revisions behind the ARNs at these places.
fn revisions(sandbox: &Sandbox, arns: &[&Value]) -> Vec<Value> {
    let input = json!({ "serviceRevisionArns": arns });
    let (status, answer) = ecs(sandbox, "DescribeServiceRevisions", &input);
    assert_eq!((status, &answer["failures"]), (200, &json!([])));
    answer["serviceRevisions"].as_array().unwrap().clone()
}

/// `app:9` for the end of an ARN.
fn name(arn: &Value) -> &str {
    arn.as_str().unwrap().rsplit('/').next().unwrap()
}

/// Status, rollout and task definition of each of a service's deployments.
fn deployments(service: &Value) -> Vec<(&str, &str, &str)> {
    let rows = service["deployments"].as_array().unwrap().iter();
    rows.map(|row| {
        let text = |key: &str| row[key].as_str().unwrap();
        (
            text("status"),
            text("rolloutState"),
            name(&row["taskDefinition"]),
        )
    })
    .collect()
}

fn deployment(sandbox: &Sandbox, arn: &Value) -> Value {
    let input = json!({"serviceDeploymentArns": [arn]});
    let (_, answer) = ecs(sandbox, "DescribeServiceDeployments", &input);
    answer["serviceDeployments"][0].clone()
}

fn digest(sandbox: &Sandbox, reference: &str) -> String {
    sandbox.with_state(|state| state.image("app", reference).unwrap().digest.clone())
}

#[test]
fn a_deployment_in_progress() {
    let sandbox = with(&json!({"services": [
        {"name": "app", "taskDefinition": "app:9", "deploying": "app:11", "desiredCount": 2}]}));
    let service = service(&sandbox);
    assert_eq!(name(&service["taskDefinition"]), "app:11");
    assert_eq!(
        deployments(&service),
        [
            ("PRIMARY", "IN_PROGRESS", "app:11"),
            ("ACTIVE", "COMPLETED", "app:9")
        ]
    );
    let current = service["currentServiceRevisions"].as_array().unwrap();
    let arns: Vec<&Value> = current.iter().map(|row| &row["arn"]).collect();
    let described = revisions(&sandbox, &arns);
    let runs: Vec<&str> = described
        .iter()
        .map(|row| name(&row["taskDefinition"]))
        .collect();
    assert_eq!(runs, ["app:11", "app:9"]);
    assert_eq!(current[0]["runningTaskCount"], 2);
    let found = deployment(&sandbox, &service["currentServiceDeployment"]);
    assert_eq!(found["status"], "IN_PROGRESS");
    assert_eq!(found["targetServiceRevision"]["arn"], *arns[0]);
    assert_eq!(found["sourceServiceRevisions"][0]["arn"], *arns[1]);
    assert_eq!(found.get("finishedAt"), None);
}

#[test]
fn a_blue_green_deployment_bakes() {
    let sandbox = with(
        &json!({"services": [{"name": "app", "taskDefinition": "app:9",
        "deploying": {"taskDefinition": "app:11", "stage": "BAKE_TIME"}}]}),
    );
    let service = service(&sandbox);
    assert_eq!(service["deploymentConfiguration"]["strategy"], "BLUE_GREEN");
    let found = deployment(&sandbox, &service["currentServiceDeployment"]);
    assert_eq!(found["lifecycleStage"], "BAKE_TIME");
    assert_eq!(found["sourceServiceRevisions"][0]["runningTaskCount"], 1);
}

#[test]
fn a_rollback_that_is_going_on() {
    let sandbox = with(
        &json!({"services": [{"name": "app", "taskDefinition": "app:9",
        "deploying": {"taskDefinition": "app:11", "status": "ROLLBACK_IN_PROGRESS"}}]}),
    );
    let service = service(&sandbox);
    assert_eq!(name(&service["taskDefinition"]), "app:9");
    assert_eq!(
        deployments(&service),
        [
            ("PRIMARY", "IN_PROGRESS", "app:9"),
            ("ACTIVE", "FAILED", "app:11")
        ]
    );
    let found = deployment(&sandbox, &service["currentServiceDeployment"]);
    let back = revisions(&sandbox, &[&found["rollback"]["serviceRevisionArn"]]);
    assert_eq!(name(&back[0]["taskDefinition"]), "app:9");
}

#[test]
fn a_deployment_that_failed() {
    let more = json!({"services": [
        {"name": "app", "taskDefinition": "app:9", "history": ["app:7"], "failed": ["app:11"]}]});
    for is_current in [false, true] {
        let sandbox = drawn(&more, |drawn| {
            drawn.rolled_back_deployment_is_current = is_current;
        });
        let service = service(&sandbox);
        assert_eq!(name(&service["taskDefinition"]), "app:9");
        assert_eq!(deployments(&service), [("PRIMARY", "COMPLETED", "app:9")]);
        let (_, listed) = ecs(
            &sandbox,
            "ListServiceDeployments",
            &json!({"service": "app"}),
        );
        let listed = listed["serviceDeployments"].as_array().unwrap();
        assert_eq!(listed.len(), 3);
        assert_eq!(listed[0]["status"], "ROLLBACK_SUCCESSFUL");
        let failed = &listed[0]["serviceDeploymentArn"];
        let back = &deployment(&sandbox, failed)["rollback"]["serviceRevisionArn"];
        assert_eq!(*back, service["currentServiceRevisions"][0]["arn"]);
        assert_eq!(service["currentServiceDeployment"] == *failed, is_current);
    }
}

#[test]
fn what_ecs_resolved_is_not_what_the_tag_means_now() {
    for (reference, expected) in [("v5", Some("v5")), ("#7", None), ("multi/1", None)] {
        let sandbox = with(
            &json!({"services": [{"name": "app", "taskDefinition": "app:9",
            "resolved": {"c": reference}, "runningCount": 0}]}),
        );
        let service = service(&sandbox);
        assert_eq!(service["runningCount"], 0);
        let arn = &service["currentServiceRevisions"][0]["arn"];
        let image = &revisions(&sandbox, &[arn])[0]["containerImages"][0];
        assert_eq!(image["image"], format!("{HOST}/app:v9"));
        let resolved = image["imageDigest"].as_str().unwrap();
        assert_ne!(resolved, digest(&sandbox, "v9"));
        if let Some(expected) = expected {
            assert_eq!(resolved, digest(&sandbox, expected));
        }
        let tags = sandbox.with_state(|state| state.image("app", resolved).unwrap().tags.clone());
        assert_eq!(tags.is_empty(), expected.is_none(), "{reference}");
    }
    // A digest that is nowhere: the image in use is missing.
    let gone = format!("sha256:{}", "0".repeat(64));
    let sandbox = with(&json!({"tasks": [{"taskDefinition": "app:9", "resolved": {"c": gone}}]}));
    assert_eq!(task(&sandbox)["containers"][0]["imageDigest"], gone);
}

#[test]
fn no_digest_where_ecs_keeps_none() {
    let open = json!({"family": "open", "containers": [
        {"name": "c", "image": format!("{HOST}/app:v9"), "versionConsistency": "disabled"}]});
    for (service_spec, has_digest) in [
        (json!({"name": "app", "taskDefinition": "open:1"}), false),
        (json!({"name": "app", "taskDefinition": "app:9"}), true),
        (
            json!({"name": "app", "taskDefinition": "app:9", "desiredCount": 0}),
            false,
        ),
        (
            json!({"name": "app", "taskDefinition": "app:9", "desiredCount": 0, "history": ["app:7"]}),
            true,
        ),
        (
            json!({"name": "app", "taskDefinition": "app:9", "resolved": {"c": null}}),
            false,
        ),
    ] {
        let sandbox = with(&json!({"taskDefinitions": [open], "services": [service_spec]}));
        let arn = &service(&sandbox)["currentServiceRevisions"][0]["arn"];
        let image = &revisions(&sandbox, &[arn])[0]["containerImages"][0];
        assert_eq!(
            image.get("imageDigest").is_some(),
            has_digest,
            "{service_spec}"
        );
    }
    let sandbox = with(
        &json!({"taskDefinitions": [open], "services": [{"name": "app", "taskDefinition": "open:1"}]}),
    );
    assert_eq!(
        task(&sandbox)["containers"][0]["imageDigest"],
        digest(&sandbox, "v9")
    );
    let (_, answer) = ecs(
        &sandbox,
        "DescribeTaskDefinition",
        &json!({"taskDefinition": "open"}),
    );
    let container = &answer["taskDefinition"]["containerDefinitions"][0];
    assert_eq!(container["versionConsistency"], "disabled");
}

#[test]
fn revisions_from_before_they_could_be_described() {
    let more =
        json!({"services": [{"name": "app", "taskDefinition": "app:9", "deployedDaysAgo": 800}]});
    let sandbox = with(&more);
    let old = service(&sandbox);
    assert_eq!(old.get("currentServiceDeployment"), None);
    let arn = &old["currentServiceRevisions"][0]["arn"];
    let input = json!({"serviceRevisionArns": [arn]});
    let (_, answer) = ecs(&sandbox, "DescribeServiceRevisions", &input);
    assert_eq!(
        answer["failures"][0],
        json!({"arn": arn, "reason": "MISSING"})
    );
    assert_eq!(answer["serviceRevisions"], json!([]));
    let (_, answer) = ecs(
        &sandbox,
        "ListServiceDeployments",
        &json!({"service": "app"}),
    );
    assert_eq!(answer["serviceDeployments"], json!([]));
    assert_eq!(deployments(&old), [("PRIMARY", "COMPLETED", "app:9")]);

    let sandbox = drawn(&more, |drawn| drawn.old_revision_is_an_error = true);
    let (status, answer) = ecs(&sandbox, "DescribeServiceRevisions", &input);
    assert_eq!(
        (status, &answer["__type"]),
        (400, &json!("InvalidParameterException"))
    );
    let sandbox = drawn(&more, |drawn| drawn.old_revision_is_listed = false);
    assert_eq!(service(&sandbox).get("currentServiceRevisions"), None);

    // 100 days: described, but the list reaches back only 90.
    let sandbox = with(
        &json!({"services": [{"name": "app", "taskDefinition": "app:9", "deployedDaysAgo": 100}]}),
    );
    assert!(service(&sandbox)["currentServiceDeployment"].is_string());
    let (_, answer) = ecs(
        &sandbox,
        "ListServiceDeployments",
        &json!({"service": "app"}),
    );
    assert_eq!(answer["serviceDeployments"], json!([]));
}

#[test]
fn task_sets_of_the_other_controllers() {
    let sandbox = with(&json!({"services": [
        {"name": "app", "controller": "CODE_DEPLOY", "taskDefinition": "app:7", "taskSets": ["app:7", "app:11"], "desiredCount": 0},
        {"name": "external", "controller": "EXTERNAL", "taskSets": ["app:10"]}]}));
    let blue_green = service(&sandbox);
    assert_eq!(blue_green["deployments"], json!([]));
    let sets = blue_green["taskSets"].as_array().unwrap();
    let set = |at: usize| {
        (
            sets[at]["status"].as_str().unwrap(),
            name(&sets[at]["taskDefinition"]),
        )
    };
    assert_eq!(
        (set(0), set(1)),
        (("PRIMARY", "app:7"), ("ACTIVE", "app:11"))
    );
    assert_eq!(sets[0]["runningCount"], 0);
    let (_, answer) = ecs(
        &sandbox,
        "DescribeServices",
        &json!({"services": ["external"]}),
    );
    let external = &answer["services"][0];
    assert_eq!(external.get("taskDefinition"), None);
    assert_eq!(external.get("currentServiceRevisions"), None);
    let (_, answer) = ecs(
        &sandbox,
        "DescribeTaskSets",
        &json!({"service": "external"}),
    );
    assert_eq!(name(&answer["taskSets"][0]["taskDefinition"]), "app:10");
}

fn task(sandbox: &Sandbox) -> Value {
    for desired in ["RUNNING", "STOPPED"] {
        let (_, listed) = ecs(sandbox, "ListTasks", &json!({"desiredStatus": desired}));
        if listed["taskArns"] != json!([]) {
            let input = json!({"tasks": listed["taskArns"]});
            return ecs(sandbox, "DescribeTasks", &input).1["tasks"][0].clone();
        }
    }
    Value::Null
}

#[test]
fn tasks_come_and_go() {
    let sandbox = with(
        &json!({"tasks": [{"taskDefinition": "app:5", "lastStatus": "STOPPED", "stoppedMinutesAgo": 50}]}),
    );
    let stopped = task(&sandbox);
    assert_eq!(
        (&stopped["lastStatus"], &stopped["desiredStatus"]),
        (&json!("STOPPED"), &json!("STOPPED"))
    );
    assert!(stopped["stoppedAt"].is_f64());
    sandbox.advance(std::time::Duration::from_secs(9 * 60));
    assert_eq!(task(&sandbox)["taskArn"], stopped["taskArn"]);
    sandbox.advance(std::time::Duration::from_secs(2 * 60));
    assert_eq!(task(&sandbox), Value::Null, "ECS forgets it after an hour");
    let (_, answer) = ecs(
        &sandbox,
        "DescribeTasks",
        &json!({"tasks": [stopped["taskArn"]]}),
    );
    assert_eq!(answer["failures"][0]["reason"], "MISSING");

    let pending =
        json!({"tasks": [{"taskDefinition": "app:5", "lastStatus": "PENDING", "startedBy": "me"}]});
    for has_digest in [false, true] {
        let sandbox = drawn(&pending, |drawn| drawn.pending_task_has_digest = has_digest);
        let pending = task(&sandbox);
        assert_eq!(
            (&pending["desiredStatus"], &pending["startedBy"]),
            (&json!("RUNNING"), &json!("me"))
        );
        assert_eq!(
            pending["containers"][0].get("imageDigest").is_some(),
            has_digest
        );
    }
}

#[test]
fn the_digest_of_a_multi_platform_task() {
    let more = json!({"taskDefinitions": [{"family": "multi", "containers": [{"name": "c", "image": format!("{HOST}/app:multi")}]}],
        "tasks": [{"taskDefinition": "multi:1"}]});
    for is_child in [false, true] {
        let sandbox = drawn(&more, |drawn| drawn.task_digest_is_child = is_child);
        let shown = task(&sandbox)["containers"][0]["imageDigest"]
            .as_str()
            .unwrap()
            .to_owned();
        let parents =
            sandbox.with_state(|state| state.repository("app").unwrap().parents(&shown).len());
        assert_eq!(parents, usize::from(is_child));
    }
}

#[test]
fn deregistered_and_deleted_definitions() {
    let more = json!({"taskDefinitions": [{"family": "old", "status": "DELETE_IN_PROGRESS", "containers": [{"name": "c", "image": "nginx"}]}],
        "services": [{"name": "app", "taskDefinition": "old:1"}]});
    for is_described in [true, false] {
        let sandbox = drawn(&more, |drawn| {
            drawn.unreferenced_inactive_is_described = is_described
        });
        let describe = |name: &str| {
            ecs(
                &sandbox,
                "DescribeTaskDefinition",
                &json!({"taskDefinition": name}),
            )
        };
        let (status, answer) = describe("app:8");
        if is_described {
            assert_eq!(answer["taskDefinition"]["status"], "INACTIVE");
        } else {
            assert_eq!(
                (status, &answer["__type"]),
                (400, &json!("ClientException"))
            );
        }
        let (_, old) = describe("old:1");
        assert_eq!(old["taskDefinition"]["status"], "DELETE_IN_PROGRESS");
        assert!(old["taskDefinition"]["deleteRequestedAt"].is_f64());
        // Used by a task, an INACTIVE revision is always described.
        sandbox.with_state(|state| {
            state.run_task("default", "app:7", "").unwrap();
            state.deregister("app:7").unwrap();
        });
        assert_eq!(describe("app:7").0, 200);
        let listed = |status: &str| {
            ecs(&sandbox, "ListTaskDefinitions", &json!({"status": status})).1["taskDefinitionArns"]
                .clone()
        };
        assert_eq!(name(&listed("DELETE_IN_PROGRESS")[0]), "old:1");
        assert_eq!(listed("INACTIVE").as_array().unwrap().len(), 2);
    }
}

#[test]
fn a_deleted_service_drains() {
    let sandbox = with(&json!({"services": [{"name": "app", "taskDefinition": "app:9"}]}));
    let (status, answer) = ecs(&sandbox, "DeleteService", &json!({"service": "app"}));
    assert_eq!(
        (status, &answer["__type"]),
        (400, &json!("InvalidParameterException"))
    );
    ecs(
        &sandbox,
        "DeleteService",
        &json!({"service": "app", "force": true}),
    );
    assert_eq!(
        ecs(&sandbox, "ListServices", &json!({})).1["serviceArns"],
        json!([])
    );
    let draining = service(&sandbox);
    assert_eq!(
        (&draining["status"], &draining["runningCount"]),
        (&json!("DRAINING"), &json!(1))
    );
    sandbox.with_state(|state| state.finish_draining("default", "app"));
    assert_eq!(service(&sandbox)["status"], "INACTIVE");
    assert_eq!(service(&sandbox)["runningCount"], 0);
}

#[test]
fn daemons() {
    let containers = |tag: &str| json!([{"name": "log", "image": format!("{HOST}/app:{tag}")}]);
    let more = json!({"daemons": [
        {"name": "logs", "containers": containers("v5"), "resolved": {"log": "v6"}, "deploying": containers("v7")},
        {"name": "far", "cluster": "other", "containers": containers("v5")}]});
    let mut world: Value = serde_json::from_str(&world(&more)).unwrap();
    world["clusters"] = json!(["default", "other"]);
    let sandbox = start(&world.to_string(), Options::default());
    let call = |operation: &str, input: Value| ecs(&sandbox, operation, &input);
    let (_, listed) = call("ListDaemons", json!({}));
    assert_eq!(listed["daemonSummariesList"].as_array().unwrap().len(), 1);
    let arn = &listed["daemonSummariesList"][0]["daemonArn"];
    let (_, daemon) = call("DescribeDaemon", json!({"daemonArn": arn}));
    let current = daemon["daemon"]["currentRevisions"].as_array().unwrap();
    let arns: Vec<&Value> = current.iter().map(|revision| &revision["arn"]).collect();
    let (_, described) = call(
        "DescribeDaemonRevisions",
        json!({"daemonRevisionArns": arns}),
    );
    let images: Vec<&Value> = described["daemonRevisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|revision| &revision["containerImages"][0])
        .collect();
    assert_eq!(images[0]["image"], format!("{HOST}/app:v5"));
    let digests = [&images[0]["imageDigest"], &images[1]["imageDigest"]];
    assert_eq!(
        digests,
        [
            &json!(digest(&sandbox, "v6")),
            &json!(digest(&sandbox, "v7"))
        ]
    );
    let definition = &described["daemonRevisions"][1]["daemonTaskDefinitionArn"];
    let (_, answer) = call(
        "DescribeDaemonTaskDefinition",
        json!({"daemonTaskDefinition": definition}),
    );
    let container = &answer["daemonTaskDefinition"]["containerDefinitions"][0];
    assert_eq!(container["image"], format!("{HOST}/app:v7"));
    let (_, answer) = call("ListDaemonTaskDefinitions", json!({"family": "logs"}));
    assert_eq!(answer["daemonTaskDefinitions"][1]["arn"], *definition);
    let gone = json!({"daemonArn": "arn:aws:ecs:ap-northeast-1:123456789012:daemon/default/none"});
    assert_eq!(
        call("DescribeDaemon", gone).1["__type"],
        "DaemonNotFoundException"
    );
    let many = json!({"daemonRevisionArns": vec!["a"; 21]});
    assert_eq!(
        call("DescribeDaemonRevisions", many).1["__type"],
        "InvalidParameterException"
    );
    let none = json!({"clusterArn": "arn:aws:ecs:ap-northeast-1:123456789012:cluster/none"});
    assert_eq!(
        call("ListDaemons", none).1["__type"],
        "ClusterNotFoundException"
    );
}

#[test]
fn what_a_region_does_not_have() {
    let sandbox = with(
        &json!({"services": [{"name": "app", "taskDefinition": "app:9"}],
        "unsupported": ["ecs:*Daemon*", "ecs:DescribeServiceRevisions"]}),
    );
    for (operation, input) in [
        ("ListDaemons", json!({})),
        (
            "DescribeServiceRevisions",
            json!({"serviceRevisionArns": ["a"]}),
        ),
    ] {
        let (status, answer) = ecs(&sandbox, operation, &input);
        assert_eq!(
            (status, &answer["__type"]),
            (400, &json!("UnsupportedFeatureException"))
        );
    }
    let (status, _) = ecs(
        &sandbox,
        "ListServiceDeployments",
        &json!({"service": "app"}),
    );
    assert_eq!(status, 200);
}

#[test]
fn each_call_can_be_denied_and_throttled() {
    let options = Options {
        denied: vec!["ecs:ListDaemons".parse().unwrap()],
        faults: vec!["429@ecs:DescribeServiceRevisions#*".parse().unwrap()],
        ..Options::default()
    };
    let sandbox = start(&world(&json!({})), options);
    assert_eq!(
        ecs(&sandbox, "ListDaemons", &json!({})).1["__type"],
        "AccessDeniedException"
    );
    for _ in 0..2 {
        let (_, answer) = ecs(
            &sandbox,
            "DescribeServiceRevisions",
            &json!({"serviceRevisionArns": ["a"]}),
        );
        assert_eq!(answer["__type"], "ThrottlingException");
    }
}

#[test]
fn the_shipped_world_has_them_all() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/worlds/usage.json"
    );
    let world = demitasse_sandbox::World::read(path.as_ref()).unwrap();
    let sandbox = Sandbox::start(world, Options::default()).unwrap();
    let (_, listed) = ecs(&sandbox, "ListServices", &json!({"maxResults": 100}));
    assert_eq!(listed["serviceArns"].as_array().unwrap().len(), 8);
    let (_, drained) = ecs(
        &sandbox,
        "DescribeServices",
        &json!({"services": ["drained"]}),
    );
    let drained = &drained["services"][0];
    assert_eq!(
        (&drained["desiredCount"], &drained["runningCount"]),
        (&json!(0), &json!(1))
    );
    let (_, moved) = ecs(
        &sandbox,
        "DescribeServices",
        &json!({"services": ["moved"]}),
    );
    let arn = &moved["services"][0]["currentServiceRevisions"][0]["arn"];
    let resolved = &revisions(&sandbox, &[arn])[0]["containerImages"][0]["imageDigest"];
    let now = sandbox.with_state(|state| state.image("moved", "latest").unwrap().digest.clone());
    assert_ne!(*resolved, now);
    // Everything can still start; after an eager clean-up of what no tag names, one service cannot.
    let (mut unstarted, gone) = sandbox.with_state(|state| {
        let before = state.restart_all();
        let repositories = state.repositories.values_mut();
        for repository in repositories {
            let named: std::collections::BTreeSet<String> = repository
                .images
                .values()
                .filter(|image| !image.tags.is_empty())
                .flat_map(|image| image.manifest.children.iter().chain([&image.digest]))
                .cloned()
                .collect();
            repository.images.retain(|digest, _| named.contains(digest));
        }
        (before, state.restart_all())
    });
    assert_eq!(unstarted.len(), 0);
    unstarted.extend(gone);
    assert_eq!(unstarted.len(), 1);
    assert_eq!(unstarted[0].group, "service:moved");
}
