//! Histories played in-process: deployments, rollbacks, restarts, and what can no longer start afterwards.

use demitasse_sandbox::ImageSpec;
use demitasse_sandbox::State;
use demitasse_sandbox::World;

const HOST: &str = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com";

/// Revisions 1 to 3 of one family, on images v1 to v3.
fn state() -> State {
    let world: World = r#"{"repositories": [{"name": "app", "images": [{"tags": ["v1"]}, {"tags": ["v2"]}, {"tags": ["v3"]}]}],
        "schedules": [{"name": "s", "taskDefinition": "app"}, {"name": "off", "state": "DISABLED", "taskDefinition": "app:1"},
                      {"name": "u", "taskDefinition": "app:1", "universal": true}],
        "rules": [{"name": "r", "targets": [{"taskDefinition": "app:2"}, {"arn": "arn:aws:sqs:a:b:c"}]}]}"#
        .parse()
        .unwrap();
    let mut state = State::new(&world, 0).unwrap();
    for tag in ["v1", "v2", "v3"] {
        state.register("app", &[("c", &format!("{HOST}/app:{tag}"))]);
    }
    state
}

fn set_to(state: &State) -> &str {
    &state.ecs.service("default", "app").unwrap().task_definition
}

fn running(state: &State) -> Vec<&str> {
    let tasks = state.ecs.running("default", "app");
    tasks
        .into_iter()
        .map(|task| task.task_definition.as_str())
        .collect()
}

fn statuses(state: &State) -> Vec<&str> {
    let deployments = state.ecs.deployments.iter();
    deployments
        .map(|deployment| deployment.status.as_str())
        .collect()
}

/// Deletes what a tag names, children and all.
fn delete(state: &mut State, tag: &str) {
    let digest = state.image("app", tag).unwrap().digest.clone();
    state
        .repositories
        .get_mut("app")
        .unwrap()
        .images
        .remove(&digest);
}

#[test]
fn deployments_that_fail_and_that_are_superseded() {
    let mut state = state();
    state.deploy("default", "app", "app:1").unwrap();
    state.deploy_failing("default", "app", "app:2").unwrap();
    assert_eq!((set_to(&state), running(&state)), ("app:1", vec!["app:1"]));
    state.begin_deployment("default", "app", "app:2").unwrap();
    assert_eq!(
        (set_to(&state), running(&state)),
        ("app:2", vec!["app:1", "app:2"])
    );
    state.begin_deployment("default", "app", "app:3").unwrap();
    assert_eq!(running(&state), ["app:1", "app:3"]);
    state.finish_deployment("default", "app").unwrap();
    assert_eq!((set_to(&state), running(&state)), ("app:3", vec!["app:3"]));
    assert!(state.finish_deployment("default", "app").is_err());
    assert_eq!(
        statuses(&state),
        ["SUCCESSFUL", "ROLLBACK_SUCCESSFUL", "STOPPED", "SUCCESSFUL"]
    );
    state.deregister("app:2").unwrap();
    assert!(state.deploy("default", "app", "app:2").is_err(), "INACTIVE");
    assert!(state.delete_definition("app:3").is_err());
    state.delete_definition("app:2").unwrap();
    assert_eq!(
        state.ecs.task_definition("app:2").unwrap().status,
        "DELETE_IN_PROGRESS"
    );
}

#[test]
fn a_first_deployment_has_nothing_to_go_back_to() {
    let mut state = state();
    delete(&mut state, "v1");
    let error = state.deploy("default", "app", "app:1").unwrap_err();
    assert!(
        error.to_string().contains("CannotPullContainerError"),
        "{error}"
    );
    assert_eq!((set_to(&state), running(&state).len()), ("app:1", 0));
    assert_eq!(statuses(&state), ["STOPPED"]);
    assert!(state.ecs.deployments[0].rollback.is_none());
}

#[test]
fn rollback_as_ecspresso_does_it() {
    let mut state = state();
    state.deploy("default", "app", "app:1").unwrap();
    state.deploy("default", "app", "app:3").unwrap();
    // Not what was deployed before, but the next lower ACTIVE revision.
    assert_eq!(state.roll_back("default", "app", true).unwrap(), "app:2");
    assert_eq!(
        state.ecs.task_definition("app:3").unwrap().status,
        "INACTIVE"
    );
    assert_eq!(state.roll_back("default", "app", false).unwrap(), "app:1");
    assert!(
        state.roll_back("default", "app", false).is_err(),
        "nothing below"
    );
    state.begin_deployment("default", "app", "app:2").unwrap();
    assert_eq!(state.roll_back("default", "app", true).unwrap(), "app:1");
    assert_eq!(state.ecs.task_definition("app:2").unwrap().status, "ACTIVE");
    state.deploy("default", "app", "app:2").unwrap();
    state.deregister("app:2").unwrap();
    assert!(
        state.roll_back("default", "app", false).is_err(),
        "the current one is INACTIVE"
    );
}

