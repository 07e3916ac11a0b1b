//! Service deployments and service revisions.

use serde_json::Value;
use serde_json::json;

use crate::clock::Time;
use crate::ecs::last_part;
use crate::ecs::page;
use crate::ecs::service_rows::summary;
use crate::ecs::services;
use crate::ecs::state::ServiceDeployment;
use crate::input::Input;
use crate::input::with_token;
use crate::refusal::Refusal;
use crate::state::State;

/// "You can't describe a service revision that was created before October 25, 2024" (DescribeServiceRevisions); nor are
/// there deployments from before that day.
pub(super) const OLDEST_REVISION: Time = Time(1_729_814_400_000);

/// The history reaches back 90 days, newest first.
pub(super) fn list(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let cluster = state.cluster(input)?;
    let name = last_part(input.required("service")?);
    state
        .ecs
        .service(&cluster, name)
        .ok_or_else(services::missing)?;
    let wanted = input.texts("status");
    let oldest = state.clock.now().days_before(90.0).max(OLDEST_REVISION);
    let bound = |key: &str| {
        let bound = input.0.get("createdAt").and_then(|range| range.get(key));
        bound.and_then(Value::as_f64)
    };
    let (after, before) = (bound("after"), bound("before"));
    let fits = |created: Time| {
        let created = created.json().as_f64().unwrap_or_default();
        after.is_none_or(|after| created >= after) && before.is_none_or(|before| created <= before)
    };
    let all = state
        .ecs
        .deployments
        .iter()
        .rev()
        .filter(|deployment| deployment.cluster == cluster && deployment.service == name)
        .filter(|deployment| deployment.created_at >= oldest && fits(deployment.created_at))
        .filter(|deployment| wanted.is_empty() || wanted.contains(&deployment.status.as_str()))
        .map(|deployment| {
            let mut row = head(state, deployment);
            row["targetServiceRevisionArn"] =
                Value::from(state.revision_arn(&cluster, name, &deployment.target));
            row
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
            .find(|known| known.id == last_part(arn) && known.created_at >= OLDEST_REVISION)
        else {
            failures.push(json!({"arn": arn, "reason": "MISSING"}));
            continue;
        };
        let mut row = head(state, deployment);
        let service = state.ecs.service(&deployment.cluster, &deployment.service);
        if let Some(service) = service {
            let sources = deployment.source.iter();
            let sources = sources.map(|source| summary(state, service, source));
            row["sourceServiceRevisions"] = sources.collect();
            row["targetServiceRevision"] = summary(state, service, &deployment.target);
        }
        if let Some(stage) = &deployment.stage {
            row["lifecycleStage"] = Value::from(stage.clone());
            row["deploymentConfiguration"] =
                json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 60});
        }
        if let Some(back_to) = &deployment.rollback {
            row["rollback"] = json!({
                "reason": "Service deployment rolled back because the circuit breaker threshold was exceeded.",
                "startedAt": deployment.created_at.json(),
                "serviceRevisionArn": state.revision_arn(&deployment.cluster, &deployment.service, back_to),
            });
        }
        found.push(row);
    }
    Ok(json!({"serviceDeployments": found, "failures": failures}))
}

pub(super) fn revisions(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for arn in at_most_20(input, "serviceRevisionArns")? {
        let revision = state.ecs.revision(last_part(arn));
        let is_old = revision.is_some_and(|known| known.created_at < OLDEST_REVISION);
        if is_old && state.undocumented.old_revision_is_an_error {
            return Err(Refusal::new(
                "InvalidParameterException",
                format!("{arn} was created before October 25, 2024."),
            ));
        }
        let Some(revision) = revision.filter(|_| !is_old) else {
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

pub(super) fn at_most_20<'a>(input: &'a Input, key: &str) -> Result<Vec<&'a str>, Refusal> {
    let arns = input.texts(key);
    if arns.is_empty() || arns.len() > 20 {
        return Err(Refusal::new(
            "InvalidParameterException",
            format!("{key} must have between 1 and 20 entries."),
        ));
    }
    Ok(arns)
}

/// What a deployment has in lists and descriptions alike.
fn head(state: &State, deployment: &ServiceDeployment) -> Value {
    let mut row = json!({
        "serviceDeploymentArn": deployment_arn(state, deployment),
        "serviceArn": state.service_arn(&deployment.cluster, &deployment.service),
        "clusterArn": state.ecs_arn(&format!("cluster/{}", deployment.cluster)),
        "status": deployment.status, "createdAt": deployment.created_at.json(),
        "startedAt": deployment.created_at.json(),
    });
    if let Some(time) = deployment.finished_at {
        row["finishedAt"] = time.json();
    }
    row
}

fn deployment_arn(state: &State, deployment: &ServiceDeployment) -> String {
    state.ecs_arn(&format!(
        "service-deployment/{}/{}/{}",
        deployment.cluster, deployment.service, deployment.id
    ))
}
