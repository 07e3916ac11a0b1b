//! When nothing is deleted at all.

use demitasse_sandbox::Options;
use serde_json::{Value, json};

use crate::support::Case;
use crate::{case, definition, now, old, sweep, tags, world};

#[test]
fn each_call_that_is_denied_refuses_and_nothing_is_written() {
    let actions = [
        "ecs:ListClusters",
        "ecs:ListServices",
        "ecs:DescribeServices",
        "ecs:ListServiceDeployments",
        "ecs:DescribeServiceDeployments",
        "ecs:DescribeServiceRevisions",
        "ecs:DescribeTaskSets",
        "ecs:ListTasks",
        "ecs:DescribeTasks",
        "ecs:ListTaskDefinitions",
        "ecs:DescribeTaskDefinition",
        "ecs:ListDaemons",
        "ecs:DescribeDaemon",
        "ecs:DescribeDaemonRevisions",
        "events:ListEventBuses",
        "events:ListRules",
        "events:ListTargetsByRule",
        "scheduler:ListSchedules",
        "scheduler:GetSchedule",
        "ecr:DescribeImages",
        "ecr:BatchGetImage",
        "ecr:GetAuthorizationToken",
    ];
    // A world in which there is something of everything.
    let text = include_str!("../../fixtures/worlds/usage.json");
    let mut everything: Value = serde_json::from_str(text).expect("a world");
    let images: Vec<Value> = (0..4).map(|number| old(&format!("v{number}"))).collect();
    everything["now"] = json!(now());
    let repositories = everything["repositories"].as_array_mut();
    repositories
        .expect("repositories")
        .push(json!({"name": "fluentd/app", "images": images}));
    let case = Case::new(&everything, Options::default());
    // As fast as the sandbox answers: AWS would be asked 10 times a second.
    let flags = ["--yes", "--rate", "1000"];
    for action in actions {
        case.sandbox.deny(vec![action.parse().expect("a denial")]);
        case.sandbox.clear_log();
        let ran = sweep(&case, &flags);
        let log = case.sandbox.log();
        let tried = log.iter().any(|one| one.action.as_deref() == Some(action));
        assert!(tried, "{action} is not called at all");
        ran.expect(1, &[action]);
        assert!(case.writes().is_empty(), "{action}");
    }
    case.sandbox.deny(Vec::new());
    sweep(&case, &flags).expect(0, &[]);
    assert!(tags(&case).is_empty(), "only the denials kept them");
}

#[test]
fn no_service_at_all_refuses_unless_it_is_allowed() {
    let mut world = world(&[old("v1")]);
    world["services"] = json!([]);
    let case = Case::new(&world, Options::default());
    let texts = [
        "no service was found",
        "--allow-empty",
        "nothing was written",
    ];
    sweep(&case, &["--yes"]).expect(4, &texts);
    assert!(case.writes().is_empty());
    sweep(&case, &["--yes", "--allow-empty"]).expect(0, &[]);
    assert_eq!(tags(&case), ["used"], "a family's newest revision is kept");
}

#[test]
fn a_source_is_left_out_by_the_settings_and_not_by_a_flag() {
    let case = case(&[old("v1")]);
    let flags = ["--yes", "--without", "scheduler"];
    let texts = ["--without left out scheduler", "without: [scheduler]"];
    sweep(&case, &flags).expect(4, &texts);
    assert!(case.writes().is_empty());
    case.write("demitasse.yml", "without: [scheduler]\n");
    sweep(&case, &flags).expect(0, &["scheduler was left out"]);
    assert_eq!(tags(&case), ["used"]);
}

#[test]
fn a_repository_that_would_lose_more_than_the_ratio_stops_the_whole_sweep() {
    let mut world = world(&[old("v1"), old("v2")]);
    let others: Vec<Value> = (0..4).map(|number| old(&format!("w{number}"))).collect();
    let repositories = world["repositories"].as_array_mut().expect("repositories");
    repositories.push(json!({"name": "fluentd/web", "images": others}));
    let definitions = world["taskDefinitions"].as_array_mut();
    let further = [2, 3].map(|number| definition(number, &format!("web:w{number}")));
    definitions.expect("definitions").extend(further);
    let case = Case::new(&world, Options::default());
    let arguments = ["sweep", "--repository", "fluentd/*", "--keep", "0", "--yes"];
    case.run(&arguments).expect(
        4,
        &[
            "fluentd/app would lose 2 of its 3 images",
            "--max-ratio 0.67",
        ],
    );
    assert!(case.writes().is_empty());
    case.run(&[&arguments[..], &["--max-ratio", "0.67"]].concat())
        .expect(0, &[]);
    assert_eq!(tags(&case), ["used"]);
    assert_eq!(
        case.tags("fluentd/web").len(),
        2,
        "half of it is not too much"
    );
}

#[test]
fn a_list_that_cannot_be_read_refuses() {
    let case = case(&[old("v1")]);
    case.write("in-use.json", "{}");
    sweep(&case, &["--yes", "--in-use-file", "in-use.json"])
        .expect(3, &["in-use.json: not a JSON array of images"]);
    sweep(&case, &["--yes", "--in-use-command", "exit 7"]).expect(1, &["in-use-command"]);
    let unknown = r#"echo '["123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/fluentd/app:?"]'"#;
    sweep(&case, &["--yes", "--in-use-command", unknown]).expect(1, &["cannot be understood"]);
    assert!(case.writes().is_empty());
}
