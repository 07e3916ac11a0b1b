//! The history of services, for tests that play one: deployments that end well, that fail, or that are still going on,
//! rollbacks, and what becomes of task definitions.

use crate::Error;
use crate::ecs::running::Source;
use crate::ecs::state::ContainerImage;
use crate::ecs::state::Service;
use crate::ecs::state::TaskDefinition;
use crate::state::State;

impl State {
    /// Deploys a task definition (`family:revision`) to a service, which is created where it does not exist, and sees
    /// the deployment through. The images' tags are resolved now; the service's tasks are replaced.
    ///
    /// # Errors
    /// The task definition does not exist or is not ACTIVE, or an image cannot be pulled: the service then runs on as
    /// it did.
    pub fn deploy(
        &mut self,
        cluster: &str,
        service: &str,
        task_definition: &str,
    ) -> Result<(), Error> {
        self.begin_deployment(cluster, service, task_definition)?;
        self.finish_deployment(cluster, service)
    }

    /// A deployment whose tasks start and then fail, so that ECS goes back to what ran before.
    ///
    /// # Errors
    /// As [`State::deploy`]; the failure itself is not an error.
    pub fn deploy_failing(
        &mut self,
        cluster: &str,
        service: &str,
        task_definition: &str,
    ) -> Result<(), Error> {
        self.begin_deployment(cluster, service, task_definition)?;
        self.fail_deployment(cluster, service)
    }

    /// Begins a deployment: the tasks of the new revision run beside the old ones. One that was in progress is stopped
    /// by it. Gives the deployment's id.
    ///
    /// # Errors
    /// The task definition does not exist or is not ACTIVE; or an image cannot be pulled, then the deployment has failed
    /// and was rolled back.
    pub fn begin_deployment(
        &mut self,
        cluster: &str,
        service: &str,
        task_definition: &str,
    ) -> Result<String, Error> {
        let definition = self.active(task_definition)?;
        self.ensure_service(cluster, service);
        self.end_deployment(cluster, service, "STOPPED");
        let name = definition.name();
        let images = self.resolve(&definition);
        let found = self.service(cluster, service)?;
        // "If you create a service with a desired task count of zero", nothing establishes the digests yet.
        let images = pinned(&definition, images, found.desired_count > 0);
        let revision = self.add_revision(cluster, service, &name, images);
        let deployment = self.add_deployment(cluster, service, &revision, "IN_PROGRESS");
        if let Some(found) = self.ecs.service_mut(cluster, service) {
            found.task_definition.clone_from(&name);
            found.deploying = Some(deployment.clone());
        }
        let source = Source {
            task_definition: name,
            revision: Some(revision),
            started_by: format!("ecs-svc/{deployment}"),
        };
        for _ in 0..found.desired_count {
            if let Err(unstarted) = self.start_from(&found, &source) {
                self.fail_deployment(cluster, service)?;
                return Err(Error::new(unstarted.reason));
            }
        }
        Ok(deployment)
    }

    /// Ends the deployment in progress with success: the old tasks stop.
    ///
    /// # Errors
    /// No deployment is in progress.
    pub fn finish_deployment(&mut self, cluster: &str, service: &str) -> Result<(), Error> {
        let target = self.end_deployment(cluster, service, "SUCCESSFUL");
        let target = target.ok_or_else(|| none_in_progress(service))?;
        if let Some(found) = self.ecs.service_mut(cluster, service) {
            found.revision = Some(target.clone());
        }
        self.stop_others(cluster, service, Some(&target));
        Ok(())
    }

    /// Ends the deployment in progress without success, as the circuit breaker or StopServiceDeployment with ROLLBACK
    /// does: the service goes back to the last revision that was deployed with success, with that revision's digests.
    /// Without one it stays on what was deployed, and nothing runs.
    ///
    /// # Errors
    /// No deployment is in progress, or what it goes back to cannot be started.
    pub fn fail_deployment(&mut self, cluster: &str, service: &str) -> Result<(), Error> {
        let found = self.service(cluster, service)?;
        let source = found.revision.clone();
        let status = match source {
            Some(_) => "ROLLBACK_SUCCESSFUL",
            None => "STOPPED",
        };
        let id = found.deploying.clone();
        self.end_deployment(cluster, service, status)
            .ok_or_else(|| none_in_progress(service))?;
        if let Some(ended) = id.and_then(|id| self.ecs.deployment_mut(&id)) {
            ended.rollback.clone_from(&source);
        }
        let back_to = source
            .as_deref()
            .and_then(|id| self.ecs.revision(id))
            .map(|revision| revision.task_definition.clone());
        if let (Some(found), Some(back_to)) = (self.ecs.service_mut(cluster, service), back_to) {
            found.task_definition = back_to;
        }
        self.stop_others(cluster, service, source.as_deref());
        let found = self.service(cluster, service)?;
        match self.fill_up(&found).into_iter().next() {
            Some(unstarted) => Err(unstarted.into()),
            None => Ok(()),
        }
    }

    /// Rolls back as ecspresso does: a deployment in progress is stopped with ROLLBACK; otherwise the next lower ACTIVE
    /// revision of the family is deployed, and with `deregister` (ecspresso's default) the one that was left is
    /// deregistered. Gives what the service is set to then.
    ///
    /// # Errors
    /// The current revision is not ACTIVE or none is below it, so that ecspresso finds no target; or the deployment
    /// fails.
    pub fn roll_back(
        &mut self,
        cluster: &str,
        service: &str,
        deregister: bool,
    ) -> Result<String, Error> {
        let found = self.service(cluster, service)?;
        if found.deploying.is_some() {
            self.fail_deployment(cluster, service)?;
            return Ok(self.service(cluster, service)?.task_definition);
        }
        let current = self.active(&found.task_definition)?;
        let revisions = self.ecs.task_definitions.get(&current.family);
        let target = revisions
            .into_iter()
            .flat_map(|revisions| revisions.range(..current.revision).rev())
            .map(|(_, definition)| definition)
            .find(|definition| definition.status == "ACTIVE")
            .map(TaskDefinition::name)
            .ok_or_else(|| Error::new("rollback target is not found"))?;
        self.deploy(cluster, service, &target)?;
        if deregister {
            self.deregister(&current.name())?;
        }
        Ok(target)
    }

