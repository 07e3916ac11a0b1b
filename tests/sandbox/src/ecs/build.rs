//! The ECS side of a world.

use std::collections::BTreeMap;

use serde_json::json;

use crate::Error;
use crate::clock::Time;
use crate::content::is_digest;
use crate::ecs::history::pinned;
use crate::ecs::running::Start;
use crate::ecs::state::ContainerImage;
use crate::ecs::state::Daemon;
use crate::ecs::state::DaemonRevision;
use crate::ecs::state::Service;
use crate::ecs::state::TaskDefinition;
use crate::state::State;
use crate::world::World;
use crate::world::ecs::DaemonSpec;
use crate::world::ecs::DeploySpec;
use crate::world::ecs::FullDeploySpec;
use crate::world::ecs::Resolved;
use crate::world::ecs::ServiceSpec;
use crate::world::ecs::TaskDefinitionSpec;
use crate::world::ecs::TaskSpec;

/// The digests of the images of each repository, in the order of the world.
pub(crate) type Placed = BTreeMap<String, Vec<String>>;

/// Adds the clusters, task definitions, services and tasks of a world to a state that has its repositories.
pub(crate) fn fill(state: &mut State, world: &World, placed: &Placed) -> Result<(), Error> {
    state.ecs.clusters.clone_from(&world.clusters);
    state.ecs.unsupported.clone_from(&world.unsupported);
    let mut next: BTreeMap<&str, u32> = BTreeMap::new();
    for spec in &world.task_definitions {
        let counted = next.entry(&spec.family).or_insert(1);
        let revision = spec.revision.unwrap_or(*counted);
        *counted = revision + 1;
        add_definition(state, spec, revision);
    }
    for spec in &world.services {
        add_service(state, spec, placed)
            .map_err(|error| Error::new(format!("service {:?}: {error}", spec.name)))?;
    }
    for spec in &world.daemons {
        add_daemon(state, spec, placed)
            .map_err(|error| Error::new(format!("daemon {:?}: {error}", spec.name)))?;
    }
    for spec in &world.tasks {
        add_task(state, spec, placed)
            .map_err(|error| Error::new(format!("task of {:?}: {error}", spec.task_definition)))?;
    }
    Ok(())
}

