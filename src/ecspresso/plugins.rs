//! The functions that plugins add, by ecspresso's order, prefixes and clash rules (ecspresso `plugin.go`).
//!
//! The look-ups themselves are not made yet: each function is known by name and fails when it is called.

use std::collections::BTreeSet;

use crate::ecspresso::config::Plugin;
use crate::ecspresso::error::Error;
use crate::ecspresso::functions::{Function, Functions};

/// A native function in Jsonnet: its arity is fixed.
#[derive(Clone, Debug)]
pub(super) struct Native {
    pub(super) name: String,
    pub(super) parameters: Vec<String>,
    pub(super) plugin: String,
}

/// The plugins that are there without configuration.
const DEFAULT: [&str; 2] = ["ssm", "secretsmanager"];

/// Adds the plugins' functions to `functions` and returns the Jsonnet natives.
pub(super) fn register(
    plugins: &[Plugin],
    functions: &mut Functions,
) -> Result<Vec<Native>, Error> {
    let defaults = DEFAULT.map(|name| Plugin {
        name: name.to_owned(),
        ..Plugin::default()
    });
    let mut templates: BTreeSet<String> = BTreeSet::new();
    let mut natives: Vec<Native> = Vec::new();
    for plugin in defaults.iter().chain(plugins) {
        let (names, signatures) = signatures(plugin)?;
        let again = DEFAULT.contains(&plugin.name.as_str());
        for name in names {
            let name = format!("{}{name}", plugin.prefix);
            if templates.insert(name.clone()) {
                functions.insert(&name, Function::Plugin(plugin.name.clone()));
            } else if !again {
                return Err(clash("template", &name, &plugin.name));
            }
        }
        for (name, parameters) in signatures {
            let name = format!("{}{name}", plugin.prefix);
            if !natives.iter().any(|native| native.name == name) {
                natives.push(Native {
                    name,
                    parameters,
                    plugin: plugin.name.clone(),
                });
            } else if !again {
                return Err(clash("jsonnet native", &name, &plugin.name));
            }
        }
    }
    Ok(natives)
}

fn clash(kind: &str, name: &str, plugin: &str) -> Error {
    Error::new(format!(
        "{kind} function {name} already exists. set func_prefix to {plugin} plugin"
    ))
}

type Signature = (String, Vec<String>);

/// The template functions of a plugin, and its natives with their parameters.
fn signatures(plugin: &Plugin) -> Result<(Vec<String>, Vec<Signature>), Error> {
    let native = |name: &str, parameters: &[&str]| {
        (
            name.to_owned(),
            parameters
                .iter()
                .map(|parameter| (*parameter).to_owned())
                .collect::<Vec<_>>(),
        )
    };
    let (names, natives): (Vec<&str>, Vec<Signature>) = match plugin.name.to_lowercase().as_str() {
        "ssm" => (
            vec!["ssm"],
            vec![
                native("ssm", &["name"]),
                native("ssm_list", &["name", "index"]),
            ],
        ),
        "secretsmanager" => (
            vec!["secretsmanager_arn"],
            vec![native("secretsmanager_arn", &["id"])],
        ),
        "cloudformation" => (
            vec!["cfn_output", "cfn_export"],
            vec![
                native("cfn_output", &["stackName", "outputKey"]),
                native("cfn_export", &["name"]),
            ],
        ),
        "tfstate" => (
            vec!["tfstate", "tfstatef"],
            vec![native("tfstate", &["address"])],
        ),
        "external" => {
            let (name, arguments) = external(plugin)?;
            let parameters = (0..arguments).map(|index| format!("arg{index}")).collect();
            return Ok((vec![name.clone()], vec![(name, parameters)]));
        }
        _ => {
            return Err(Error::new(format!(
                "plugin {} is not available",
                plugin.name
            )));
        }
    };
    Ok((names.into_iter().map(str::to_owned).collect(), natives))
}

/// The largest `num_args` that is believed.
const MAX_ARGUMENTS: u64 = 100;

fn external(plugin: &Plugin) -> Result<(String, u64), Error> {
    let name = plugin
        .config
        .get("name")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default();
    if name.is_empty() {
        return Err(Error::new("plugin external: name is required"));
    }
    let arguments = plugin
        .config
        .get("num_args")
        .map_or(Some(0), serde_json::Value::as_u64);
    match arguments {
        Some(arguments) if arguments <= MAX_ARGUMENTS => Ok((name.to_owned(), arguments)),
        _ => Err(Error::new(format!(
            "plugin external: num_args must be a number from 0 to {MAX_ARGUMENTS}"
        ))),
    }
}
