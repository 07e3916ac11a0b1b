//! A Terraform state, and what stands in it at an address (fujiwara/tfstate-lookup v1.12 `lookup.go`).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::ecspresso::plugins::remainder;

/// The only version there is (Terraform 0.12 and later).
const VERSION: i64 = 4;

/// The largest index of a `count`; a larger one would only waste memory.
const MAX_INDEX: usize = 100_000;

/// The values of a state by address. Attributes stay text until somebody asks for them.
#[derive(Debug, Default)]
pub(super) struct State {
    entries: BTreeMap<String, Entry>,
    /// The whole of a `count` or `for_each`, by the addresses of its instances.
    groups: BTreeMap<String, Group>,
}

#[derive(Debug)]
enum Entry {
    /// Attributes as they stand in the file.
    Text(Box<RawValue>),
    Value(Value),
}

#[derive(Debug)]
enum Group {
    Count(Vec<Option<String>>),
    Each(Vec<(String, String)>),
}

/// What a state file says.
pub(super) enum Content {
    State(State),
    /// `.terraform/terraform.tfstate`: where the state really is.
    Backend {
        kind: String,
        config: Map<String, Value>,
    },
}

#[derive(Deserialize)]
struct File {
    version: Option<i64>,
    #[serde(default)]
    outputs: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    resources: Option<Vec<Resource>>,
    #[serde(default)]
    backend: Option<Backend>,
}

#[derive(Deserialize)]
struct Backend {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    config: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Resource {
    module: Option<String>,
    mode: String,
    r#type: String,
    name: String,
    instances: Option<Vec<Instance>>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Instance {
    index_key: Option<Box<RawValue>>,
    attributes: Option<Box<RawValue>>,
    attributes_flat: Option<Box<RawValue>>,
}

/// Reads a state file. The message quotes nothing of it.
pub(super) fn read(text: &str) -> Result<Content, String> {
    // Like Go's decoder it looks at the first value only.
    let file =
        File::deserialize(&mut serde_json::Deserializer::from_str(text)).map_err(|error| {
            // Serde's own text may quote a value.
            format!("invalid json at {}:{}", error.line(), error.column())
        })?;
    if let Some(backend) = file.backend {
        return Ok(Content::Backend {
            kind: backend.r#type,
            config: backend.config.unwrap_or_default(),
        });
    }
    let version = file.version.unwrap_or(0);
    if version != VERSION {
        return Err(format!("unsupported state version {version}"));
    }
    let mut state = State::default();
    for (name, output) in file.outputs.unwrap_or_default() {
        let entry = Entry::Value(output_value(output));
        state.entries.insert(format!("output.{name}"), entry);
    }
    for resource in file.resources.unwrap_or_default() {
        state.add(resource);
    }
    Ok(Content::State(state))
}

/// The value of an output; anything else is itself.
fn output_value(output: Value) -> Value {
    match output {
        Value::Object(mut map)
            if ["value", "type"]
                .iter()
                .all(|key| map.get(*key).is_some_and(|value| !value.is_null())) =>
        {
            map.remove("value").unwrap_or(Value::Null)
        }
        other => other,
    }
}

impl Instance {
    fn data(self) -> Entry {
        match self.attributes.or(self.attributes_flat) {
            Some(text) => Entry::Text(text),
            None => Entry::Value(Value::Null),
        }
    }
}

impl State {
    /// Values by address, as `--tfstate-values` gives them.
    pub(super) fn of_values(values: Map<String, Value>) -> State {
        let entry = |(address, value)| (address, Entry::Value(value));
        State {
            entries: values.into_iter().map(entry).collect(),
            groups: BTreeMap::new(),
        }
    }

