//! The shapes of ECS's API that definitions are decoded into, as Go's SDK has them: names, types, and what is printed
//! although nobody wrote it (ecspresso v2 `json.go`; AWS SDK for Go v2 `ecs.RegisterTaskDefinitionInput`).
//!
//! `shapes.txt` was made from the API model in `aws-sdk-ecs` 1.157.0. A name, and indented its members with a type:
//! `string`, `enum` (a string that is printed even when it is empty), `int`, `bool`, `[list]`, `{map of strings}`, or
//! another shape; `!` marks a number that is printed even when it is 0. What is newer than the SDK of ecspresso 2.8 (1.71.0) is
//! no `enum`: an older SDK cannot print it. Compared with that SDK itself over random definitions.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::ecspresso::json::{Step, kind};

const SHAPES: &str = include_str!("shapes.txt");

static TABLE: LazyLock<BTreeMap<&str, Vec<(&str, &str)>>> = LazyLock::new(|| {
    let mut table = BTreeMap::new();
    let mut shape = "";
    for line in SHAPES.lines() {
        match line
            .strip_prefix("  ")
            .and_then(|member| member.split_once(' '))
        {
            Some(member) => table.entry(shape).or_insert_with(Vec::new).push(member),
            None => shape = line,
        }
    }
    table
});

/// Maps whose keys stay as they are; in others Go's way through its structs makes the first letter small.
const FREE_FORM: [&str; 2] = ["dockerlabels", "options"];

/// How ecspresso gets from JSON to a shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Way {
    /// A walk over the keys drops nulls and empty lists and makes every number a float64; then it is decoded.
    #[default]
    Walked,
    /// Decoded as it is written: 80.0 is no integer.
    Straight,
}

/// A definition in the shape of the API.
#[derive(Debug, Default)]
pub(super) struct Conforming {
    pub(super) value: Map<String, Value>,
    /// The paths of members that the shape does not have.
    pub(super) unknown: Vec<String>,
}

/// A value that Go cannot decode, and the path to it.
#[derive(Debug)]
pub(super) struct Mismatch {
    pub(super) message: String,
    pub(super) path: Vec<Step>,
}

/// Decodes an object into a shape and back, as ecspresso does.
pub(super) fn conform(
    shape: &str,
    object: &Map<String, Value>,
    way: Way,
) -> Result<Conforming, Mismatch> {
    let mut pass = Pass {
        way,
        ..Pass::default()
    };
    let value = pass.object(shape, object)?;
    Ok(Conforming {
        value,
        unknown: pass.unknown,
    })
}

#[derive(Default)]
struct Pass {
    way: Way,
    path: Vec<Step>,
    /// The path with the API's spelling.
    label: Vec<String>,
    unknown: Vec<String>,
}

impl Pass {
    fn object(
        &mut self,
        shape: &str,
        object: &Map<String, Value>,
    ) -> Result<Map<String, Value>, Mismatch> {
        let members = TABLE.get(shape).map(Vec::as_slice).unwrap_or_default();
        let mut whole = zero(members);
        let mut seen: BTreeMap<&str, &String> = BTreeMap::new();
        for (key, value) in object {
            let name = key.to_lowercase();
            let found = members
                .iter()
                .find(|(known, _)| known.to_lowercase() == name);
            self.path.push(Step::Key(key.clone()));
            let Some((known, kind)) = found else {
                self.label.push(key.clone());
                self.unknown.push(self.label());
                self.label.pop();
                self.path.pop();
                continue;
            };
            if let Some(other) = seen.insert(known, key) {
                let message = format!("the keys \"{other}\" and \"{key}\" differ only in case");
                return Err(self.mismatch(message));
            }
            self.label.push((*known).to_owned());
            let empty_list = value.as_array().is_some_and(Vec::is_empty);
            let dropped = self.way == Way::Walked || kind.starts_with('[');
            if !(value.is_null() || empty_list && dropped) {
                let value = self.value(known, kind, value)?;
                whole.insert((*known).to_owned(), value);
            }
            self.label.pop();
            self.path.pop();
        }
        Ok(whole)
    }

    fn value(&mut self, name: &str, kind: &str, value: &Value) -> Result<Value, Mismatch> {
        let plain = kind.trim_end_matches('!');
        if let Some(item) = plain
            .strip_prefix('[')
            .and_then(|kind| kind.strip_suffix(']'))
        {
            return self.list(name, item, value);
        }
        match (plain, value) {
            ("string" | "enum", Value::String(_)) | ("bool", Value::Bool(_)) => Ok(value.clone()),
            ("string" | "enum", _) => Err(self.wrong("a string", value)),
            ("bool", _) => Err(self.wrong("a boolean", value)),
            ("int", Value::Number(number)) => match number.as_f64() {
                // Only -0 is read as a float although it is written as an integer.
                Some(whole) if self.way == Way::Straight && number.is_f64() && whole != 0.0 => {
                    Err(self.wrong("an integer", value))
                }
                Some(whole) if whole.fract() == 0.0 && whole.abs() <= f64::from(i32::MAX) => {
                    // Checked to be whole and in range.
                    Ok(Value::from(whole as i64))
                }
                _ => Err(self.wrong("an integer", value)),
            },
            ("int", _) => Err(self.wrong("an integer", value)),
            ("{string}", Value::Object(map)) => self.map(name, map),
            (_, Value::Object(map)) => Ok(Value::Object(self.object(plain, map)?)),
            _ => Err(self.wrong("an object", value)),
        }
    }

