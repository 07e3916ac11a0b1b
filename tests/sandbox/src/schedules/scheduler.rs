//! EventBridge Scheduler, REST and JSON: groups, schedules and their targets (EventBridge Scheduler API Reference).

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use crate::input::Input;
use crate::refusal::Refusal;
use crate::registry::route;
use crate::state::State;
use crate::world::schedules::ScheduleSpec;

/// What a request asks Scheduler for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) operation: &'static str,
    /// The schedule's name, of GetSchedule.
    pub(crate) name: Option<String>,
    query: BTreeMap<String, String>,
}

impl Asked {
    /// Reads a GET; none where it is no request to Scheduler.
    pub(crate) fn parse(method: &str, path: &str, query: Option<&str>) -> Option<Asked> {
        if method != "GET" {
            return None;
        }
        let (operation, name) = match path {
            "/schedules" => ("ListSchedules", None),
            "/schedule-groups" => ("ListScheduleGroups", None),
            _ => {
                let name = path.strip_prefix("/schedules/")?;
                ("GetSchedule", Some(route::decode(name)))
            }
        };
        Some(Asked {
            operation,
            name,
            query: route::parse_query(query.unwrap_or_default()),
        })
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.query.get(key).map(String::as_str)
    }
}

/// Answers a request.
pub(crate) fn answer(state: &State, asked: &Asked) -> Result<Value, Refusal> {
    match asked.operation {
        "ListSchedules" => list(state, asked),
        "ListScheduleGroups" => groups(state, asked),
        _ => get(state, asked),
    }
}

/// Only the target's ARN is listed; what it runs is known to GetSchedule alone.
fn list(state: &State, asked: &Asked) -> Result<Value, Refusal> {
    let group = asked.value("ScheduleGroup");
    if let Some(group) = group.filter(|group| !group_names(state).contains(group)) {
        return Err(missing(format!("Schedule group {group} does not exist.")));
    }
    let prefix = asked.value("NamePrefix").unwrap_or_default();
    let wanted = asked.value("State");
    let mut all: Vec<&ScheduleSpec> = state.schedules.schedules.iter().collect();
    all.retain(|schedule| {
        group.is_none_or(|group| schedule.group == group)
            && schedule.name.starts_with(prefix)
            && wanted.is_none_or(|wanted| state_of(schedule) == wanted)
    });
    all.sort_by(|one, other| (&one.group, &one.name).cmp(&(&other.group, &other.name)));
    let rows = all
        .into_iter()
        .map(|schedule| {
            let mut row = head(state, schedule);
            row["Target"] = json!({"Arn": state.schedule_target(schedule)["Arn"]});
            row
        })
        .collect();
    page(state, asked, "Schedules", rows)
}

fn get(state: &State, asked: &Asked) -> Result<Value, Refusal> {
    let name = asked.name.as_deref().unwrap_or_default();
    let group = asked.value("groupName").unwrap_or("default");
    let schedule = state
        .schedules
        .schedules
        .iter()
        .find(|schedule| schedule.group == group && schedule.name == name)
        .ok_or_else(|| missing(format!("Schedule {name} does not exist.")))?;
    let mut row = head(state, schedule);
    row["ScheduleExpression"] = json!(schedule.schedule.as_deref().unwrap_or("rate(1 day)"));
    row["ScheduleExpressionTimezone"] = Value::from("UTC");
    row["FlexibleTimeWindow"] = json!({"Mode": "OFF"});
    row["ActionAfterCompletion"] = Value::from("NONE");
    row["Target"] = state.schedule_target(schedule);
    Ok(row)
}

fn groups(state: &State, asked: &Asked) -> Result<Value, Refusal> {
    let prefix = asked.value("NamePrefix").unwrap_or_default();
    let date = state.clock.now().days_before(100.0).json();
    let rows = group_names(state)
        .into_iter()
        .filter(|name| name.starts_with(prefix))
        .map(|name| {
            json!({
                "Name": name, "Arn": arn(state, &format!("schedule-group/{name}")), "State": "ACTIVE",
                "CreationDate": date, "LastModificationDate": date,
            })
        })
        .collect();
    page(state, asked, "ScheduleGroups", rows)
}

fn group_names(state: &State) -> BTreeSet<&str> {
    let named = state.schedules.schedules.iter();
    named
        .map(|schedule| schedule.group.as_str())
        .chain(["default"])
        .collect()
}

fn head(state: &State, schedule: &ScheduleSpec) -> Value {
    let date = state.clock.now().days_before(100.0).json();
    json!({
        "Name": schedule.name, "GroupName": schedule.group, "State": state_of(schedule),
        "Arn": arn(state, &format!("schedule/{}/{}", schedule.group, schedule.name)),
        "CreationDate": date, "LastModificationDate": date,
    })
}

fn state_of(schedule: &ScheduleSpec) -> &str {
    schedule.state.as_deref().unwrap_or("ENABLED")
}

/// `MaxResults` is 1 to 100; how many come without it is not documented.
fn page(state: &State, asked: &Asked, key: &str, rows: Vec<Value>) -> Result<Value, Refusal> {
    let invalid = |message: String| Refusal::new("ValidationException", message);
    let size = asked.value("MaxResults").map(str::parse::<u64>);
    let size = size
        .transpose()
        .map_err(|error| invalid(format!("MaxResults: {error}")))?;
    let paging = Input(json!({"maxResults": size, "nextToken": asked.value("NextToken")}));
    let (page, token) = paging
        .page(rows, state.undocumented.schedules_page, 100)
        .map_err(|refusal| invalid(refusal.message))?;
    let mut value = json!({ key: page });
    if let Some(token) = token {
        value["NextToken"] = Value::from(token);
    }
    Ok(value)
}

fn missing(message: String) -> Refusal {
    Refusal::new("ResourceNotFoundException", message)
}

fn arn(state: &State, rest: &str) -> String {
    let (partition, region) = (state.partition(), &state.region);
    format!(
        "arn:{partition}:scheduler:{region}:{}:{rest}",
        state.account
    )
}
