//! Task definitions.

use serde_json::Value;
use serde_json::json;

use crate::ecs::page;
use crate::ecs::state::TaskDefinition;
use crate::input::Input;
use crate::input::with_token;
use crate::refusal::Refusal;
use crate::state::State;

/// Here `familyPrefix` is a prefix; in ListTaskDefinitions it is the whole family name.
pub(super) fn families(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let prefix = input.text("familyPrefix").unwrap_or_default();
    let status = input.text("status").unwrap_or("ALL");
    let all = state
        .ecs
        .task_definitions
        .iter()
        .filter(|(family, revisions)| {
            let is_active = revisions
                .values()
                .any(|definition| definition.status == "ACTIVE");
            family.starts_with(prefix) && (status == "ALL" || (status == "ACTIVE") == is_active)
        })
        .map(|(family, _)| family.clone())
        .collect();
    let (page, token) = page(input, all, 100)?;
    Ok(with_token(json!({ "families": page }), token))
}

pub(super) fn list(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let family = input.text("familyPrefix");
    let status = input.text("status").unwrap_or("ACTIVE");
    let known = &state.ecs.task_definitions;
    let families: Vec<_> = match family {
        Some(family) => known.get(family).into_iter().collect(),
        None => known.values().collect(),
    };
    let mut all: Vec<String> = families
        .into_iter()
        .flat_map(|revisions| revisions.values())
        .filter(|definition| definition.status == status)
        .map(|definition| arn(state, definition))
        .collect();
    if input.text("sort") == Some("DESC") {
        all.reverse();
    }
    let (page, token) = page(input, all, 100)?;
    Ok(with_token(json!({ "taskDefinitionArns": page }), token))
}

pub(super) fn describe(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let definition = state
        .ecs
        .task_definition(input.required("taskDefinition")?)
        .ok_or_else(missing)?;
    // DescribeTaskDefinition: "You can only describe INACTIVE task definitions while an active task or service references
    // them"; DeregisterTaskDefinition: they "remain discoverable in your account indefinitely".
    let is_hidden = definition.status == "INACTIVE"
        && !state.undocumented.unreferenced_inactive_is_described
        && !state.is_referenced(&definition.name());
    if is_hidden {
        return Err(missing());
    }
    let mut value = json!({"taskDefinition": row(state, definition)});
    if input.texts("include").contains(&"TAGS") {
        value["tags"] = Value::from(definition.tags.clone());
    }
    Ok(value)
}

pub(super) fn register(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let family = input.required("family")?.to_owned();
    if input.list("containerDefinitions").is_empty() {
        return Err(Refusal::new(
            "ClientException",
            "Container list cannot be empty.",
        ));
    }
    let mut document = input.0.as_object().cloned().unwrap_or_default();
    let tags = document
        .remove("tags")
        .and_then(|tags| tags.as_array().cloned())
        .unwrap_or_default();
    let revision = state.register_document(&family, document, tags);
    let definition = state
        .ecs
        .task_definition(&format!("{family}:{revision}"))
        .ok_or_else(missing)?;
    Ok(json!({"taskDefinition": row(state, definition), "tags": definition.tags}))
}

pub(super) fn deregister(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let now = state.clock.tick();
    let definition = state
        .ecs
        .task_definition_mut(input.required("taskDefinition")?)
        .ok_or_else(missing)?;
    "INACTIVE".clone_into(&mut definition.status);
    definition.deregistered_at = Some(now);
    let definition = definition.clone();
    Ok(json!({"taskDefinition": row(state, &definition)}))
}

impl State {
    /// Whether a service that is not INACTIVE, or a task that is not STOPPED, uses a task definition.
    pub(crate) fn is_referenced(&self, task_definition: &str) -> bool {
        let mut services = self.ecs.services.iter();
        let by_service = services.any(|service| {
            let deployment = self.ecs.in_progress(service);
            let revisions = service
                .revision
                .iter()
                .chain(deployment.map(|known| &known.target));
            let mut used = revisions
                .filter_map(|id| self.ecs.revision(id))
                .map(|revision| &revision.task_definition)
                .chain(&service.task_sets)
                .chain([&service.task_definition]);
            service.status != "INACTIVE" && used.any(|name| name == task_definition)
        });
        let mut tasks = self.ecs.tasks.iter();
        by_service
            || tasks.any(|task| {
                task.last_status != "STOPPED" && task.task_definition == task_definition
            })
    }
}

fn missing() -> Refusal {
    Refusal::new("ClientException", "Unable to describe task definition.")
}

fn arn(state: &State, definition: &TaskDefinition) -> String {
    state.ecs_arn(&format!("task-definition/{}", definition.name()))
}

fn row(state: &State, definition: &TaskDefinition) -> Value {
    let mut row = Value::from(definition.document.clone());
    row["taskDefinitionArn"] = Value::from(arn(state, definition));
    row["revision"] = Value::from(definition.revision);
    row["status"] = Value::from(definition.status.clone());
    row["registeredAt"] = definition.registered_at.json();
    if let Some(time) = definition.deregistered_at {
        row["deregisteredAt"] = time.json();
    }
    if let ("DELETE_IN_PROGRESS", Some(time)) =
        (definition.status.as_str(), definition.deregistered_at)
    {
        row["deleteRequestedAt"] = time.json();
    }
    for key in [
        "volumes",
        "placementConstraints",
        "requiresAttributes",
        "compatibilities",
    ] {
        if row.get(key).is_none() {
            row[key] = json!([]);
        }
    }
    row
}
