//! Decodes the JSON of a task definition as ecspresso does before it registers it (ecspresso v2 `ecspresso.go`
//! `LoadTaskDefinition`, `json.go`): the optional `taskDefinition` wrapper, keys in any case, nulls and empty lists dropped.

use serde_json::{Map, Value};

use crate::ecspresso::config::unambiguous;
use crate::ecspresso::document::Document;
use crate::ecspresso::error::Cause;
use crate::ecspresso::error::Error;
use crate::ecspresso::json::{self, Step, kind};
use crate::ecspresso::lookups::Lookups;
use crate::model::task_definition::{Container, TaskDefinition};

/// What `DescribeTaskDefinition` returns and `RegisterTaskDefinition` does not take.
const DESCRIBED: [&str; 8] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
];

/// How many images get a location: finding one reads the text again. ECS takes at most ten containers.
const LOCATED: usize = 100;

/// Maps whose keys are the user's own and stay as they are.
const FREE_FORM: [&str; 2] = ["dockerlabels", "options"];

/// Decodes the final text of a document. A token in the family, a name or an image wants its look-up; elsewhere it does
/// not matter what the look-up would find.
pub(super) fn decode(document: &Document, lookups: &Lookups) -> Result<TaskDefinition, Error> {
    let decoded = decode_text(document).map_err(|error| {
        // Only a value that stands outside of strings can be the reason.
        let bare = lookups.bare_token_in(document.text());
        error.caused(bare.map(Cause::Wanted))
    })?;
    let wanted = {
        let names = decoded.containers.iter();
        let names = names.flat_map(|container| [&container.name, &container.image]);
        let mut texts = std::iter::once(&decoded.family).chain(names);
        texts.find_map(|text| lookups.token_in(text))
    };
    match wanted {
        None => Ok(decoded),
        wanted => {
            Err(Error::new("the images depend on a look-up").caused(wanted.map(Cause::Wanted)))
        }
    }
}

fn decode_text(document: &Document) -> Result<TaskDefinition, Error> {
    let first = json::decode(document.text())
        .map_err(|(message, offset)| document.error(message, offset))?;
    let reader = Reader { document };
    let Value::Object(top) = &first.value else {
        return Err(reader.mismatch("the task definition", "an object", &first.value, &[]));
    };
    let mut path = Vec::new();
    let definition = match reader.field(top, "taskDefinition", &path)? {
        // Everything beside the wrapper is dropped, and so is what follows the first value.
        Some((key, value)) => {
            path.push(Step::Key(key.to_owned()));
            value
        }
        None => {
            if let Some(rest) = first.rest {
                return Err(document.error("invalid JSON: text after the task definition", rest));
            }
            &first.value
        }
    };
    let definition = match definition {
        Value::Object(map) => map,
        Value::Null => {
            return Err(document.error("the task definition is null", document.offset(&path)));
        }
        other => return Err(reader.mismatch("taskDefinition", "an object", other, &path)),
    };
    let family = match reader.string(definition, "family", "family", &path)? {
        Some((family, _)) if !family.is_empty() => family,
        _ => {
            return Err(document.error("the task definition has no family", document.offset(&path)));
        }
    };
    let containers = reader.containers(definition, &path)?;
    Ok(TaskDefinition {
        family,
        containers,
        document: reader.normal_object(definition, false, &path)?,
    })
}

struct Reader<'a> {
    document: &'a Document,
}

