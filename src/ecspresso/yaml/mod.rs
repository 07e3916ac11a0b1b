//! Reads a YAML text as goccy/go-yaml does, which ecspresso uses: the first document, with its rules for plain scalars.
//!
//! serde-saphyr reads the structure; `scalar` decides what a plain scalar means.

mod scalar;

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_saphyr::Spanned;
use serde_saphyr::options::{MergeKeyPolicy, NonFiniteFloatPolicy};

use crate::ecspresso::json::Step;
use crate::ecspresso::yaml::scalar::{Properties, properties, scalar};

/// A decoded document and where its values stand.
#[derive(Debug)]
pub(super) struct Yaml {
    pub(super) value: Value,
    offsets: BTreeMap<Vec<Step>, usize>,
}

impl Yaml {
    /// The byte offset of the value at `path`, or of the innermost known value around it.
    pub(super) fn offset(&self, path: &[Step]) -> usize {
        (0..=path.len())
            .rev()
            .find_map(|length| self.offsets.get(&path[..length]))
            .copied()
            .unwrap_or(0)
    }
}

/// Values of a document, aliases expanded. Real configs have some dozens.
const MAX_NODES: usize = 20_000;

const TOO_LARGE: &str = "the YAML is too deep or expands to too much";

/// What is wrong with a YAML text, at a byte offset.
pub(super) type Problem = (String, usize);

/// Decodes the first document; an empty text is null.
pub(super) fn decode(text: &str) -> Result<Yaml, Problem> {
    let mut options = serde_saphyr::Options::default();
    // The snippets of this crate quote rendered text, which may hold secrets.
    options.with_snippet = false;
    options.budget = options.budget.map(|mut budget| {
        budget.max_nodes = MAX_NODES;
        budget
    });
    options.strict_booleans = true;
    options.merge_keys = MergeKeyPolicy::AsOrdinary;
    options.non_finite_float_policy = NonFiniteFloatPolicy::PassThrough;
    let documents: Vec<Spanned<Node>> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| problem(text, &error))?;
    let mut yaml = Yaml {
        value: Value::Null,
        offsets: BTreeMap::new(),
    };
    if let Some(first) = documents.into_iter().next() {
        let mut offsets = BTreeMap::new();
        yaml.value = resolve(text, first, &mut Vec::new(), &mut offsets)?;
        yaml.offsets = offsets;
    }
    Ok(yaml)
}

fn problem(text: &str, error: &serde_saphyr::Error) -> Problem {
    use serde_saphyr::Error;
    let offset = error.location().map_or(0, |location| {
        let line = usize::try_from(location.line()).unwrap_or(1);
        let column = usize::try_from(location.column()).unwrap_or(1);
        let start: usize = text
            .split_inclusive('\n')
            .take(line.saturating_sub(1))
            .map(str::len)
            .sum();
        start
            + text[start..]
                .chars()
                .take(column.saturating_sub(1))
                .map(char::len_utf8)
                .sum::<usize>()
    });
    // Only texts that cannot quote a value are passed on.
    let message = match error.without_snippet() {
        Error::Message { msg, .. } if !msg.contains(['"', '`', '\'']) => {
            format!("invalid YAML: {msg}")
        }
        Error::DuplicateMappingKey { .. } => {
            "invalid YAML: a mapping key is already defined".to_owned()
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => TOO_LARGE.to_owned(),
        Error::UnknownAnchor { .. } => "invalid YAML: an alias has no anchor".to_owned(),
        // An error inside an alias is wrapped.
        other if other.to_string().starts_with("budget breached") => TOO_LARGE.to_owned(),
        _ => "invalid YAML".to_owned(),
    };
    (message, offset)
}

/// A value as serde-saphyr sees it. What a plain scalar means is decided from its source.
enum Node {
    Null,
    Plain,
    String(String),
    List(Vec<Spanned<Node>>),
    Map(Vec<(String, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Plain)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Plain)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Plain)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Plain)
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = sequence.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = mapping.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}

fn resolve(
    text: &str,
    node: Spanned<Node>,
    path: &mut Vec<Step>,
    offsets: &mut BTreeMap<Vec<Step>, usize>,
) -> Result<Value, Problem> {
    let span = node.defined.span();
    let start = span
        .byte_offset()
        .and_then(|offset| usize::try_from(offset).ok());
    let length = span
        .byte_len()
        .and_then(|length| usize::try_from(length).ok());
    if let Some(start) = start {
        offsets.insert(path.clone(), start);
    }
    let source = || text.get(start?..start? + length?);
    match node.value {
        Node::List(items) => {
            let item = |(index, item)| {
                path.push(Step::Index(index));
                let value = resolve(text, item, path, offsets);
                path.pop();
                value
            };
            items
                .into_iter()
                .enumerate()
                .map(item)
                .collect::<Result<_, _>>()
                .map(Value::Array)
        }
        Node::Map(entries) => {
            let mut map = Map::new();
            fill(&mut map, text, entries, path, offsets)?;
            Ok(Value::Object(map))
        }
        leaf => {
            let start = start.unwrap_or(0);
            match (properties(text, start), leaf) {
                (Properties { tag: Some(tag), .. }, _) if tag != "!!str" => {
                    Err((format!("the YAML tag {tag} is not supported"), start))
                }
                (
                    Properties { tag: Some(_), .. } | Properties { block: true, .. },
                    Node::String(string),
                ) => text_of(string, start),
                // A string in quotes differs from its source.
                (_, Node::String(string)) if source() != Some(&string) => text_of(string, start),
                _ => scalar(source().unwrap_or_default()).map_err(|message| (message, start)),
            }
        }
    }
}

