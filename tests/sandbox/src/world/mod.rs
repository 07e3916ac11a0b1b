//! World files: what a registry and its ECS clusters hold when a sandbox starts.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;

use crate::Error;

pub(crate) mod content;
pub mod ecs;
pub mod image;
pub mod lookups;
pub mod schedules;

/// A world, as `fixtures/worlds/*.json` describes it. Unknown keys are refused.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct World {
    /// A sentence about what the world shows; nothing reads it.
    pub about: String,
    /// The account, 12 digits.
    pub account: String,
    /// The Region.
    pub region: String,
    /// What the clock shows at the start, RFC 3339.
    pub now: String,
    /// The account setting `BLOB_MOUNTING`: true is `ENABLED`, false `DISABLED`, absent was never put.
    pub blob_mounting: Option<bool>,
    /// The repositories.
    pub repositories: Vec<RepositorySpec>,
    /// The names of the ECS clusters.
    pub clusters: Vec<String>,
    /// The task definitions.
    pub task_definitions: Vec<ecs::TaskDefinitionSpec>,
    /// The services.
    pub services: Vec<ecs::ServiceSpec>,
    /// Managed daemons.
    pub daemons: Vec<ecs::DaemonSpec>,
    /// ECS actions that this Region does not support, such as `ecs:ListDaemons`; `*` is a wildcard.
    pub unsupported: Vec<String>,
    /// Tasks besides those of the services.
    pub tasks: Vec<ecs::TaskSpec>,
    /// The rules of EventBridge.
    pub rules: Vec<schedules::RuleSpec>,
    /// The schedules of EventBridge Scheduler.
    pub schedules: Vec<schedules::ScheduleSpec>,
    /// Parameters of Systems Manager.
    pub parameters: BTreeMap<String, lookups::Parameter>,
    /// The names of secrets.
    pub secrets: Vec<String>,
    /// The outputs of CloudFormation stacks.
    pub stacks: BTreeMap<String, BTreeMap<String, String>>,
    /// CloudFormation exports.
    pub exports: BTreeMap<String, String>,
    /// S3 objects by `bucket/key`: a text, or JSON that is written as text.
    pub objects: BTreeMap<String, Value>,
    /// The Regions of buckets that are not in the world's.
    pub buckets: BTreeMap<String, String>,
}

impl Default for World {
    fn default() -> World {
        World {
            about: String::new(),
            account: "123456789012".to_owned(),
            region: "ap-northeast-1".to_owned(),
            now: "2026-11-20T09:00:00Z".to_owned(),
            blob_mounting: Some(true),
            repositories: Vec::new(),
            clusters: vec!["default".to_owned()],
            task_definitions: Vec::new(),
            services: Vec::new(),
            daemons: Vec::new(),
            unsupported: Vec::new(),
            tasks: Vec::new(),
            rules: Vec::new(),
            schedules: Vec::new(),
            parameters: BTreeMap::new(),
            secrets: Vec::new(),
            stacks: BTreeMap::new(),
            exports: BTreeMap::new(),
            objects: BTreeMap::new(),
            buckets: BTreeMap::new(),
        }
    }
}

/// A repository of a world.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct RepositorySpec {
    /// Its name.
    pub name: String,
    /// The account it is in; absent is the world's.
    pub account: Option<String>,
    /// `MUTABLE` (also when absent), `IMMUTABLE`, `IMMUTABLE_WITH_EXCLUSION` or `MUTABLE_WITH_EXCLUSION`.
    pub tag_mutability: Option<String>,
    /// Wildcards such as `inuse-*`, for the two `…_WITH_EXCLUSION`.
    pub exclusion_filters: Vec<String>,
    /// Its encryption; absent is AES256.
    pub encryption: Option<EncryptionSpec>,
    /// The repository policy, as JSON.
    pub policy: Option<Value>,
    /// The lifecycle policy, as JSON.
    pub lifecycle_policy: Option<Value>,
    /// Resource tags.
    pub tags: BTreeMap<String, String>,
    /// Whether it was made by a pull-through-cache rule: nothing can be mounted from it.
    pub pull_through: bool,
    /// How many days before `now` it was created; absent is 100.
    pub created_days_ago: Option<f64>,
    /// Its images.
    pub images: Vec<image::ImageSpec>,
}

/// How a repository is encrypted.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EncryptionSpec {
    /// `AES256`, `KMS` or `KMS_DSSE`.
    pub r#type: String,
    /// The ARN of the key.
    #[serde(default)]
    pub key: Option<String>,
}

impl World {
    pub(crate) fn lookups(&self) -> lookups::Lookups {
        lookups::Lookups {
            parameters: self.parameters.clone(),
            secrets: self.secrets.clone(),
            stacks: self.stacks.clone(),
            exports: self.exports.clone(),
            objects: self.objects.clone(),
            buckets: self.buckets.clone(),
        }
    }

    /// Reads a world file.
    ///
    /// # Errors
    /// The file cannot be read, or is not a world.
    pub fn read(path: &Path) -> Result<World, Error> {
        let text = crate::files::read(path)?;
        text.parse()
            .map_err(|error| Error::new(format!("{}: {error}", path.display())))
    }
}

impl FromStr for World {
    type Err = Error;

    fn from_str(text: &str) -> Result<World, Error> {
        serde_json::from_str(text).map_err(|error| Error::new(format!("not a world: {error}")))
    }
}
