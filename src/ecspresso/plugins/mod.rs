//! The functions that plugins add, by ecspresso's order, prefixes and clash rules (ecspresso `plugin.go`).

mod call;
mod location;
mod path;
mod remainder;
mod state;
mod states;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

pub(super) use crate::ecspresso::plugins::call::Call;
pub(super) use crate::ecspresso::plugins::states::Values;

use crate::ecspresso::config::Plugin;
use crate::ecspresso::error::Error;
use crate::ecspresso::functions::{Function, Functions};
use crate::ecspresso::plugins::call::{Command, Parser};
use crate::ecspresso::plugins::states::Source;

/// A native function in Jsonnet: its arity is fixed.
#[derive(Clone, Debug)]
pub(super) struct Native {
    pub(super) name: String,
    pub(super) parameters: Vec<String>,
    pub(super) call: Arc<Call>,
}

/// What plugins are set up with.
#[derive(Debug)]
pub(super) struct Ground<'a> {
    /// The directory of the config file.
    pub(super) config: &'a Path,
    /// The current directory.
    pub(super) directory: &'a Path,
    pub(super) region: Option<&'a str>,
    pub(super) environment: &'a BTreeMap<String, String>,
    pub(super) values: Option<&'a Arc<Values>>,
    pub(super) no_external: bool,
}

/// What the plugins add.
#[derive(Debug, Default)]
pub(super) struct Added {
    pub(super) natives: Vec<Native>,
    /// The states, which ecspresso reads although nothing may ask for them.
    pub(super) states: Vec<Arc<Source>>,
}

/// The plugins that are there without configuration.
const DEFAULT: [&str; 2] = ["ssm", "secretsmanager"];

/// Adds the plugins' functions to `functions`.
pub(super) fn register(
    plugins: &[Plugin],
    ground: &Ground<'_>,
    functions: &mut Functions,
) -> Result<Added, Error> {
    let defaults = DEFAULT.map(|name| Plugin {
        name: name.to_owned(),
        ..Plugin::default()
    });
    let mut templates: BTreeSet<String> = BTreeSet::new();
    let mut added = Added::default();
    for plugin in defaults.iter().chain(plugins) {
        let own = functions_of(plugin, ground, &mut added.states)?;
        let again = DEFAULT.contains(&plugin.name.as_str());
        for (name, call) in own.templates {
            let name = format!("{}{name}", plugin.prefix);
            if templates.insert(name.clone()) {
                functions.insert(&name, Function::Plugin(call));
            } else if !again {
                return Err(clash("template", &name, &plugin.name));
            }
        }
        for mut native in own.natives {
            native.name = format!("{}{}", plugin.prefix, native.name);
            if !added.natives.iter().any(|other| other.name == native.name) {
                added.natives.push(native);
            } else if !again {
                return Err(clash("jsonnet native", &native.name, &plugin.name));
            }
        }
    }
    Ok(added)
}

fn clash(kind: &str, name: &str, plugin: &str) -> Error {
    Error::new(format!(
        "{kind} function {name} already exists. set func_prefix to {plugin} plugin"
    ))
}

/// The functions of one plugin, without its prefix.
struct Own {
    templates: Vec<(String, Arc<Call>)>,
    natives: Vec<Native>,
}