#[test]
fn a_restart_pulls_the_digest_and_not_the_tag() {
    let mut state = state();
    state.deploy("default", "app", "app:1").unwrap();
    assert!(state.scale("default", "app", 3).unwrap().is_empty());
    let old = state.image("app", "v1").unwrap().digest.clone();
    state.push("app", &ImageSpec::default(), &["v1"]).unwrap();
    assert!(state.restart("default", "app").is_empty());
    let pulled = |state: &State| {
        state.ecs.running("default", "app")[0].containers[0]
            .digest
            .clone()
    };
    assert_eq!(pulled(&state), Some(old.clone()));

    state
        .repositories
        .get_mut("app")
        .unwrap()
        .images
        .remove(&old);
    let unstarted = state.restart("default", "app");
    assert_eq!(unstarted.len(), 3);
    assert_eq!(unstarted[0].digest, Some(old));
    assert_eq!(unstarted[0].task_definition, "app:1");
    assert!(unstarted[0].reason.contains("CannotPullContainerError"));
    assert!(running(&state).is_empty());
    // A new deployment resolves the tag again.
    state.deploy("default", "app", "app:1").unwrap();
    assert_eq!(running(&state).len(), 3);
    assert!(state.restart_all().is_empty());
}

#[test]
fn a_failing_deployment_goes_back_to_the_digest() {
    let mut state = state();
    state.deploy("default", "app", "app:1").unwrap();
    let digest = state.image("app", "v1").unwrap().digest.clone();
    state.push("app", &ImageSpec::default(), &["v1"]).unwrap();
    state.begin_deployment("default", "app", "app:2").unwrap();
    state.restart("default", "app");
    assert_eq!(running(&state).len(), 2, "both revisions are restarted");
    state.fail_deployment("default", "app").unwrap();
    let tasks = state.ecs.running("default", "app");
    assert_eq!(tasks[0].containers[0].digest, Some(digest));
}

#[test]
fn digests_are_established_by_the_first_task() {
    let mut state = state();
    state.deploy("default", "app", "app:1").unwrap();
    state.scale("default", "app", 0).unwrap();
    assert!(running(&state).is_empty());
    state.deploy("default", "app", "app:2").unwrap();
    let established = |state: &State| state.ecs.revisions.last().unwrap().images[0].digest.clone();
    assert_eq!(established(&state), None);
    let pushed = state.push("app", &ImageSpec::default(), &["v2"]).unwrap();
    state.scale("default", "app", 1).unwrap();
    assert_eq!(established(&state), Some(pushed));
}

#[test]
fn tasks_of_their_own_pull_the_tag() {
    let mut state = state();
    let id = state.run_task("default", "app", "me").unwrap();
    let task = state.ecs.tasks.last().unwrap();
    assert_eq!(
        (task.id.as_str(), task.task_definition.as_str()),
        (id.as_str(), "app:3")
    );
    let pushed = state.push("app", &ImageSpec::default(), &["v3"]).unwrap();
    state.run_task("default", "app:3", "me").unwrap();
    assert_eq!(
        state.ecs.tasks.last().unwrap().containers[0].digest,
        Some(pushed)
    );
    state.stop_task(&id);
    delete(&mut state, "v1");
    let unstarted = state.run_task("default", "app:1", "me").unwrap_err();
    assert_eq!(
        (unstarted.digest, unstarted.group.as_str()),
        (None, "family:app")
    );
    state.deregister("app:3").unwrap();
    assert!(
        state
            .run_task("default", "app:3", "me")
            .unwrap_err()
            .reason
            .contains("inactive")
    );
}

#[test]
fn schedules_and_rules_fire() {
    let mut state = state();
    assert!(state.run_schedules().is_empty());
    let started: Vec<(&str, &str)> = state
        .ecs
        .tasks
        .iter()
        .map(|task| (task.started_by.as_str(), task.task_definition.as_str()))
        .collect();
    assert_eq!(
        started,
        [
            ("events-rule/r", "app:2"),
            ("chronos-schedule/s", "app:3"),
            ("chronos-schedule/u", "app:1")
        ]
    );
    delete(&mut state, "v1");
    let unstarted = state.run_schedules();
    assert_eq!(unstarted.len(), 1);
    assert_eq!(unstarted[0].task_definition, "app:1");
}

#[test]
fn an_image_is_whole_or_not() {
    let mut state = state();
    let spec = ImageSpec {
        platforms: vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()],
        ..ImageSpec::default()
    };
    let index = state.push("app", &spec, &["multi"]).unwrap();
    state.check_whole("app", "multi").unwrap();
    let child = state.image("app", &index).unwrap().manifest.children[1].clone();
    state
        .repositories
        .get_mut("app")
        .unwrap()
        .images
        .remove(&child);
    assert!(
        state
            .check_whole("app", &index)
            .unwrap_err()
            .contains(&child)
    );
    assert!(state.check_whole("app", "none").is_err());
}
