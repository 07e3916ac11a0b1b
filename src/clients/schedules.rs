//! What starts tasks besides services: rules of Amazon EventBridge and schedules of Amazon EventBridge Scheduler. Read-only.

use std::rc::Rc;

use aws_config::SdkConfig;
use aws_sdk_eventbridge::Client as EventBridge;
use aws_sdk_scheduler::Client as Scheduler;
use aws_sdk_scheduler::types::{ScheduleSummary, Target};
use futures_util::StreamExt as _;
use futures_util::stream::iter;

use crate::clients::answer::Subject;
use crate::clients::pace::{Api, Pace};
use crate::clients::pages::pages;
use crate::model::failure::{Caller, Failure, FailureKind};
use crate::model::usage::{Pointer, PointerKind};

/// The longest page of every list operation here.
const PAGE: i32 = 100;
/// How many rules or schedules are asked about at once.
const AT_ONCE: usize = 16;

/// A client of both services.
pub struct Schedules {
    rules: EventBridge,
    schedules: Scheduler,
    pace: Rc<Pace>,
}

impl Schedules {
    /// A client with these credentials, paced by this.
    pub fn new(config: &SdkConfig, pace: Rc<Pace>) -> Self {
        Self {
            rules: EventBridge::new(config),
            schedules: Scheduler::new(config),
            pace,
        }
    }

    /// The task definitions that rules on any event bus start, disabled rules too
    /// (Amazon EventBridge API Reference, `EcsParameters`: the target's own ARN is the cluster).
    ///
    /// # Errors
    /// The service's.
    pub async fn rules(&self) -> Result<Vec<Pointer>, Failure> {
        let mut pointers = Vec::new();
        for bus in self.buses().await? {
            let rules = self.rules_of(&bus).await?;
            let targets = rules
                .iter()
                .map(async |(name, arn)| self.targets(&bus, name, arn).await);
            let mut targets = iter(targets).buffer_unordered(AT_ONCE);
            while let Some(found) = targets.next().await {
                pointers.extend(found?);
            }
        }
        Ok(pointers)
    }

    async fn buses(&self) -> Result<Vec<String>, Failure> {
        let subject = subject("events", "ListEventBuses", "all event buses");
        let ask = async |token| {
            let request = self.rules.list_event_buses().limit(PAGE);
            let answer = request.set_next_token(token).send().await;
            answer.map_err(|error| subject.sdk(&error))
        };
        pages(&self.pace, Api::Schedules, ask, |answer| {
            let buses = answer.event_buses.unwrap_or_default().into_iter();
            let names = buses.filter_map(|bus| bus.name);
            Ok((names.collect(), answer.next_token))
        })
        .await
    }

    async fn rules_of(&self, bus: &str) -> Result<Vec<(String, String)>, Failure> {
        let subject = subject("events", "ListRules", bus);
        let ask = async |token| {
            let request = self.rules.list_rules().event_bus_name(bus).limit(PAGE);
            let answer = request.set_next_token(token).send().await;
            answer.map_err(|error| subject.sdk(&error))
        };
        pages(&self.pace, Api::Schedules, ask, |answer| {
            let rules = answer.rules.unwrap_or_default().into_iter();
            let names = rules.filter_map(|rule| Some((rule.name?, rule.arn.unwrap_or_default())));
            Ok((names.collect(), answer.next_token))
        })
        .await
    }

    async fn targets(&self, bus: &str, name: &str, arn: &str) -> Result<Vec<Pointer>, Failure> {
        let subject = subject("events", "ListTargetsByRule", name);
        let ask = async |token| {
            let request = self.rules.list_targets_by_rule().rule(name);
            let request = request.event_bus_name(bus).limit(PAGE);
            let answer = request.set_next_token(token).send().await;
            answer.map_err(|error| subject.sdk(&error))
        };
        pages(&self.pace, Api::Schedules, ask, |answer| {
            let targets = answer.targets.unwrap_or_default().into_iter();
            let starts = targets.filter_map(|target| target.ecs_parameters);
            let pointers =
                starts.map(|start| Pointer::to(PointerKind::Rule, arn, &start.task_definition_arn));
            Ok((pointers.collect(), answer.next_token))
        })
        .await
    }

