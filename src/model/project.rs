//! What one ecspresso config deploys.

use std::path::PathBuf;

use crate::model::task_definition::{Location, TaskDefinition};
use crate::model::usage::Deployed;

/// One ecspresso project: its config file and the task definition it names, rendered.
#[derive(Clone, Debug, PartialEq)]
pub struct Project {
    /// The config file, or the file (or `-`) that `--task-definition` named.
    pub config: PathBuf,
    /// `region` of the config.
    pub region: Option<String>,
    /// `cluster` of the config; `default` where it is not set.
    pub cluster: String,
    /// `service` of the config; task-only configs have none.
    pub service: Option<String>,
    /// The task definition as ecspresso would register it.
    pub task_definition: TaskDefinition,
    /// What ecspresso would warn about (unknown keys).
    pub warnings: Vec<String>,
}

impl Project {
    /// What is deployed.
    pub fn deployed(&self) -> Deployed {
        Deployed {
            region: self.region.clone(),
            cluster: self.cluster.clone(),
            service: self.service.clone(),
            family: self.task_definition.family.clone(),
        }
    }
}

/// Where an image is used: what tables, reports and annotations point at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The config file.
    pub config: PathBuf,
    /// The task definition's family.
    pub family: String,
    /// The container's name.
    pub container: String,
    /// The image as the container definition names it.
    pub image: String,
    /// Where it stands, as far as that is known.
    pub location: Option<Location>,
}
