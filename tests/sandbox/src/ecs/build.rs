//! The ECS side of a world.

use std::collections::BTreeMap;

use serde_json::json;

use crate::Error;
use crate::ecs::state::Service;
use crate::ecs::state::TaskDefinition;
use crate::state::State;
use crate::world::World;
use crate::world::ecs::ServiceSpec;
use crate::world::ecs::TaskDefinitionSpec;
use crate::world::ecs::TaskSpec;

/// Adds the clusters, task definitions, services and tasks of a world to a state that has its repositories.
pub(crate) fn fill(state: &mut State, world: &World) -> Result<(), Error> {
    state.ecs.clusters.clone_from(&world.clusters);
    let mut next: BTreeMap<&str, u32> = BTreeMap::new();
    for spec in &world.task_definitions {
        let counted = next.entry(&spec.family).or_insert(1);
        let revision = spec.revision.unwrap_or(*counted);
        *counted = revision + 1;
        add_definition(state, spec, revision);
    }
    for spec in &world.services {
        add_service(state, spec)
            .map_err(|error| Error::new(format!("service {:?}: {error}", spec.name)))?;
    }
    for spec in &world.tasks {
        add_task(state, spec)
            .map_err(|error| Error::new(format!("task of {:?}: {error}", spec.task_definition)))?;
    }
    Ok(())
}

fn add_definition(state: &mut State, spec: &TaskDefinitionSpec, revision: u32) {
    let containers: Vec<_> = spec
        .containers
        .iter()
        .map(|container| json!({"name": container.name, "image": container.image, "essential": true}))
        .collect();
    let document = json!({"family": spec.family, "containerDefinitions": containers});
    let status = spec.status.clone().unwrap_or_else(|| "ACTIVE".to_owned());
    let now = state.clock.now();
    let definition = TaskDefinition {
        family: spec.family.clone(),
        revision,
        deregistered_at: (status != "ACTIVE").then_some(now),
        status,
        document: document.as_object().cloned().unwrap_or_default(),
        tags: Vec::new(),
        registered_at: now.days_before(spec.registered_days_ago.unwrap_or(1.0)),
    };
    state
        .ecs
        .task_definitions
        .entry(spec.family.clone())
        .or_default()
        .insert(revision, definition);
}

fn add_service(state: &mut State, spec: &ServiceSpec) -> Result<(), Error> {
    check_cluster(state, &spec.cluster)?;
    let now = state.clock.now();
    state.ecs.services.push(Service {
        cluster: spec.cluster.clone(),
        name: spec.name.clone(),
        task_definition: spec.task_definition.clone(),
        desired_count: spec.desired_count,
        status: spec.status.clone().unwrap_or_else(|| "ACTIVE".to_owned()),
        controller: spec.controller.clone().unwrap_or_else(|| "ECS".to_owned()),
        task_sets: spec.task_sets.clone(),
        created_at: now.days_before(30.0),
        ..Service::default()
    });
    let current = Some(&spec.task_definition).filter(|name| !name.is_empty());
    for name in spec.history.iter().chain(current) {
        let definition = find(state, name)?;
        let images = state.resolve(&definition);
        if spec.controller.as_deref().unwrap_or("ECS") != "ECS" {
            continue;
        }
        let revision = state.add_revision(&spec.cluster, &spec.name, name, images);
        state.add_deployment(&spec.cluster, &spec.name, &revision, "SUCCESSFUL");
        if let Some(service) = state.ecs.service_mut(&spec.cluster, &spec.name) {
            service.revision = Some(revision);
        }
    }
    let alone = current.filter(|name| !spec.task_sets.contains(name));
    for (at, name) in alone.into_iter().chain(&spec.task_sets).enumerate() {
        let definition = find(state, name)?;
        let images = state.resolve(&definition);
        let count = if at == 0 { spec.desired_count } else { 1 };
        state.start_tasks(&spec.cluster, &spec.name, name, &images, count);
    }
    Ok(())
}

fn add_task(state: &mut State, spec: &TaskSpec) -> Result<(), Error> {
    check_cluster(state, &spec.cluster)?;
    let definition = find(state, &spec.task_definition)?;
    let images = state.resolve(&definition);
    state.start_tasks(&spec.cluster, "", &spec.task_definition, &images, 1);
    if let Some(task) = state.ecs.tasks.last_mut() {
        task.group = spec
            .group
            .clone()
            .unwrap_or_else(|| format!("family:{}", definition.family));
        task.last_status = spec
            .last_status
            .clone()
            .unwrap_or_else(|| "RUNNING".to_owned());
        task.desired_status = spec
            .desired_status
            .clone()
            .unwrap_or_else(|| "RUNNING".to_owned());
    }
    Ok(())
}

fn find(state: &State, name: &str) -> Result<TaskDefinition, Error> {
    state
        .ecs
        .task_definition(name)
        .cloned()
        .ok_or_else(|| Error::new(format!("there is no task definition {name}")))
}

fn check_cluster(state: &State, name: &str) -> Result<(), Error> {
    if state.ecs.clusters.iter().any(|cluster| cluster == name) {
        return Ok(());
    }
    Err(Error::new(format!("there is no cluster {name}")))
}
