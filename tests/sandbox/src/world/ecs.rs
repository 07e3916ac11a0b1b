//! The ECS part of a world file.

use serde::Deserialize;

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
    /// What was deployed before, oldest first; each was successful.
    #[serde(default)]
    pub history: Vec<String>,
    /// The task definitions of further task sets.
    #[serde(default)]
    pub task_sets: Vec<String>,
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
    /// `RUNNING` (also when absent) or `STOPPED`.
    #[serde(default)]
    pub desired_status: Option<String>,
    /// Its group; absent is `family:<family>`.
    #[serde(default)]
    pub group: Option<String>,
}

fn default_cluster() -> String {
    "default".to_owned()
}

fn one() -> u32 {
    1
}
