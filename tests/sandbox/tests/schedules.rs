//! EventBridge and Scheduler: what starts tasks besides services.

mod support;

use demitasse_sandbox::Options;
use demitasse_sandbox::Undocumented;
use demitasse_sandbox::World;
use serde_json::Value;
use serde_json::json;
use support::*;

const WORLD: &str = r#"{"rules": [
        {"name": "nightly", "targets": [{"taskDefinition": "app:6"}, {"id": "any", "taskDefinition": "app", "input": {"a": 1}}]},
        {"name": "off", "state": "DISABLED", "targets": [{"taskDefinition": "app:7"}]},
        {"name": "on-order", "bus": "orders", "pattern": {"source": ["shop"]}, "targets": [
            {"arn": "arn:aws:sqs:ap-northeast-1:123456789012:orders"}]}],
    "schedules": [
        {"name": "hourly", "taskDefinition": "app:6"},
        {"name": "direct", "group": "batch", "state": "DISABLED", "taskDefinition": "app:7", "universal": true},
        {"name": "odd", "group": "batch", "universal": true, "input": "not JSON"}]}"#;

const DEFINITION: &str = "arn:aws:ecs:ap-northeast-1:123456789012:task-definition";

fn names(answer: &Value, key: &str) -> Vec<String> {
    let rows = answer[key].as_array().unwrap().iter();
    rows.map(|row| row["Name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn rules_and_targets() {
    let sandbox = start(WORLD, Options::default());
    let call = |operation: &str, input: Value| events(&sandbox, operation, &input);
    let (_, buses) = call("ListEventBuses", json!({}));
    assert_eq!(names(&buses, "EventBuses"), ["default", "orders"]);
    let (_, rules) = call("ListRules", json!({}));
    assert_eq!(names(&rules, "Rules"), ["nightly", "off"]);
    assert_eq!(rules["Rules"][1]["State"], "DISABLED");
    let bus = &buses["EventBuses"][1]["Arn"];
    let (_, rules) = call("ListRules", json!({"EventBusName": bus}));
    assert_eq!(rules["Rules"][0]["EventPattern"], r#"{"source":["shop"]}"#);

    let (_, targets) = call("ListTargetsByRule", json!({"Rule": "nightly"}));
    let targets = targets["Targets"].as_array().unwrap();
    let runs: Vec<&Value> = targets
        .iter()
        .map(|target| &target["EcsParameters"]["TaskDefinitionArn"])
        .collect();
    assert_eq!(
        runs,
        [
            &json!(format!("{DEFINITION}/app:6")),
            &json!(format!("{DEFINITION}/app"))
        ]
    );
    let cluster = "arn:aws:ecs:ap-northeast-1:123456789012:cluster/default";
    assert_eq!(targets[0]["Arn"], cluster);
    assert_eq!(
        (&targets[1]["Id"], &targets[1]["Input"]),
        (&json!("any"), &json!(r#"{"a":1}"#))
    );
    let queue = json!({"Rule": "on-order", "EventBusName": "orders"});
    let (_, queue) = call("ListTargetsByRule", queue);
    assert_eq!(queue["Targets"][0].get("EcsParameters"), None);

    for (operation, input) in [
        ("ListTargetsByRule", json!({"Rule": "on-order"})),
        ("ListRules", json!({"EventBusName": "none"})),
    ] {
        let (status, answer) = call(operation, input);
        assert_eq!(
            (status, &answer["__type"]),
            (400, &json!("ResourceNotFoundException"))
        );
    }
}

#[test]
fn pages() {
    let rule = |at: usize| json!({"name": format!("r{at:03}")});
    let schedule = |at: usize| json!({"name": format!("s{at:03}"), "taskDefinition": "app"});
    let rules: Vec<Value> = (0..150).map(rule).collect();
    let schedules: Vec<Value> = (0..150).map(schedule).collect();
    let world = json!({"rules": rules, "schedules": schedules}).to_string();
    let sandbox = start(&world, Options::default());
    let (_, first) = events(&sandbox, "ListRules", &json!({}));
    assert_eq!(names(&first, "Rules").len(), 100);
    let next = json!({"NextToken": first["NextToken"], "Limit": 30});
    let (_, second) = events(&sandbox, "ListRules", &next);
    assert_eq!(names(&second, "Rules")[0], "r100");
    assert_eq!(names(&second, "Rules").len(), 30);
    for limit in [0, 101] {
        let (_, answer) = events(&sandbox, "ListRules", &json!({"Limit": limit}));
        assert_eq!(answer["__type"], "ValidationException", "{limit}");
    }

    let (_, first, _) = scheduler(&sandbox, "/schedules");
    let token = first["NextToken"].as_str().unwrap();
    let (_, second, _) = scheduler(&sandbox, &format!("/schedules?NextToken={token}"));
    assert_eq!(names(&second, "Schedules").len(), 50);
    assert_eq!(second.get("NextToken"), None);
    let (status, _, name) = scheduler(&sandbox, "/schedules?MaxResults=101");
    assert_eq!(
        (status, name.as_deref()),
        (400, Some("ValidationException"))
    );

    // How many come without a limit is not documented.
    let undocumented = Undocumented {
        schedules_page: 7,
        ..Undocumented::draw(0)
    };
    let options = Options {
        undocumented: Some(undocumented),
        ..Options::default()
    };
    let sandbox = start(&world, options);
    let (_, first) = events(&sandbox, "ListRules", &json!({}));
    assert_eq!(names(&first, "Rules").len(), 7);
    assert_eq!(
        names(&scheduler(&sandbox, "/schedules").1, "Schedules").len(),
        7
    );
}

#[test]
fn schedules_and_groups() {
    let sandbox = start(WORLD, Options::default());
    let get = |path: &str| scheduler(&sandbox, path);
    assert_eq!(
        names(&get("/schedule-groups").1, "ScheduleGroups"),
        ["batch", "default"]
    );
    let all = get("/schedules").1;
    assert_eq!(names(&all, "Schedules"), ["direct", "odd", "hourly"]);
    assert_eq!(
        all["Schedules"][2]["Target"],
        json!({"Arn": "arn:aws:ecs:ap-northeast-1:123456789012:cluster/default"}),
        "the list does not say what is run"
    );
    assert_eq!(
        names(
            &get("/schedules?ScheduleGroup=batch&State=ENABLED").1,
            "Schedules"
        ),
        ["odd"]
    );
    let hourly = get("/schedules/hourly").1;
    assert_eq!(
        hourly["Target"]["EcsParameters"]["TaskDefinitionArn"],
        format!("{DEFINITION}/app:6")
    );
    let direct = get("/schedules/direct?groupName=batch").1;
    assert_eq!(direct["State"], "DISABLED");
    assert_eq!(
        direct["Target"]["Arn"],
        "arn:aws:scheduler:::aws-sdk:ecs:runTask"
    );
    let input: Value = serde_json::from_str(direct["Target"]["Input"].as_str().unwrap()).unwrap();
    assert_eq!(input["TaskDefinition"], "app:7");
    let odd = get("/schedules/odd?groupName=batch").1;
    assert_eq!(odd["Target"]["Input"], "not JSON");
    for path in ["/schedules/direct", "/schedules?ScheduleGroup=none"] {
        let (status, answer, name) = get(path);
        assert_eq!(
            (status, name.as_deref()),
            (404, Some("ResourceNotFoundException")),
            "{path}"
        );
        assert!(answer["Message"].is_string());
    }
}

#[test]
fn denied_and_throttled() {
    let options = Options {
        denied: vec![
            "events:ListTargetsByRule=nightly".parse().unwrap(),
            "scheduler:GetSchedule".parse().unwrap(),
        ],
        faults: vec![
            "429@events:ListRules#*".parse().unwrap(),
            "429;retry-after=1@scheduler:ListSchedules".parse().unwrap(),
        ],
        ..Options::default()
    };
    let sandbox = start(WORLD, options);
    let (status, answer) = events(&sandbox, "ListTargetsByRule", &json!({"Rule": "nightly"}));
    assert_eq!(
        (status, &answer["__type"]),
        (400, &json!("AccessDeniedException"))
    );
    let (status, _) = events(&sandbox, "ListTargetsByRule", &json!({"Rule": "off"}));
    assert_eq!(status, 200);
    for _ in 0..3 {
        let (_, answer) = events(&sandbox, "ListRules", &json!({}));
        assert_eq!(answer["__type"], "ThrottlingException");
    }
    let (status, _, name) = scheduler(&sandbox, "/schedules/hourly");
    assert_eq!(
        (status, name.as_deref()),
        (403, Some("AccessDeniedException"))
    );
    let (status, _, name) = scheduler(&sandbox, "/schedules");
    assert_eq!(
        (status, name.as_deref()),
        (429, Some("ThrottlingException"))
    );
    assert_eq!(scheduler(&sandbox, "/schedules").0, 200);
    let log = sandbox.log();
    let last = log.last().unwrap();
    assert_eq!(last.action.as_deref(), Some("scheduler:ListSchedules"));
    assert!(!last.write);
}

#[test]
fn contradictions_are_refused() {
    for (world, expected) in [
        (r#"{"rules": [{"name": "a"}, {"name": "a"}]}"#, "twice"),
        (r#"{"rules": [{"name": "a", "targets": [{}]}]}"#, "either"),
        (r#"{"schedules": [{"name": "a"}]}"#, "neither"),
        (
            r#"{"schedules": [{"name": "a", "family": "app"}]}"#,
            "family",
        ),
    ] {
        let error = match world.parse::<World>() {
            Err(error) => error,
            Ok(world) => demitasse_sandbox::Sandbox::start(world, Options::default())
                .err()
                .unwrap(),
        };
        assert!(error.to_string().contains(expected), "{error}");
    }
}