/// A string, unless go-yaml writes it into its JSON with an escape that JSON does not have (Go `strconv.Quote`).
fn text_of(string: String, start: usize) -> Result<Value, Problem> {
    let escaped =
        |c: char| c.is_ascii_control() && !matches!(c, '\u{8}' | '\u{c}' | '\n' | '\r' | '\t');
    match string.contains(escaped) {
        true => Err((
            "a control character in YAML is not supported".to_owned(),
            start,
        )),
        false => Ok(Value::String(string)),
    }
}

/// Adds the entries of a mapping. A merged entry counts like one that stands at the place of the `<<`, so it replaces
/// an earlier one of the same key: go-yaml writes both into its JSON, and in Go's JSON decoder the last one wins.
fn fill(
    map: &mut Map<String, Value>,
    text: &str,
    entries: Vec<(String, Spanned<Node>)>,
    path: &mut Vec<Step>,
    offsets: &mut BTreeMap<Vec<Step>, usize>,
) -> Result<(), Problem> {
    for (key, entry) in entries {
        if key != "<<" {
            path.push(Step::Key(key.clone()));
            let value = resolve(text, entry, path, offsets)?;
            // Into a field of the config Go decodes both entries, and a null leaves what the first one set.
            if !(value.is_null() && path.len() == 1 && map.contains_key(&key)) {
                map.insert(key, value);
            }
            path.pop();
            continue;
        }
        let start = entry
            .referenced
            .span()
            .byte_offset()
            .and_then(|at| usize::try_from(at).ok());
        let merged = match entry.value {
            Node::List(items) => items,
            _ => vec![entry],
        };
        for item in merged {
            match item.value {
                Node::Map(entries) => fill(map, text, entries, path, offsets)?,
                _ => return Err(("<< needs a mapping".to_owned(), start.unwrap_or(0))),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(text: &str, expected: Value) {
        assert_eq!(decode(text).expect(text).value, expected, "{text:?}");
    }

    #[test]
    fn structure() {
        check("", json!(null));
        check("# nothing\n", json!(null));
        check(
            "{\"a\": [1, {\"b\": null}]}",
            json!({"a": [1, {"b": null}]}),
        );
        check(
            "a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n",
            json!({"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}),
        );
        check(
            "a: x\n<<: {a: y, b: z}\nb: w\n",
            json!({"a": "y", "b": "w"}),
        );
        check(
            "a: &a {k: 1}\nb: &b {<<: *a, l: 2}\n<<: [*b, {k: 3}]\n",
            json!({"a": {"k": 1}, "b": {"k": 1, "l": 2}, "k": 3, "l": 2}),
        );
        check(
            "<<: {a: x, b: {c: y}}\na: null\n",
            json!({"a": "x", "b": {"c": "y"}}),
        );
        check("a: 1\n---\na: 2\n", json!({"a": 1}));
        check("a: |\n  0123\r\nb: 2\r\n", json!({"a": "0123\n", "b": 2}));
        check(
            "a: !!str\n  12\nb: !!str &x 12\nc: &y !!str '12'\n",
            json!({"a": "12", "b": "12", "c": "12"}),
        );
        check(
            "a: |-\n  0123\nb: >- # x\n  0123\nc: |-\n\n  0123\nd:\n  # x\n  0123\n",
            json!({"a": "0123", "b": "0123", "c": "\n0123", "d": 83}),
        );
        check("a: &x 0123\nb: *x\n", json!({"a": 83, "b": 83}));
    }

    #[test]
    fn errors_have_a_place_and_quote_no_value() {
        let check = |text: &str, message: &str, offset: usize| {
            assert_eq!(
                decode(text).expect_err(text),
                (message.to_owned(), offset),
                "{text:?}"
            );
        };
        check(
            "a: 1\na: 2\n",
            "invalid YAML: a mapping key is already defined",
            5,
        );
        check("a: *secret\n", "invalid YAML: an alias has no anchor", 3);
        let bomb: String = (1..30)
            .map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}, *a{0}]\n", n - 1))
            .collect();
        assert_eq!(
            decode(&format!("a0: &a0 x\n{bomb}")).expect_err("a bomb").0,
            "the YAML is too deep or expands to too much"
        );
        check(
            "a: b\nc: .inf\n",
            "the YAML number .inf has no JSON form",
            8,
        );
        check("<<: x\n", "<< needs a mapping", 4);
        check("a: !x 5\n", "the YAML tag !x is not supported", 6);
        check(
            "a: !!binary |\n  aGk=\n",
            "the YAML tag !!binary is not supported",
            16,
        );
        assert!(decode(&"[".repeat(100_000)).is_err());
        assert!(decode(&"a: ".repeat(100_000)).is_err());
    }
}
