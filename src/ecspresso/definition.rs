//! Decodes the JSON of a definition as ecspresso does before it registers it (ecspresso v2 `ecspresso.go`
//! `LoadTaskDefinition`, `json.go`): the optional `taskDefinition` wrapper, keys in any case, nulls and empty lists dropped.

use serde_json::{Map, Value};

use crate::ecspresso::document::Document;
use crate::ecspresso::error::{Cause, Error};
use crate::ecspresso::json::{self, Step, kind};
use crate::ecspresso::lookups::{Depth, Lookups};
use crate::ecspresso::schema::{self, Conforming, Way};
use crate::model::task_definition::{Container, TaskDefinition};

/// What `DescribeTaskDefinition` returns and `RegisterTaskDefinition` does not take: ecspresso drops it, and nobody
/// wants to read about it.
const DESCRIBED: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
];

/// How many images get a location: finding one reads the text again. ECS takes at most ten containers.
const LOCATED: usize = 100;

/// The name that ECS gives to the container of an express service.
const EXPRESS_CONTAINER: &str = "Main";

/// What a definition is decoded into.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A task definition.
    Task,
    /// The definition of an express service. The config's names replace those in the definition.
    Express {
        /// May be empty; images are then listed under the name in the definition.
        service: String,
        cluster: String,
    },
}

/// What is known about a definition from outside of it.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// `ignore.tags` of the config: keys of tags that are left out.
    pub(super) ignored_tags: Vec<String>,
    /// Whether ecspresso printed it: then it is what it is, and newer ecspressos know more than we.
    pub(super) is_final: bool,
}

/// A definition and what ecspresso would warn about.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) definition: TaskDefinition,
    pub(super) warnings: Vec<String>,
}

/// Decodes the final text of a document. A token in the family, a name or an image wants its look-up; elsewhere it does
/// not matter what the look-up would find. Where everything counts nothing is required: ecspresso prints a definition
/// without family or image, although ECS would not register it.
pub(super) fn decode(
    document: &Document,
    frame: &Frame,
    lookups: &Lookups,
) -> Result<Decoded, Error> {
    let decoded = decode_text(document, frame, lookups).map_err(|error| {
        // Only a value that stands outside of strings can be the reason.
        let bare = lookups.bare_token_in(document.text());
        let known = error.wanted().is_some();
        error.caused(bare.filter(|_| !known).map(Cause::Wanted))
    })?;
    let wanted = {
        let definition = &decoded.definition;
        let names = definition.containers.iter();
        let names = names.flat_map(|container| [&container.name, &container.image]);
        let mut texts = std::iter::once(&definition.family).chain(names);
        texts.find_map(|text| lookups.token_in(text))
    };
    match wanted {
        None => Ok(decoded),
        wanted => {
            let error = Error::new("the images depend on a look-up");
            Err(error.caused(wanted.map(Cause::Wanted)))
        }
    }
}

fn decode_text(document: &Document, frame: &Frame, lookups: &Lookups) -> Result<Decoded, Error> {
    let first = json::decode(document.text())
        .map_err(|(message, offset)| document.error(message, offset))?;
    let reader = Reader {
        document,
        lookups,
        required: lookups.depth == Depth::Images,
        walked: matches!(frame.kind, Kind::Task),
    };
    let mut path = Vec::new();
    let object = match frame.kind {
        Kind::Task => reader.unwrapped(&first, &mut path)?,
        Kind::Express { .. } => reader.object_of(&first.value, "the express definition")?,
    };
    // With a token in it the text says nothing about types.
    let conforming = match lookups.token_in(document.text()) {
        None if frame.is_final => Conforming {
            value: object.clone(),
            ..Conforming::default()
        },
        None => reader.conforming(frame, object, &path)?,
        Some(_) => Conforming::default(),
    };
    let (family, containers) = match &frame.kind {
        Kind::Task => (
            reader.family(object, &path)?,
            reader.containers(object, &path)?,
        ),
        Kind::Express { service, .. } => (
            reader.service(service, object, &path)?,
            reader.primary_container(object, &path)?,
        ),
    };
    let mut value = conforming.value;
    if let Kind::Express { service, cluster } = &frame.kind
        && !frame.is_final
    {
        // ecspresso panics, for then there is nothing that it could put these names into.
        if object.keys().all(|key| conforming.unknown.contains(key)) {
            return Err(reader.error("the express definition is empty", &path));
        }
        value.insert("serviceName".to_owned(), Value::from(service.as_str()));
        value.insert("cluster".to_owned(), Value::from(cluster.as_str()));
    }
    remove_tags(&mut value, &frame.ignored_tags);
    let unknown = conforming.unknown.into_iter();
    let unknown = unknown.filter(|key| {
        !DESCRIBED
            .iter()
            .any(|known| known.eq_ignore_ascii_case(key))
    });
    Ok(Decoded {
        definition: TaskDefinition {
            family,
            containers,
            document: Value::Object(value),
        },
        warnings: unknown
            .map(|key| format!("unknown key \"{key}\" is ignored"))
            .collect(),
    })
}

