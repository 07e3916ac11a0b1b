//! What starts tasks besides services: the rules of EventBridge and the schedules of EventBridge Scheduler.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use crate::Error;
use crate::ecs::running::Unstarted;
use crate::state::State;
use crate::world::World;
use crate::world::schedules::RuleSpec;
use crate::world::schedules::RuleTargetSpec;
use crate::world::schedules::ScheduleSpec;

pub(crate) mod events;
pub(crate) mod scheduler;

/// The rules and schedules of a world.
#[derive(Debug, Clone, Default)]
pub struct Schedules {
    /// The rules of EventBridge, of all buses.
    pub rules: Vec<RuleSpec>,
    /// The schedules of Scheduler, of all groups.
    pub schedules: Vec<ScheduleSpec>,
}

impl Schedules {
    /// Takes them over from a world.
    pub(crate) fn new(world: &World) -> Result<Schedules, Error> {
        let mut names = BTreeSet::new();
        for rule in &world.rules {
            if !names.insert(("rule", &rule.bus, &rule.name)) {
                return Err(Error::new(format!("rule {:?} is there twice", rule.name)));
            }
            for target in &rule.targets {
                if target.task_definition.is_some() == target.arn.is_some() {
                    return Err(Error::new(format!(
                        "rule {:?}: a target has either a taskDefinition or an arn",
                        rule.name
                    )));
                }
            }
        }
        for schedule in &world.schedules {
            if !names.insert(("schedule", &schedule.group, &schedule.name)) {
                return Err(Error::new(format!(
                    "schedule {:?} is there twice",
                    schedule.name
                )));
            }
            let has_input = schedule.universal && schedule.input.is_some();
            if schedule.task_definition.is_none() && schedule.arn.is_none() && !has_input {
                return Err(Error::new(format!(
                    "schedule {:?} has neither taskDefinition, nor arn, nor a universal target's input",
                    schedule.name
                )));
            }
        }
        Ok(Schedules {
            rules: world.rules.clone(),
            schedules: world.schedules.clone(),
        })
    }
}

impl State {
    /// The ARN of a task definition that a target names; without a revision it means the newest at run time.
    fn target_definition(&self, name: &str) -> String {
        if name.starts_with("arn:") {
            return name.to_owned();
        }
        self.ecs_arn(&format!("task-definition/{name}"))
    }

    /// A rule's target, as ListTargetsByRule answers it.
    fn rule_target(&self, at: usize, target: &RuleTargetSpec) -> Value {
        let id = target.id.clone().unwrap_or_else(|| (at + 1).to_string());
        let mut row = json!({"Id": id});
        if let Some(name) = &target.task_definition {
            row["Arn"] = Value::from(self.ecs_arn(&format!("cluster/{}", target.cluster)));
            row["RoleArn"] = Value::from(self.role("ecsEventsRole"));
            row["EcsParameters"] = json!({
                "TaskDefinitionArn": self.target_definition(name), "TaskCount": 1, "LaunchType": "FARGATE",
            });
        } else {
            row["Arn"] = json!(target.arn);
        }
        if let Some(input) = &target.input {
            row["Input"] = Value::from(as_text(input));
        }
        row
    }

    /// A schedule's target, as GetSchedule answers it.
    fn schedule_target(&self, schedule: &ScheduleSpec) -> Value {
        let cluster = self.ecs_arn(&format!("cluster/{}", schedule.cluster));
        // It calls `ecs:RunTask` with its input (Scheduler UG "Using universal targets").
        let universal = format!("arn:{}:scheduler:::aws-sdk:ecs:runTask", self.partition());
        let mut row = json!({
            "RoleArn": self.role("ecsEventsRole"),
            "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185},
        });
        let input = schedule.input.as_ref().map(as_text);
        match &schedule.task_definition {
            Some(name) if schedule.universal => {
                // RunTask takes `family`, `family:revision` or the ARN: the input says it as the world does.
                let made = if self.undocumented.universal_input_is_camel_case {
                    json!({"cluster": cluster, "taskDefinition": name, "launchType": "FARGATE"})
                } else {
                    json!({"Cluster": cluster, "TaskDefinition": name, "LaunchType": "FARGATE"})
                };
                row["Arn"] = Value::from(universal);
                row["Input"] = Value::from(input.unwrap_or_else(|| made.to_string()));
                return row;
            }
            Some(name) => {
                row["Arn"] = Value::from(cluster);
                row["EcsParameters"] = json!({
                    "TaskDefinitionArn": self.target_definition(name), "TaskCount": 1, "LaunchType": "FARGATE",
                });
            }
            None if schedule.universal => row["Arn"] = Value::from(universal),
            None => row["Arn"] = json!(schedule.arn),
        }
        if let Some(input) = input {
            row["Input"] = Value::from(input);
        }
        row
    }

    /// Lets every ENABLED rule and schedule fire once: each runs its task by what the tags mean now. Gives those that
    /// could not be started.
    pub fn run_schedules(&mut self) -> Vec<Unstarted> {
        let mut due: Vec<(String, String, String)> = Vec::new();
        for rule in &self.schedules.rules {
            for target in &rule.targets {
                if let (false, Some(name)) = (is_off(&rule.state), &target.task_definition) {
                    let by = format!("events-rule/{}", rule.name);
                    due.push((by, target.cluster.clone(), name.clone()));
                }
            }
        }
        for schedule in &self.schedules.schedules {
            let written = schedule.input.as_ref().map(as_text);
            let written = written.filter(|_| schedule.universal);
            let name = match written {
                Some(text) => input_definition(&text),
                None => schedule.task_definition.clone(),
            };
            if let (false, Some(name)) = (is_off(&schedule.state), name) {
                let by = format!("chronos-schedule/{}", schedule.name);
                due.push((by, schedule.cluster.clone(), name));
            }
        }
        due.into_iter()
            .filter_map(|(by, cluster, name)| self.run_task(&cluster, &name, &by).err())
            .collect()
    }

    fn role(&self, name: &str) -> String {
        format!("arn:{}:iam::{}:role/{name}", self.partition(), self.account)
    }
}

fn is_off(state: &Option<String>) -> bool {
    state.as_deref() == Some("DISABLED")
}

/// The task definition in the input of a universal target, in either spelling.
fn input_definition(text: &str) -> Option<String> {
    let input: Value = serde_json::from_str(text).ok()?;
    let name = input
        .get("TaskDefinition")
        .or(input.get("taskDefinition"))?;
    name.as_str().map(str::to_owned)
}

/// What a target is given: a text as it is, anything else as JSON.
fn as_text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
