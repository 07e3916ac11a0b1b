//! Tasks.

use serde_json::Value;
use serde_json::json;

use crate::ecs::last_part;
use crate::ecs::page;
use crate::ecs::services;
use crate::ecs::state::ContainerImage;
use crate::ecs::state::Task;
use crate::input::Input;
use crate::input::with_token;
use crate::refusal::Refusal;
use crate::state::State;

/// The filter is on the desired status; RUNNING where none is given, and PENDING finds nothing.
pub(super) fn list(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let cluster = state.cluster(input)?;
    let desired = input.text("desiredStatus").unwrap_or("RUNNING");
    let group = match input.text("serviceName") {
        Some(name) => {
            state
                .ecs
                .service(&cluster, last_part(name))
                .ok_or_else(services::missing)?;
            Some(format!("service:{}", last_part(name)))
        }
        None => None,
    };
    let family = input.text("family");
    let all = state
        .ecs
        .tasks
        .iter()
        .filter(|task| task.cluster == cluster && task.desired_status == desired)
        .filter(|task| is_known(state, task))
        .filter(|task| group.is_none() || group.as_ref() == Some(&task.group))
        .filter(|task| {
            family.is_none_or(|family| task.task_definition.split(':').next() == Some(family))
        })
        .map(|task| arn(state, task))
        .collect();
    let (page, token) = page(input, all, 100)?;
    Ok(with_token(json!({ "taskArns": page }), token))
}

pub(super) fn describe(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let cluster = state.cluster(input)?;
    let wanted = input.texts("tasks");
    if wanted.is_empty() || wanted.len() > 100 {
        return Err(Refusal::new(
            "InvalidParameterException",
            "Tasks cannot be empty, and at most 100 can be described.",
        ));
    }
    let mut tasks = Vec::new();
    let mut failures = Vec::new();
    for wanted in wanted {
        match state
            .ecs
            .tasks
            .iter()
            .find(|task| task.cluster == cluster && task.id == last_part(wanted))
            .filter(|task| is_known(state, task))
        {
            Some(task) => tasks.push(row(state, task)),
            None => failures.push(json!({"arn": wanted, "reason": "MISSING"})),
        }
    }
    Ok(json!({"tasks": tasks, "failures": failures}))
}

/// "Stopped tasks remain for at least one hour" (DescribeTasks); here exactly so long.
fn is_known(state: &State, task: &Task) -> bool {
    let hour = std::time::Duration::from_secs(3600);
    task.stopped_at
        .is_none_or(|stopped| state.clock.now() <= stopped.plus(hour))
}

/// The digest of a container. For an index it is the index's on the EC2 agent (aws/amazon-ecs-agent #3576); whether on
/// Fargate it is the platform's is not documented, nor whether it is there before the image is pulled.
fn shown_digest(state: &State, task: &Task, container: &ContainerImage) -> Option<String> {
    let digest = container.digest.clone()?;
    let is_pulled = !["PROVISIONING", "PENDING"].contains(&task.last_status.as_str());
    if !is_pulled && !state.undocumented.pending_task_has_digest {
        return None;
    }
    let index = state
        .repository_of(&container.image)
        .and_then(|repository| state.image(repository, &digest));
    let child = index.and_then(|index| index.manifest.children.first());
    match child {
        Some(child) if state.undocumented.task_digest_is_child => Some(child.clone()),
        _ => Some(digest),
    }
}

fn arn(state: &State, task: &Task) -> String {
    state.ecs_arn(&format!("task/{}/{}", task.cluster, task.id))
}

fn row(state: &State, task: &Task) -> Value {
    let containers: Vec<Value> = task
        .containers
        .iter()
        .map(|container| {
            let mut row = json!({
                "name": container.name, "image": container.image, "lastStatus": task.last_status, "taskArn": arn(state, task),
            });
            if let Some(digest) = shown_digest(state, task, container) {
                row["imageDigest"] = Value::from(digest);
            }
            row
        })
        .collect();
    let mut row = json!({
        "taskArn": arn(state, task), "clusterArn": state.ecs_arn(&format!("cluster/{}", task.cluster)),
        "taskDefinitionArn": state.ecs_arn(&format!("task-definition/{}", task.task_definition)),
        "group": task.group, "lastStatus": task.last_status, "desiredStatus": task.desired_status,
        "containers": containers, "launchType": "FARGATE", "createdAt": task.started_at.json(),
        "version": 1,
    });
    if !["PROVISIONING", "PENDING"].contains(&task.last_status.as_str()) {
        row["startedAt"] = task.started_at.json();
    }
    if !task.started_by.is_empty() {
        row["startedBy"] = Value::from(task.started_by.clone());
    }
    if let Some(time) = task.stopped_at {
        row["stoppedAt"] = time.json();
    }
    if let Some(reason) = &task.stopped_reason {
        row["stoppedReason"] = Value::from(reason.clone());
    }
    row
}
