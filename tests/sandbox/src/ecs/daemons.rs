//! ECS Managed Daemons: ListDaemons, DescribeDaemon, DescribeDaemonRevisions and their task definitions (ECS API
//! Reference, "DaemonSummary", "DaemonDetail", "DaemonRevision", "DaemonTaskDefinition").

use serde_json::Value;
use serde_json::json;

use crate::ecs::deployments::at_most_20;
use crate::ecs::last_part;
use crate::ecs::page;
use crate::ecs::state::Daemon;
use crate::ecs::state::DaemonRevision;
use crate::input::Input;
use crate::input::with_token;
use crate::refusal::Refusal;
use crate::state::State;

/// The daemons of a cluster; of the default one where none is named.
pub(super) fn list(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let cluster = last_part(input.text("clusterArn").unwrap_or("default"));
    if !state.ecs.clusters.iter().any(|known| known == cluster) {
        return Err(Refusal::new(
            "ClusterNotFoundException",
            "Cluster not found.",
        ));
    }
    let date = state.clock.now().days_before(30.0).json();
    let all = state
        .ecs
        .daemons
        .iter()
        .filter(|daemon| daemon.cluster == cluster)
        .map(|daemon| {
            json!({"daemonArn": arn(state, daemon), "status": daemon.status, "createdAt": date, "updatedAt": date})
        })
        .collect();
    let (page, token) = page(input, all, 100)?;
    Ok(with_token(json!({ "daemonSummariesList": page }), token))
}

pub(super) fn describe(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let wanted = input.required("daemonArn")?;
    let date = state.clock.now().days_before(30.0).json();
    let daemon = state.ecs.daemons.iter();
    let daemon = daemon
        .clone()
        .find(|daemon| arn(state, daemon) == wanted)
        .ok_or_else(|| Refusal::new("DaemonNotFoundException", "Daemon not found."))?;
    let current: Vec<Value> = daemon
        .revisions
        .iter()
        .map(|revision| {
            json!({
                "arn": revision_arn(state, daemon, revision), "totalRunningCount": 1, "totalWithoutDaemonCount": 0,
                "capacityProviders": [{
                    "arn": state.ecs_arn("capacity-provider/managed"), "runningCount": 1, "withoutDaemonCount": 0,
                }],
            })
        })
        .collect();
    let deployment = format!("daemon-deployment/{}/{}/1", daemon.cluster, daemon.name);
    Ok(json!({"daemon": {
        "daemonArn": arn(state, daemon), "clusterArn": state.ecs_arn(&format!("cluster/{}", daemon.cluster)),
        "status": daemon.status, "currentRevisions": current, "deploymentArn": state.ecs_arn(&deployment),
        "createdAt": date, "updatedAt": date,
    }}))
}

pub(super) fn revisions(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let date = state.clock.now().days_before(30.0).json();
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for wanted in at_most_20(input, "daemonRevisionArns")? {
        let mut all = state.ecs.daemons.iter();
        let known = all.find_map(|daemon| {
            let mut revisions = daemon.revisions.iter();
            let revision =
                revisions.find(|revision| revision_arn(state, daemon, revision) == wanted);
            Some((daemon, revision?))
        });
        let Some((daemon, revision)) = known else {
            failures.push(json!({"arn": wanted, "reason": "MISSING"}));
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
            "daemonRevisionArn": wanted, "daemonArn": arn(state, daemon),
            "clusterArn": state.ecs_arn(&format!("cluster/{}", daemon.cluster)),
            "daemonTaskDefinitionArn": definition_arn(state, daemon, revision),
            "containerImages": images, "createdAt": date, "critical": true,
        }));
    }
    Ok(json!({"daemonRevisions": found, "failures": failures}))
}

/// The daemon task definitions the daemons use.
pub(super) fn definitions(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let prefix = input.text("familyPrefix").unwrap_or_default();
    let family = input.text("family");
    let status = input.text("status").unwrap_or("ACTIVE");
    let date = state.clock.now().days_before(30.0).json();
    let mut all: Vec<Value> = Vec::new();
    for daemon in &state.ecs.daemons {
        let fits = daemon.name.starts_with(prefix)
            && family.is_none_or(|family| family == daemon.name)
            && ["ACTIVE", "ALL"].contains(&status);
        for revision in daemon.revisions.iter().filter(|_| fits) {
            all.push(json!({"arn": definition_arn(state, daemon, revision), "registeredAt": date, "status": "ACTIVE"}));
        }
    }
    let (page, token) = page(input, all, 100)?;
    Ok(with_token(json!({ "daemonTaskDefinitions": page }), token))
}

pub(super) fn definition(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let wanted = last_part(input.required("daemonTaskDefinition")?);
    let date = state.clock.now().days_before(30.0).json();
    for daemon in &state.ecs.daemons {
        // Without a revision it is the newest.
        for revision in daemon.revisions.iter().rev() {
            let name = format!("{}:{}", daemon.name, revision.number);
            if wanted != name && wanted != daemon.name {
                continue;
            }
            let containers: Vec<Value> = revision
                .images
                .iter()
                .map(|image| json!({"name": image.name, "image": image.image, "essential": true}))
                .collect();
            return Ok(json!({"daemonTaskDefinition": {
                "daemonTaskDefinitionArn": definition_arn(state, daemon, revision), "family": daemon.name,
                "revision": revision.number, "containerDefinitions": containers, "status": "ACTIVE", "registeredAt": date,
            }}));
        }
    }
    Err(Refusal::new(
        "ClientException",
        "Unable to describe daemon task definition.",
    ))
}

fn arn(state: &State, daemon: &Daemon) -> String {
    state.ecs_arn(&format!("daemon/{}/{}", daemon.cluster, daemon.name))
}

fn revision_arn(state: &State, daemon: &Daemon, revision: &DaemonRevision) -> String {
    state.ecs_arn(&format!(
        "daemon-revision/{}/{}/{}",
        daemon.cluster, daemon.name, revision.id
    ))
}

fn definition_arn(state: &State, daemon: &Daemon, revision: &DaemonRevision) -> String {
    state.ecs_arn(&format!(
        "daemon-task-definition/{}:{}",
        daemon.name, revision.number
    ))
}
