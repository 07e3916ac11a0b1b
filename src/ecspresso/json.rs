//! Reads a JSON text as ecspresso does with Go's encoding/json, and finds where a value stands in it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::ecspresso::source::offset_of;

/// One step of the path to a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Into an object, by its key as it is written.
    Key(String),
    /// Into an array.
    Index(usize),
}

/// The first value of a text, and the offset of whatever follows it.
#[derive(Debug)]
pub(super) struct First {
    pub(super) value: Value,
    pub(super) rest: Option<usize>,
}

/// What is wrong with a JSON text, at a byte offset. The message quotes no value.
pub(super) type Problem = (String, usize);

/// Decodes the first value of a text.
pub(super) fn decode(text: &str) -> Result<First, Problem> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => {
            let end = values.byte_offset();
            let rest = text[end..]
                .find(|c: char| !c.is_ascii_whitespace())
                .map(|at| end + at);
            Ok(First { value, rest })
        }
        Some(Err(error)) => Err(problem(text, &error)),
        None => Err(("invalid JSON: the text is empty".to_owned(), 0)),
    }
}

fn problem(text: &str, error: &serde_json::Error) -> Problem {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    (
        format!("invalid JSON: {message}"),
        offset_of(text, error.line(), error.column()),
    )
}

/// The byte offset of the value at `path`, or of the innermost value around it that exists.
pub(super) fn offset(text: &str, path: &[Step]) -> usize {
    let Some(mut current) = raw(text) else {
        return 0;
    };
    for step in path {
        let inner = match step {
            Step::Key(key) => serde_json::from_str::<BTreeMap<String, &RawValue>>(current)
                .ok()
                .and_then(|map| map.get(key).copied()),
            Step::Index(index) => serde_json::from_str::<Vec<&RawValue>>(current)
                .ok()
                .and_then(|list| list.get(*index).copied()),
        };
        let Some(inner) = inner else { break };
        current = inner.get();
    }
    current.as_ptr().addr().saturating_sub(text.as_ptr().addr())
}

fn raw(text: &str) -> Option<&str> {
    <&RawValue>::deserialize(&mut serde_json::Deserializer::from_str(text))
        .ok()
        .map(RawValue::get)
}

/// The name of a value's type, as Go's errors say it.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Step {
        Step::Key(name.to_owned())
    }

    #[test]
    fn offsets() {
        let text = "\n {\"a\": [1, {\"é\": \"x\"}], \"a\": [ {\"b\" : [2, 3]}]} tail";
        for (path, expected) in [
            (vec![], "{\"a\""),
            (vec![key("a")], "[ {\"b\""),
            (
                vec![key("a"), Step::Index(0), key("b"), Step::Index(1)],
                "3]}",
            ),
            (vec![key("a"), Step::Index(7)], "[ {\"b\""),
            (vec![key("z")], "{\"a\""),
        ] {
            assert!(
                text[offset(text, &path)..].starts_with(expected),
                "{path:?}"
            );
        }
    }

    #[test]
    fn the_first_value_and_the_rest() {
        let first = decode("{\"a\": 1} \n x").expect("valid");
        assert_eq!(
            (first.value, first.rest),
            (serde_json::json!({"a": 1}), Some(11))
        );
        assert_eq!(decode("1 \n").expect("valid").rest, None);
    }

    #[test]
    fn errors() {
        for (text, message, offset) in [
            ("", "invalid JSON: the text is empty", 0),
            ("{\n \"a\": 1,\n}", "invalid JSON: trailing comma", 11),
            ("{\"a\": // x\n1}", "invalid JSON: expected value", 6),
            ("{\"a\": 1e999}", "invalid JSON: number out of range", 10),
        ] {
            assert_eq!(
                decode(text).expect_err(text),
                (message.to_owned(), offset),
                "{text}"
            );
        }
        assert!(decode(&"[".repeat(100_000)).is_err());
    }
}
