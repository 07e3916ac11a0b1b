//! Service deployments and service revisions.

use serde_json::Value;
use serde_json::json;

use crate::clock::Time;
use crate::ecs::last_part;
use crate::ecs::page;
use crate::ecs::services;
use crate::ecs::state::ServiceDeployment;
use crate::input::Input;
use crate::input::with_token;
use crate::refusal::Refusal;
use crate::state::State;

/// The history reaches back 90 days, newest first.
pub(super) fn list(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let cluster = state.cluster(input)?;
    let name = last_part(input.required("service")?);
    state
        .ecs
        .service(&cluster, name)
        .ok_or_else(services::missing)?;
    let wanted = input.texts("status");
    let oldest = state.clock.now().days_before(90.0);
    let all = state
        .ecs
        .deployments
        .iter()
        .rev()
        .filter(|deployment| deployment.cluster == cluster && deployment.service == name)
        .filter(|deployment| deployment.created_at >= oldest)
        .filter(|deployment| wanted.is_empty() || wanted.contains(&deployment.status.as_str()))
        .map(|deployment| {
            json!({
                "serviceDeploymentArn": deployment_arn(state, deployment),
                "serviceArn": state.ecs_arn(&format!("service/{cluster}/{name}")),
                "clusterArn": state.ecs_arn(&format!("cluster/{cluster}")),
                "targetServiceRevisionArn": revision_arn(state, deployment, &deployment.target),
                "status": deployment.status, "createdAt": deployment.created_at.json(),
                "startedAt": deployment.created_at.json(), "finishedAt": deployment.created_at.json(),
            })
        })
        .collect();
    let (page, token) = page(input, all, 20)?;
    Ok(with_token(json!({ "serviceDeployments": page }), token))
}

pub(super) fn describe(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for arn in at_most_20(input, "serviceDeploymentArns")? {
        let Some(deployment) = state
            .ecs
            .deployments
            .iter()
            .find(|known| known.id == last_part(arn))
        else {
            failures.push(json!({"arn": arn, "reason": "MISSING"}));
            continue;
        };
        let summary = |revision: &str| json!({"arn": revision_arn(state, deployment, revision), "requestedTaskCount": 1, "runningTaskCount": 1, "pendingTaskCount": 0});
        let time: Time = deployment.created_at;
        let mut row = json!({
            "serviceDeploymentArn": deployment_arn(state, deployment),
            "serviceArn": state.ecs_arn(&format!("service/{}/{}", deployment.cluster, deployment.service)),
            "clusterArn": state.ecs_arn(&format!("cluster/{}", deployment.cluster)),
            "sourceServiceRevisions": deployment.source.iter().map(|source| summary(source)).collect::<Vec<_>>(),
            "targetServiceRevision": summary(&deployment.target), "status": deployment.status,
            "createdAt": time.json(), "startedAt": time.json(), "finishedAt": time.json(), "updatedAt": time.json(),
        });
        if let (true, Some(source)) = (
            deployment.status.starts_with("ROLLBACK"),
            &deployment.source,
        ) {
            let arn = revision_arn(state, deployment, source);
            row["rollback"] = json!({"reason": "the deployment failed", "startedAt": time.json(), "serviceRevisionArn": arn});
        }
        found.push(row);
    }
    Ok(json!({"serviceDeployments": found, "failures": failures}))
}

pub(super) fn revisions(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for arn in at_most_20(input, "serviceRevisionArns")? {
        let Some(revision) = state.ecs.revision(last_part(arn)) else {
            failures.push(json!({"arn": arn, "reason": "MISSING"}));
            continue;
        };
        let images: Vec<Value> = revision
            .images
            .iter()
            .map(|image| match &image.digest {
                Some(digest) => json!({"containerName": image.name, "image": image.image, "imageDigest": digest}),
                None => json!({"containerName": image.name, "image": image.image}),
            })
            .collect();
        found.push(json!({
            "serviceRevisionArn": arn,
            "serviceArn": state.ecs_arn(&format!("service/{}/{}", revision.cluster, revision.service)),
            "clusterArn": state.ecs_arn(&format!("cluster/{}", revision.cluster)),
            "taskDefinition": state.ecs_arn(&format!("task-definition/{}", revision.task_definition)),
            "containerImages": images, "createdAt": revision.created_at.json(), "launchType": "FARGATE",
        }));
    }
    Ok(json!({"serviceRevisions": found, "failures": failures}))
}

fn at_most_20<'a>(input: &'a Input, key: &str) -> Result<Vec<&'a str>, Refusal> {
    let arns = input.texts(key);
    if arns.is_empty() || arns.len() > 20 {
        return Err(Refusal::new(
            "InvalidParameterException",
            format!("{key} must have between 1 and 20 entries."),
        ));
    }
    Ok(arns)
}

fn deployment_arn(state: &State, deployment: &ServiceDeployment) -> String {
    state.ecs_arn(&format!(
        "service-deployment/{}/{}/{}",
        deployment.cluster, deployment.service, deployment.id
    ))
}

fn revision_arn(state: &State, deployment: &ServiceDeployment, revision: &str) -> String {
    state.ecs_arn(&format!(
        "service-revision/{}/{}/{revision}",
        deployment.cluster, deployment.service
    ))
}
