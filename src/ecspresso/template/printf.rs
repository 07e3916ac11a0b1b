//! The `printf` of templates, for what is common: `%s %d %v %q %t %%` with `-`, `0`, a width, a precision for strings.
//!
//! gotmpl's own differs from Go's fmt where types, flags and verbs do not fit together. Go prints marks such as
//! `%!d(string=x)` then, which nobody wants in a task definition; here that is an error, and so is any other verb.

use gotmpl::Value;
use serde_json::Value as Json;

/// The widest field.
const MAX_WIDTH: usize = 1000;

/// A verb with its flags: `%-8.2s`.
struct Directive {
    left: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
    verb: char,
}

/// The same for arguments as functions of plugins get them (`tfstatef`).
pub(in crate::ecspresso) fn format(arguments: &[Json]) -> Result<String, String> {
    let value = |argument: &Json| match argument {
        Json::String(text) => Value::String(text.as_str().into()),
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => number.as_i64().map_or(Value::Float(f64::NAN), Value::Int),
        Json::Null | Json::Array(_) | Json::Object(_) => Value::Nil,
    };
    printf(&arguments.iter().map(value).collect::<Vec<_>>())
}

/// Whether a format looks at the text of its arguments: it does unless every verb is a plain one.
pub(super) fn is_plain(format: &str) -> bool {
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c == '%' && !matches!(rest.next(), Some('s' | 'v' | '%')) {
            return false;
        }
    }
    true
}

/// Formats `arguments`; the first is the format.
pub(super) fn printf(arguments: &[Value]) -> Result<String, String> {
    let mut arguments = arguments.iter();
    let Some(Value::String(format)) = arguments.next() else {
        return Err("printf needs a format, which is a string".to_owned());
    };
    let mut text = String::new();
    let mut rest = format.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        if rest.peek() == Some(&'%') {
            rest.next();
            text.push('%');
            continue;
        }
        let directive = directive(&mut rest)?;
        let argument = arguments
            .next()
            .ok_or("printf has fewer arguments than its format wants")?;
        text.push_str(&directive.apply(argument)?);
    }
    match arguments.next() {
        Some(_) => Err("printf has more arguments than its format wants".to_owned()),
        None => Ok(text),
    }
}

fn directive(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Directive, String> {
    let mut directive = Directive {
        left: false,
        zero: false,
        width: 0,
        precision: None,
        verb: ' ',
    };
    while let Some(flag) = rest.next_if(|c| matches!(c, '-' | '0')) {
        directive.left |= flag == '-';
        directive.zero |= flag == '0';
    }
    directive.width = number(rest)?.unwrap_or(0);
    if rest.next_if_eq(&'.').is_some() {
        directive.precision = Some(number(rest)?.unwrap_or(0));
    }
    directive.verb = rest
        .next()
        .ok_or("the format of printf ends in the middle of a verb")?;
    Ok(directive)
}

fn number(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Option<usize>, String> {
    let mut number = None;
    while let Some(digit) = rest
        .next_if(char::is_ascii_digit)
        .and_then(|c| c.to_digit(10))
    {
        let value = number.unwrap_or(0) * 10 + digit as usize;
        if value > MAX_WIDTH {
            return Err(format!("printf is not supported wider than {MAX_WIDTH}"));
        }
        number = Some(value);
    }
    Ok(number)
}

impl Directive {
    fn apply(&self, argument: &Value) -> Result<String, String> {
        let text = match (self.verb, argument, self.precision) {
            ('s' | 'v', Value::String(text), precision) if !self.zero => {
                text.chars().take(precision.unwrap_or(usize::MAX)).collect()
            }
            ('q', Value::String(text), None) if !self.zero => quoted(text)?,
            ('d' | 'v', Value::Int(number), None) => number.to_string(),
            ('t' | 'v', Value::Bool(value), None) if !self.zero => value.to_string(),
            (verb, argument, _) => {
                return Err(format!(
                    "printf with %{verb} for a {} is not supported",
                    argument.type_name()
                ));
            }
        };
        let missing = self.width.saturating_sub(text.chars().count());
        Ok(match (self.left, self.zero) {
            (true, _) => text + &" ".repeat(missing),
            (false, false) => " ".repeat(missing) + &text,
            (false, true) => match text.strip_prefix('-') {
                Some(digits) => format!("-{}{digits}", "0".repeat(missing)),
                None => "0".repeat(missing) + &text,
            },
        })
    }
}

/// Go's quoted form, for text without characters that need more than a backslash.
fn quoted(text: &str) -> Result<String, String> {
    if text.chars().any(|c| !(c == ' ' || c.is_ascii_graphic())) {
        return Err("printf with %q is supported for printable ASCII only".to_owned());
    }
    Ok(format!(
        "\"{}\"",
        text.replace('\\', "\\\\").replace('"', "\\\"")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each result is Go's.
    #[test]
    fn formats() {
        let s = |text: &str| Value::String(text.into());
        for (format, arguments, expected) in [
            ("%s-%s", vec![s("é"), s("x")], "é-x"),
            (
                "100%% %v %v %v",
                vec![s("a"), Value::Int(-5), Value::Bool(true)],
                "100% a -5 true",
            ),
            (
                "%5s|%-5s|%.2s|%-4.1s|",
                vec![s("é"), s("ab"), s("abc"), s("xy")],
                "    é|ab   |ab|x   |",
            ),
            (
                "%05d|%-05d|%3d|%d",
                vec![
                    Value::Int(-42),
                    Value::Int(7),
                    Value::Int(7),
                    Value::Int(12345),
                ],
                "-0042|7    |  7|12345",
            ),
            ("%q", vec![s("a\"b\\c")], "\"a\\\"b\\\\c\""),
            ("%t", vec![Value::Bool(false)], "false"),
        ] {
            let all: Vec<_> = std::iter::once(s(format)).chain(arguments).collect();
            assert_eq!(printf(&all).as_deref(), Ok(expected), "{format}");
        }
    }

    #[test]
    fn refused() {
        let s = |text: &str| Value::String(text.into());
        for (format, arguments) in [
            ("%d", vec![s("x")]),
            ("%s", vec![Value::Int(1)]),
            ("%v", vec![Value::Nil]),
            ("%s", vec![]),
            ("%s", vec![s("a"), s("b")]),
            ("%T", vec![s("a")]),
            ("%+d", vec![Value::Int(1)]),
            ("%[1]s", vec![s("a")]),
            ("%99999s", vec![s("a")]),
            ("%", vec![]),
            ("%q", vec![s("é")]),
            ("%05s", vec![s("a")]),
        ] {
            let all: Vec<_> = std::iter::once(s(format)).chain(arguments).collect();
            assert!(printf(&all).is_err(), "{format}");
        }
    }
}
