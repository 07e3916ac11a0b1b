//! Functions as gotmpl calls them: arguments and results in its values, tokens for what is not known, failures with
//! their place.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::{TemplateError, Value};
use serde_json::Value as Json;

use crate::ecspresso::error::Cause;
use crate::ecspresso::functions::{Failure, Function};
use crate::ecspresso::go_json;
use crate::ecspresso::lookups::{Call, Lookups, Want};
use crate::ecspresso::template::printf::{is_plain, printf};
use crate::ecspresso::template::problem::Problem;
use crate::ecspresso::template::trace::Trace;

/// A function as gotmpl calls it; the first argument is the offset of the call, put there by `instrument`.
pub(super) fn call(
    name: String,
    function: Function,
    trace: Arc<Trace>,
    lookups: Arc<Lookups>,
) -> impl Fn(&[Value]) -> gotmpl::Result<Value> + Send + Sync + 'static {
    move |arguments| {
        let (offset, arguments) = match arguments.split_first() {
            Some((Value::Int(offset), arguments)) => {
                (usize::try_from(*offset).unwrap_or(0), arguments)
            }
            _ => (trace.offset(), arguments),
        };
        let result = match function.is_blind() {
            true => None,
            false => token_among(arguments, &lookups).map(Failure::without),
        };
        let result = match result {
            Some(failure) => Err(failure),
            None => checked(&name, &function, arguments, &lookups),
        };
        result.map_err(|failure| {
            trace.fail(Problem::of(failure, offset));
            TemplateError::Exec(format!("{name} failed"))
        })
    }
}

/// Calls a function with the right number of arguments; a look-up that was not made yields its token.
fn checked(
    name: &str,
    function: &Function,
    arguments: &[Value],
    lookups: &Lookups,
) -> Result<Value, Failure> {
    if let Some(arity) = function.arity().filter(|arity| *arity != arguments.len()) {
        let count = arguments.len();
        return Err(Failure::new(format!(
            "wrong number of args for {name}: want {arity} got {count}"
        )));
    }
    let arguments: Vec<Json> = arguments.iter().map(json).collect();
    match function.call(name, &arguments, lookups) {
        Ok(value) => Ok(value_of(&value)),
        Err(Failure {
            cause: Some(Cause::Wanted(want)),
            ..
        }) => Ok(Value::String(lookups.token(want)?.into())),
        Err(failure) => {
            let called = Call::new(name, &arguments);
            if function.is_plugin() && lookups.is_deferred(&called) {
                return Ok(Value::String(lookups.token(Want::Failure(called))?.into()));
            }
            Err(failure)
        }
    }
}

/// An argument, as functions get it.
fn json(value: &Value) -> Json {
    match value {
        Value::String(text) => Json::String(text.to_string()),
        Value::Int(number) => Json::from(*number),
        Value::Uint(number) => Json::from(*number),
        Value::Float(number) => Json::from(*number),
        Value::Bool(value) => Json::Bool(*value),
        Value::List(_) => Json::Array(Vec::new()),
        Value::Map(_) => Json::Object(serde_json::Map::new()),
        _ => Json::Null,
    }
}

/// A result. A number becomes the text that Go prints for its float64; comparing it with a number fails.
fn value_of(value: &Json) -> Value {
    match value {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::String(go_json::display(number).into()),
        Json::String(text) => Value::String(text.as_str().into()),
        Json::Array(items) => Value::List(items.iter().map(value_of).collect()),
        Json::Object(map) => {
            let field = |(key, value): (&String, &Json)| (key.as_str().into(), value_of(value));
            Value::Map(Arc::new(map.iter().map(field).collect::<BTreeMap<_, _>>()))
        }
    }
}

fn token_among(arguments: &[Value], lookups: &Lookups) -> Option<Want> {
    arguments.iter().find_map(|argument| match argument {
        Value::String(text) => lookups.token_in(text),
        _ => None,
    })
}

/// The hidden function that stands before whatever looks at a value: it passes on anything but a token.
pub(super) fn seeing(
    trace: Arc<Trace>,
    lookups: Arc<Lookups>,
) -> impl Fn(&[Value]) -> gotmpl::Result<Value> + Send + Sync + 'static {
    move |arguments| match token_among(arguments, &lookups) {
        Some(want) => {
            trace.fail(Problem::of(Failure::without(want), trace.offset()));
            Err(TemplateError::Exec("a look-up is needed".to_owned()))
        }
        None => Ok(arguments.first().cloned().unwrap_or(Value::Nil)),
    }
}

/// `printf` as gotmpl calls it.
pub(super) fn formatting(
    trace: Arc<Trace>,
    lookups: Arc<Lookups>,
) -> impl Fn(&[Value]) -> gotmpl::Result<Value> + Send + Sync + 'static {
    move |arguments| {
        let plain = matches!(arguments.first(), Some(Value::String(format)) if is_plain(format));
        let token = match plain {
            true => arguments
                .first()
                .and_then(|format| token_among(std::slice::from_ref(format), &lookups)),
            false => token_among(arguments, &lookups),
        };
        let formatted = match token {
            Some(want) => Err(Failure::without(want)),
            None => printf(arguments).map_err(Failure::new),
        };
        formatted
            .map(|text| Value::String(text.into()))
            .map_err(|failure| {
                trace.fail(Problem::of(failure, trace.offset()));
                TemplateError::Exec("printf failed".to_owned())
            })
    }
}
