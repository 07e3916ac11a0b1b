//! Starting and stopping tasks. The tasks of a service start by the digests of its revision, whatever the tags mean by
//! then (ECS DG "Container image resolution"); every other task by what its tags mean at that moment.

use std::fmt;

use crate::Error;
use crate::ecs::state::ContainerImage;
use crate::ecs::state::Service;
use crate::ecs::state::Task;
use crate::state::State;

/// A task that could not be started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unstarted {
    /// The cluster.
    pub cluster: String,
    /// `service:<name>` or `family:<family>`.
    pub group: String,
    /// `family:revision`.
    pub task_definition: String,
    /// The container's image as the task definition writes it.
    pub image: String,
    /// The digest that was asked for; none where it was the tag.
    pub digest: Option<String>,
    /// Why, in ECS's words.
    pub reason: String,
}

impl fmt::Display for Unstarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}): {}",
            self.group, self.task_definition, self.reason
        )
    }
}

impl std::error::Error for Unstarted {}

impl From<Unstarted> for Error {
    fn from(unstarted: Unstarted) -> Error {
        Error::new(unstarted.to_string())
    }
}

/// What a task is started from.
pub(crate) struct Start<'a> {
    pub(crate) cluster: &'a str,
    pub(crate) group: String,
    pub(crate) task_definition: &'a str,
    pub(crate) started_by: String,
    pub(crate) revision: Option<&'a str>,
    /// A container without a digest is pulled by its tag.
    pub(crate) images: &'a [ContainerImage],
}

impl State {
    /// Runs a task of its own, as RunTask, a rule or a schedule does: the tags are resolved now. `task_definition` is
    /// `family:revision`, `family` (the newest ACTIVE one) or an ARN. Gives the task's id.
    ///
    /// # Errors
    /// The task definition does not exist or is not ACTIVE, or an image cannot be pulled.
    pub fn run_task(
        &mut self,
        cluster: &str,
        task_definition: &str,
        started_by: &str,
    ) -> Result<String, Unstarted> {
        let found = self.ecs.task_definition(task_definition).cloned();
        let Some(definition) = found.filter(|found| found.status == "ACTIVE") else {
            return Err(Unstarted {
                cluster: cluster.to_owned(),
                task_definition: task_definition.to_owned(),
                reason: "TaskDefinition is inactive or does not exist".to_owned(),
                ..Unstarted::default()
            });
        };
        let images = written(definition.containers());
        self.start_task(&Start {
            cluster,
            group: format!("family:{}", definition.family),
            task_definition: &definition.name(),
            started_by: started_by.to_owned(),
            revision: None,
            images: &images,
        })
    }

    /// Stops a task.
    pub fn stop_task(&mut self, id: &str) {
        self.stop_where("Task stopped by user", |task| task.id == id);
    }

    /// Sets how many tasks a service wants and starts or stops as many; a start pulls by the revision's digest. Gives
    /// those that could not be started.
    ///
    /// # Errors
    /// There is no such service.
    pub fn scale(
        &mut self,
        cluster: &str,
        service: &str,
        desired: u32,
    ) -> Result<Vec<Unstarted>, Error> {
        let found = self.ecs.service_mut(cluster, service);
        let found = found.ok_or_else(|| Error::new(format!("no service {service}")))?;
        found.desired_count = desired;
        let found = found.clone();
        Ok(self.fill_up(&found))
    }

    /// Replaces every task of a service, as a retired host does. Each pulls by the digest of its service revision (by
    /// tag where there is none). Gives those that could not be started; their service runs fewer tasks then.
    pub fn restart(&mut self, cluster: &str, service: &str) -> Vec<Unstarted> {
        let Some(found) = self.ecs.service(cluster, service).cloned() else {
            return Vec::new();
        };
        let group = format!("service:{service}");
        self.stop_where("Task stopped: host retired", |task| {
            task.cluster == cluster && task.group == group
        });
        self.fill_up(&found)
    }

    /// Replaces every task of every ACTIVE service; deleted ones start none.
    pub fn restart_all(&mut self) -> Vec<Unstarted> {
        let services: Vec<(String, String)> = self
            .ecs
            .services
            .iter()
            .filter(|service| service.status == "ACTIVE")
            .map(|service| (service.cluster.clone(), service.name.clone()))
            .collect();
        let restarted = services.iter();
        restarted
            .flat_map(|(cluster, service)| self.restart(cluster, service))
            .collect()
    }

    /// Starts and stops tasks until each of a service's revisions (or task sets) has as many as the service wants.
    pub(crate) fn fill_up(&mut self, service: &Service) -> Vec<Unstarted> {
        let mut unstarted = Vec::new();
        let wanted = service.desired_count as usize;
        for source in self.sources(service) {
            let group = format!("service:{}", service.name);
            let is_of = |task: &Task| {
                task.cluster == service.cluster
                    && task.group == group
                    && task.task_definition == source.task_definition
                    && task.revision == source.revision
                    && task.desired_status == "RUNNING"
            };
            let running: Vec<String> = self
                .ecs
                .tasks
                .iter()
                .filter(|task| is_of(task))
                .map(|task| task.id.clone())
                .collect();
            for id in running.iter().skip(wanted) {
                self.stop_where("Scaling activity initiated by (deployment)", |task| {
                    task.id == *id
                });
            }
            for _ in running.len()..wanted {
                unstarted.extend(self.start_from(service, &source).err());
            }
        }
        unstarted
    }

