//! What a scalar means, from its source text, by go-yaml's rules (go-yaml v1.19.2 `token/token.go`).
//!
//! `0123` is the number 83, but the account id `012345678901` is a string, because it is no octal number.

use serde_json::{Number, Value};

/// What stands before a value and decides what it is.
#[derive(Default)]
pub(super) struct Properties<'a> {
    /// `!!str 12`
    pub(super) tag: Option<&'a str>,
    /// A block scalar, `|` or `>`: always a string.
    pub(super) block: bool,
}

/// The tag and the block header of the value at `start`.
pub(super) fn properties(text: &str, start: usize) -> Properties<'_> {
    let mut found = Properties::default();
    let lines = text.get(..start).unwrap_or_default().rsplit('\n');
    let mut words = lines
        .map(without_comment)
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    words = words.trim_end();
    loop {
        let word = words.rsplit(char::is_whitespace).next().unwrap_or_default();
        match word.chars().next() {
            Some('|' | '>') => found.block = true,
            Some('&') => {}
            Some('!') => found.tag = Some(word),
            _ => return found,
        }
        words = words[..words.len() - word.len()].trim_end();
    }
}

fn without_comment(line: &str) -> &str {
    let starts = |at: usize| {
        line[..at]
            .chars()
            .next_back()
            .is_none_or(char::is_whitespace)
    };
    let comment = line.match_indices('#').find(|(at, _)| starts(*at));
    comment.map_or(line, |(at, _)| &line[..at])
}

/// What go-yaml makes of a plain scalar.
pub(super) fn scalar(plain: &str) -> Result<Value, String> {
    Ok(match plain {
        ".inf" | ".Inf" | ".INF" | "-.inf" | "-.Inf" | "-.INF" | ".nan" | ".NaN" | ".NAN" => {
            return Err(format!("the YAML number {plain} has no JSON form"));
        }
        "null" | "Null" | "NULL" | "~" | "" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(plain).map_or_else(|| Value::String(plain.to_owned()), Value::Number),
    })
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

    /// Each row was produced by go-yaml v1.19.2 (`YAMLToJSON`).
    #[test]
    fn plain() {
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
        ] {
            assert_eq!(scalar(plain), Ok(expected), "{plain}");
        }
        assert!(scalar(".inf").is_err());
    }
}
