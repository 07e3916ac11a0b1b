//! Clusters.

use serde_json::Value;
use serde_json::json;

use crate::ecs::last_part;
use crate::ecs::page;
use crate::input::Input;
use crate::input::with_token;
use crate::refusal::Refusal;
use crate::state::State;

pub(super) fn list(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let all = state
        .ecs
        .clusters
        .iter()
        .map(|name| state.ecs_arn(&format!("cluster/{name}")))
        .collect();
    let (page, token) = page(input, all, 100)?;
    Ok(with_token(json!({ "clusterArns": page }), token))
}

pub(super) fn describe(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let wanted = match input.texts("clusters") {
        names if names.is_empty() => vec!["default"],
        names => names,
    };
    let mut clusters = Vec::new();
    let mut failures = Vec::new();
    for arn in wanted {
        let name = last_part(arn);
        if !state.ecs.clusters.iter().any(|cluster| cluster == name) {
            failures.push(
                json!({"arn": state.ecs_arn(&format!("cluster/{name}")), "reason": "MISSING"}),
            );
            continue;
        }
        let services = state
            .ecs
            .services
            .iter()
            .filter(|service| service.cluster == name && service.status == "ACTIVE");
        let running = state
            .ecs
            .tasks
            .iter()
            .filter(|task| task.cluster == name && task.last_status == "RUNNING");
        clusters.push(json!({
            "clusterArn": state.ecs_arn(&format!("cluster/{name}")), "clusterName": name, "status": "ACTIVE",
            "activeServicesCount": services.count(), "runningTasksCount": running.count(), "pendingTasksCount": 0,
            "registeredContainerInstancesCount": 0,
        }));
    }
    Ok(json!({"clusters": clusters, "failures": failures}))
}
