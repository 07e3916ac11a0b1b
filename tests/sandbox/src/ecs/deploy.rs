//! Registering and deploying: tags become digests once, when a deployment begins, and tasks are started by digest.

use serde_json::Value;
use serde_json::json;

use crate::Error;
use crate::content;
use crate::ecs::state::ContainerImage;
use crate::ecs::state::Service;
use crate::ecs::state::ServiceDeployment;
use crate::ecs::state::ServiceRevision;
use crate::ecs::state::Task;
use crate::ecs::state::TaskDefinition;
use crate::state::State;

impl State {
    /// Registers the next revision of a family with these containers (name, image) and gives its number.
    pub fn register(&mut self, family: &str, containers: &[(&str, &str)]) -> u32 {
        let containers: Vec<Value> = containers
            .iter()
            .map(|(name, image)| json!({"name": name, "image": image, "essential": true}))
            .collect();
        let document = json!({"family": family, "containerDefinitions": containers});
        self.register_document(
            family,
            document.as_object().cloned().unwrap_or_default(),
            Vec::new(),
        )
    }

    pub(crate) fn register_document(
        &mut self,
        family: &str,
        document: serde_json::Map<String, Value>,
        tags: Vec<Value>,
    ) -> u32 {
        let registered_at = self.clock.tick();
        let revisions = self
            .ecs
            .task_definitions
            .entry(family.to_owned())
            .or_default();
        let revision = revisions.keys().last().map_or(1, |last| last + 1);
        let definition = TaskDefinition {
            family: family.to_owned(),
            revision,
            status: "ACTIVE".to_owned(),
            document,
            tags,
            registered_at,
            deregistered_at: None,
        };
        revisions.insert(revision, definition);
        revision
    }

    /// Deploys a task definition (`family:revision`) to a service, which is created where it does not exist. The images'
    /// tags are resolved now; the service's tasks are replaced.
    ///
    /// # Errors
    /// The task definition does not exist, or an image cannot be pulled: the service then runs on as it did.
    pub fn deploy(
        &mut self,
        cluster: &str,
        service: &str,
        task_definition: &str,
    ) -> Result<(), Error> {
        let definition = self
            .ecs
            .task_definition(task_definition)
            .cloned()
            .ok_or_else(|| Error::new(format!("no task definition {task_definition}")))?;
        if !self.ecs.clusters.iter().any(|known| known == cluster) {
            self.ecs.clusters.push(cluster.to_owned());
        }
        if self.ecs.service(cluster, service).is_none() {
            let created = Service {
                cluster: cluster.to_owned(),
                name: service.to_owned(),
                desired_count: 1,
                status: "ACTIVE".to_owned(),
                controller: "ECS".to_owned(),
                created_at: self.clock.tick(),
                ..Service::default()
            };
            self.ecs.services.push(created);
        }
        let images = self.resolve(&definition);
        let missing = images
            .iter()
            .find(|image| image.digest.is_none())
            .map(|image| image.image.clone());
        let revision = self.add_revision(cluster, service, &definition.name(), images.clone());
        let status = if missing.is_some() {
            "ROLLBACK_SUCCESSFUL"
        } else {
            "SUCCESSFUL"
        };
        self.add_deployment(cluster, service, &revision, status);
        if let Some(image) = missing {
            let reason = format!(
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {image}: not found"
            );
            self.start_tasks(cluster, service, &definition.name(), &images, 1);
            if let Some(task) = self.ecs.tasks.last_mut() {
                "STOPPED".clone_into(&mut task.last_status);
                "STOPPED".clone_into(&mut task.desired_status);
                task.stopped_reason = Some(reason.clone());
            }
            return Err(Error::new(reason));
        }
        let Some(found) = self.ecs.service_mut(cluster, service) else {
            return Ok(());
        };
        found.task_definition = definition.name();
        found.revision = Some(revision);
        let count = found.desired_count;
        self.stop_tasks(cluster, service);
        self.start_tasks(cluster, service, &definition.name(), &images, count);
        Ok(())
    }

    /// The images of a task definition, with what their tags mean now. Images of other registries are taken to exist.
    pub(crate) fn resolve(&self, definition: &TaskDefinition) -> Vec<ContainerImage> {
        let containers = definition.containers().into_iter();
        containers
            .map(|(name, image)| {
                let digest = self.digest_of(&image);
                ContainerImage {
                    name,
                    image,
                    digest,
                }
            })
            .collect()
    }

    fn digest_of(&self, image: &str) -> Option<String> {
        let Some(rest) = image.strip_prefix(&format!("{}/", self.host())) else {
            return Some(content::digest(image.as_bytes()));
        };
        let (name, digest) = rest
            .split_once('@')
            .map_or((rest, None), |(name, digest)| (name, Some(digest)));
        let (repository, tag) = name.split_once(':').unwrap_or((name, "latest"));
        let image = self.image(repository, digest.unwrap_or(tag))?;
        Some(image.digest.clone())
    }

    pub(crate) fn add_revision(
        &mut self,
        cluster: &str,
        service: &str,
        task_definition: &str,
        images: Vec<ContainerImage>,
    ) -> String {
        let id = format!("{}", 1_000_000_000_000_000_000 + self.next());
        self.ecs.revisions.push(ServiceRevision {
            id: id.clone(),
            cluster: cluster.to_owned(),
            service: service.to_owned(),
            task_definition: task_definition.to_owned(),
            images,
            created_at: self.clock.tick(),
        });
        id
    }

    pub(crate) fn add_deployment(
        &mut self,
        cluster: &str,
        service: &str,
        target: &str,
        status: &str,
    ) {
        let id = self
            .next_uuid("deployment")
            .replace('-', "")
            .chars()
            .take(21)
            .collect();
        let source = self
            .ecs
            .service(cluster, service)
            .and_then(|service| service.revision.clone());
        self.ecs.deployments.push(ServiceDeployment {
            id,
            cluster: cluster.to_owned(),
            service: service.to_owned(),
            source,
            target: target.to_owned(),
            status: status.to_owned(),
            created_at: self.clock.tick(),
        });
    }

    pub(crate) fn start_tasks(
        &mut self,
        cluster: &str,
        service: &str,
        task_definition: &str,
        images: &[ContainerImage],
        count: u32,
    ) {
        for _ in 0..count {
            let task = Task {
                id: self.next_uuid("task").replace('-', ""),
                cluster: cluster.to_owned(),
                task_definition: task_definition.to_owned(),
                group: format!("service:{service}"),
                last_status: "RUNNING".to_owned(),
                desired_status: "RUNNING".to_owned(),
                containers: images.to_vec(),
                started_at: self.clock.tick(),
                stopped_reason: None,
            };
            self.ecs.tasks.push(task);
        }
    }

    pub(crate) fn stop_tasks(&mut self, cluster: &str, service: &str) {
        let group = format!("service:{service}");
        for task in self
            .ecs
            .tasks
            .iter_mut()
            .filter(|task| task.cluster == cluster && task.group == group)
        {
            if task.desired_status == "RUNNING" {
                "STOPPED".clone_into(&mut task.desired_status);
                "STOPPED".clone_into(&mut task.last_status);
                task.stopped_reason = Some("Scaling activity initiated by (deployment)".to_owned());
            }
        }
    }
}
