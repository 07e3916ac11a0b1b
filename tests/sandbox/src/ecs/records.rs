//! Registering task definitions, and the records that deployments leave behind: service revisions and deployments.

use serde_json::Value;
use serde_json::json;

use crate::ecs::state::ContainerImage;
use crate::ecs::state::ServiceDeployment;
use crate::ecs::state::ServiceRevision;
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
    ) -> String {
        let id: String = self
            .next_uuid("deployment")
            .replace('-', "")
            .chars()
            .take(21)
            .collect();
        let created_at = self.clock.tick();
        let is_over = [
            "SUCCESSFUL",
            "STOPPED",
            "ROLLBACK_SUCCESSFUL",
            "ROLLBACK_FAILED",
        ]
        .contains(&status);
        let source = self
            .ecs
            .service(cluster, service)
            .and_then(|service| service.revision.clone());
        self.ecs.deployments.push(ServiceDeployment {
            id: id.clone(),
            cluster: cluster.to_owned(),
            service: service.to_owned(),
            source,
            target: target.to_owned(),
            status: status.to_owned(),
            created_at,
            finished_at: is_over.then_some(created_at),
            ..ServiceDeployment::default()
        });
        id
    }
}