    fn list(&mut self, name: &str, item: &str, value: &Value) -> Result<Value, Mismatch> {
        let Value::Array(items) = value else {
            return Err(self.wrong("an array", value));
        };
        let mut list = Vec::with_capacity(items.len());
        for (index, value) in items.iter().enumerate() {
            self.path.push(Step::Index(index));
            self.label.push(format!("[{index}]"));
            list.push(match value {
                // Nulls stay in lists, and become zero values.
                Value::Null => nothing(item),
                value => self.value(name, item, value)?,
            });
            self.label.pop();
            self.path.pop();
        }
        Ok(Value::Array(list))
    }

    fn map(&mut self, name: &str, map: &Map<String, Value>) -> Result<Value, Mismatch> {
        let free = FREE_FORM.contains(&name.to_lowercase().as_str());
        let mut whole = Map::new();
        for (key, value) in map.iter().filter(|(_, value)| !value.is_null()) {
            self.path.push(Step::Key(key.clone()));
            self.label.push(key.clone());
            if !value.is_string() && !value.as_array().is_some_and(Vec::is_empty) {
                return Err(self.wrong("a string", value));
            }
            self.label.pop();
            self.path.pop();
            if value.is_string() {
                let key = if free { key.clone() } else { small_first(key) };
                whole.insert(key, value.clone());
            }
        }
        Ok(Value::Object(whole))
    }

    fn wrong(&self, wanted: &str, value: &Value) -> Mismatch {
        let found = match value {
            Value::Number(_) if wanted == "an integer" => "another number",
            value => kind(value),
        };
        self.mismatch(format!("{} must be {wanted}, not {found}", self.label()))
    }

    fn mismatch(&self, message: String) -> Mismatch {
        Mismatch {
            message,
            path: self.path.clone(),
        }
    }

    fn label(&self) -> String {
        self.label.join(".").replace(".[", "[")
    }
}

/// What Go prints of a struct that nobody filled.
fn zero(members: &[(&str, &str)]) -> Map<String, Value> {
    let member = |(name, kind): &(&str, &str)| {
        let value = match *kind {
            "enum" => Value::from(""),
            "int!" => Value::from(0),
            "bool!" => Value::from(false),
            _ => return None,
        };
        Some(((*name).to_owned(), value))
    };
    members.iter().filter_map(member).collect()
}

fn nothing(kind: &str) -> Value {
    match kind {
        "string" | "enum" => Value::from(""),
        "int" => Value::from(0),
        "bool" => Value::from(false),
        shape => Value::Object(zero(
            TABLE.get(shape).map(Vec::as_slice).unwrap_or_default(),
        )),
    }
}

fn small_first(key: &str) -> String {
    let mut chars = key.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().to_string() + chars.as_str()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn conformed(value: Value) -> Result<Conforming, Mismatch> {
        let Value::Object(map) = value else {
            panic!("an object");
        };
        conform("TaskDefinition", &map, Way::Walked)
    }

    #[test]
    fn shapes_are_complete() {
        let known = ["string", "enum", "int", "bool", "{string}"];
        for (shape, members) in TABLE.iter() {
            for (name, kind) in members {
                let kind = kind.trim_matches(['[', ']', '!']);
                assert!(
                    known.contains(&kind) || TABLE.contains_key(kind),
                    "{shape}.{name} {kind}"
                );
            }
        }
        assert_eq!(TABLE["TaskDefinition"].len(), 18);
    }

    #[test]
    fn decoding() {
        let conforming = conformed(json!({
            "Family": "a", "revision": 3, "tags": [], "memory": null,
            "ContainerDefinitions": [
                {"NAME": "c", "image": "i", "dockerLabels": {"A": "b"}, "ulimits": [{"name": "core"}], "x": 1},
                null,
            ],
            "volumes": [{"name": "v", "dockerVolumeConfiguration": {"driverOpts": {"O": "addr", "n": null}}}],
        }))
        .expect("conforms");
        assert_eq!(
            Value::Object(conforming.value),
            json!({
                "family": "a", "networkMode": "", "pidMode": "", "ipcMode": "",
                "containerDefinitions": [
                    {"name": "c", "image": "i", "cpu": 0, "versionConsistency": "", "dockerLabels": {"A": "b"},
                     "ulimits": [{"name": "core", "softLimit": 0, "hardLimit": 0}]},
                    {"cpu": 0, "versionConsistency": ""},
                ],
                "volumes": [{"name": "v", "dockerVolumeConfiguration": {"scope": "", "driverOpts": {"o": "addr"}}}],
            })
        );
        assert_eq!(
            conforming.unknown,
            ["containerDefinitions[0].x", "revision"]
        );
    }

    #[test]
    fn mismatches() {
        for (value, message) in [
            (json!({"cpu": 256}), "cpu must be a string, not a number"),
            (
                json!({"containerDefinitions": [{"cpu": "1"}]}),
                "containerDefinitions[0].cpu must be an integer, not a string",
            ),
            (
                json!({"containerDefinitions": [{"cpu": 1.5}]}),
                "containerDefinitions[0].cpu must be an integer, not another number",
            ),
            (
                json!({"containerDefinitions": [{"environment": [{"name": "A", "value": 123}]}]}),
                "containerDefinitions[0].environment[0].value must be a string, not a number",
            ),
            (
                json!({"containerDefinitions": [{"dockerLabels": {"a": 1}}]}),
                "containerDefinitions[0].dockerLabels.a must be a string, not a number",
            ),
            (
                json!({"containerDefinitions": {}}),
                "containerDefinitions must be an array, not an object",
            ),
            (
                json!({"runtimePlatform": "x"}),
                "runtimePlatform must be an object, not a string",
            ),
            (
                json!({"family": "a", "Family": "b"}),
                "the keys \"Family\" and \"family\" differ only in case",
            ),
        ] {
            assert_eq!(conformed(value).expect_err(message).message, message);
        }
    }
}
