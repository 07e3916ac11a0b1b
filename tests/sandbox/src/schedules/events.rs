//! Amazon EventBridge, JSON 1.1: buses, rules and targets (EventBridge API Reference).

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use crate::input::Input;
use crate::refusal::Refusal;
use crate::state::State;
use crate::world::schedules::RuleSpec;

/// Answers an operation.
pub(crate) fn answer(state: &State, operation: &str, input: &Input) -> Result<Value, Refusal> {
    match operation {
        "ListEventBuses" => buses(state, input),
        "ListRules" => rules(state, input),
        "ListTargetsByRule" => targets(state, input),
        _ => Err(Refusal::new(
            "UnknownOperationException",
            format!("the sandbox does not know EventBridge's {operation}"),
        )),
    }
}

fn buses(state: &State, input: &Input) -> Result<Value, Refusal> {
    let prefix = input.text("NamePrefix").unwrap_or_default();
    let mut names: BTreeSet<&str> = BTreeSet::from(["default"]);
    names.extend(state.schedules.rules.iter().map(|rule| rule.bus.as_str()));
    let rows = names
        .into_iter()
        .filter(|name| name.starts_with(prefix))
        .map(|name| json!({"Name": name, "Arn": arn(state, &format!("event-bus/{name}"))}))
        .collect();
    page(state, input, "EventBuses", rows)
}

fn rules(state: &State, input: &Input) -> Result<Value, Refusal> {
    let bus = bus(state, input)?;
    let prefix = input.text("NamePrefix").unwrap_or_default();
    let mut on_bus: Vec<&RuleSpec> = state.schedules.rules.iter().collect();
    on_bus.retain(|rule| rule.bus == bus && rule.name.starts_with(prefix));
    on_bus.sort_by(|one, other| one.name.cmp(&other.name));
    let rows = on_bus.into_iter().map(|rule| row(state, rule)).collect();
    page(state, input, "Rules", rows)
}

fn row(state: &State, rule: &RuleSpec) -> Value {
    let path = match rule.bus.as_str() {
        "default" => format!("rule/{}", rule.name),
        bus => format!("rule/{bus}/{}", rule.name),
    };
    let mut row = json!({
        "Name": rule.name, "Arn": arn(state, &path), "EventBusName": rule.bus,
        "State": rule.state.as_deref().unwrap_or("ENABLED"),
    });
    match (&rule.pattern, &rule.schedule) {
        (Some(pattern), _) => row["EventPattern"] = Value::from(pattern.to_string()),
        (None, schedule) => {
            row["ScheduleExpression"] = json!(schedule.as_deref().unwrap_or("rate(1 day)"));
        }
    }
    row
}

fn targets(state: &State, input: &Input) -> Result<Value, Refusal> {
    let bus = bus(state, input)?;
    let name = input.text("Rule").unwrap_or_default();
    let rule = state.schedules.rules.iter();
    let rule = rule
        .clone()
        .find(|rule| rule.bus == bus && rule.name == name)
        .ok_or_else(|| {
            Refusal::new(
                "ResourceNotFoundException",
                format!("Rule {name} does not exist on EventBus {bus}."),
            )
        })?;
    let targets = rule.targets.iter().enumerate();
    let rows = targets
        .map(|(at, target)| state.rule_target(at, target))
        .collect();
    page(state, input, "Targets", rows)
}

/// The bus an input names by name or ARN; `default` where it names none.
fn bus(state: &State, input: &Input) -> Result<String, Refusal> {
    let name = input.text("EventBusName").unwrap_or("default");
    let name = name
        .rsplit_once("event-bus/")
        .map_or(name, |(_, name)| name);
    let is_known = name == "default" || state.schedules.rules.iter().any(|rule| rule.bus == name);
    if is_known {
        return Ok(name.to_owned());
    }
    Err(Refusal::new(
        "ResourceNotFoundException",
        format!("Event bus {name} does not exist."),
    ))
}

/// `Limit` is 1 to 100; how many come without it is not documented.
fn page(state: &State, input: &Input, key: &str, rows: Vec<Value>) -> Result<Value, Refusal> {
    let asked =
        Input(json!({"maxResults": input.0.get("Limit"), "nextToken": input.0.get("NextToken")}));
    let default = state.undocumented.schedules_page;
    let (page, token) = asked
        .page(rows, default, 100)
        .map_err(|refusal| Refusal::new("ValidationException", refusal.message))?;
    let mut value = json!({ key: page });
    if let Some(token) = token {
        value["NextToken"] = Value::from(token);
    }
    Ok(value)
}

fn arn(state: &State, rest: &str) -> String {
    let (partition, region) = (state.partition(), &state.region);
    format!("arn:{partition}:events:{region}:{}:{rest}", state.account)
}
