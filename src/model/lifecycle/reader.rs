//! Typed access to the fields of a policy's JSON that notes what is wrong with them instead of stopping.

use serde_json::Map;
use serde_json::Value;

use crate::model::lifecycle::Fault;
use crate::model::lifecycle::Problem;
use crate::model::lifecycle::RuleName;

/// Where we are, and what was found wrong so far.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) rule: Option<RuleName>,
    pub(super) problems: Vec<Problem>,
}

impl Reader {
    /// Notes a problem with this field of the present rule.
    pub(super) fn note(&mut self, field: &str, fault: Fault) {
        self.problems.push(Problem {
            rule: self.rule,
            field: field.to_owned(),
            fault,
        });
    }

    /// Notes the problem where a value was wanted.
    pub(super) fn reject<T>(&mut self, field: &str, fault: Fault) -> Option<T> {
        self.note(field, fault);
        None
    }

    /// Notes every key that is not one of these.
    pub(super) fn only(&mut self, map: &Map<String, Value>, path: &str, keys: &[&str]) {
        for key in map.keys().filter(|key| !keys.contains(&key.as_str())) {
            self.note(&format!("{path}{key}"), Fault::UnknownKey);
        }
    }

    /// The value as an object.
    pub(super) fn map<'a>(
        &mut self,
        field: &str,
        value: &'a Value,
    ) -> Option<&'a Map<String, Value>> {
        value
            .as_object()
            .or_else(|| self.reject(field, wrong_type("an object", value)))
    }

    /// The object at a required key.
    pub(super) fn nested<'a>(
        &mut self,
        map: &'a Map<String, Value>,
        key: &str,
    ) -> Option<&'a Map<String, Value>> {
        match map.get(key) {
            Some(value) => self.map(key, value),
            None => self.reject(key, Fault::Missing),
        }
    }

    /// The whole number from 1 at a required key.
    pub(super) fn number(
        &mut self,
        map: &Map<String, Value>,
        key: &str,
        field: &str,
    ) -> Option<u32> {
        match map.get(key) {
            None => self.reject(field, Fault::Missing),
            Some(value) if !value.is_number() => {
                self.reject(field, wrong_type("a whole number", value))
            }
            Some(value) => number(value).or_else(|| {
                self.reject(
                    field,
                    Fault::Number {
                        found: value.to_string(),
                    },
                )
            }),
        }
    }

    /// One of the words, at a required key.
    pub(super) fn word(
        &mut self,
        map: &Map<String, Value>,
        key: &str,
        field: &str,
        words: &'static [&'static str],
    ) -> Option<&'static str> {
        if map.contains_key(key) {
            self.optional_word(map, key, field, words)
        } else {
            self.reject(field, Fault::Missing)
        }
    }

    /// One of the words, or nothing where the key is absent.
    pub(super) fn optional_word(
        &mut self,
        map: &Map<String, Value>,
        key: &str,
        field: &str,
        words: &'static [&'static str],
    ) -> Option<&'static str> {
        let found = self.optional_text(map, key, field)?;
        let known = words.iter().find(|word| **word == found).copied();
        known.or_else(|| self.reject(field, Fault::Word { words, found }))
    }

    /// A string, or nothing where the key is absent.
    pub(super) fn optional_text(
        &mut self,
        map: &Map<String, Value>,
        key: &str,
        field: &str,
    ) -> Option<String> {
        let value = map.get(key)?;
        value
            .as_str()
            .map(str::to_owned)
            .or_else(|| self.reject(field, wrong_type("a string", value)))
    }

    /// A list of strings, or nothing where the key is absent.
    pub(super) fn optional_list(
        &mut self,
        map: &Map<String, Value>,
        key: &str,
        field: &str,
    ) -> Option<Vec<String>> {
        let value = map.get(key)?;
        let entries: Option<Vec<String>> = value.as_array().and_then(|items| {
            items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect()
        });
        entries.or_else(|| {
            let found = if value.is_array() {
                "a list with other things"
            } else {
                type_name(value)
            };
            self.reject(
                field,
                Fault::Type {
                    expected: "a list of strings",
                    found,
                },
            )
        })
    }
}

/// The value as a whole number from 1, if it is one.
pub(super) fn number(value: &Value) -> Option<u32> {
    value
        .as_u64()
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| *number >= 1)
}

/// The fault of a value that has another JSON type than the expected one.
pub(super) fn wrong_type(expected: &'static str, value: &Value) -> Fault {
    Fault::Type {
        expected,
        found: type_name(value),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
