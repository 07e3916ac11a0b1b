//! A service and its task sets, as DescribeServices shows them (ECS API Reference, "Service", "Deployment", "TaskSet").

use serde_json::Value;
use serde_json::json;

use crate::ecs::deployments::OLDEST_REVISION;
use crate::ecs::state::Service;
use crate::ecs::state::ServiceDeployment;
use crate::ecs::state::Task;
use crate::state::State;

/// How many tasks run and how many are on their way.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) running: usize,
    pub(super) pending: usize,
}

impl State {
    pub(crate) fn service_arn(&self, cluster: &str, service: &str) -> String {
        self.ecs_arn(&format!("service/{cluster}/{service}"))
    }

    pub(crate) fn revision_arn(&self, cluster: &str, service: &str, id: &str) -> String {
        self.ecs_arn(&format!("service-revision/{cluster}/{service}/{id}"))
    }

    /// The tasks of a service that fit.
    pub(super) fn counts(
        &self,
        cluster: &str,
        service: &str,
        fits: impl Fn(&Task) -> bool,
    ) -> Counts {
        let mut counts = Counts::default();
        for task in self.ecs.running(cluster, service) {
            match task.last_status.as_str() {
                _ if !fits(task) => {}
                "RUNNING" => counts.running += 1,
                _ => counts.pending += 1,
            }
        }
        counts
    }
}

/// The task sets of CODE_DEPLOY and EXTERNAL, the primary one first; the other controller has none.
pub(super) fn task_set_rows(state: &State, service: &Service) -> Vec<Value> {
    if service.controller == "ECS" {
        return Vec::new();
    }
    let (cluster, name) = (&service.cluster, &service.name);
    let own = Some(&service.task_definition)
        .filter(|definition| !definition.is_empty() && !service.task_sets.contains(definition));
    own.into_iter()
        .chain(&service.task_sets)
        .enumerate()
        .map(|(at, definition)| {
            let id = format!("ecs-svc/{}", 1000 + at);
            let counts = state.counts(cluster, name, |task| task.task_definition == *definition);
            json!({
                "id": id, "taskSetArn": state.ecs_arn(&format!("task-set/{cluster}/{name}/{id}")),
                "serviceArn": state.service_arn(cluster, name),
                "clusterArn": state.ecs_arn(&format!("cluster/{cluster}")),
                "status": if at == 0 { "PRIMARY" } else { "ACTIVE" },
                "taskDefinition": state.ecs_arn(&format!("task-definition/{definition}")),
                "computedDesiredCount": service.desired_count, "runningCount": counts.running,
                "pendingCount": counts.pending, "stabilityStatus": "STEADY_STATE",
                "createdAt": service.created_at.json(), "updatedAt": service.created_at.json(),
            })
        })
        .collect()
}

/// A service. `deployments` is used by the controller ECS only, `taskSets` by the others.
pub(super) fn row(state: &State, service: &Service) -> Value {
    let (cluster, name) = (&service.cluster, &service.name);
    let counts = state.counts(cluster, name, |_| true);
    let mut row = json!({
        "serviceArn": state.service_arn(cluster, name), "serviceName": name,
        "clusterArn": state.ecs_arn(&format!("cluster/{cluster}")), "status": service.status,
        "desiredCount": service.desired_count, "runningCount": counts.running, "pendingCount": counts.pending,
        "launchType": "FARGATE",
        "schedulingStrategy": "REPLICA", "deploymentController": {"type": service.controller},
        "createdAt": service.created_at.json(), "events": [], "deployments": [], "loadBalancers": [],
        "serviceRegistries": [], "placementConstraints": [], "placementStrategy": [],
        "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100},
    });
    if !service.task_definition.is_empty() {
        let definition = format!("task-definition/{}", service.task_definition);
        row["taskDefinition"] = Value::from(state.ecs_arn(&definition));
    }
    if service.controller == "ECS" {
        add_deployments(state, service, &mut row);
    } else {
        row["taskSets"] = Value::from(task_set_rows(state, service));
    }
    if let Some(object) = row.as_object_mut() {
        object.extend(service.settings.clone());
    }
    row
}