    /// What a service starts tasks from: its revision, that of the deployment in progress, or its task sets.
    fn sources(&self, service: &Service) -> Vec<Source> {
        let deployment = self.ecs.in_progress(service);
        let ids = service
            .revision
            .iter()
            .chain(deployment.map(|deployment| &deployment.target));
        let revisions: Vec<Source> = ids
            .filter_map(|id| self.ecs.revision(id))
            .map(|revision| Source {
                task_definition: revision.task_definition.clone(),
                revision: Some(revision.id.clone()),
                started_by: service.started_by(
                    self.ecs
                        .deployments
                        .iter()
                        .rev()
                        .find(|known| known.target == revision.id),
                ),
            })
            .collect();
        if service.controller == "ECS" {
            return revisions;
        }
        let own = Some(&service.task_definition)
            .filter(|name| !name.is_empty() && !service.task_sets.contains(name));
        own.into_iter()
            .chain(&service.task_sets)
            .map(|name| Source {
                task_definition: name.clone(),
                revision: None,
                started_by: service.started_by(None),
            })
            .collect()
    }

    pub(crate) fn start_from(
        &mut self,
        service: &Service,
        source: &Source,
    ) -> Result<String, Unstarted> {
        let revision = source.revision.as_deref();
        let images = match revision.and_then(|id| self.ecs.revision(id)) {
            Some(revision) => revision.images.clone(),
            None => self
                .ecs
                .task_definition(&source.task_definition)
                .map(|definition| written(definition.containers()))
                .unwrap_or_default(),
        };
        let id = self.start_task(&Start {
            cluster: &service.cluster,
            group: format!("service:{}", service.name),
            task_definition: &source.task_definition,
            started_by: source.started_by.clone(),
            revision,
            images: &images,
        })?;
        self.establish(revision, &source.task_definition);
        Ok(id)
    }

    /// "The first task started by the service scheduler … is used to establish the image digests": they become the
    /// revision's, but for containers that opted out.
    fn establish(&mut self, revision: Option<&str>, task_definition: &str) {
        let Some(definition) = self.ecs.task_definition(task_definition).cloned() else {
            return;
        };
        let pulled = self.ecs.tasks.last().map(|task| task.containers.clone());
        let Some(revision) = revision.and_then(|id| self.ecs.revision_mut(id)) else {
            return;
        };
        for (image, pulled) in revision.images.iter_mut().zip(pulled.into_iter().flatten()) {
            if image.digest.is_none() && !definition.is_inconsistent(&image.name) {
                image.digest = pulled.digest;
            }
        }
    }

    /// Starts a task, or records it as one that stopped before it ran.
    fn start_task(&mut self, start: &Start<'_>) -> Result<String, Unstarted> {
        let mut containers = Vec::new();
        let mut failed = None;
        for image in start.images {
            let digest = match self.pull_image(&image.image, image.digest.as_deref()) {
                Ok(digest) => Some(digest),
                Err(problem) => {
                    failed = failed.or(Some((image.clone(), problem)));
                    image.digest.clone()
                }
            };
            containers.push(ContainerImage {
                digest,
                ..image.clone()
            });
        }
        let id = self.add_running(start, containers);
        let Some((image, problem)) = failed else {
            return Ok(id);
        };
        let asked = match &image.digest {
            Some(digest) => format!("{}@{digest}", image.image),
            None => image.image.clone(),
        };
        let reason = format!(
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {asked}: {problem}"
        );
        self.stop_where(&reason, |task| task.id == id);
        Err(Unstarted {
            cluster: start.cluster.to_owned(),
            group: start.group.clone(),
            task_definition: start.task_definition.to_owned(),
            image: image.image,
            digest: image.digest,
            reason,
        })
    }

    /// Adds a running task without asking whether its images are there.
    pub(crate) fn add_running(
        &mut self,
        start: &Start<'_>,
        containers: Vec<ContainerImage>,
    ) -> String {
        let id = self.next_uuid("task").replace('-', "");
        let task = Task {
            id: id.clone(),
            cluster: start.cluster.to_owned(),
            task_definition: start.task_definition.to_owned(),
            group: start.group.clone(),
            last_status: "RUNNING".to_owned(),
            desired_status: "RUNNING".to_owned(),
            started_by: start.started_by.clone(),
            revision: start.revision.map(str::to_owned),
            containers,
            started_at: self.clock.tick(),
            stopped_at: None,
            stopped_reason: None,
        };
        self.ecs.tasks.push(task);
        id
    }

    /// Stops the running tasks that fit.
    pub(crate) fn stop_where(&mut self, reason: &str, fits: impl Fn(&Task) -> bool) {
        let now = self.clock.now();
        let running = self.ecs.tasks.iter_mut();
        for task in running.filter(|task| task.desired_status == "RUNNING" && fits(task)) {
            "STOPPED".clone_into(&mut task.desired_status);
            "STOPPED".clone_into(&mut task.last_status);
            task.stopped_at = Some(now);
            task.stopped_reason = Some(reason.to_owned());
        }
    }
}

/// One of the things a service starts tasks from.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) task_definition: String,
    pub(crate) revision: Option<String>,
    pub(crate) started_by: String,
}

impl Service {
    /// `startedBy` of its tasks: the deployment's id as ECS writes it.
    pub(crate) fn started_by(
        &self,
        deployment: Option<&crate::ecs::state::ServiceDeployment>,
    ) -> String {
        match deployment {
            Some(deployment) => format!("ecs-svc/{}", deployment.id),
            None => "ecs-svc/1000".to_owned(),
        }
    }
}

/// Containers as they are written, nothing resolved.
pub(crate) fn written(containers: Vec<(String, String)>) -> Vec<ContainerImage> {
    let containers = containers.into_iter();
    containers
        .map(|(name, image)| ContainerImage {
            name,
            image,
            digest: None,
        })
        .collect()
}
