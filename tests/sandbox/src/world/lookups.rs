//! What a world holds for ecspresso's plugins to look up.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// What can be looked up, by name.
#[derive(Debug, Clone, Default)]
pub struct Lookups {
    /// Parameters of Systems Manager.
    pub parameters: BTreeMap<String, Parameter>,
    /// The names of secrets.
    pub secrets: Vec<String>,
    /// The outputs of CloudFormation stacks.
    pub stacks: BTreeMap<String, BTreeMap<String, String>>,
    /// CloudFormation exports.
    pub exports: BTreeMap<String, String>,
    /// S3 objects by `bucket/key`: a text, or JSON that is written as text.
    pub objects: BTreeMap<String, Value>,
    /// The Regions of buckets that are not in the world's.
    pub buckets: BTreeMap<String, String>,
}

/// A parameter: its value, of type String, or type and value.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Parameter {
    /// A String.
    Text(String),
    /// Another type.
    Typed {
        /// `String`, `StringList` or `SecureString`.
        r#type: String,
        /// Its value.
        value: String,
    },
}

impl Parameter {
    /// Its type, as the API names it.
    pub fn kind(&self) -> &str {
        match self {
            Parameter::Text(_) => "String",
            Parameter::Typed { r#type, .. } => r#type,
        }
    }

    /// Its value.
    pub fn value(&self) -> &str {
        match self {
            Parameter::Text(value) | Parameter::Typed { value, .. } => value,
        }
    }
}
