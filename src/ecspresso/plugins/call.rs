//! What a plugin's function does when it is called: which look-up it needs, and what it makes of the answer.

use std::sync::Arc;

use serde_json::Value;

use crate::ecspresso::functions::{Failure, strings};
use crate::ecspresso::go_json;
use crate::ecspresso::lookups::Lookups;
use crate::ecspresso::plugins::states::Source;
use crate::ecspresso::template::printf;
use crate::model::lookup::{Found, Lookup};

/// A function of a plugin.
#[derive(Debug)]
pub(in crate::ecspresso) enum Call {
    /// `ssm NAME [INDEX]`, in Jsonnet `ssm(name)` and `ssm_list(name, index)`.
    Parameter { region: Option<String> },
    /// `secretsmanager_arn ID`.
    SecretArn { region: Option<String> },
    /// `cfn_output STACK KEY`.
    StackOutput { region: Option<String> },
    /// `cfn_export NAME`.
    Export { region: Option<String> },
    /// `tfstate ADDRESS`.
    State(Arc<Source>),
    /// `tfstatef FORMAT ARGUMENTS…`.
    FormattedState(Arc<Source>),
    /// A function of the `external` plugin.
    Command(Command),
}

/// How the `external` plugin runs a command (ecspresso v2.5 `external/external.go`).
#[derive(Debug)]
pub(in crate::ecspresso) struct Command {
    pub(super) argv: Vec<String>,
    /// Seconds; 0 is never.
    pub(super) timeout: u64,
    pub(super) parser: Parser,
    /// `--no-external`.
    pub(super) forbidden: bool,
}

/// What becomes of a command's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parser {
    /// The first JSON value.
    Json,
    /// The whole text, with its line end.
    Text,
}

impl Call {
    /// The number of arguments in a template; `None` for any.
    pub(in crate::ecspresso) fn arity(&self) -> Option<usize> {
        match self {
            Call::SecretArn { .. } | Call::Export { .. } | Call::State(_) => Some(1),
            Call::StackOutput { .. } => Some(2),
            Call::Parameter { .. } | Call::FormattedState(_) | Call::Command(_) => None,
        }
    }

    /// Whether the result may be something else than a string.
    pub(in crate::ecspresso) fn is_typed(&self) -> bool {
        matches!(
            self,
            Call::Command(Command {
                parser: Parser::Json,
                ..
            })
        )
    }

    /// The result in a template.
    pub(in crate::ecspresso) fn in_template(
        &self,
        name: &str,
        arguments: &[Value],
        lookups: &Lookups,
    ) -> Result<Value, Failure> {
        match self {
            Call::State(source) => {
                let address = strings(name, arguments)?.concat();
                state_text(source, name, &address, lookups)
            }
            Call::FormattedState(source) => {
                let address = printf::format(arguments)
                    .map_err(|message| Failure::new(message.replacen("printf", name, 1)))?;
                state_text(source, name, &address, lookups)
            }
            Call::Parameter { region } => {
                let (first, rest) = arguments.split_at(arguments.len().min(1));
                let Some(&parameter) = strings(name, first)?.first() else {
                    return Err(Failure::new(format!(
                        "{name} needs the name of a parameter"
                    )));
                };
                let index = match rest {
                    [] => None,
                    [Value::Number(index)] if index.is_i64() => index.as_i64(),
                    [_] => {
                        return Err(Failure::new(format!(
                            "{name}: the index must be an integer"
                        )));
                    }
                    _ => {
                        let count = arguments.len();
                        let message = format!("{name} takes at most 2 arguments, found {count}");
                        return Err(Failure::new(message));
                    }
                };
                parameter_value(region, parameter, index, lookups)
            }
            _ => self.of_strings(name, &strings(name, arguments)?, lookups),
        }
    }

    /// The result in Jsonnet: a state's values keep their types.
    pub(in crate::ecspresso) fn in_jsonnet(
        &self,
        name: &str,
        arguments: &[Value],
        lookups: &Lookups,
    ) -> Result<Value, Failure> {
        let text = |index: usize| arguments.get(index).and_then(Value::as_str);
        match self {
            Call::State(source) | Call::FormattedState(source) => {
                let Some(address) = text(0) else {
                    return Err(Failure::new(format!("{name} expects string argument")));
                };
                source.value(name, address, lookups)
            }
            Call::Parameter { region } => {
                let Some(parameter) = text(0) else {
                    return Err(Failure::new(format!("{name}: name must be a string")));
                };
                let index = match arguments.get(1) {
                    None => None,
                    Some(index) => Some(whole(index).ok_or_else(|| {
                        Failure::new(format!("{name}: index must be an integer"))
                    })?),
                };
                parameter_value(region, parameter, index, lookups)
            }
            _ => {
                let argument = |(index, value): (usize, &Value)| {
                    let text = value.as_str().map(str::to_owned);
                    text.ok_or_else(|| Failure::new(format!("{name}: arg{index} must be string")))
                };
                let texts: Vec<String> = arguments
                    .iter()
                    .enumerate()
                    .map(argument)
                    .collect::<Result<_, _>>()?;
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                self.of_strings(name, &texts, lookups)
            }
        }
    }