fn functions_of(
    plugin: &Plugin,
    ground: &Ground<'_>,
    states: &mut Vec<Arc<Source>>,
) -> Result<Own, Error> {
    let region = ground.region.map(str::to_owned);
    let template = |name: &str, call: &Arc<Call>| (name.to_owned(), Arc::clone(call));
    let native = |name: &str, call: &Arc<Call>, parameters: &[&str]| Native {
        name: name.to_owned(),
        parameters: parameters.iter().map(|name| (*name).to_owned()).collect(),
        call: Arc::clone(call),
    };
    Ok(match plugin.name.to_lowercase().as_str() {
        "ssm" => {
            let call = Arc::new(Call::Parameter { region });
            Own {
                templates: vec![template("ssm", &call)],
                natives: vec![
                    native("ssm", &call, &["name"]),
                    native("ssm_list", &call, &["name", "index"]),
                ],
            }
        }
        "secretsmanager" => {
            let call = Arc::new(Call::SecretArn { region });
            Own {
                templates: vec![template("secretsmanager_arn", &call)],
                natives: vec![native("secretsmanager_arn", &call, &["id"])],
            }
        }
        "cloudformation" => {
            let output = Arc::new(Call::StackOutput {
                region: region.clone(),
            });
            let export = Arc::new(Call::Export { region });
            Own {
                templates: vec![
                    template("cfn_output", &output),
                    template("cfn_export", &export),
                ],
                natives: vec![
                    native("cfn_output", &output, &["stackName", "outputKey"]),
                    native("cfn_export", &export, &["name"]),
                ],
            }
        }
        "tfstate" => {
            let source = Arc::new(source(plugin, ground)?);
            states.push(Arc::clone(&source));
            let plain = Arc::new(Call::State(Arc::clone(&source)));
            let formatted = Arc::new(Call::FormattedState(source));
            Own {
                templates: vec![
                    template("tfstate", &plain),
                    template("tfstatef", &formatted),
                ],
                natives: vec![native("tfstate", &plain, &["address"])],
            }
        }
        "external" => external(plugin, ground.no_external)?,
        _ => {
            return Err(Error::new(format!(
                "plugin {} is not available",
                plugin.name
            )));
        }
    })
}

fn source(plugin: &Plugin, ground: &Ground<'_>) -> Result<Source, Error> {
    let location = location::location(&plugin.config, ground.config).map_err(Error::new)?;
    let optional = match plugin.config.get("optional") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(optional)) => *optional,
        Some(_) => return Err(Error::new("plugin tfstate: optional must be true or false")),
    };
    let workspace = ground.environment.get("TF_WORKSPACE");
    Ok(Source {
        location,
        optional,
        values: ground.values.cloned(),
        directory: ground.directory.to_owned(),
        workspace: workspace.cloned().unwrap_or_default(),
        read: OnceLock::new(),
    })
}

/// The largest `num_args` that is believed.
const MAX_ARGUMENTS: u64 = 100;

/// The keys of the `external` plugin (ecspresso v2.5 `external/external.go`).
fn external(plugin: &Plugin, forbidden: bool) -> Result<Own, Error> {
    let wrong = |message: &str| Error::new(format!("plugin external: {message}"));
    let key = |key: &str| plugin.config.get(key).filter(|value| !value.is_null());
    let text = |name: &str| match key(name) {
        None => Ok(""),
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(_) => Err(wrong(&format!("{name} must be a string"))),
    };
    let whole = |name: &str, most: u64| match key(name).map_or(Some(0), Value::as_u64) {
        Some(number) if number <= most => Ok(number),
        _ => Err(wrong(&format!("{name} must be a number from 0 to {most}"))),
    };
    let argv = match key("command") {
        None => Vec::new(),
        Some(Value::Array(items)) => {
            let items = items.iter().map(|item| item.as_str().map(str::to_owned));
            let argv: Option<Vec<_>> = items.collect();
            argv.ok_or_else(|| wrong("command must be a list of strings"))?
        }
        Some(_) => return Err(wrong("command must be a list of strings")),
    };
    let name = text("name")?.to_owned();
    if argv.is_empty() {
        return Err(wrong("command is required"));
    }
    if name.is_empty() {
        return Err(wrong("name is required"));
    }
    let parser = match text("parser")? {
        "" | "json" => Parser::Json,
        "string" => Parser::Text,
        other => return Err(wrong(&format!("unsupported parser: {other}"))),
    };
    let arguments = whole("num_args", MAX_ARGUMENTS)?;
    let timeout = whole("timeout", u64::from(u32::MAX))?;
    if !matches!(text("mode")?, "" | "exec") {
        return Err(wrong("only mode: exec is supported"));
    }
    let call = Arc::new(Call::Command(Command {
        argv,
        timeout,
        parser,
        forbidden,
    }));
    let native = Native {
        name: name.clone(),
        parameters: (0..arguments).map(|index| format!("arg{index}")).collect(),
        call: Arc::clone(&call),
    };
    Ok(Own {
        templates: vec![(name, call)],
        natives: vec![native],
    })
}
