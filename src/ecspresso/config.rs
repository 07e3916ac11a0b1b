//! The keys of an ecspresso config, with ecspresso's strictness: an unknown key warns, a wrong type fails.
//!
//! Source: ecspresso v2 `config.go`. Keys match case-insensitively, as in Go's encoding/json. `required_version` is only
//! checked for its type: it is a rule for ecspresso's own version, and ecspresso checks it at the deploy.

use serde_json::{Map, Value};

use crate::ecspresso::json::{Step, kind};

/// The part of a config that promotion needs.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Config {
    pub(super) region: String,
    pub(super) cluster: String,
    pub(super) service: String,
    pub(super) task_definition: String,
    pub(super) express_definition: String,
    pub(super) plugins: Vec<Plugin>,
    /// `ignore.tags`.
    pub(super) ignored_tags: Vec<String>,
    /// Keys that ecspresso does not know either.
    pub(super) warnings: Vec<String>,
}

/// One entry of `plugins`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Plugin {
    pub(super) name: String,
    /// `func_prefix`.
    pub(super) prefix: String,
    pub(super) config: Map<String, Value>,
}

/// A value that ecspresso would refuse, and the path to it.
#[derive(Debug, PartialEq)]
pub(super) struct Mismatch {
    pub(super) message: String,
    pub(super) path: Vec<Step>,
}

#[derive(Clone, Copy)]
enum Kind {
    String,
    Object,
    Plugins,
    /// A Go duration: a string, or nanoseconds.
    Duration,
    Ignore,
}

const KEYS: [(&str, Kind); 13] = [
    ("required_version", Kind::String),
    ("region", Kind::String),
    ("cluster", Kind::String),
    ("service", Kind::String),
    ("service_definition", Kind::String),
    ("task_definition", Kind::String),
    ("express_definition", Kind::String),
    ("plugins", Kind::Plugins),
    ("appspec", Kind::Object),
    ("filter_command", Kind::String),
    ("timeout", Kind::Duration),
    ("codedeploy", Kind::Object),
    ("ignore", Kind::Ignore),
];

/// Reads a config from a decoded document. A null document has every default.
pub(super) fn read(document: &Value) -> Result<Config, Mismatch> {
    let mut config = Config::default();
    let empty = Map::new();
    let map = match document {
        Value::Null => &empty,
        Value::Object(map) => map,
        other => return Err(mismatch("the config", "an object", other, Vec::new())),
    };
    unambiguous(map, &[])?;
    for (key, value) in map {
        let path = vec![Step::Key(key.clone())];
        let name = key.to_lowercase();
        let Some((name, wanted)) = KEYS.iter().find(|(known, _)| *known == name) else {
            config
                .warnings
                .push(format!("unknown key \"{key}\" is ignored"));
            continue;
        };
        match wanted {
            Kind::String => {
                let text = string(name, value, path)?;
                if let Some(field) = config.field(name) {
                    *field = text;
                }
            }
            Kind::Object if !matches!(value, Value::Object(_) | Value::Null) => {
                return Err(mismatch(name, "an object", value, path));
            }
            Kind::Duration
                if !matches!(value, Value::String(_) | Value::Number(_) | Value::Null) =>
            {
                return Err(mismatch(name, "a duration", value, path));
            }
            Kind::Object | Kind::Duration => {}
            Kind::Ignore => config.ignored_tags = ignored_tags(value, path)?,
            Kind::Plugins => config.plugins = plugins(value, path)?,
        }
    }
    if config.cluster.is_empty() {
        config.cluster = "default".to_owned();
    }
    Ok(config)
}

impl Config {
    fn field(&mut self, name: &str) -> Option<&mut String> {
        match name {
            "region" => Some(&mut self.region),
            "cluster" => Some(&mut self.cluster),
            "service" => Some(&mut self.service),
            "task_definition" => Some(&mut self.task_definition),
            "express_definition" => Some(&mut self.express_definition),
            _ => None,
        }
    }
}

fn ignored_tags(value: &Value, path: Vec<Step>) -> Result<Vec<String>, Mismatch> {
    let map = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Object(map) => map,
        other => return Err(mismatch("ignore", "an object", other, path)),
    };
    unambiguous(map, &path)?;
    let mut tags = Vec::new();
    for (key, value) in map {
        if key.to_lowercase() != "tags" {
            continue;
        }
        let mut path = path.clone();
        path.push(Step::Key(key.clone()));
        let items = match value {
            Value::Null => continue,
            Value::Array(items) => items,
            other => return Err(mismatch("ignore.tags", "an array", other, path)),
        };
        for (index, item) in items.iter().enumerate() {
            let mut path = path.clone();
            path.push(Step::Index(index));
            tags.push(string(&format!("ignore.tags[{index}]"), item, path)?);
        }
    }
    Ok(tags)
}

