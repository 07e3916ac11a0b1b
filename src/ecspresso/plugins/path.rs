//! The jq queries that are plain paths: `.a["b"][0]`.

use serde_json::Value;

/// One step of a path.
#[derive(Debug, PartialEq)]
pub(super) enum Part {
    Key(String),
    /// From the end, where it is negative.
    Index(i64),
}

/// The parts of a plain path; `None` for any other query.
pub(super) fn parse(query: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = query;
    if !rest.starts_with('.') {
        return None;
    }
    while !rest.is_empty() {
        let after_dot = rest.strip_prefix('.').unwrap_or(rest);
        if let Some(inside) = after_dot.strip_prefix('[') {
            let (part, after) = bracket(inside)?;
            parts.push(part);
            rest = after;
            continue;
        }
        // A name needs its dot; a dot needs a name or a bracket.
        let named = rest.strip_prefix('.')?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = named.find(|c| !is_name(c)).unwrap_or(named.len());
        let name = &named[..end];
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return None;
        }
        parts.push(Part::Key(name.to_owned()));
        rest = &named[end..];
    }
    Some(parts)
}

fn bracket(inside: &str) -> Option<(Part, &str)> {
    if inside.starts_with('"') {
        let mut values = serde_json::Deserializer::from_str(inside).into_iter::<String>();
        let key = values.next()?.ok()?;
        // jq would replace what stands in `\\(…)`, which JSON refuses.
        let after = inside.get(values.byte_offset()..)?.strip_prefix(']')?;
        return Some((Part::Key(key), after));
    }
    let (number, after) = inside.split_once(']')?;
    let digits = number.strip_prefix('-').unwrap_or(number);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((Part::Index(number.parse().ok().filter(|_| plain)?), after))
}

/// What a path leads to, null for nothing; `None` where jq fails (a key of a number, …).
pub(super) fn follow(path: &[Part], value: Value) -> Option<Value> {
    let mut current = value;
    for part in path {
        current = match (part, current) {
            (_, Value::Null) => Value::Null,
            (Part::Key(key), Value::Object(mut map)) => map.remove(key).unwrap_or_default(),
            (Part::Index(index), Value::Array(mut items)) => match place(*index, items.len()) {
                Some(at) => items.swap_remove(at),
                None => Value::Null,
            },
            // gojq, unlike jq, takes a character of a string.
            (Part::Index(index), Value::String(text)) => place(*index, text.chars().count())
                .and_then(|at| text.chars().nth(at))
                .map_or(Value::Null, |found| Value::from(found.to_string())),
            _ => return None,
        };
    }
    Some(current)
}

fn place(index: i64, length: usize) -> Option<usize> {
    let distance = usize::try_from(index.unsigned_abs()).ok()?;
    let at = match index {
        0.. => distance,
        _ => length.checked_sub(distance)?,
    };
    (at < length).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let key = |name: &str| Part::Key(name.to_owned());
        for (query, expected) in [
            (".a", Some(vec![key("a")])),
            (
                ".a.b_1[\"c-d\"][0].[-2]",
                Some(vec![
                    key("a"),
                    key("b_1"),
                    key("c-d"),
                    Part::Index(0),
                    Part::Index(-2),
                ]),
            ),
            (".[\"a]\\\"b\"]", Some(vec![key("a]\"b")])),
            (".a|length", None),
            (".a[]", None),
            (".a[1:2]", None),
            (".a..b", None),
            (".a.", None),
            (".1a", None),
            (".a.\"b\"", None),
            (".a[+1]", None),
            ("a", None),
            (".", None),
        ] {
            assert_eq!(parse(query), expected, "{query}");
        }
    }
}
