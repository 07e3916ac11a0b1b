//! The functions a template may call: go-config's `env`, `must_env` and `json_escape`, and the plugins' look-ups.
//!
//! Source: kayac/go-config v0.7.0 `config.go` (`DefaultFuncMap`).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::ecspresso::error::Cause;
use crate::ecspresso::go_json;
use crate::ecspresso::lookups::{Lookups, Want};
use crate::ecspresso::plugins::Call;
use crate::model::lookup::Lookup;

/// The functions of one template stage, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Functions {
    by_name: BTreeMap<String, Function>,
}

/// What a name in a template calls.
#[derive(Clone, Debug)]
pub(super) enum Function {
    /// The first non-empty variable of those named, else the last name itself.
    Env(Arc<BTreeMap<String, String>>),
    /// The variable, which may be empty but must be set.
    MustEnv(Arc<BTreeMap<String, String>>),
    /// A string as it stands between the quotes of a JSON text.
    JsonEscape,
    /// A function of a plugin.
    Plugin(Arc<Call>),
}

/// A call that failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) cause: Option<Cause>,
}

impl Failure {
    pub(super) fn new(message: impl Into<String>) -> Failure {
        Failure {
            message: message.into(),
            hint: None,
            cause: None,
        }
    }

    /// The failure of a call whose look-up was not made yet.
    pub(super) fn wanted(lookup: Lookup) -> Failure {
        Failure::without(Want::Lookup(lookup))
    }

    /// The failure of what cannot go on without something.
    pub(super) fn without(want: Want) -> Failure {
        Failure {
            cause: Some(Cause::Wanted(want)),
            ..Failure::new("a look-up has not been made yet")
        }
    }
}

impl Functions {
    /// The three functions that are always there.
    pub(super) fn new(environment: &Arc<BTreeMap<String, String>>) -> Functions {
        let mut functions = Functions::default();
        functions.insert("env", Function::Env(Arc::clone(environment)));
        functions.insert("must_env", Function::MustEnv(Arc::clone(environment)));
        functions.insert("json_escape", Function::JsonEscape);
        functions
    }

    /// Adds a function; one of the same name is replaced, as in ecspresso.
    pub(super) fn insert(&mut self, name: &str, function: Function) {
        self.by_name.insert(name.to_owned(), function);
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Function)> {
        self.by_name.iter()
    }
}

impl Function {
    /// The number of arguments it takes; `None` for any.
    pub(super) fn arity(&self) -> Option<usize> {
        match self {
            Function::Env(_) => None,
            Function::MustEnv(_) | Function::JsonEscape => Some(1),
            Function::Plugin(call) => call.arity(),
        }
    }

    /// Whether it passes on what it gets without looking at it.
    pub(super) fn is_blind(&self) -> bool {
        matches!(self, Function::JsonEscape)
    }

    pub(super) fn is_plugin(&self) -> bool {
        matches!(self, Function::Plugin(_))
    }

    /// Whether its result may be something else than a string.
    pub(super) fn is_typed(&self) -> bool {
        matches!(self, Function::Plugin(call) if call.is_typed())
    }

    /// Calls it with as many arguments as it takes. `name` is the name it was called by.
    pub(super) fn call(
        &self,
        name: &str,
        arguments: &[Value],
        lookups: &Lookups,
    ) -> Result<Value, Failure> {
        if let Function::Plugin(call) = self {
            return call.in_template(name, arguments, lookups);
        }
        let texts = strings(name, arguments)?;
        let first = texts.first().copied().unwrap_or_default();
        let text = match self {
            Function::Env(environment) => env(environment, &texts),
            Function::MustEnv(environment) => environment
                .get(first)
                .cloned()
                .ok_or_else(|| missing_variable(first))?,
            Function::JsonEscape | Function::Plugin(_) => go_json::escaped(first),
        };
        Ok(Value::String(text))
    }
}

/// The arguments of a function that takes strings only.
pub(super) fn strings<'a>(name: &str, arguments: &'a [Value]) -> Result<Vec<&'a str>, Failure> {
    let string = |value: &'a Value| match value {
        Value::String(text) => Ok(text.as_str()),
        other => Err(Failure::new(format!(
            "{name} takes strings, found {}",
            type_name(other)
        ))),
    };
    arguments.iter().map(string).collect()
}

/// The type of an argument, as Go's templates call it.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "nil",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
    }
}

fn env(environment: &BTreeMap<String, String>, names: &[&str]) -> String {
    let set = names
        .iter()
        .filter_map(|name| environment.get(*name))
        .find(|value| !value.is_empty());
    set.cloned()
        .unwrap_or_else(|| names.last().copied().unwrap_or_default().to_owned())
}

/// The failure of `must_env`, in templates and in Jsonnet.
pub(super) fn missing_variable(name: &str) -> Failure {
    Failure {
        hint: Some(format!("set {name}, or pass --envfile FILE")),
        ..Failure::new(format!("environment variable {name} is not set (must_env)"))
    }
}
