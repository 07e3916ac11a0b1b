//! Reads a YAML text as goccy/go-yaml does, which ecspresso uses: the first document, with its rules for plain scalars.
//!
//! serde-saphyr reads the structure. Plain scalars are resolved here, from the text as it stands: `0123` is the number
//! 83, but the account id `012345678901` is a string, because it is no octal number (go-yaml v1.19.2 `token/token.go`).

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;
use serde_saphyr::options::NonFiniteFloatPolicy;

use crate::ecspresso::json::Step;

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

const TOO_LARGE: &str = "the YAML is too deep or expands to too much";

/// What is wrong with a YAML text, at a byte offset.
pub(super) type Problem = (String, usize);

/// Decodes the first document; an empty text is null.
pub(super) fn decode(text: &str) -> Result<Yaml, Problem> {
    let mut options = serde_saphyr::Options::default();
    // The snippets of this crate quote rendered text, which may hold secrets.
    options.with_snippet = false;
    options.strict_booleans = true;
    options.non_finite_float_policy = NonFiniteFloatPolicy::PassThrough;
    let documents: Vec<Spanned<Node>> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| problem(text, &error))?;
    let mut yaml = Yaml {
        value: Value::Null,
        offsets: BTreeMap::new(),
    };
    if let Some(first) = documents.into_iter().next() {
        let mut offsets = BTreeMap::new();
        yaml.value = resolve(text, first, &mut Vec::new(), &mut offsets);
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

enum Node {
    Null,
    Bool(bool),
    Number(Number),
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

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Number::from_f64(value).map_or(Node::Null, Node::Number))
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
) -> Value {
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
    let plain = || {
        let start = start.filter(|start| !is_tagged(text, *start))?;
        text.get(start..start + length?)
    };
    match node.value {
        Node::List(items) => {
            let item = |(index, item)| {
                path.push(Step::Index(index));
                let value = resolve(text, item, path, offsets);
                path.pop();
                value
            };
            Value::Array(items.into_iter().enumerate().map(item).collect())
        }
        Node::Map(entries) => {
            let mut map = Map::new();
            for (key, entry) in entries {
                path.push(Step::Key(key.clone()));
                map.insert(key, resolve(text, entry, path, offsets));
                path.pop();
            }
            Value::Object(map)
        }
        // A string whose source is the string itself stands there plain; in quotes or as a block it differs.
        Node::String(string) => match plain() {
            Some(plain) if plain == string => scalar(plain),
            _ => Value::String(string),
        },
        Node::Null => plain()
            .filter(|plain| !plain.is_empty())
            .map_or(Value::Null, scalar),
        Node::Bool(value) => plain().map_or(Value::Bool(value), scalar),
        Node::Number(value) => plain().map_or(Value::Number(value), scalar),
    }
}

/// Whether the value at `start` has a tag (`!!str 12`), which decides its type.
fn is_tagged(text: &str, start: usize) -> bool {
    let line = text[..start].rsplit('\n').next().unwrap_or_default();
    line.split_whitespace()
        .rev()
        .find(|word| !word.starts_with('&'))
        .is_some_and(|word| word.starts_with('!'))
}

/// What go-yaml makes of a plain scalar.
fn scalar(plain: &str) -> Value {
    match plain {
        "null" | "Null" | "NULL" | "~" | "" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(plain).map_or_else(|| Value::String(plain.to_owned()), Value::Number),
    }
}

fn number(plain: &str) -> Option<Number> {
    if plain.starts_with('_') || plain.matches('.').count() > 1 {
        return None;
    }
    let negative = plain.starts_with('-');
    let unsigned = plain.strip_prefix('+').unwrap_or(plain);
    let digits = unsigned
        .strip_prefix('-')
        .unwrap_or(unsigned)
        .replace('_', "");
    let prefixed = [("0x", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .find_map(|(prefix, base)| {
            digits
                .strip_prefix(prefix)
                .map(|rest| (rest.to_owned(), base))
        });
    let (digits, base) = match prefixed {
        Some(prefixed) => prefixed,
        None if plain.contains('.') => return float(&digits, negative),
        None if digits.len() > 1 && digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    // Rust accepts a sign here; it was cut off once, a second one is no number.
    if digits.starts_with(['+', '-']) {
        return None;
    }
    if negative {
        i64::from_str_radix(&format!("-{digits}"), base)
            .ok()
            .map(Number::from)
    } else {
        u64::from_str_radix(&digits, base).ok().map(Number::from)
    }
}

fn float(digits: &str, negative: bool) -> Option<Number> {
    // Go reads a lone "." and words such as "nan" differently from Rust; both are strings here.
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        || !digits.contains(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    let value: f64 = digits.parse().ok()?;
    Number::from_f64(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(text: &str, expected: Value) {
        assert_eq!(decode(text).expect(text).value, expected, "{text:?}");
    }

    /// Each row was produced by go-yaml v1.19.2 (`YAMLToJSON`).
    #[test]
    fn scalars() {
        for (plain, expected) in [
            ("012345678901", json!("012345678901")),
            ("0123", json!(83)),
            ("08", json!("08")),
            ("00", json!(0)),
            ("0o17", json!(15)),
            ("0o9", json!("0o9")),
            ("0x1F", json!(31)),
            ("-0x1f", json!(-31)),
            ("0xG1", json!("0xG1")),
            ("0b11", json!(3)),
            ("0b12", json!("0b12")),
            ("1_000", json!(1000)),
            ("1__0", json!(10)),
            ("_1", json!("_1")),
            ("1_", json!(1)),
            ("0_1", json!(1)),
            (".5", json!(0.5)),
            (".5e3", json!(500.0)),
            ("1.2e3", json!(1200.0)),
            ("1e3", json!("1e3")),
            ("1e+3", json!("1e+3")),
            ("1e400", json!("1e400")),
            ("+1", json!(1)),
            ("-1", json!(-1)),
            ("+", json!("+")),
            ("1.5.2", json!("1.5.2")),
            ("1,000", json!("1,000")),
            ("123456789012", json!(123_456_789_012_u64)),
            (
                "123456789012345678901234567890",
                json!("123456789012345678901234567890"),
            ),
            ("yes", json!("yes")),
            ("no", json!("no")),
            ("off", json!("off")),
            ("True", json!(true)),
            ("FALSE", json!(false)),
            ("Null", json!(null)),
            ("~", json!(null)),
            ("", json!(null)),
            ("2024-01-01", json!("2024-01-01")),
            ("12:30:45", json!("12:30:45")),
            ("!!str 12", json!("12")),
            ("\"5\"", json!("5")),
            ("'true'", json!("true")),
            ("&a 5", json!(5)),
            ("é x # comment", json!("é x")),
        ] {
            check(
                &format!("service: {plain}\n"),
                json!({ "service": expected }),
            );
        }
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
        check("a: 1\n---\na: 2\n", json!({"a": 1}));
        check("a: |\n  0123\r\nb: 2\r\n", json!({"a": "0123\n", "b": 2}));
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
        assert!(decode(&"[".repeat(100_000)).is_err());
        assert!(decode(&"a: ".repeat(100_000)).is_err());
    }
}
