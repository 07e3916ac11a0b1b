//! Repositories and lifecycle policies as Terraform configuration (HCL), to paste where Terraform owns them.
//!
//! Resources and arguments are those of the AWS provider's documentation: `aws_ecr_repository`, `aws_ecr_lifecycle_policy`,
//! `aws_ecr_repository_creation_template`. The text is laid out as `terraform fmt` does.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::model::inventory::{Encryption, Mutability};
use crate::model::lifecycle::Policy;
use crate::plan::provision::Creation;
use crate::report::template::Template;

/// A repository to declare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Its name, without the registry.
    pub name: String,
    /// Its settings: an `aws_ecr_repository`. `None` where it exists already and only the policy is wanted.
    pub settings: Option<Settings>,
    /// Its lifecycle policy: an `aws_ecr_lifecycle_policy`.
    pub policy: Option<Policy>,
}

/// What a repository is created with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Tag mutability; ECR's default (mutable) if `None`.
    pub mutability: Option<Mutability>,
    /// Encryption at rest; ECR's default (`AES256`) if `None`.
    pub encryption: Option<Encryption>,
    /// Basic scanning of every push.
    pub scan_on_push: bool,
    /// The repository policy, as JSON text.
    pub access: Option<String>,
    /// Resource tags.
    pub tags: BTreeMap<String, String>,
}

impl From<&Creation> for Settings {
    fn from(creation: &Creation) -> Self {
        Self {
            mutability: Some(creation.mutability.clone()),
            encryption: creation.encryption.clone(),
            scan_on_push: creation.scan_on_push,
            access: creation.access.clone(),
            tags: creation.tags.clone(),
        }
    }
}

/// The resources of these repositories, in their order. Labels are made of the names and are unique among themselves.
pub fn repositories(wanted: &[Wanted]) -> String {
    let mut labels = Labels::default();
    let mut blocks = Vec::new();
    for one in wanted {
        let label = labels.make(&one.name);
        if let Some(settings) = &one.settings {
            blocks.push(repository(&label, &one.name, settings));
            if let Some(access) = &settings.access {
                blocks.push(access_policy(&label, access));
            }
        }
        if let Some(policy) = &one.policy {
            let name = match one.settings {
                Some(_) => format!("aws_ecr_repository.{label}.name"),
                None => string(&one.name),
            };
            let mut body = Body::default();
            body.set("repository", name);
            body.set("policy", encoded(&policy.to_json()));
            blocks.push(resource("aws_ecr_lifecycle_policy", &label, &body));
        }
    }
    blocks.join("\n")
}

/// The resource of a creation template.
pub fn template(template: &Template) -> String {
    let settings = Settings::from(&template.creation);
    let occasions: Vec<String> = template.applied_for.iter().map(|one| string(one)).collect();
    let mut body = Body::default();
    body.set("prefix", string(&template.prefix));
    body.set("description", string(&template.description()));
    body.set("applied_for", format!("[{}]", occasions.join(", ")));
    if let Some(role) = &template.role {
        body.set("custom_role_arn", string(role));
    }
    mutability(&mut body, &settings);
    if let Some(access) = &settings.access {
        body.set("repository_policy", encoded(access));
    }
    body.set("lifecycle_policy", encoded(&template.policy.to_json()));
    if !settings.tags.is_empty() {
        body.set("resource_tags", map(&settings.tags));
    }
    encryption(&mut body, &settings);
    let label = Labels::default().make(&template.prefix);
    resource("aws_ecr_repository_creation_template", &label, &body)
}

fn repository(label: &str, name: &str, settings: &Settings) -> String {
    let mut body = Body::default();
    body.set("name", string(name));
    mutability(&mut body, settings);
    if !settings.tags.is_empty() {
        body.set("tags", map(&settings.tags));
    }
    encryption(&mut body, settings);
    if settings.scan_on_push {
        body.block(
            "image_scanning_configuration",
            &[("scan_on_push", "true".to_owned())],
        );
    }
    resource("aws_ecr_repository", label, &body)
}

fn access_policy(label: &str, text: &str) -> String {
    let mut body = Body::default();
    body.set("repository", format!("aws_ecr_repository.{label}.name"));
    body.set("policy", encoded(text));
    resource("aws_ecr_repository_policy", label, &body)
}

fn mutability(body: &mut Body, settings: &Settings) {
    let Some(mutability) = &settings.mutability else {
        return;
    };
    body.set("image_tag_mutability", string(mutability.word()));
    for filter in &mutability.exclusions {
        let arguments = [
            ("filter", string(filter)),
            ("filter_type", string("WILDCARD")),
        ];
        body.block("image_tag_mutability_exclusion_filter", &arguments);
    }
}

fn encryption(body: &mut Body, settings: &Settings) {
    if let Some(encryption) = &settings.encryption {
        let mut arguments = vec![("encryption_type", string(&encryption.kind))];
        arguments.extend(encryption.key.iter().map(|key| ("kms_key", string(key))));
        body.block("encryption_configuration", &arguments);
    }
}

