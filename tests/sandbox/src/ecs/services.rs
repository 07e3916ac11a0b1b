//! Services and their task sets.

use serde_json::Value;
use serde_json::json;

use crate::ecs::last_part;
use crate::ecs::page;
use crate::ecs::service_rows::row;
use crate::ecs::service_rows::task_set_rows;
use crate::ecs::state::Service;
use crate::input::Input;
use crate::input::with_token;
use crate::refusal::Refusal;
use crate::state::State;

/// What DescribeServices gives back as it was put.
const SETTINGS: [&str; 14] = [
    "loadBalancers",
    "serviceRegistries",
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "deploymentConfiguration",
    "placementConstraints",
    "placementStrategy",
    "networkConfiguration",
    "healthCheckGracePeriodSeconds",
    "propagateTags",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "availabilityZoneRebalancing",
];

/// DRAINING and INACTIVE services are not listed (DeleteService).
pub(super) fn list(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let cluster = state.cluster(input)?;
    let listed = state
        .ecs
        .services
        .iter()
        .filter(|service| service.cluster == cluster && service.status == "ACTIVE");
    let all = listed
        .map(|service| state.service_arn(&service.cluster, &service.name))
        .collect();
    let (page, token) = page(input, all, 10)?;
    Ok(with_token(json!({ "serviceArns": page }), token))
}

pub(super) fn describe(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let cluster = state.cluster(input)?;
    let names = input.texts("services");
    if names.is_empty() || names.len() > 10 {
        return Err(Refusal::new(
            "InvalidParameterException",
            "Services cannot be empty, and at most 10 can be described.",
        ));
    }
    let mut services = Vec::new();
    let mut failures = Vec::new();
    for arn in names {
        match state.ecs.service(&cluster, last_part(arn)) {
            Some(service) => services.push(row(state, service)),
            None => {
                let arn = state.ecs_arn(&format!("service/{cluster}/{}", last_part(arn)));
                failures.push(json!({"arn": arn, "reason": "MISSING"}));
            }
        }
    }
    Ok(json!({"services": services, "failures": failures}))
}

pub(super) fn create(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let cluster = state.cluster(input)?;
    let name = input
        .text("serviceName")
        .ok_or_else(|| Refusal::new("InvalidParameterException", "serviceName is empty"))?;
    if state
        .ecs
        .service(&cluster, name)
        .is_some_and(|service| service.status == "ACTIVE")
    {
        return Err(Refusal::new(
            "InvalidParameterException",
            "Creation of service was not idempotent.",
        ));
    }
    let service = Service {
        cluster: cluster.clone(),
        name: name.to_owned(),
        desired_count: input
            .number("desiredCount")
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or_default(),
        status: "ACTIVE".to_owned(),
        controller: input
            .nested("deploymentController", "type")
            .unwrap_or("ECS")
            .to_owned(),
        created_at: state.clock.tick(),
        ..Service::default()
    };
    state
        .ecs
        .services
        .retain(|known| known.cluster != cluster || known.name != name);
    state.ecs.services.push(service);
    apply(state, &cluster, name, input, true)
}

pub(super) fn update(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let cluster = state.cluster(input)?;
    let name = last_part(input.required("service")?);
    let service = state.ecs.service_mut(&cluster, name).ok_or_else(missing)?;
    if service.status != "ACTIVE" {
        return Err(Refusal::new(
            "ServiceNotActiveException",
            "Service was not ACTIVE.",
        ));
    }
    if let Some(count) = input
        .number("desiredCount")
        .and_then(|count| u32::try_from(count).ok())
    {
        service.desired_count = count;
    }
    apply(
        state,
        &cluster,
        name,
        input,
        input.flag("forceNewDeployment"),
    )
}

/// Keeps the settings and deploys where there is something new. A deployment whose image cannot be pulled leaves the
/// service on its old tasks, and the call itself succeeds, as ECS does.
fn apply(
    state: &mut State,
    cluster: &str,
    name: &str,
    input: &Input,
    force: bool,
) -> Result<Value, Refusal> {
    let current = state
        .ecs
        .service(cluster, name)
        .map(|service| service.task_definition.clone())
        .unwrap_or_default();
    let wanted = match input.text("taskDefinition") {
        Some(wanted) => {
            let found = state
                .ecs
                .task_definition(wanted)
                .filter(|definition| definition.status == "ACTIVE");
            found
                .map(crate::ecs::state::TaskDefinition::name)
                .ok_or_else(|| {
                    Refusal::new(
                        "ClientException",
                        format!("TaskDefinition is inactive or does not exist: {wanted}"),
                    )
                })?
        }
        None => current.clone(),
    };
    if let Some(service) = state.ecs.service_mut(cluster, name) {
        for key in SETTINGS {
            if let Some(value) = input.0.get(key) {
                service.settings.insert(key.to_owned(), value.clone());
            }
        }
    }
    if !wanted.is_empty() && (force || wanted != current) {
        let _ = state.deploy(cluster, name, &wanted);
    } else if let Some(service) = state.ecs.service(cluster, name).cloned() {
        state.fill_up(&service);
    }
    let service = state.ecs.service(cluster, name).ok_or_else(missing)?;
    Ok(json!({"service": row(state, service)}))
}

/// A service that still wants tasks is only deleted by force (DeleteService).
pub(super) fn delete(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let cluster = state.cluster(input)?;
    let name = last_part(input.required("service")?);
    let service = state.ecs.service(&cluster, name).ok_or_else(missing)?;
    if service.desired_count > 0 && !input.flag("force") {
        return Err(Refusal::new(
            "InvalidParameterException",
            "The service cannot be stopped while it is scaled above 0.",
        ));
    }
    let _ = state.delete_service(&cluster, name);
    let service = state.ecs.service(&cluster, name).ok_or_else(missing)?;
    Ok(json!({"service": row(state, service)}))
}

pub(super) fn task_sets(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let cluster = state.cluster(input)?;
    let name = last_part(input.required("service")?);
    let service = state.ecs.service(&cluster, name).ok_or_else(missing)?;
    let wanted = input.texts("taskSets");
    let sets: Vec<Value> = task_set_rows(state, service)
        .into_iter()
        .filter(|set| {
            let named = |key: &str| set[key].as_str().is_some_and(|text| wanted.contains(&text));
            wanted.is_empty() || named("id") || named("taskSetArn")
        })
        .collect();
    Ok(json!({"taskSets": sets, "failures": []}))
}

pub(super) fn missing() -> Refusal {
    Refusal::new("ServiceNotFoundException", "Service not found.")
}