    /// Deregisters a task definition: it becomes INACTIVE, and what runs on it runs on.
    ///
    /// # Errors
    /// There is no such task definition.
    pub fn deregister(&mut self, task_definition: &str) -> Result<(), Error> {
        self.set_status(task_definition, "INACTIVE")
    }

    /// Asks for the deletion of a task definition, as DeleteTaskDefinitions does: it stays in DELETE_IN_PROGRESS.
    ///
    /// # Errors
    /// There is no such task definition, or it is not INACTIVE.
    pub fn delete_definition(&mut self, task_definition: &str) -> Result<(), Error> {
        let found = self.ecs.task_definition(task_definition);
        if found.is_none_or(|found| found.status != "INACTIVE") {
            return Err(Error::new(format!("{task_definition} is not INACTIVE")));
        }
        self.set_status(task_definition, "DELETE_IN_PROGRESS")
    }

    /// Deletes a service: DRAINING and no longer listed, while its tasks still run.
    ///
    /// # Errors
    /// There is no such service.
    pub fn delete_service(&mut self, cluster: &str, service: &str) -> Result<(), Error> {
        self.service(cluster, service)?;
        self.end_deployment(cluster, service, "STOPPED");
        if let Some(found) = self.ecs.service_mut(cluster, service) {
            "DRAINING".clone_into(&mut found.status);
            found.desired_count = 0;
        }
        Ok(())
    }

    /// Ends the draining of a deleted service: its tasks stop, and it is INACTIVE.
    pub fn finish_draining(&mut self, cluster: &str, service: &str) {
        self.stop_others(cluster, service, None);
        if let Some(found) = self.ecs.service_mut(cluster, service) {
            "INACTIVE".clone_into(&mut found.status);
        }
    }

    fn set_status(&mut self, task_definition: &str, status: &str) -> Result<(), Error> {
        let now = self.clock.tick();
        let found = self.ecs.task_definition_mut(task_definition);
        let found =
            found.ok_or_else(|| Error::new(format!("no task definition {task_definition}")))?;
        status.clone_into(&mut found.status);
        found.deregistered_at = found.deregistered_at.or(Some(now));
        Ok(())
    }

    /// Ends the deployment in progress with this status and gives its target.
    fn end_deployment(&mut self, cluster: &str, service: &str, status: &str) -> Option<String> {
        let now = self.clock.tick();
        let id = self.ecs.service_mut(cluster, service)?.deploying.take()?;
        let deployment = self.ecs.deployment_mut(&id)?;
        status.clone_into(&mut deployment.status);
        deployment.finished_at = Some(now);
        let target = deployment.target.clone();
        if status == "STOPPED" {
            self.stop_where("Scaling activity initiated by (deployment)", |task| {
                task.revision.as_deref() == Some(&target)
            });
        }
        Some(target)
    }

    /// Stops the tasks of a service that are not of this revision.
    fn stop_others(&mut self, cluster: &str, service: &str, kept: Option<&str>) {
        let group = format!("service:{service}");
        self.stop_where("Scaling activity initiated by (deployment)", |task| {
            task.cluster == cluster
                && task.group == group
                && (kept.is_none() || task.revision.as_deref() != kept)
        });
    }

    fn active(&self, task_definition: &str) -> Result<TaskDefinition, Error> {
        let found = self.ecs.task_definition(task_definition);
        let found =
            found.ok_or_else(|| Error::new(format!("no task definition {task_definition}")))?;
        if found.status == "ACTIVE" {
            return Ok(found.clone());
        }
        Err(Error::new(format!("{task_definition} is {}", found.status)))
    }

    fn service(&self, cluster: &str, name: &str) -> Result<Service, Error> {
        let found = self.ecs.service(cluster, name).cloned();
        found.ok_or_else(|| Error::new(format!("no service {name} in {cluster}")))
    }

    fn ensure_service(&mut self, cluster: &str, name: &str) {
        if !self.ecs.clusters.iter().any(|known| known == cluster) {
            self.ecs.clusters.push(cluster.to_owned());
        }
        if self.ecs.service(cluster, name).is_some() {
            return;
        }
        let created = Service {
            cluster: cluster.to_owned(),
            name: name.to_owned(),
            desired_count: 1,
            status: "ACTIVE".to_owned(),
            controller: "ECS".to_owned(),
            created_at: self.clock.tick(),
            ..Service::default()
        };
        self.ecs.services.push(created);
    }
}

/// The images as a service revision keeps them: without digests where a container opted out, or where no task ran yet.
pub(crate) fn pinned(
    definition: &TaskDefinition,
    images: Vec<ContainerImage>,
    is_established: bool,
) -> Vec<ContainerImage> {
    let keep = |image: &ContainerImage| is_established && !definition.is_inconsistent(&image.name);
    let images = images.into_iter();
    images
        .map(|image| ContainerImage {
            digest: image.digest.clone().filter(|_| keep(&image)),
            ..image
        })
        .collect()
}

fn none_in_progress(service: &str) -> Error {
    Error::new(format!("no deployment of {service} is in progress"))
}