fn plugins(value: &Value, path: Vec<Step>) -> Result<Vec<Plugin>, Mismatch> {
    let items = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(items) => items,
        other => return Err(mismatch("plugins", "an array", other, path)),
    };
    let mut plugins = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let mut path = path.clone();
        path.push(Step::Index(index));
        let mut plugin = Plugin::default();
        let empty = Map::new();
        let map = match item {
            Value::Null => &empty,
            Value::Object(map) => map,
            other => {
                return Err(mismatch(
                    &format!("plugins[{index}]"),
                    "an object",
                    other,
                    path,
                ));
            }
        };
        unambiguous(map, &path)?;
        for (key, value) in map {
            let mut path = path.clone();
            path.push(Step::Key(key.clone()));
            let label = format!("plugins[{index}].{key}");
            match key.to_lowercase().as_str() {
                "name" => plugin.name = string(&label, value, path)?,
                "func_prefix" => plugin.prefix = string(&label, value, path)?,
                "config" => match value {
                    Value::Null => {}
                    Value::Object(map) => plugin.config = map.clone(),
                    other => return Err(mismatch(&label, "an object", other, path)),
                },
                _ => {}
            }
        }
        plugins.push(plugin);
    }
    Ok(plugins)
}

fn string(label: &str, value: &Value, path: Vec<Step>) -> Result<String, Mismatch> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        other => Err(mismatch(label, "a string", other, path)),
    }
}

fn mismatch(label: &str, wanted: &str, value: &Value, path: Vec<Step>) -> Mismatch {
    Mismatch {
        message: format!("{label} must be {wanted}, not {}", kind(value)),
        path,
    }
}

/// Refuses keys that differ only in case: which one counts would depend on their order.
pub(super) fn unambiguous(map: &Map<String, Value>, path: &[Step]) -> Result<(), Mismatch> {
    let mut seen = std::collections::BTreeMap::new();
    for key in map.keys() {
        if let Some(other) = seen.insert(key.to_lowercase(), key) {
            let mut path = path.to_vec();
            path.push(Step::Key(key.clone()));
            return Err(Mismatch {
                message: format!("the keys \"{other}\" and \"{key}\" differ only in case"),
                path,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys() {
        let config = read(&json!({
            "Region": "eu-west-1", "cluster": null, "service": "app", "extra": 1, "timeout": 600,
            "plugins": [{"name": "tfstate", "func_prefix": "x_", "config": {"path": "a"}}],
        }))
        .expect("valid");
        assert_eq!(
            (
                config.region.as_str(),
                config.cluster.as_str(),
                config.service.as_str()
            ),
            ("eu-west-1", "default", "app")
        );
        assert_eq!(config.warnings, ["unknown key \"extra\" is ignored"]);
        assert_eq!(config.plugins[0].prefix, "x_");
        assert_eq!(read(&json!(null)).expect("valid").cluster, "default");
    }

    #[test]
    fn mismatches() {
        for (document, message) in [
            (json!([]), "the config must be an object, not an array"),
            (
                json!({"service": 123}),
                "service must be a string, not a number",
            ),
            (
                json!({"Cluster": true}),
                "cluster must be a string, not a boolean",
            ),
            (
                json!({"plugins": {}}),
                "plugins must be an array, not an object",
            ),
            (
                json!({"plugins": ["x"]}),
                "plugins[0] must be an object, not a string",
            ),
            (
                json!({"plugins": [{"name": 1}]}),
                "plugins[0].name must be a string, not a number",
            ),
            (
                json!({"appspec": []}),
                "appspec must be an object, not an array",
            ),
            (
                json!({"ignore": {"tags": ["a", 1]}}),
                "ignore.tags[1] must be a string, not a number",
            ),
            (
                json!({"timeout": []}),
                "timeout must be a duration, not an array",
            ),
            (
                json!({"Service": "a", "service": "b"}),
                "the keys \"Service\" and \"service\" differ only in case",
            ),
        ] {
            assert_eq!(read(&document).expect_err(message).message, message);
        }
    }
}