    fn add(&mut self, resource: Resource) {
        let prefix = match resource.mode.as_str() {
            "managed" => "",
            "data" => "data.",
            _ => return,
        };
        let module = match resource.module.as_deref() {
            None | Some("") => String::new(),
            Some(module) => format!("{module}."),
        };
        let base = format!("{module}{prefix}{}.{}", resource.r#type, resource.name);
        let mut instances = resource.instances.unwrap_or_default();
        if resource.mode == "data" && resource.r#type == "terraform_remote_state" {
            if !instances.is_empty() {
                self.add_remote_state(base, instances.swap_remove(0));
            }
            return;
        }
        if let [only] = instances.as_slice()
            && only.index_key.is_none()
        {
            self.entries.insert(base, instances.swap_remove(0).data());
            return;
        }
        let mut count = Vec::new();
        let mut each = Vec::new();
        for instance in instances {
            let index = instance.index_key.as_deref().map_or("", RawValue::get);
            let index = index.to_owned();
            let address = format!("{base}[{index}]");
            self.entries.insert(address.clone(), instance.data());
            if let Some(key) = index
                .strip_prefix('"')
                .and_then(|key| key.strip_suffix('"'))
            {
                each.push((key.to_owned(), address));
            } else if let Ok(number) = index.parse::<usize>()
                && number <= MAX_INDEX
            {
                if count.len() <= number {
                    count.resize(number + 1, None);
                }
                if let Some(slot) = count.get_mut(number) {
                    *slot = Some(address);
                }
            }
        }
        if !count.is_empty() {
            self.groups.insert(base, Group::Count(count));
        } else if !each.is_empty() {
            self.groups.insert(base, Group::Each(each));
        }
    }

    /// The outputs of another state, unwrapped.
    fn add_remote_state(&mut self, base: String, instance: Instance) {
        let text = instance.attributes.as_deref().map(RawValue::get);
        if let Some(Ok(Value::Object(attributes))) = text.map(serde_json::from_str) {
            let unwrapped = attributes
                .into_iter()
                .map(|(key, value)| (key, output_value(value)))
                .collect();
            self.entries
                .insert(base, Entry::Value(Value::Object(unwrapped)));
        }
    }

    /// What stands at an address; `None` if nothing or null does. The message quotes no value.
    pub(super) fn lookup(&self, address: &str) -> Result<Option<Value>, String> {
        if let Some(entry) = self.entries.get(address) {
            return Ok(present(entry.value()));
        }
        if let Some(group) = self.groups.get(address) {
            return Ok(Some(self.whole(group)));
        }
        // The longest address that the given one begins with, wherever it ends.
        let prefixes = (1..address.len()).rev();
        let found = prefixes
            .filter_map(|end| address.get(..end))
            .find_map(|prefix| Some((prefix, self.entries.get(prefix)?)));
        let Some((prefix, entry)) = found else {
            return Ok(None);
        };
        let rest = &address[prefix.len()..];
        if !rest.starts_with(['.', '[']) {
            return Ok(None);
        }
        Ok(remainder::apply(rest, entry.value())?.and_then(present))
    }