    /// The task definitions that schedules of any group start, disabled ones too. A universal target of ECS names it in its
    /// input (EventBridge Scheduler User Guide, "Using universal targets").
    ///
    /// # Errors
    /// The service's.
    pub async fn schedules(&self) -> Result<Vec<Pointer>, Failure> {
        let all = subject("scheduler", "ListSchedules", "all schedules");
        let ask = async |token| {
            let request = self.schedules.list_schedules().max_results(PAGE);
            let answer = request.set_next_token(token).send().await;
            answer.map_err(|error| all.sdk(&error))
        };
        let schedules = pages(&self.pace, Api::Schedules, ask, |answer| {
            Ok((answer.schedules, answer.next_token))
        })
        .await?;
        let of_ecs = schedules.iter().filter(|one| may_start_tasks(one));
        let each = of_ecs.map(async |one| self.schedule(one).await);
        let mut each = iter(each).buffer_unordered(AT_ONCE);
        let mut pointers = Vec::new();
        while let Some(found) = each.next().await {
            pointers.extend(found?);
        }
        Ok(pointers)
    }

    /// One that was deleted since it was listed starts nothing.
    async fn schedule(&self, summary: &ScheduleSummary) -> Result<Option<Pointer>, Failure> {
        let name = summary.name().unwrap_or_default();
        let subject = subject("scheduler", "GetSchedule", name);
        let answer = self
            .pace
            .run(Api::Schedules, async || {
                let request = self.schedules.get_schedule().name(name);
                let group = summary.group_name().map(str::to_owned);
                let answer = request.set_group_name(group).send().await;
                match answer {
                    Err(error)
                        if error
                            .as_service_error()
                            .is_some_and(|error| error.is_resource_not_found_exception()) =>
                    {
                        Ok(None)
                    }
                    answer => answer.map(Some).map_err(|error| subject.sdk(&error)),
                }
            })
            .await?;
        let Some(target) = answer.as_ref().and_then(|answer| answer.target()) else {
            return Ok(None);
        };
        let started = started(target).map_err(|()| {
            let message = "the input of its universal target is not JSON";
            subject.failure(FailureKind::BadAnswer, message)
        })?;
        let arn = summary.arn().unwrap_or(name);
        Ok(started.map(|text| Pointer::to(PointerKind::Schedule, arn, &text)))
    }
}

/// Whether the target is a cluster (a task is started in it) or an API of ECS.
fn may_start_tasks(schedule: &ScheduleSummary) -> bool {
    let target = schedule.target().map(|target| target.arn());
    target.is_none_or(|arn| arn.contains(":ecs:") || arn.contains(":cluster/"))
}

/// The task definition a target starts.
fn started(target: &Target) -> Result<Option<String>, ()> {
    if let Some(parameters) = target.ecs_parameters() {
        return Ok(Some(parameters.task_definition_arn().to_owned()));
    }
    if !target.arn().contains(":aws-sdk:ecs:") {
        return Ok(None);
    }
    let Some(input) = target.input() else {
        return Ok(None);
    };
    let input: serde_json::Value = serde_json::from_str(input).map_err(drop)?;
    let object = input.as_object().ok_or(())?;
    let mut members = object.iter();
    let named = members.find(|(key, _)| key.eq_ignore_ascii_case("taskDefinition"));
    Ok(named
        .and_then(|(_, value)| value.as_str())
        .map(str::to_owned))
}

fn subject(service: &str, operation: &'static str, object: &str) -> Subject {
    Subject {
        operation,
        object: object.to_owned(),
        side: None,
        caller: Caller::Own,
        action: format!("{service}:{operation}"),
        resource: "*".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arn: &str, input: Option<&str>, expected: Result<Option<&str>, ()>) {
        let target = Target::builder()
            .arn(arn)
            .role_arn("arn:aws:iam::123456789012:role/starter")
            .set_input(input.map(str::to_owned))
            .build()
            .expect("a target");
        let expected = expected.map(|text| text.map(str::to_owned));
        assert_eq!(started(&target), expected, "{arn} {input:?}");
    }

    #[test]
    fn universal_targets_name_the_task_definition_in_their_input() {
        let run = "arn:aws:scheduler:::aws-sdk:ecs:runTask";
        check(
            run,
            Some(r#"{"TaskDefinition":"app:6","Cluster":"default"}"#),
            Ok(Some("app:6")),
        );
        check(run, Some(r#"{"taskDefinition":"app"}"#), Ok(Some("app")));
        check(run, Some(r#"{"Cluster":"default"}"#), Ok(None));
        check(run, Some("{"), Err(()));
        check(run, None, Ok(None));
        check(
            "arn:aws:sqs:ap-northeast-1:123456789012:queue",
            Some("{"),
            Ok(None),
        );
    }
}