fn remove_tags(definition: &mut Map<String, Value>, ignored: &[String]) {
    let Some(Value::Array(tags)) = definition.get_mut("tags") else {
        return;
    };
    tags.retain(|tag| {
        let key = tag.get("key").and_then(Value::as_str);
        key.is_none_or(|key| !ignored.iter().any(|ignored| ignored == key))
    });
    if tags.is_empty() {
        definition.remove("tags");
    }
}

struct Reader<'a> {
    document: &'a Document,
    lookups: &'a Lookups,
    /// Whether family, names and images must be there.
    required: bool,
    /// Whether ecspresso drops nulls and empty lists before it decodes.
    walked: bool,
}

impl Reader<'_> {
    /// The definition itself, which may stand in a `taskDefinition` beside what else describing one returns.
    fn unwrapped<'v>(
        &self,
        first: &'v json::First,
        path: &mut Vec<Step>,
    ) -> Result<&'v Map<String, Value>, Error> {
        static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        let top = self.object_of(&first.value, "the task definition")?;
        let definition = match self.field(top, "taskDefinition", path)? {
            // Everything beside the wrapper is dropped, and so is what follows the first value.
            Some((key, value)) => {
                path.push(Step::Key(key.to_owned()));
                value
            }
            None => {
                if let Some(rest) = first.rest {
                    let message = "invalid JSON: text after the task definition";
                    return Err(self.document.error(message, rest));
                }
                &first.value
            }
        };
        match definition {
            Value::Object(map) => Ok(map),
            Value::Null if !self.required => Ok(&EMPTY),
            Value::Null => Err(self.error("the task definition is null", path)),
            other => Err(self.mismatch("taskDefinition", "an object", other, path)),
        }
    }

    fn object_of<'v>(
        &self,
        value: &'v Value,
        label: &str,
    ) -> Result<&'v Map<String, Value>, Error> {
        match value {
            Value::Object(map) => Ok(map),
            other => Err(self.mismatch(label, "an object", other, &[])),
        }
    }

    fn conforming(
        &self,
        frame: &Frame,
        object: &Map<String, Value>,
        path: &[Step],
    ) -> Result<Conforming, Error> {
        let (shape, way) = match frame.kind {
            Kind::Task => ("TaskDefinition", Way::Walked),
            Kind::Express { .. } => ("ExpressService", Way::Straight),
        };
        schema::conform(shape, object, way).map_err(|mismatch| {
            let mut whole = path.to_vec();
            whole.extend(mismatch.path);
            self.error(mismatch.message, &whole)
        })
    }

    fn family(&self, definition: &Map<String, Value>, path: &[Step]) -> Result<String, Error> {
        match self.string(definition, "family", "family", path)? {
            Some((family, _)) if !family.is_empty() => Ok(family),
            _ if self.required => Err(self.error("the task definition has no family", path)),
            _ => Ok(String::new()),
        }
    }

    fn containers(
        &self,
        definition: &Map<String, Value>,
        path: &[Step],
    ) -> Result<Vec<Container>, Error> {
        let missing = || match self.required {
            true => Err(self.error("the task definition has no containerDefinitions", path)),
            false => Ok(Vec::new()),
        };
        let Some((key, value)) = self.field(definition, "containerDefinitions", path)? else {
            return missing();
        };
        let path = extended(path, Step::Key(key.to_owned()));
        let items = match value {
            Value::Array(items) if !items.is_empty() => items,
            Value::Array(_) | Value::Null => return missing(),
            other => return Err(self.mismatch("containerDefinitions", "an array", other, &path)),
        };
        let mut containers = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let path = extended(&path, Step::Index(index));
            containers.extend(self.container(index, item, &path)?);
        }
        Ok(containers)
    }

    fn container(
        &self,
        index: usize,
        item: &Value,
        path: &[Step],
    ) -> Result<Option<Container>, Error> {
        let label = format!("containerDefinitions[{index}]");
        let map = match item {
            Value::Object(map) => map,
            Value::Null if !self.required => return Ok(None),
            other => return Err(self.mismatch(&label, "an object", other, path)),
        };
        let part = |name: &str| {
            let found = self.string(map, name, &format!("{label}.{name}"), path)?;
            let found = found.filter(|(text, _)| !text.is_empty());
            match found {
                None if self.required => Err(self.error(format!("{label} has no {name}"), path)),
                found => Ok(found),
            }
        };
        let (Some((name, _)), Some((image, at))) = (part("name")?, part("image")?) else {
            return Ok(None);
        };
        let location = match index < LOCATED {
            true => self.document.location(self.document.offset(&at)),
            false => None,
        };
        Ok(Some(Container {
            name,
            image,
            location,
        }))
    }

    /// An express service's name, which stands for the family.
    fn service(
        &self,
        configured: &str,
        definition: &Map<String, Value>,
        path: &[Step],
    ) -> Result<String, Error> {
        if !configured.is_empty() {
            return Ok(configured.to_owned());
        }
        match self.string(definition, "serviceName", "serviceName", path)? {
            Some((name, _)) if !name.is_empty() => Ok(name),
            _ if self.required => Err(self.error(
                "neither the config nor the express definition names the service",
                path,
            )),
            _ => Ok(String::new()),
        }
    }

    fn primary_container(
        &self,
        definition: &Map<String, Value>,
        path: &[Step],
    ) -> Result<Vec<Container>, Error> {
        let missing = |path: &[Step]| match self.required {
            true => Err(self.error("the express definition has no primaryContainer.image", path)),
            false => Ok(Vec::new()),
        };
        let (key, map) = match self.field(definition, "primaryContainer", path)? {
            None | Some((_, Value::Null)) => return missing(path),
            Some((key, Value::Object(map))) => (key, map),
            Some((_, other)) => {
                return Err(self.mismatch("primaryContainer", "an object", other, path));
            }
        };
        let path = extended(path, Step::Key(key.to_owned()));
        match self.string(map, "image", "primaryContainer.image", &path)? {
            Some((image, at)) if !image.is_empty() => Ok(vec![Container {
                name: EXPRESS_CONTAINER.to_owned(),
                image,
                location: self.document.location(self.document.offset(&at)),
            }]),
            _ => missing(&path),
        }
    }

    /// The value of a key in any case.
    fn field<'v>(
        &self,
        map: &'v Map<String, Value>,
        name: &str,
        path: &[Step],
    ) -> Result<Option<(&'v str, &'v Value)>, Error> {
        // A key that is not known may be any key.
        if let Some(want) = map.keys().find_map(|key| self.lookups.token_in(key)) {
            let error = self.error("a key depends on a look-up", path);
            return Err(error.caused(Some(Cause::Wanted(want))));
        }
        let name = name.to_lowercase();
        let mut found = map.iter().filter(|(key, _)| key.to_lowercase() == name);
        let first = found.next();
        if let (Some((one, _)), Some((other, _))) = (first, found.next()) {
            let path = extended(path, Step::Key(other.clone()));
            let message = format!("the keys \"{one}\" and \"{other}\" differ only in case");
            return Err(self.error(message, &path));
        }
        Ok(first.map(|(key, value)| (key.as_str(), value)))
    }

    /// A string and the path to it; null is absent, and in a task definition an empty list too.
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
            Value::Array(items) if self.walked && items.is_empty() => Ok(None),
            Value::String(text) => Ok(Some((text.clone(), path))),
            other => Err(self.mismatch(label, "a string", other, &path)),
        }
    }

    fn mismatch(&self, label: &str, wanted: &str, value: &Value, path: &[Step]) -> Error {
        let message = format!("{label} must be {wanted}, not {}", kind(value));
        self.error(message, path)
    }

    fn error(&self, message: impl Into<String>, path: &[Step]) -> Error {
        self.document.error(message, self.document.offset(path))
    }
}

fn extended(path: &[Step], step: Step) -> Vec<Step> {
    let mut path = path.to_vec();
    path.push(step);
    path
}