/// Labels of resources. A name may hold `/` and `.`, which a label may not, so two names can want the same one.
#[derive(Default)]
struct Labels {
    taken: BTreeSet<String>,
}

impl Labels {
    fn make(&mut self, name: &str) -> String {
        let legal = |c: char| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        };
        let mut base: String = name.chars().map(legal).collect();
        if !base.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            base.insert(0, '_');
        }
        let mut label = base.clone();
        let mut number = 2_u32;
        while !self.taken.insert(label.clone()) {
            label = format!("{base}_{number}");
            number = number.saturating_add(1);
        }
        label
    }
}

/// The inside of a resource: its arguments first, then its blocks, in lines without indentation.
#[derive(Default)]
struct Body {
    arguments: Vec<(String, String)>,
    blocks: Vec<String>,
}

impl Body {
    fn set(&mut self, key: &str, value: String) {
        self.arguments.push((key.to_owned(), value));
    }

    fn block(&mut self, name: &str, arguments: &[(&str, String)]) {
        let arguments: Vec<(String, String)> = arguments
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect();
        self.blocks
            .push(format!("{name} {{\n{}}}\n", indent(&aligned(&arguments))));
    }
}

fn resource(kind: &str, label: &str, body: &Body) -> String {
    let mut inside = aligned(&body.arguments);
    for block in &body.blocks {
        inside.push('\n');
        inside.push_str(block);
    }
    format!(
        "resource {} {} {{\n{}}}\n",
        string(kind),
        string(label),
        indent(&inside)
    )
}

/// `key = value` lines. `terraform fmt` aligns the `=` of neighbours that are one line each; a longer value stands apart.
fn aligned(arguments: &[(String, String)]) -> String {
    let is_long = |one: &(String, String)| one.1.contains('\n');
    let mut text = String::new();
    for group in arguments.chunk_by(|one, other| !is_long(one) && !is_long(other)) {
        let width = group
            .iter()
            .map(|(key, _)| key.chars().count())
            .max()
            .unwrap_or(0);
        for (key, value) in group {
            text.push_str(&format!("{key:width$} = {value}\n"));
        }
    }
    text
}

fn indent(text: &str) -> String {
    let line = |line: &str| {
        if line.is_empty() {
            "\n".to_owned()
        } else {
            format!("  {line}\n")
        }
    };
    text.lines().map(line).collect()
}

/// A string that means exactly this text: quoted, without interpolation.
fn string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '$' | '%' if characters.peek() == Some(&'{') => {
                quoted.push(c);
                quoted.push(c);
            }
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A map of strings. Keys are quoted, because a tag's key may be anything.
fn map(entries: &BTreeMap<String, String>) -> String {
    let entries: Vec<(String, String)> = entries
        .iter()
        .map(|(key, value)| (string(key), string(value)))
        .collect();
    format!("{{\n{}}}", indent(&aligned(&entries)))
}

/// The order in which AWS's documents write the keys of lifecycle and repository policies; others come after them.
const ORDER: [&str; 22] = [
    "rulePriority",
    "description",
    "selection",
    "tagStatus",
    "tagPatternList",
    "tagPrefixList",
    "storageClass",
    "countType",
    "countUnit",
    "countNumber",
    "action",
    "type",
    "targetStorageClass",
    "Version",
    "Id",
    "Statement",
    "Sid",
    "Effect",
    "Principal",
    "Action",
    "Resource",
    "Condition",
];

/// JSON text as `jsonencode(…)` of the same value, which the provider compares by meaning. What is no JSON stays a string.
fn encoded(json: &str) -> String {
    match serde_json::from_str::<Value>(json) {
        Ok(value) => format!("jsonencode({})", expression(&value)),
        Err(_) => string(json),
    }
}

fn expression(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(text) => string(text),
        Value::Array(items)
            if items
                .iter()
                .all(|item| !item.is_object() && !item.is_array()) =>
        {
            let items: Vec<String> = items.iter().map(expression).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Array(items) => {
            let items: String = items.iter().map(|item| expression(item) + ",\n").collect();
            format!("[\n{}]", indent(&items))
        }
        Value::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Object(entries) => {
            let mut entries: Vec<(&String, &Value)> = entries.iter().collect();
            entries.sort_by_key(|(key, _)| {
                ORDER
                    .iter()
                    .position(|known| known == key)
                    .unwrap_or(ORDER.len())
            });
            let entries: Vec<(String, String)> = entries
                .iter()
                .map(|(key, value)| (identifier(key), expression(value)))
                .collect();
            format!("{{\n{}}}", indent(&aligned(&entries)))
        }
    }
}

/// A key of an object, quoted unless it is a plain word.
fn identifier(key: &str) -> String {
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    // These words mean something in an expression.
    if plain && !["for", "if", "null", "true", "false"].contains(&key) {
        key.to_owned()
    } else {
        string(key)
    }
}

#[cfg(test)]
mod tests;