fn add_deployments(state: &State, service: &Service, row: &mut Value) {
    let (cluster, name) = (&service.cluster, &service.name);
    let successful = state
        .ecs
        .newest_deployment(service, |known| known.status == "SUCCESSFUL");
    let in_progress = state.ecs.in_progress(service);
    // While a rollback is going on, what it goes back to is deployed again, and what failed is being replaced.
    let goes_back = in_progress.is_some_and(|known| known.rollback.is_some());
    let rows = match (in_progress, successful) {
        (Some(new), Some(old)) if goes_back => vec![
            deployment(state, service, old, "PRIMARY", "IN_PROGRESS"),
            deployment(state, service, new, "ACTIVE", "FAILED"),
        ],
        (Some(new), old) => {
            let old = old.map(|old| deployment(state, service, old, "ACTIVE", "COMPLETED"));
            let new = deployment(state, service, new, "PRIMARY", "IN_PROGRESS");
            std::iter::once(new).chain(old).collect()
        }
        (None, Some(old)) => vec![deployment(state, service, old, "PRIMARY", "COMPLETED")],
        (None, None) => state
            .ecs
            .newest_deployment(service, |_| true)
            .map(|failed| deployment(state, service, failed, "PRIMARY", "FAILED"))
            .into_iter()
            .collect(),
    };
    row["deployments"] = Value::from(rows);
    if in_progress.is_some_and(|known| known.stage.is_some()) {
        row["deploymentConfiguration"]["strategy"] = Value::from("BLUE_GREEN");
        row["deploymentConfiguration"]["bakeTimeInMinutes"] = Value::from(60);
    }

    let newest = state.ecs.newest_deployment(service, |_| true);
    let rolled_back = newest.filter(|_| state.undocumented.rolled_back_deployment_is_current);
    let current = in_progress.or(rolled_back).or(successful);
    if let Some(current) = current.filter(|current| current.created_at >= OLDEST_REVISION) {
        let part = format!("service-deployment/{cluster}/{name}/{}", current.id);
        row["currentServiceDeployment"] = Value::from(state.ecs_arn(&part));
    }
    let ids = in_progress
        .map(|known| &known.target)
        .into_iter()
        .chain(&service.revision);
    let revisions: Vec<Value> = ids
        .filter_map(|id| state.ecs.revision(id))
        .filter(|revision| {
            revision.created_at >= OLDEST_REVISION || state.undocumented.old_revision_is_listed
        })
        .map(|revision| summary(state, service, &revision.id))
        .collect();
    if !revisions.is_empty() {
        row["currentServiceRevisions"] = Value::from(revisions);
    }
}

/// A revision of a service and how many of its tasks run.
pub(super) fn summary(state: &State, service: &Service, revision: &str) -> Value {
    let (cluster, name) = (&service.cluster, &service.name);
    let counts = state.counts(cluster, name, |task| {
        task.revision.as_deref() == Some(revision)
    });
    let deployment = state.ecs.in_progress(service);
    let is_current = service.revision.as_deref() == Some(revision)
        || deployment.is_some_and(|known| known.target == revision);
    json!({
        "arn": state.revision_arn(cluster, name, revision),
        "requestedTaskCount": if is_current { service.desired_count } else { 0 },
        "runningTaskCount": counts.running, "pendingTaskCount": counts.pending,
    })
}

fn deployment(
    state: &State,
    service: &Service,
    deployment: &ServiceDeployment,
    status: &str,
    rollout: &str,
) -> Value {
    let definition = state
        .ecs
        .revision(&deployment.target)
        .map(|revision| format!("task-definition/{}", revision.task_definition));
    let counts = state.counts(&service.cluster, &service.name, |task| {
        task.revision.as_ref() == Some(&deployment.target)
    });
    json!({
        "id": format!("ecs-svc/{}", deployment.id), "status": status,
        "taskDefinition": state.ecs_arn(&definition.unwrap_or_default()),
        "desiredCount": service.desired_count, "runningCount": counts.running, "pendingCount": counts.pending,
        "failedTasks": 0, "launchType": "FARGATE", "rolloutState": rollout,
        "createdAt": deployment.created_at.json(), "updatedAt": deployment.created_at.json(),
    })
}