impl Reader<'_> {
    fn containers(
        &self,
        definition: &Map<String, Value>,
        path: &[Step],
    ) -> Result<Vec<Container>, Error> {
        let missing = || {
            self.document.error(
                "the task definition has no containerDefinitions",
                self.document.offset(path),
            )
        };
        let (key, value) = self
            .field(definition, "containerDefinitions", path)?
            .ok_or_else(missing)?;
        let path = extended(path, Step::Key(key.to_owned()));
        let items = match value {
            Value::Array(items) if !items.is_empty() => items,
            Value::Array(_) | Value::Null => return Err(missing()),
            other => return Err(self.mismatch("containerDefinitions", "an array", other, &path)),
        };
        let container =
            |(index, item)| self.container(index, item, &extended(&path, Step::Index(index)));
        items.iter().enumerate().map(container).collect()
    }

    fn container(&self, index: usize, item: &Value, path: &[Step]) -> Result<Container, Error> {
        let label = format!("containerDefinitions[{index}]");
        let Value::Object(map) = item else {
            return Err(self.mismatch(&label, "an object", item, path));
        };
        let required = |name: &str| {
            let found = self.string(map, name, &format!("{label}.{name}"), path)?;
            found.filter(|(text, _)| !text.is_empty()).ok_or_else(|| {
                self.document
                    .error(format!("{label} has no {name}"), self.document.offset(path))
            })
        };
        let (name, _) = required("name")?;
        let (image, at) = required("image")?;
        let location = match index < LOCATED {
            true => self.document.location(self.document.offset(&at)),
            false => None,
        };
        Ok(Container {
            name,
            image,
            location,
        })
    }

    /// The value of a key in any case.
    fn field<'v>(
        &self,
        map: &'v Map<String, Value>,
        name: &str,
        path: &[Step],
    ) -> Result<Option<(&'v str, &'v Value)>, Error> {
        unambiguous(map, path).map_err(|found| {
            self.document
                .error(found.message, self.document.offset(&found.path))
        })?;
        let found = map
            .iter()
            .find(|(key, _)| key.to_lowercase() == name.to_lowercase());
        Ok(found.map(|(key, value)| (key.as_str(), value)))
    }

    /// A string and the path to it; null is absent.
    fn string(
        &self,
        map: &Map<String, Value>,
        name: &str,
        label: &str,
        path: &[Step],
    ) -> Result<Option<(String, Vec<Step>)>, Error> {
        let Some((key, value)) = self.field(map, name, path)? else {
            return Ok(None);
        };
        let path = extended(path, Step::Key(key.to_owned()));
        match value {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some((text.clone(), path))),
            other => Err(self.mismatch(label, "a string", other, &path)),
        }
    }

    fn mismatch(&self, label: &str, wanted: &str, value: &Value, path: &[Step]) -> Error {
        self.document.error(
            format!("{label} must be {wanted}, not {}", kind(value)),
            self.document.offset(path),
        )
    }

    /// The object with camelCase keys, without nulls and empty lists; keys stay as they are if `free_form`.
    fn normal_object(
        &self,
        map: &Map<String, Value>,
        free_form: bool,
        path: &[Step],
    ) -> Result<Value, Error> {
        let mut normal = Map::new();
        for (key, value) in map {
            let empty = matches!(value, Value::Null) || value.as_array().is_some_and(Vec::is_empty);
            let name = if free_form {
                key.clone()
            } else {
                camel_case(key)
            };
            if empty || (path.len() <= 1 && !free_form && DESCRIBED.contains(&name.as_str())) {
                continue;
            }
            let path = extended(path, Step::Key(key.clone()));
            let value = self.normal(
                value,
                FREE_FORM.contains(&name.to_lowercase().as_str()),
                &path,
            )?;
            if normal.insert(name, value).is_some() {
                let message = format!("the key \"{key}\" stands there twice in different case");
                return Err(self.document.error(message, self.document.offset(&path)));
            }
        }
        Ok(Value::Object(normal))
    }

    fn normal(&self, value: &Value, free_form: bool, path: &[Step]) -> Result<Value, Error> {
        match value {
            Value::Object(map) => self.normal_object(map, free_form, path),
            Value::Array(items) => {
                let item =
                    |(index, item)| self.normal(item, false, &extended(path, Step::Index(index)));
                items
                    .iter()
                    .enumerate()
                    .map(item)
                    .collect::<Result<_, _>>()
                    .map(Value::Array)
            }
            other => Ok(other.clone()),
        }
    }
}

fn extended(path: &[Step], step: Step) -> Vec<Step> {
    let mut path = path.to_vec();
    path.push(step);
    path
}

/// The key as the API spells it: keys that we read by name in their own spelling, others with a small first letter.
fn camel_case(key: &str) -> String {
    let known = ["family", "containerDefinitions", "name", "image"];
    if let Some(known) = known
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(key))
    {
        return known.to_owned();
    }
    let mut chars = key.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_ascii_lowercase().to_string() + chars.as_str()
    })
}