    fn of_strings(
        &self,
        name: &str,
        arguments: &[&str],
        lookups: &Lookups,
    ) -> Result<Value, Failure> {
        let owned = |index: usize| arguments.get(index).copied().unwrap_or_default().to_owned();
        match self {
            Call::SecretArn { region } => {
                let (region, id) = (region.clone(), owned(0));
                text_of(lookups.find(Lookup::SecretArn { region, id })?)
            }
            Call::StackOutput { region } => {
                let (region, stack, key) = (region.clone(), owned(0), owned(1));
                let missing = format!("stack {stack} has no output {key}");
                output_of(
                    lookups.find(Lookup::StackOutputs { region, stack })?,
                    &key,
                    missing,
                )
            }
            Call::Export { region } => {
                let (region, key) = (region.clone(), owned(0));
                let missing = format!("there is no CloudFormation export {key}");
                output_of(lookups.find(Lookup::Exports { region })?, &key, missing)
            }
            Call::Command(command) => command.output(name, arguments, lookups),
            Call::Parameter { .. } | Call::State(_) | Call::FormattedState(_) => Err(Failure::new(
                format!("{name} was called in a way it does not know"),
            )),
        }
    }
}

/// `tfstate` in templates reads single quotes as double quotes and yields text (tfstate-lookup `funcs.go`).
fn state_text(
    source: &Source,
    name: &str,
    address: &str,
    lookups: &Lookups,
) -> Result<Value, Failure> {
    let value = source.value(name, &address.replace('\'', "\""), lookups)?;
    Ok(match value {
        Value::String(_) => value,
        other => Value::String(go_json::compact(&other)),
    })
}

/// The value of a parameter; a list needs an index and nothing else takes one (ecspresso `ssm/lookup.go`).
fn parameter_value(
    region: &Option<String>,
    name: &str,
    index: Option<i64>,
    lookups: &Lookups,
) -> Result<Value, Failure> {
    let lookup = Lookup::Parameter {
        region: region.clone(),
        name: name.to_owned(),
    };
    let Found::Parameter { kind, value } = lookups.find(lookup)? else {
        return Err(unusable());
    };
    let value = match (kind.as_str(), index) {
        ("String" | "SecureString", None) => value.clone(),
        ("String" | "SecureString", Some(_)) => {
            return Err(Failure::new(format!(
                "the second argument is supported only for StringList type, but the parameter {name} is of type {kind}"
            )));
        }
        ("StringList", Some(index)) => {
            let mut items = value.split(',');
            let item = usize::try_from(index)
                .ok()
                .and_then(|index| items.nth(index));
            let message = || Failure::new(format!("the parameter {name} has no item {index}"));
            item.ok_or_else(message)?.to_owned()
        }
        ("StringList", None) => {
            return Err(Failure {
                hint: Some(format!(
                    "write the index, from 0: ssm `{name}` 0 (in Jsonnet ssm_list)"
                )),
                ..Failure::new(format!(
                    "the parameter {name} is a StringList: an index is required"
                ))
            });
        }
        _ => {
            return Err(Failure::new(format!(
                "the parameter {name} has an unknown type"
            )));
        }
    };
    Ok(Value::String(value))
}

/// A whole number, as Jsonnet has it.
fn whole(value: &Value) -> Option<i64> {
    let number = value.as_f64()?;
    // An index far inside what a float64 holds exactly.
    (number.fract() == 0.0 && number.abs() < 1e9).then_some(number as i64)
}

fn text_of(found: &Found) -> Result<Value, Failure> {
    match found {
        Found::Text(text) => Ok(Value::String(text.clone())),
        Found::Parameter { .. } | Found::Outputs(_) => Err(unusable()),
    }
}

fn output_of(found: &Found, key: &str, missing: String) -> Result<Value, Failure> {
    match found {
        Found::Outputs(outputs) => {
            let value = outputs.get(key).ok_or_else(|| Failure::new(missing))?;
            Ok(Value::String(value.clone()))
        }
        Found::Parameter { .. } | Found::Text(_) => Err(unusable()),
    }
}

fn unusable() -> Failure {
    Failure::new("the answer is of the wrong kind")
}

impl Command {
    fn output(&self, name: &str, arguments: &[&str], lookups: &Lookups) -> Result<Value, Failure> {
        if self.forbidden {
            return Err(Failure {
                hint: Some("run without --no-external, or pass --task-definition FILE".to_owned()),
                ..Failure::new(format!(
                    "{name} runs a command, and --no-external forbids it"
                ))
            });
        }
        let arguments = arguments.iter().map(|argument| (*argument).to_owned());
        let lookup = Lookup::Command {
            argv: self.argv.iter().cloned().chain(arguments).collect(),
            timeout: self.timeout,
        };
        let found = lookups.find(lookup)?;
        let Found::Text(text) = found else {
            return Err(unusable());
        };
        if self.parser == Parser::Text {
            return Ok(Value::String(text.clone()));
        }
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => Ok(value),
            Some(Err(_)) | None => Err(Failure {
                hint: Some("print a JSON value, or set parser: string".to_owned()),
                ..Failure::new(format!("the command of {name} did not print JSON"))
            }),
        }
    }
}
