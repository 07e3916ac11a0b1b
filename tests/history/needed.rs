//! What has to be pulled for tasks to start, and what a rollback needs: told naively from the sandbox's state, with nothing of the product.

use std::collections::BTreeSet;

use demitasse_sandbox::State;
use demitasse_sandbox::ecs::state::Service;

/// A start of a task: for whom, and the repository with tag or digest that it pulls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Start {
    pub(crate) of: String,
    pub(crate) repository: String,
    pub(crate) reference: String,
}

/// The repository and the tag of an image name.
fn parts(image: &str) -> (String, String) {
    let name = image.split_once('/').map_or(image, |(_, name)| name);
    let (repository, tag) = name.split_once(':').unwrap_or((name, "latest"));
    (repository.to_owned(), tag.to_owned())
}

/// What the next tasks of every service and every schedule pull.
pub(crate) fn starts(state: &State) -> Vec<Start> {
    let mut starts = Vec::new();
    for service in active(state) {
        let deploying = state.ecs.in_progress(service).map(|one| &one.target);
        for id in service.revision.iter().chain(deploying) {
            let revision = state.ecs.revisions.iter().find(|one| one.id == *id);
            for image in revision.into_iter().flat_map(|one| &one.images) {
                let (repository, tag) = parts(&image.image);
                starts.push(Start {
                    of: format!("service {}", service.name),
                    repository,
                    reference: image.digest.clone().unwrap_or(tag),
                });
            }
        }
    }
    for schedule in &state.schedules.schedules {
        let name = schedule.task_definition.as_deref().unwrap_or_default();
        let definition = state.ecs.task_definition(name);
        // RunTask refuses what is not ACTIVE: no image is pulled.
        let definition = definition.filter(|one| one.status == "ACTIVE");
        for (_, image) in definition.map(|one| one.containers()).unwrap_or_default() {
            let (repository, reference) = parts(&image);
            starts.push(Start {
                of: format!("schedule {} on {name}", schedule.name),
                repository,
                reference,
            });
        }
    }
    starts
}

fn active(state: &State) -> impl Iterator<Item = &Service> {
    let services = state.ecs.services.iter();
    services.filter(|service| service.status == "ACTIVE")
}

/// What `ecspresso rollback` would deploy, if it finds a target.
pub(crate) fn rollback(state: &State, service: &str) -> Option<String> {
    let service = state.ecs.service("default", service)?;
    let current = state.ecs.task_definition(&service.task_definition)?;
    if service.deploying.is_some() || current.status != "ACTIVE" {
        return None;
    }
    let revisions = state.ecs.task_definitions.get(&current.family)?;
    let below = revisions.range(..current.revision).rev();
    let mut active = below.filter(|(_, one)| one.status == "ACTIVE");
    active.next().map(|(_, one)| one.name())
}

/// Whether the images of a revision are there.
pub(crate) fn can_pull(state: &State, revision: &str) -> bool {
    let definition = state.ecs.task_definition(revision);
    let containers = definition.map(|one| one.containers()).unwrap_or_default();
    containers.iter().all(|(_, image)| {
        let (repository, tag) = parts(image);
        state.check_whole(&repository, &tag).is_ok()
    })
}

/// Every image that must keep its pin and must not be deleted: what starts, what runs, and where services go back to.
pub(crate) fn needed(state: &State) -> BTreeSet<(String, String)> {
    let mut needed = BTreeSet::new();
    let mut add = |repository: &str, reference: &str| {
        if let Some(image) = state.image(repository, reference) {
            needed.insert((repository.to_owned(), image.digest.clone()));
        }
    };
    for start in starts(state) {
        add(&start.repository, &start.reference);
    }
    for task in &state.ecs.tasks {
        if task.last_status == "STOPPED" {
            continue;
        }
        for container in &task.containers {
            let (repository, tag) = parts(&container.image);
            add(&repository, container.digest.as_deref().unwrap_or(&tag));
        }
    }
    for service in active(state) {
        let target = rollback(state, &service.name);
        let target = target.and_then(|name| state.ecs.task_definition(&name));
        for (_, image) in target.map(|one| one.containers()).unwrap_or_default() {
            let (repository, tag) = parts(&image);
            add(&repository, &tag);
        }
    }
    needed
}
