//! What the ECS side holds.

use std::collections::BTreeMap;

use serde_json::Map;
use serde_json::Value;

use crate::clock::Time;

/// Clusters and what runs in them.
#[derive(Debug, Clone, Default)]
pub struct Ecs {
    /// The names of the clusters.
    pub clusters: Vec<String>,
    /// The task definitions by family and revision.
    pub task_definitions: BTreeMap<String, BTreeMap<u32, TaskDefinition>>,
    /// The services of all clusters.
    pub services: Vec<Service>,
    /// The tasks of all clusters.
    pub tasks: Vec<Task>,
    /// The service revisions, oldest first.
    pub revisions: Vec<ServiceRevision>,
    /// The service deployments, oldest first.
    pub deployments: Vec<ServiceDeployment>,
    /// The daemons of all clusters.
    pub daemons: Vec<Daemon>,
    /// Actions that are answered with UnsupportedFeatureException, such as `ecs:ListDaemons`; `*` is a wildcard.
    pub unsupported: Vec<String>,
}

/// A registered task definition.
#[derive(Debug, Clone, Default)]
pub struct TaskDefinition {
    /// Its family.
    pub family: String,
    /// Its revision.
    pub revision: u32,
    /// `ACTIVE`, `INACTIVE` or `DELETE_IN_PROGRESS`.
    pub status: String,
    /// What was registered, field for field, without tags.
    pub document: Map<String, Value>,
    /// Its resource tags, as they were given.
    pub tags: Vec<Value>,
    /// When it was registered.
    pub registered_at: Time,
    /// When it was deregistered.
    pub deregistered_at: Option<Time>,
}

/// A service.
#[derive(Debug, Clone, Default)]
pub struct Service {
    /// Its cluster's name.
    pub cluster: String,
    /// Its name.
    pub name: String,
    /// What it is set to run, `family:revision`; empty where task sets say it.
    pub task_definition: String,
    /// How many tasks it wants.
    pub desired_count: u32,
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub status: String,
    /// `ECS`, `CODE_DEPLOY` or `EXTERNAL`.
    pub controller: String,
    /// The task definitions of its task sets, the primary one first.
    pub task_sets: Vec<String>,
    /// When it was created.
    pub created_at: Time,
    /// The id of the revision that was last deployed with success.
    pub revision: Option<String>,
    /// The id of the deployment in progress.
    pub deploying: Option<String>,
    /// What CreateService and UpdateService were given beyond this.
    pub settings: Map<String, Value>,
}

/// A container of a task or revision: its name, the image as written, and the digest ECS resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerImage {
    /// The container's name.
    pub name: String,
    /// The image as the task definition writes it.
    pub image: String,
    /// What the tag meant when the deployment began; none where it could not be resolved.
    pub digest: Option<String>,
}

/// A service revision.
#[derive(Debug, Clone, Default)]
pub struct ServiceRevision {
    /// Its id, a number as text.
    pub id: String,
    /// The cluster's name.
    pub cluster: String,
    /// The service's name.
    pub service: String,
    /// `family:revision`.
    pub task_definition: String,
    /// The images with the digests ECS resolved.
    pub images: Vec<ContainerImage>,
    /// When it was made.
    pub created_at: Time,
}

/// A service deployment.
#[derive(Debug, Clone, Default)]
pub struct ServiceDeployment {
    /// Its id.
    pub id: String,
    /// The cluster's name.
    pub cluster: String,
    /// The service's name.
    pub service: String,
    /// The id of the revision that ran before.
    pub source: Option<String>,
    /// The id of the revision it deploys.
    pub target: String,
    /// `SUCCESSFUL`, `IN_PROGRESS`, `ROLLBACK_SUCCESSFUL`, …
    pub status: String,
    /// Of a native blue/green deployment in progress, where it stands: `BAKE_TIME`, …
    pub stage: Option<String>,
    /// The id of the revision it went back to.
    pub rollback: Option<String>,
    /// When it began.
    pub created_at: Time,
    /// When it ended.
    pub finished_at: Option<Time>,
}

/// A managed daemon: one task on every managed instance of a cluster.
#[derive(Debug, Clone, Default)]
pub struct Daemon {
    /// The cluster's name.
    pub cluster: String,
    /// Its name, and that of its daemon task definition's family.
    pub name: String,
    /// `ACTIVE` or `DELETE_IN_PROGRESS`.
    pub status: String,
    /// Its current revisions; while one is deployed, the old and the new one.
    pub revisions: Vec<DaemonRevision>,
}

/// A revision of a daemon.
#[derive(Debug, Clone, Default)]
pub struct DaemonRevision {
    /// Its id.
    pub id: String,
    /// The revision of its daemon task definition.
    pub number: usize,
    /// Its images with the digests ECS resolved.
    pub images: Vec<ContainerImage>,
}

