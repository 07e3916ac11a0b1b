//! Between the values of plugins' functions and Jsonnet's.

use rsjsonnet_lang::program::{Program, Value, ValueKind};
use serde_json::Value as Json;

/// An argument of a native function; a function, which none takes, is null.
pub(super) fn json(value: &Value<'_>) -> Json {
    match value.kind() {
        ValueKind::Bool(value) => Json::Bool(value),
        ValueKind::Number(number) => Json::from(number),
        ValueKind::String(text) => Json::String(text),
        ValueKind::Array(_) => Json::Array(Vec::new()),
        ValueKind::Object(_) => Json::Object(serde_json::Map::new()),
        ValueKind::Null | ValueKind::Function => Json::Null,
    }
}

/// The result of a native function.
pub(super) fn value<'p>(program: &mut Program<'p>, json: &Json) -> Value<'p> {
    match json {
        Json::Null => Value::null(),
        Json::Bool(value) => Value::bool(*value),
        // Go decodes every number to a float64.
        Json::Number(number) => Value::number(number.as_f64().unwrap_or(0.0)),
        Json::String(text) => Value::string(text),
        Json::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| value(program, item)).collect();
            program.make_array(&items)
        }
        Json::Object(map) => {
            let mut fields = Vec::with_capacity(map.len());
            for (key, item) in map {
                let item = value(program, item);
                fields.push((program.intern_str(key), item));
            }
            program.make_object(&fields)
        }
    }
}