    fn whole(&self, group: &Group) -> Value {
        let value = |address: &String| {
            let entry = self.entries.get(address);
            entry.map_or(Value::Null, Entry::value)
        };
        match group {
            Group::Count(addresses) => {
                let item = |address: &Option<String>| address.as_ref().map_or(Value::Null, value);
                Value::Array(addresses.iter().map(item).collect())
            }
            Group::Each(addresses) => {
                let field = |(key, address): &(String, String)| (key.clone(), value(address));
                Value::Object(addresses.iter().map(field).collect())
            }
        }
    }
}

impl Entry {
    fn value(&self) -> Value {
        match self {
            Entry::Text(text) => serde_json::from_str(text.get()).unwrap_or(Value::Null),
            Entry::Value(value) => value.clone(),
        }
    }
}

fn present(value: Value) -> Option<Value> {
    Some(value).filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state() -> State {
        let text = json!({
            "version": 4,
            "outputs": {
                "repo": {"value": "123.dkr/app", "type": "string"},
                "nested": {"value": {"repository-arn": "x", "list": [1, {"a": 2}]}, "type": ["object", {}]},
                "odd": {"value": null, "type": "string"},
            },
            "resources": [
                {"mode": "managed", "type": "aws_ecr_repository", "name": "app",
                 "instances": [{"attributes": {"repository_url": "host/app", "n": 1, "tags": {"a-b": "c"}}}]},
                {"mode": "managed", "type": "aws_ecr_repository", "name": "app_web",
                 "instances": [{"attributes": {"repository_url": "host/web"}}]},
                {"mode": "managed", "type": "aws_ecr_repository", "name": "each",
                 "instances": [
                    {"index_key": "app", "attributes": {"name": "e-app"}},
                    {"index_key": "web", "attributes": {"name": "e-web"}}]},
                {"mode": "managed", "type": "aws_subnet", "name": "s",
                 "instances": [
                    {"index_key": 0, "attributes": {"id": "s0"}},
                    {"index_key": 2, "attributes": {"id": "s2"}}]},
                {"module": "module.m[\"x\"]", "mode": "managed", "type": "t", "name": "n",
                 "instances": [{"attributes_flat": {"id": "flat"}}]},
                {"mode": "data", "type": "aws_caller_identity", "name": "c",
                 "instances": [{"attributes": {"account_id": "012345678901"}}]},
                {"mode": "data", "type": "terraform_remote_state", "name": "vpc",
                 "instances": [{"attributes": {"outputs": {"value": {"id": "vpc-1"}, "type": "object"}}}]},
                {"mode": "ephemeral", "type": "t", "name": "gone", "instances": [{"attributes": {"id": 1}}]},
            ],
        });
        match read(&text.to_string()) {
            Ok(Content::State(state)) => state,
            _ => panic!("a state"),
        }
    }

    #[test]
    fn addresses() {
        let state = state();
        for (address, expected) in [
            ("output.repo", json!("123.dkr/app")),
            ("output.nested.repository-arn", json!("x")),
            ("output.nested.list[1].a", json!(2)),
            ("output.odd.type", json!("string")),
            ("aws_ecr_repository.app.repository_url", json!("host/app")),
            (
                "aws_ecr_repository.app_web.repository_url",
                json!("host/web"),
            ),
            ("aws_ecr_repository.app.tags.a-b", json!("c")),
            ("aws_ecr_repository.app.tags[\"a-b\"]", json!("c")),
            ("aws_ecr_repository.app.tags | keys | .[0]", Value::Null),
            ("aws_ecr_repository.app.tags|keys|.[0]", json!("a-b")),
            ("aws_ecr_repository.each[\"app\"].name", json!("e-app")),
            (
                "aws_ecr_repository.each",
                json!({"app": {"name": "e-app"}, "web": {"name": "e-web"}}),
            ),
            ("aws_subnet.s", json!([{"id": "s0"}, null, {"id": "s2"}])),
            ("aws_subnet.s[2].id", json!("s2")),
            ("module.m[\"x\"].t.n.id", json!("flat")),
            (
                "data.aws_caller_identity.c.account_id",
                json!("012345678901"),
            ),
            ("data.terraform_remote_state.vpc.outputs.id", json!("vpc-1")),
            ("t.gone.id", Value::Null),
            ("aws_ecr_repository.application", Value::Null),
            ("aws_ecr_repository.app.nothing", Value::Null),
            ("aws_subnet.s[1].id", Value::Null),
            ("", Value::Null),
            ("é", Value::Null),
        ] {
            let found = state
                .lookup(address)
                .unwrap_or_else(|error| panic!("{address}: {error}"));
            // A space before the bar belongs to no address: jq takes it.
            let expected = match address {
                "aws_ecr_repository.app.tags | keys | .[0]" => json!("a-b"),
                _ => expected,
            };
            assert_eq!(found.unwrap_or_default(), expected, "{address}");
        }
        let error = state
            .lookup("aws_ecr_repository.app.n.x")
            .expect_err("not an object");
        assert_eq!(error, "cannot apply .n.x");
    }

    #[test]
    fn files_that_are_no_state() {
        for (text, expected) in [
            ("{\"version\": 3}", "unsupported state version 3"),
            ("{}", "unsupported state version 0"),
            ("{\"version\": 4,", "invalid json at 1:14"),
            ("", "invalid json at 1:0"),
            ("[]", "unsupported state version 0"),
        ] {
            match read(text) {
                Err(error) => assert!(error == expected || text == "[]", "{text}: {error}"),
                Ok(_) => panic!("{text}"),
            }
        }
        let text = r#"{"version": 3, "backend": {"type": "s3", "config": {"bucket": "b"}}}"#;
        assert!(matches!(read(text), Ok(Content::Backend { kind, .. }) if kind == "s3"));
        assert!(matches!(
            read("{\"version\": 4} trailing"),
            Ok(Content::State(_))
        ));
    }

    #[test]
    fn values() {
        let Value::Object(map) = json!({"output.a": {"b": 1}}) else {
            panic!();
        };
        let state = State::of_values(map);
        assert_eq!(state.lookup("output.a.b"), Ok(Some(json!(1))));
        assert_eq!(state.lookup("output.c"), Ok(None));
    }
}
