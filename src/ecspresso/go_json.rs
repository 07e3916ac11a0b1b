//! JSON as Go's encoding/json writes it: keys sorted, `<`, `>` and `&` escaped, numbers as float64 prints them.

use std::fmt::Write;

use serde_json::{Number, Value};

/// Without any space (`json.Marshal`).
pub(super) fn compact(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value, None);
    text
}

/// With two spaces of indent and a line end (`json.MarshalIndent`, as ecspresso prints definitions).
pub(super) fn indented(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value, Some(0));
    text.push('\n');
    text
}

fn write(text: &mut String, value: &Value, level: Option<usize>) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Number(value) => text.push_str(&number(value)),
        Value::String(value) => string(text, value),
        Value::Array(items) => {
            let item = |text: &mut String, item: &Value, level| write(text, item, level);
            list(text, ('[', ']'), items.iter(), level, item);
        }
        Value::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            let field = |text: &mut String, (key, value): (&String, &Value), level: Option<_>| {
                string(text, key);
                text.push_str(if level.is_some() { ": " } else { ":" });
                write(text, value, level);
            };
            list(text, ('{', '}'), fields.into_iter(), level, field);
        }
    }
}

fn list<T>(
    text: &mut String,
    (open, close): (char, char),
    items: impl ExactSizeIterator<Item = T>,
    level: Option<usize>,
    one: impl Fn(&mut String, T, Option<usize>),
) {
    let level = level.filter(|_| items.len() > 0);
    let inner = level.map(|level| level + 1);
    let line = |text: &mut String, level: Option<usize>| {
        if let Some(level) = level {
            text.push('\n');
            text.push_str(&"  ".repeat(level));
        }
    };
    text.push(open);
    for (index, item) in items.enumerate() {
        if index > 0 {
            text.push(',');
        }
        line(text, inner);
        one(text, item, inner);
    }
    line(text, level);
    text.push(close);
}

fn string(text: &mut String, value: &str) {
    text.push('"');
    text.push_str(&escaped(value));
    text.push('"');
}

/// A string as it stands between the quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{c}' => escaped.push_str("\\f"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // Writing to a String cannot fail.
                let _ = write!(escaped, "\\u{:04x}", u32::from(c));
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

/// Whole numbers stay whole up to 1e21; Go has decoded every number to a float64 by then.
fn number(number: &Number) -> String {
    let Some(value) = number.as_f64() else {
        return number.to_string();
    };
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{value:e}");
        return match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => {
                format!("{digits}e+{exponent}")
            }
            _ => text,
        };
    }
    format!("{value}")
}

/// A number as Go's `%v` prints a float64: an exponent from 1e6 on and below 1e-4, of two digits at least.
pub(super) fn display(number: &Number) -> String {
    let Some(value) = number.as_f64() else {
        return number.to_string();
    };
    let text = format!("{value:e}");
    let Some((digits, exponent)) = text.split_once('e') else {
        return text;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value == 0.0 || (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Each result is that of Go's encoding/json.
    #[test]
    fn values_are_written_as_go_writes_them() {
        let value = json!({"b": [1, 1.5, true, null, []], "a": {"x<": "é&\u{2028}"}, "c": {}});
        assert_eq!(
            compact(&value),
            r#"{"a":{"x\u003c":"é\u0026\u2028"},"b":[1,1.5,true,null,[]],"c":{}}"#
        );
        assert_eq!(
            indented(&json!({"b": [1, {"c": "d"}], "a": {}})),
            "{\n  \"a\": {},\n  \"b\": [\n    1,\n    {\n      \"c\": \"d\"\n    }\n  ]\n}\n"
        );
        for (number, expected) in [
            ("1e21", "1e+21"),
            ("1e20", "100000000000000000000"),
            ("12345678901234567890", "12345678901234567000"),
            ("0.000001", "0.000001"),
            ("1e-7", "1e-7"),
            ("-0.5", "-0.5"),
            ("1.0", "1"),
        ] {
            let value: Value = serde_json::from_str(number).expect("a number");
            assert_eq!(compact(&value), expected, "{number}");
        }
    }

    #[test]
    fn strings_are_escaped_as_go_does() {
        for (text, expected) in [
            (r#"{"foo":"bar"}"#, r#"{\"foo\":\"bar\"}"#),
            ("\\ \n \r \t \u{8} \u{c}", r"\\ \n \r \t \b \f"),
            ("\u{1} \u{1f} \u{7f}", "\\u0001 \\u001f \u{7f}"),
            (
                "<b> & é \u{2028}\u{2029}",
                r"\u003cb\u003e \u0026 é \u2028\u2029",
            ),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }

    #[test]
    fn numbers_display_as_go_does() {
        for (number, expected) in [
            ("1234567", "1.234567e+06"),
            ("1.5", "1.5"),
            ("1", "1"),
            ("0.00001", "1e-05"),
            ("1e21", "1e+21"),
            ("123456", "123456"),
        ] {
            let Value::Number(value) = serde_json::from_str(number).expect("a number") else {
                panic!("{number}");
            };
            assert_eq!(display(&value), expected, "{number}");
        }
    }
}
