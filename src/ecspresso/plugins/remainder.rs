//! What follows the address of a resource: a jq query (tfstate-lookup `quoteJQQuery`, `Object.Query`).

use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Vars, data, unwrap_valr};
use jaq_json::{Val, read};
use serde_json::Value;

use crate::ecspresso::go_json;
use crate::ecspresso::plugins::path;

/// Words that could make a query run for ever or see more than the state.
const REFUSED: [&str; 15] = [
    "combinations",
    "debug",
    "def",
    "env",
    "import",
    "include",
    "input",
    "inputs",
    "now",
    "range",
    "recurse",
    "repeat",
    "stderr",
    "until",
    "while",
];

/// The longest query.
const MAX_LENGTH: usize = 1000;

/// The first result of applying a remainder such as `.a["b"][0]` to a value. The message quotes no value.
pub(super) fn apply(remainder: &str, value: Value) -> Result<Option<Value>, String> {
    let query = match remainder.starts_with('[') {
        true => format!(".{remainder}"),
        false => remainder.to_owned(),
    };
    let query = quoted(&query);
    if let Some(path) = path::parse(&query) {
        // Almost every query is a path, and compiling jq's library takes longer than the rest of a rendering.
        let found = path::follow(&path, value).map(Some);
        return found.ok_or_else(|| format!("cannot apply {remainder}"));
    }
    let refused = REFUSED.iter().any(|word| is_called(&query, word));
    if refused || query.contains('$') || query.len() > MAX_LENGTH {
        return Err(format!("the query {remainder} is not supported"));
    }
    // jq crates and gojq differ in what a path may go through (`{} | .[0]`); our paths do not.
    let (query, value) = match query.split_once('|') {
        Some((path, rest)) => match path::parse(path.trim_end()) {
            Some(path) => {
                let inner = path::follow(&path, value);
                (
                    rest.to_owned(),
                    inner.ok_or_else(|| format!("cannot apply {remainder}"))?,
                )
            }
            None => (query, value),
        },
        None => (query, value),
    };
    run(&query, &value).map_err(|()| format!("cannot apply {remainder}"))
}

/// Whether a word stands in a query as a function: not as a key after a dot, not in a string.
fn is_called(query: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    query.match_indices(word).any(|(at, _)| {
        let (before, after) = (&query[..at], &query[at + word.len()..]);
        let whole = !before.ends_with(is_word) && !after.starts_with(is_word);
        whole && !before.ends_with('.') && before.matches('"').count() % 2 == 0
    })
}

fn run(query: &str, value: &Value) -> Result<Option<Value>, ()> {
    // Go has read every number as a float64 by then.
    let text = go_json::compact(value);
    let input = read::parse_single(text.as_bytes()).map_err(drop)?;
    let definitions = jaq_core::defs()
        .chain(jaq_std::defs())
        .chain(jaq_json::defs());
    let functions = jaq_core::funs()
        .chain(jaq_std::funs())
        .chain(jaq_json::funs());
    let arena = Arena::default();
    let program = File {
        code: query,
        path: (),
    };
    let modules = Loader::new(definitions)
        .load(&arena, program)
        .map_err(drop)?;
    let filter = Compiler::default()
        .with_funs(functions)
        .compile(modules)
        .map_err(drop)?;
    let context = Ctx::<data::JustLut<Val>>::new(&filter.lut, Vars::new([]));
    let first = filter.id.run((context, input)).map(unwrap_valr).next();
    match first {
        None => Ok(None),
        Some(Err(_)) => Err(()),
        Some(Ok(result)) => serde_json::from_str(&result.to_string())
            .map(Some)
            .map_err(drop),
    }
}

/// A query with a `-` is taken for a path, every part of which is quoted.
fn quoted(query: &str) -> String {
    if !query.contains('-') {
        return query.to_owned();
    }
    let mut path = ".".to_owned();
    for part in query.split(['.', '[', ']']).filter(|part| !part.is_empty()) {
        let digits = part.strip_prefix('-').unwrap_or(part);
        path.push('[');
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            path.push_str(part);
        } else {
            if !part.starts_with('"') {
                path.push('"');
            }
            path.push_str(part);
            if !part.ends_with('"') {
                path.push('"');
            }
        }
        path.push(']');
    }
    path
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The quoted forms are those of tfstate-lookup's `quoteJQQuery`.
    #[test]
    fn quoting() {
        for (query, expected) in [
            (".a.b", ".a.b"),
            (".a-b.c", ".[\"a-b\"][\"c\"]"),
            (".[\"a-b\"][0]", ".[\"a-b\"][0]"),
            (".list[-1]", ".[\"list\"][-1]"),
        ] {
            assert_eq!(quoted(query), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_query_panics(query in "[.|\\[\\]\"a-e0-9(){}:,?@/ -]{0,12}") {
            drop(apply(&format!(".{query}"), json!({"a": [1, {"b": "c"}], "d": null})));
        }
    }

    #[test]
    fn queries() {
        let value = json!({"a": [1, {"b-c": "x", "def": 7}], "big": 12345678901234567890_u64, "é": {"k": null}});
        for (query, expected) in [
            (".a[0]", Ok(json!(1))),
            ("[\"a\"][1][\"b-c\"]", Ok(json!("x"))),
            (".a[1].b-c", Ok(json!("x"))),
            (".a[1].def", Ok(json!(7))),
            (".a|length", Ok(json!(2))),
            (".a[1]|keys|join(\",\")", Ok(json!("b-c,def"))),
            (".big", Ok(json!(12345678901234567890_u64))),
            (".nothing.at.all", Ok(Value::Null)),
            (".a[9]", Ok(Value::Null)),
            ("[\"é\"].k", Ok(Value::Null)),
            (".a.b", Err("cannot apply .a.b")),
            (".a[", Err("cannot apply .a[")),
            (".a|nofunc", Err("cannot apply .a|nofunc")),
            (
                ".a|repeat(.)",
                Err("the query .a|repeat(.) is not supported"),
            ),
            (".a[0]|..", Ok(json!(1))),
            (".a|$x", Err("the query .a|$x is not supported")),
            (".a[1][\"b-c\"][0]", Ok(json!("x"))),
            (".big|tojson", Ok(json!("12345678901234567000"))),
        ] {
            let found = apply(query, value.clone()).map(Option::unwrap_or_default);
            assert_eq!(found, expected.map_err(str::to_owned), "{query}");
        }
    }
}