/// A task.
#[derive(Debug, Clone, Default)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// The cluster's name.
    pub cluster: String,
    /// `family:revision`.
    pub task_definition: String,
    /// `service:<name>` or `family:<family>`.
    pub group: String,
    /// `RUNNING`, `PENDING`, `STOPPED`, …
    pub last_status: String,
    /// `RUNNING` or `STOPPED`.
    pub desired_status: String,
    /// What started it: `ecs-svc/<deployment>`, `events-rule/<rule>`, or what RunTask was told.
    pub started_by: String,
    /// The id of the service revision it was started from.
    pub revision: Option<String>,
    /// Its containers, with the digests it pulled.
    pub containers: Vec<ContainerImage>,
    /// When it was started.
    pub started_at: Time,
    /// When it stopped; ECS forgets it an hour later.
    pub stopped_at: Option<Time>,
    /// Why it stopped.
    pub stopped_reason: Option<String>,
}

impl TaskDefinition {
    /// Its containers' names and images.
    pub fn containers(&self) -> Vec<(String, String)> {
        let text = |container: &Value, key: &str| {
            container
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let containers = self
            .document
            .get("containerDefinitions")
            .and_then(Value::as_array);
        containers
            .into_iter()
            .flatten()
            .map(|container| (text(container, "name"), text(container, "image")))
            .collect()
    }

    /// Whether a container's tag is not resolved to a digest for a whole deployment (`versionConsistency`).
    pub fn is_inconsistent(&self, container: &str) -> bool {
        let all = self.document.get("containerDefinitions");
        let all = all.and_then(Value::as_array).into_iter().flatten();
        all.filter(|one| one.get("name").and_then(Value::as_str) == Some(container))
            .any(|one| one.get("versionConsistency").and_then(Value::as_str) == Some("disabled"))
    }

    /// `family:revision`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.family, self.revision)
    }
}

impl Ecs {
    /// The service of this name.
    pub fn service(&self, cluster: &str, name: &str) -> Option<&Service> {
        self.services
            .iter()
            .find(|service| service.cluster == cluster && service.name == name)
    }

    pub(crate) fn service_mut(&mut self, cluster: &str, name: &str) -> Option<&mut Service> {
        self.services
            .iter_mut()
            .find(|service| service.cluster == cluster && service.name == name)
    }

    /// A task definition by `family:revision`, by family (the newest ACTIVE revision) or by ARN.
    pub fn task_definition(&self, name: &str) -> Option<&TaskDefinition> {
        let name = name
            .rsplit_once(":task-definition/")
            .map_or(name, |(_, name)| name);
        match name.split_once(':') {
            Some((family, revision)) => self
                .task_definitions
                .get(family)?
                .get(&revision.parse().ok()?),
            None => self
                .task_definitions
                .get(name)?
                .values()
                .rev()
                .find(|definition| definition.status == "ACTIVE"),
        }
    }

    pub(crate) fn task_definition_mut(&mut self, name: &str) -> Option<&mut TaskDefinition> {
        let found = self.task_definition(name)?;
        let (family, revision) = (found.family.clone(), found.revision);
        self.task_definitions.get_mut(&family)?.get_mut(&revision)
    }

    /// The newest deployment of a service that fits, if there is one.
    pub(crate) fn newest_deployment(
        &self,
        service: &Service,
        fits: impl Fn(&ServiceDeployment) -> bool,
    ) -> Option<&ServiceDeployment> {
        self.deployments.iter().rev().find(|deployment| {
            deployment.cluster == service.cluster
                && deployment.service == service.name
                && fits(deployment)
        })
    }

    pub(crate) fn deployment_mut(&mut self, id: &str) -> Option<&mut ServiceDeployment> {
        let newest_first = self.deployments.iter_mut().rev();
        newest_first.into_iter().find(|known| known.id == id)
    }

    /// The deployment of a service that is in progress.
    pub fn in_progress(&self, service: &Service) -> Option<&ServiceDeployment> {
        let id = service.deploying.as_deref()?;
        self.deployments.iter().rev().find(|known| known.id == id)
    }

    pub(crate) fn revision_mut(&mut self, id: &str) -> Option<&mut ServiceRevision> {
        self.revisions.iter_mut().rev().find(|known| known.id == id)
    }

    pub(crate) fn revision(&self, id: &str) -> Option<&ServiceRevision> {
        self.revisions.iter().find(|revision| revision.id == id)
    }

    /// The tasks a service runs.
    pub fn running(&self, cluster: &str, service: &str) -> Vec<&Task> {
        let group = format!("service:{service}");
        let is_running = |task: &&Task| {
            task.cluster == cluster && task.group == group && task.desired_status == "RUNNING"
        };
        self.tasks.iter().filter(is_running).collect()
    }
}
