//! The ECS part of a world file.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// A task definition revision.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TaskDefinitionSpec {
    /// Its family.
    pub family: String,
    /// Its revision; absent is the next one of the family.
    #[serde(default)]
    pub revision: Option<u32>,
    /// `ACTIVE` (also when absent), `INACTIVE` or `DELETE_IN_PROGRESS`.
    #[serde(default)]
    pub status: Option<String>,
    /// Its containers.
    pub containers: Vec<ContainerSpec>,
    /// When it was registered, in days before `now`.
    #[serde(default)]
    pub registered_days_ago: Option<f64>,
}

/// A container of a task definition.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ContainerSpec {
    /// Its name.
    pub name: String,
    /// Its image reference.
    pub image: String,
    /// `disabled`: ECS does not resolve its tag to a digest for a whole deployment.
    #[serde(default)]
    pub version_consistency: Option<String>,
}

/// A service, running.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ServiceSpec {
    /// Its cluster; absent is `default`.
    #[serde(default = "default_cluster")]
    pub cluster: String,
    /// Its name.
    pub name: String,
    /// What it runs, `family:revision`; empty for the controller `EXTERNAL`.
    #[serde(default)]
    pub task_definition: String,
    /// How many tasks; absent is 1.
    #[serde(default = "one")]
    pub desired_count: u32,
    /// `ACTIVE` (also when absent), `DRAINING` or `INACTIVE`.
    #[serde(default)]
    pub status: Option<String>,
    /// `ECS` (also when absent), `CODE_DEPLOY` or `EXTERNAL`.
    #[serde(default)]
    pub controller: Option<String>,
    /// How many tasks run, where it is not as many as it wants.
    #[serde(default)]
    pub running_count: Option<u32>,
    /// What was deployed before, oldest first; each was successful where it does not say otherwise.
    #[serde(default)]
    pub history: Vec<DeploySpec>,
    /// When the current task definition was deployed, in days before `now`; absent is now.
    #[serde(default)]
    pub deployed_days_ago: Option<f64>,
    /// What ECS resolved the current images to, by container, where it is not what the names mean now.
    #[serde(default)]
    pub resolved: Resolved,
    /// What was deployed after the current one and did not succeed, oldest first.
    #[serde(default)]
    pub failed: Vec<DeploySpec>,
    /// What is being deployed.
    #[serde(default)]
    pub deploying: Option<DeploySpec>,
    /// The task definitions of further task sets.
    #[serde(default)]
    pub task_sets: Vec<String>,
}

/// What ECS resolved images to, by the container's name. A digest; or a tag, `#3` (the image at that place, from 0, of
/// the container's repository in the world), each with `/1` behind it for the child at that place of an index; or
/// null: not resolved.
pub type Resolved = BTreeMap<String, Option<String>>;

/// A deployment: what was deployed, or that with more about it.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Value")]
pub enum DeploySpec {
    /// `family:revision`.
    Name(String),
    /// More about it.
    Full(FullDeploySpec),
}

/// More about a deployment.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FullDeploySpec {
    /// `family:revision`.
    pub task_definition: String,
    /// When it began, in days before `now`; absent is now.
    #[serde(default)]
    pub days_ago: Option<f64>,
    /// `SUCCESSFUL`, `ROLLBACK_SUCCESSFUL`, `IN_PROGRESS`, … (ECS API Reference, "ServiceDeployment"); absent is what the
    /// list it stands in says.
    #[serde(default)]
    pub status: Option<String>,
    /// Where a native blue/green deployment stands: `SCALE_UP`, `BAKE_TIME`, …
    #[serde(default)]
    pub stage: Option<String>,
    /// What ECS resolved its images to.
    #[serde(default)]
    pub resolved: Resolved,
}

impl TryFrom<Value> for DeploySpec {
    type Error = String;

    fn try_from(value: Value) -> Result<DeploySpec, String> {
        match value {
            Value::String(name) => Ok(DeploySpec::Name(name)),
            value => serde_json::from_value(value)
                .map(DeploySpec::Full)
                .map_err(|error| format!("a deployment: {error}")),
        }
    }
}

impl DeploySpec {
    /// All there is to know about it.
    pub fn full(&self) -> FullDeploySpec {
        match self {
            DeploySpec::Full(full) => full.clone(),
            DeploySpec::Name(name) => FullDeploySpec {
                task_definition: name.clone(),
                ..FullDeploySpec::default()
            },
        }
    }
}

/// A managed daemon.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DaemonSpec {
    /// Its cluster; absent is `default`.
    #[serde(default = "default_cluster")]
    pub cluster: String,
    /// Its name, and that of its daemon task definition's family.
    pub name: String,
    /// `ACTIVE` (also when absent) or `DELETE_IN_PROGRESS`.
    #[serde(default)]
    pub status: Option<String>,
    /// The containers of its current revision.
    pub containers: Vec<ContainerSpec>,
    /// What ECS resolved their images to, where it is not what the names mean now.
    #[serde(default)]
    pub resolved: Resolved,
    /// The containers of a revision that is being deployed.
    #[serde(default)]
    pub deploying: Vec<ContainerSpec>,
}

/// A task besides those of the services.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TaskSpec {
    /// Its cluster; absent is `default`.
    #[serde(default = "default_cluster")]
    pub cluster: String,
    /// What it runs, `family:revision`.
    pub task_definition: String,
    /// `RUNNING` (also when absent), `PENDING`, `STOPPED`, …
    #[serde(default)]
    pub last_status: Option<String>,
    /// `RUNNING` or `STOPPED`; absent is what the last status says.
    #[serde(default)]
    pub desired_status: Option<String>,
    /// When a stopped one stopped, in minutes before `now`; absent is a minute ago. ECS forgets it after an hour.
    #[serde(default)]
    pub stopped_minutes_ago: Option<f64>,
    /// Its group; absent is `family:<family>`.
    #[serde(default)]
    pub group: Option<String>,
    /// What started it.
    #[serde(default)]
    pub started_by: Option<String>,
    /// What it pulled, where it is not what the names mean now.
    #[serde(default)]
    pub resolved: Resolved,
}

fn default_cluster() -> String {
    "default".to_owned()
}

fn one() -> u32 {
    1
}
