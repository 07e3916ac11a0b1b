//! The functions a template may call: go-config's `env`, `must_env` and `json_escape`, and the plugins' look-ups.
//!
//! Source: kayac/go-config v0.7.0 `config.go` (`DefaultFuncMap`).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// What to do about a function of a plugin, which is not read yet.
pub(super) const RENDER_HINT: &str =
    "let ecspresso render it: ecspresso render taskdef | demitasse promote --task-definition -";

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
    /// A function of the plugin of this name.
    Plugin(String),
}

/// A call that failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) message: String,
    pub(super) hint: Option<String>,
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
            Function::Env(_) | Function::Plugin(_) => None,
            Function::MustEnv(_) | Function::JsonEscape => Some(1),
        }
    }

    /// Calls it with as many arguments as it takes. `name` is the name it was called by.
    pub(super) fn call(&self, name: &str, arguments: &[&str]) -> Result<String, Failure> {
        match self {
            Function::Env(environment) => Ok(env(environment, arguments)),
            Function::MustEnv(environment) => {
                let variable = arguments.first().copied().unwrap_or_default();
                environment
                    .get(variable)
                    .cloned()
                    .ok_or_else(|| missing_variable(variable))
            }
            Function::JsonEscape => Ok(json_escape(arguments.first().copied().unwrap_or_default())),
            Function::Plugin(plugin) => Err(unsupported(name, plugin)),
        }
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
        message: format!("environment variable {name} is not set (must_env)"),
        hint: Some(format!("set {name}, or pass --envfile FILE")),
    }
}

/// The failure of a plugin's function, in templates and in Jsonnet.
pub(super) fn unsupported(name: &str, plugin: &str) -> Failure {
    Failure {
        message: format!("function {name} of the plugin {plugin} is not supported yet"),
        hint: Some(RENDER_HINT.to_owned()),
    }
}

/// Go's `encoding/json` string encoding without the quotes, which escapes HTML characters too.
fn json_escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{c}' => escaped.push_str("\\f"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // Writing to a String cannot fail.
                let _ = write!(escaped, "\\u{:04x}", u32::from(c));
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_escape_escapes_as_go_does() {
        for (text, expected) in [
            (r#"{"foo":"bar"}"#, r#"{\"foo\":\"bar\"}"#),
            ("\\ \n \r \t \u{8} \u{c}", r"\\ \n \r \t \b \f"),
            ("\u{1} \u{1f} \u{7f}", "\\u0001 \\u001f \u{7f}"),
            (
                "<b> & é \u{2028}\u{2029}",
                r"\u003cb\u003e \u0026 é \u2028\u2029",
            ),
        ] {
            assert_eq!(json_escape(text), expected);
        }
    }
}
