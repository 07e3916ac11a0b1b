//! The EventBridge and Scheduler part of a world file: what starts tasks at a time or on an event.

use serde::Deserialize;
use serde_json::Value;

/// A rule of EventBridge (EventBridge API Reference, "Rule").
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RuleSpec {
    /// Its name.
    pub name: String,
    /// Its event bus; absent is `default`. A bus exists as soon as a rule names it.
    #[serde(default = "default_name")]
    pub bus: String,
    /// `ENABLED` (also when absent), `DISABLED` or `ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS`.
    #[serde(default)]
    pub state: Option<String>,
    /// When it fires; absent is `rate(1 day)`, or nothing where there is a pattern.
    #[serde(default)]
    pub schedule: Option<String>,
    /// The pattern of the events it fires on, as JSON.
    #[serde(default)]
    pub pattern: Option<Value>,
    /// Its targets.
    #[serde(default)]
    pub targets: Vec<RuleTargetSpec>,
}

/// A target of a rule (EventBridge API Reference, "Target").
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RuleTargetSpec {
    /// Its id; absent is its place in the list, from 1.
    #[serde(default)]
    pub id: Option<String>,
    /// The task definition it runs: `family:revision`, `family`, or an ARN, which stays as it is written.
    #[serde(default)]
    pub task_definition: Option<String>,
    /// The cluster it runs it in; absent is `default`.
    #[serde(default = "default_name")]
    pub cluster: String,
    /// Of a target that is not ECS (a queue, a state machine): its ARN.
    #[serde(default)]
    pub arn: Option<String>,
    /// The JSON it is given, such as container overrides.
    #[serde(default)]
    pub input: Option<Value>,
}

/// A schedule of EventBridge Scheduler (EventBridge Scheduler API Reference, "GetSchedule").
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ScheduleSpec {
    /// Its name, unique in its group.
    pub name: String,
    /// Its group; absent is `default`. A group exists as soon as a schedule names it.
    #[serde(default = "default_name")]
    pub group: String,
    /// `ENABLED` (also when absent) or `DISABLED`.
    #[serde(default)]
    pub state: Option<String>,
    /// When it fires; absent is `rate(1 day)`.
    #[serde(default)]
    pub schedule: Option<String>,
    /// The task definition it runs: `family:revision`, `family`, or an ARN, which stays as it is written.
    #[serde(default)]
    pub task_definition: Option<String>,
    /// The cluster it runs it in; absent is `default`.
    #[serde(default = "default_name")]
    pub cluster: String,
    /// Whether the target is the universal one, `arn:aws:scheduler:::aws-sdk:ecs:runTask`, which carries the task
    /// definition in its input.
    #[serde(default)]
    pub universal: bool,
    /// Of a target that is not ECS: its ARN.
    #[serde(default)]
    pub arn: Option<String>,
    /// The target's input: JSON, or a text that is taken as it is, even if it is not JSON. Absent is made up for a universal target.
    #[serde(default)]
    pub input: Option<Value>,
}

fn default_name() -> String {
    "default".to_owned()
}