fn add_definition(state: &mut State, spec: &TaskDefinitionSpec, revision: u32) {
    let containers: Vec<_> = spec
        .containers
        .iter()
        .map(|container| {
            let mut row =
                json!({"name": container.name, "image": container.image, "essential": true});
            if let Some(consistency) = &container.version_consistency {
                row["versionConsistency"] = json!(consistency);
            }
            row
        })
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

fn add_service(state: &mut State, spec: &ServiceSpec, placed: &Placed) -> Result<(), Error> {
    check_cluster(state, &spec.cluster)?;
    let controller = spec.controller.clone().unwrap_or_else(|| "ECS".to_owned());
    let is_deleted = matches!(spec.status.as_deref(), Some("DRAINING" | "INACTIVE"));
    let now = state.clock.now();
    state.ecs.services.push(Service {
        cluster: spec.cluster.clone(),
        name: spec.name.clone(),
        task_definition: spec.task_definition.clone(),
        // A deleted service wants no tasks, while those it had still run (DeleteService).
        desired_count: if is_deleted { 0 } else { spec.desired_count },
        status: spec.status.clone().unwrap_or_else(|| "ACTIVE".to_owned()),
        controller: controller.clone(),
        task_sets: spec.task_sets.clone(),
        created_at: now.days_before(30.0),
        ..Service::default()
    });
    if controller == "ECS" {
        return deploy_all(state, spec, placed);
    }
    if !spec.failed.is_empty() || spec.deploying.is_some() {
        let message = "only the controller ECS has deployments; the others have taskSets";
        return Err(Error::new(message));
    }
    let own = Some(&spec.task_definition)
        .filter(|name| !name.is_empty() && !spec.task_sets.contains(name));
    for name in own.into_iter().chain(&spec.task_sets) {
        let images = images(state, name, &spec.resolved, placed)?;
        let started_by = "ecs-svc/1000".to_owned();
        run(state, spec, name, None, started_by, &images);
    }
    Ok(())
}

/// The deployments of a service: its history, the current one, those that failed, the one in progress.
fn deploy_all(state: &mut State, spec: &ServiceSpec, placed: &Placed) -> Result<(), Error> {
    for deploy in &spec.history {
        deployed(state, spec, deploy, "SUCCESSFUL", placed)?;
    }
    if !spec.task_definition.is_empty() {
        let current = DeploySpec::Full(FullDeploySpec {
            task_definition: spec.task_definition.clone(),
            days_ago: spec.deployed_days_ago,
            resolved: spec.resolved.clone(),
            ..FullDeploySpec::default()
        });
        let started = deployed(state, spec, &current, "SUCCESSFUL", placed)?;
        let (revision, started_by, images) = started;
        let name = &spec.task_definition;
        run(state, spec, name, Some(&revision), started_by, &images);
    }
    for deploy in &spec.failed {
        deployed(state, spec, deploy, "ROLLBACK_SUCCESSFUL", placed)?;
    }
    if let Some(deploy) = &spec.deploying {
        let (revision, started_by, images) = deployed(state, spec, deploy, "IN_PROGRESS", placed)?;
        let full = deploy.full();
        let name = &full.task_definition;
        run(state, spec, name, Some(&revision), started_by, &images);
        let id = state.ecs.deployments.last().map(|known| known.id.clone());
        if let Some(service) = state.ecs.service_mut(&spec.cluster, &spec.name) {
            service.deploying = id;
            if !full.status.is_some_and(|status| is_rollback(&status)) {
                service.task_definition.clone_from(name);
            }
        }
    }
    Ok(())
}

/// Records one deployment and gives its revision, `startedBy` and the images its tasks run.
fn deployed(
    state: &mut State,
    spec: &ServiceSpec,
    deploy: &DeploySpec,
    status: &str,
    placed: &Placed,
) -> Result<(String, String, Vec<ContainerImage>), Error> {
    let full = deploy.full();
    let name = &full.task_definition;
    let status = full.status.as_deref().unwrap_or(status);
    let images = images(state, name, &full.resolved, placed)?;
    // A service that never ran a task has no digests (ECS DG "Container image resolution").
    let ran = spec.desired_count > 0 || !spec.history.is_empty() || !full.resolved.is_empty();
    let kept = pinned(&find(state, name)?, images.clone(), ran);
    let (cluster, service) = (&spec.cluster, &spec.name);
    let revision = state.add_revision(cluster, service, name, kept);
    let id = state.add_deployment(cluster, service, &revision, status);
    let began = full
        .days_ago
        .map(|days| state.clock.now().days_before(days));
    date(state, &revision, &id, began);
    let previous = state
        .ecs
        .service(cluster, service)
        .and_then(|service| service.revision.clone());
    if let Some(deployment) = state.ecs.deployment_mut(&id) {
        deployment.stage = full.stage;
        if is_rollback(status) {
            deployment.rollback = previous;
        }
    }
    if let ("SUCCESSFUL", Some(found)) = (status, state.ecs.service_mut(cluster, service)) {
        found.revision = Some(revision.clone());
    }
    Ok((revision, format!("ecs-svc/{id}"), images))
}

fn is_rollback(status: &str) -> bool {
    status.starts_with("ROLLBACK_") && status != "ROLLBACK_REQUESTED"
}

/// Dates a revision and its deployment back.
fn date(state: &mut State, revision: &str, deployment: &str, began: Option<Time>) {
    let Some(began) = began else { return };
    if let Some(revision) = state.ecs.revision_mut(revision) {
        revision.created_at = began;
    }
    if let Some(deployment) = state.ecs.deployment_mut(deployment) {
        deployment.created_at = began;
        deployment.finished_at = deployment.finished_at.map(|_| began);
    }
}

/// Runs as many tasks as a service has, whether or not their images are still there.
fn run(
    state: &mut State,
    spec: &ServiceSpec,
    name: &str,
    revision: Option<&str>,
    started_by: String,
    images: &[ContainerImage],
) {
    let is_gone = spec.status.as_deref() == Some("INACTIVE");
    let count = spec.running_count.unwrap_or(spec.desired_count);
    let start = Start {
        cluster: &spec.cluster,
        group: format!("service:{}", spec.name),
        task_definition: name,
        started_by,
        revision,
        images,
    };
    for _ in 0..if is_gone { 0 } else { count } {
        state.add_running(&start, images.to_vec());
    }
}

fn add_task(state: &mut State, spec: &TaskSpec, placed: &Placed) -> Result<(), Error> {
    check_cluster(state, &spec.cluster)?;
    let definition = find(state, &spec.task_definition)?;
    let images = images(state, &spec.task_definition, &spec.resolved, placed)?;
    let family = format!("family:{}", definition.family);
    let start = Start {
        cluster: &spec.cluster,
        group: spec.group.clone().unwrap_or(family),
        task_definition: &definition.name(),
        started_by: spec.started_by.clone().unwrap_or_default(),
        revision: None,
        images: &images,
    };
    state.add_running(&start, images.clone());
    let now = state.clock.now();
    let Some(task) = state.ecs.tasks.last_mut() else {
        return Ok(());
    };
    let last = spec.last_status.as_deref().unwrap_or("RUNNING");
    let ends = ["STOPPED", "STOPPING", "DEACTIVATING", "DEPROVISIONING"].contains(&last);
    let desired = if ends { "STOPPED" } else { "RUNNING" };
    last.clone_into(&mut task.last_status);
    spec.desired_status
        .as_deref()
        .unwrap_or(desired)
        .clone_into(&mut task.desired_status);
    if last == "STOPPED" {
        let minutes = spec.stopped_minutes_ago.unwrap_or(1.0);
        task.stopped_at = Some(now.days_before(minutes / 1440.0));
        task.stopped_reason = Some("Essential container in task exited".to_owned());
    }
    Ok(())
}

fn add_daemon(state: &mut State, spec: &DaemonSpec, placed: &Placed) -> Result<(), Error> {
    check_cluster(state, &spec.cluster)?;
    let mut revisions = Vec::new();
    let all = [&spec.containers, &spec.deploying];
    for (at, containers) in all.into_iter().enumerate() {
        if containers.is_empty() {
            continue;
        }
        let resolved = if at == 0 {
            spec.resolved.clone()
        } else {
            Resolved::new()
        };
        let written = containers
            .iter()
            .map(|container| ContainerImage {
                name: container.name.clone(),
                image: container.image.clone(),
                digest: state.digest_of(&container.image),
            })
            .collect();
        let images = replaced(state, &spec.name, written, &resolved, placed)?;
        revisions.push(DaemonRevision {
            id: format!("{}", 2_000_000_000_000_000_000 + state.next()),
            number: at + 1,
            images,
        });
    }
    state.ecs.daemons.push(Daemon {
        cluster: spec.cluster.clone(),
        name: spec.name.clone(),
        status: spec.status.clone().unwrap_or_else(|| "ACTIVE".to_owned()),
        revisions,
    });
    Ok(())
}

/// The images of a task definition with their digests: what `resolved` says, otherwise what the names mean now.
fn images(
    state: &State,
    task_definition: &str,
    resolved: &Resolved,
    placed: &Placed,
) -> Result<Vec<ContainerImage>, Error> {
    let definition = find(state, task_definition)?;
    let images = state.resolve(&definition);
    replaced(state, task_definition, images, resolved, placed)
}

/// Images with the digests that `resolved` says.
fn replaced(
    state: &State,
    name: &str,
    mut images: Vec<ContainerImage>,
    resolved: &Resolved,
    placed: &Placed,
) -> Result<Vec<ContainerImage>, Error> {
    for (container, reference) in resolved {
        let image = images.iter_mut().find(|image| image.name == *container);
        let image =
            image.ok_or_else(|| Error::new(format!("{name} has no container {container:?}")))?;
        image.digest = match reference {
            Some(reference) => Some(named(state, &image.image, reference, placed)?),
            None => None,
        };
    }
    Ok(images)
}

/// The digest a `resolved` entry means.
fn named(state: &State, image: &str, reference: &str, placed: &Placed) -> Result<String, Error> {
    if is_digest(reference) {
        return Ok(reference.to_owned());
    }
    let missing = || Error::new(format!("{image}: there is no image {reference:?}"));
    let (top, child) = match reference.split_once('/') {
        Some((top, child)) => (top, Some(child)),
        None => (reference, None),
    };
    let repository = state.repository_of(image).ok_or_else(missing)?;
    let found = match top.strip_prefix('#').map(str::parse::<usize>) {
        Some(at) => at
            .ok()
            .and_then(|at| placed.get(repository)?.get(at))
            .and_then(|digest| state.image(repository, digest)),
        None => state.image(repository, top),
    };
    let found = found.ok_or_else(missing)?;
    match child.map(str::parse::<usize>) {
        None => Ok(found.digest.clone()),
        Some(at) => at
            .ok()
            .and_then(|at| found.manifest.children.get(at).cloned())
            .ok_or_else(missing),
    }
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
