//! Bounds how deep a Jsonnet source is nested, because rsjsonnet's parser and analyzer recurse and a stack overflow
//! would end the process.

/// More than any real file: go-jsonnet itself stops at 500 nested calls.
const MAX_DEPTH: usize = 3000;

#[derive(Default)]
struct Level {
    /// Expressions without closing bracket that nest: `if … else if …`, `local …; local …`.
    nested: usize,
    locals: bool,
    /// Suffixes of one operand: `a.b[c](d)`.
    suffixes: usize,
}

/// Fails with the byte offset at which the depth is reached. It counts too much rather than too little.
pub(super) fn check(text: &str) -> Result<(), usize> {
    let mut levels = vec![Level::default()];
    let mut depth = 0_usize;
    let mut position = 0;
    while position < text.len() {
        let rest = &text[position..];
        let length = token(rest);
        let outermost = levels.len() == 1;
        let Some(level) = levels.last_mut() else {
            return Ok(());
        };
        match &rest[..length] {
            "local" | "if" | "function" | "error" | "assert" | "import" | "importstr"
            | "importbin" | "in" | "super" => {
                level.nested += 1;
                level.locals |= &rest[..length] == "local";
                depth += 1;
            }
            "." => {
                level.suffixes += 1;
                depth += 1;
            }
            "{" | "[" | "(" => {
                level.suffixes += 1;
                levels.push(Level::default());
                depth += 2;
            }
            "}" | "]" | ")" if !outermost => {
                let closed = levels.pop().unwrap_or_default();
                depth = depth.saturating_sub(1 + closed.nested + closed.suffixes);
            }
            // These end a chain of suffixes. A comma also ends what is nested, except between the variables of a `local`.
            "," | ";" | "+" | ":" | "=" => {
                depth = depth.saturating_sub(level.suffixes);
                level.suffixes = 0;
                if rest.starts_with(',') && !level.locals {
                    depth = depth.saturating_sub(level.nested);
                    level.nested = 0;
                }
            }
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(position);
        }
        position += length.max(1);
    }
    Ok(())
}

/// The length of the token, comment or space at the start of a text that is not empty.
fn token(text: &str) -> usize {
    let first = text.chars().next().unwrap_or_default();
    let until = |pattern: &str, skip: usize| {
        text[skip..]
            .find(pattern)
            .map_or(text.len(), |at| skip + at + pattern.len())
    };
    match first {
        '#' => until("\n", 1),
        '/' if text.starts_with("//") => until("\n", 2),
        '/' if text.starts_with("/*") => until("*/", 2),
        '@' if text[1..].starts_with(['\'', '"']) => verbatim(text),
        '\'' | '"' => quoted(text, first),
        '|' if text.starts_with("|||") => block(text),
        _ if first.is_ascii_alphabetic() || first == '_' => text
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(text.len()),
        _ => first.len_utf8(),
    }
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `@'…'`, in which a doubled quote stands for one.
fn verbatim(text: &str) -> usize {
    let quote = text.as_bytes()[1];
    let mut position = 2;
    while let Some(at) = text.as_bytes()[position..]
        .iter()
        .position(|byte| *byte == quote)
    {
        position += at + 1;
        if text.as_bytes().get(position) != Some(&quote) {
            return position;
        }
        position += 1;
    }
    text.len()
}

/// `|||` to the first line that starts with `|||` after space.
fn block(text: &str) -> usize {
    let mut position = text.find('\n').map_or(text.len(), |at| at + 1);
    for line in text[position..].split_inclusive('\n') {
        if line.trim_start().starts_with("|||") {
            return position + (line.len() - line.trim_start().len()) + 3;
        }
        position += line.len();
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_sources_are_refused() {
        for part in [
            "[",
            "(",
            "{a:",
            "local a = 1; ",
            "if a then b else ",
            "function(x) ",
            "error ",
            "assert true; ",
            "-a.b in super ",
            "x.a",
            "x{}",
            "x()",
            "x[0]",
            "x[0:1]",
            "local a = 1, b = 2; if a then b else ",
        ] {
            let text = format!("x{}", part.trim_start_matches('x').repeat(MAX_DEPTH + 2));
            assert!(check(&text).is_err(), "{part}");
        }
    }

    #[test]
    fn long_sources_are_not() {
        let field =
            "a: if x then { b: [c.d(1).e, 'it''s ((((', @'\\', \"[[\\\"\"] } else f(x), // ((((\n";
        assert_eq!(check(&format!("{{{}}}", field.repeat(5000))), Ok(()));
        let text = format!("[{}]", "|||\n  ((((( {{{{\n|||,\n".repeat(5000));
        assert_eq!(check(&text), Ok(()));
        assert_eq!(check("/* { */ # {\n"), Ok(()));
        assert_eq!(check("}}}})]"), Ok(()));
    }
}
