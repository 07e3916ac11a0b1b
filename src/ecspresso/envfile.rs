//! Reads envfiles: a port of go-envparse v0.1.0 (hashicorp/go-envparse, `envparse.go`), which ecspresso uses.
//!
//! dotenv crates expand `$VAR` and join lines, so they would change what a task definition says. One known bug of the
//! original is not kept: a comment right after a multibyte character cuts that character's last byte there.

/// A line that is no assignment. The text quotes no value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// From 1.
    pub(super) line: usize,
    pub(super) reason: String,
}

/// The assignments in the order of the file; a later one of the same key counts.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, Malformed> {
    let mut variables = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        variables.push(assignment(line).map_err(|reason| Malformed {
            line: index + 1,
            reason,
        })?);
    }
    Ok(variables)
}

fn assignment(line: &str) -> Result<(String, String), String> {
    let (key, value) = line.split_once('=').ok_or("missing =")?;
    let key = key.trim();
    let key = match key.strip_prefix("export ") {
        Some(rest) if !rest.is_empty() => rest,
        _ => key,
    };
    let first = key.chars().next().ok_or("empty key")?;
    if !(first.is_ascii_alphabetic() || first == '_') {
        return Err(format!("key must start with [A-Za-z_] but found {first:?}"));
    }
    if let Some(bad) = key
        .chars()
        .find(|&c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/')))
    {
        return Err(format!(
            "key characters must be [A-Za-z0-9/_.] but found {bad:?}"
        ));
    }
    Ok((key.to_owned(), unquote(value.trim())?))
}

#[derive(Clone, Copy)]
enum Mode {
    Bare,
    Single,
    Double,
}

fn unquote(value: &str) -> Result<String, String> {
    let mut unquoted = String::with_capacity(value.len());
    // Bare space before a comment is dropped; quoted or escaped space is kept.
    let mut significant = 0;
    let mut mode = Mode::Bare;
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        if c < ' ' {
            return Err(format!(
                "0x{:02x} is an invalid value character",
                u32::from(c)
            ));
        }
        match (mode, c) {
            (Mode::Bare, '"') => mode = Mode::Double,
            (Mode::Bare, '\'') => mode = Mode::Single,
            (Mode::Bare, '#') => {
                unquoted.truncate(significant);
                return Ok(unquoted);
            }
            (Mode::Bare, ' ') => unquoted.push(' '),
            (Mode::Double, '"') | (Mode::Single, '\'') => mode = Mode::Bare,
            (Mode::Double, '\\') => {
                unquoted.push(escape(&mut rest)?);
                significant = unquoted.len();
            }
            _ => {
                unquoted.push(c);
                significant = unquoted.len();
            }
        }
    }
    match mode {
        Mode::Bare => Ok(unquoted),
        Mode::Single => Err("unmatched '".to_owned()),
        Mode::Double => Err("unmatched \"".to_owned()),
    }
}

/// The character an escape in double quotes stands for; JSON's escapes.
fn escape(rest: &mut std::str::Chars<'_>) -> Result<char, String> {
    match rest.next().ok_or("incomplete escape sequence")? {
        c @ ('"' | '\\' | '/') => Ok(c),
        'b' => Ok('\u{8}'),
        'f' => Ok('\u{c}'),
        'n' => Ok('\n'),
        'r' => Ok('\r'),
        't' => Ok('\t'),
        'u' => unicode(rest),
        c if c < ' ' => Err(format!(
            "0x{:02x} is an invalid value character",
            u32::from(c)
        )),
        c if !c.is_ascii() => Err("multibyte characters disallowed in escape sequences".to_owned()),
        c => Err(format!("invalid escape sequence: \"{c}\"")),
    }
}

fn unicode(rest: &mut std::str::Chars<'_>) -> Result<char, String> {
    let first = hexadecimal(rest)?;
    if !(0xD800..0xE000).contains(&first) {
        return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    if rest.next() != Some('\\') || rest.next() != Some('u') {
        return Err("incomplete Unicode surrogate pair".to_owned());
    }
    let second = hexadecimal(rest)?;
    let pair = (first < 0xDC00 && (0xDC00..0xE000).contains(&second))
        .then(|| char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)));
    Ok(pair.flatten().unwrap_or(char::REPLACEMENT_CHARACTER))
}

fn hexadecimal(rest: &mut std::str::Chars<'_>) -> Result<u32, String> {
    let mut number = 0;
    for _ in 0..4 {
        let digit = rest.next().ok_or("incomplete hex sequence")?;
        number = number * 16
            + digit
                .to_digit(16)
                .ok_or_else(|| format!("invalid hex character: {digit:?}"))?;
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let expected = expected
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(parse(text), Ok(expected), "{text:?}");
    }

    fn check_error(text: &str, line: usize, reason: &str) {
        assert_eq!(
            parse(text),
            Err(Malformed {
                line,
                reason: reason.to_owned()
            }),
            "{text:?}"
        );
    }

    #[test]
    fn assignments() {
        check("", &[]);
        check("\n  \n# comment\n   # another\n", &[]);
        check("A=1", &[("A", "1")]);
        check("A=1\r\nB=2\r\n", &[("A", "1"), ("B", "2")]);
        check("  A  =  1  ", &[("A", "1")]);
        check("export A=1", &[("A", "1")]);
        check("export=1", &[("export", "1")]);
        check("A_b.c/d9=1\n_x=2", &[("A_b.c/d9", "1"), ("_x", "2")]);
        check("A=\nB=''\nC=\"\"", &[("A", ""), ("B", ""), ("C", "")]);
        check("A=1\nA=2", &[("A", "1"), ("A", "2")]);
        check("A=b=c", &[("A", "b=c")]);
        check("A=$B ${C}", &[("A", "$B ${C}")]);
    }

    #[test]
    fn quotes_escapes_and_comments() {
        check(r#"A=a'b'"c""#, &[("A", "abc")]);
        check(r"A='a\nb $X # y'", &[("A", r"a\nb $X # y")]);
        check(r"A=a\b`c`", &[("A", r"a\b`c`")]);
        check(r#"A="\"\\\/\b\f\n\r\t""#, &[("A", "\"\\/\u{8}\u{c}\n\r\t")]);
        check(r#"A="\u00e9\ud83d\ude00""#, &[("A", "é😀")]);
        check(r#"A="\ud83d\u0041""#, &[("A", "\u{fffd}")]);
        check("A=x#y", &[("A", "x")]);
        check("A=x   # y", &[("A", "x")]);
        check("A='x '  # y", &[("A", "x ")]);
        check("A=x \"y\"  z", &[("A", "x y  z")]);
        check("A=é # c", &[("A", "é")]);
        check("A=# c", &[("A", "")]);
    }

    #[test]
    fn errors() {
        check_error("A=1\nB", 2, "missing =");
        check_error("=1", 1, "empty key");
        check_error("1A=1", 1, "key must start with [A-Za-z_] but found '1'");
        check_error("É=1", 1, "key must start with [A-Za-z_] but found 'É'");
        check_error(
            "A-B=1",
            1,
            "key characters must be [A-Za-z0-9/_.] but found '-'",
        );
        check_error(
            "export  A=1",
            1,
            "key must start with [A-Za-z_] but found ' '",
        );
        check_error("A=\"x", 1, "unmatched \"");
        check_error("A='x", 1, "unmatched '");
        check_error(r#"A="\x""#, 1, "invalid escape sequence: \"x\"");
        check_error(
            r#"A="\é""#,
            1,
            "multibyte characters disallowed in escape sequences",
        );
        check_error(r#"A="\u12""#, 1, "invalid hex character: '\"'");
        check_error(r#"A="\ud83d x""#, 1, "incomplete Unicode surrogate pair");
        check_error("A=a\tb", 1, "0x09 is an invalid value character");
        check_error("A='one\ntwo'", 1, "unmatched '");
    }
}
