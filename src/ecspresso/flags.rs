//! The text form of `--ext-str` and `--ext-code` and of their environment variables.

use crate::ecspresso::error::Error;

/// Splits one `NAME=VALUE[;NAME=VALUE…]` (kong's map flags, which ecspresso uses).
///
/// `\;` is a literal semicolon; the first `=` splits; an empty text holds no variable. `flag` is the name in the error;
/// the error quotes no value, because it may be a secret.
pub fn external_variables(flag: &str, text: &str) -> Result<Vec<(String, String)>, Error> {
    let mut variables = Vec::new();
    for (index, entry) in split(text).iter().enumerate() {
        let Some((name, value)) = entry.split_once('=') else {
            return Err(
                Error::new(format!("entry {} of {flag} has no \"=\"", index + 1)).hinted(Some(
                    format!("write {flag} NAME=VALUE; a semicolon inside a value is written \\;"),
                )),
            );
        };
        variables.push((name.to_owned(), value.to_owned()));
    }
    Ok(variables)
}

fn split(text: &str) -> Vec<String> {
    let mut entries = Vec::new();
    let mut entry = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some(';') => entry.push(';'),
                Some(other) => entry.extend(['\\', other]),
                None => entry.push('\\'),
            },
            ';' => entries.push(std::mem::take(&mut entry)),
            _ => entry.push(c),
        }
    }
    if !entry.is_empty() {
        entries.push(entry);
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(
            external_variables("--ext-str", text).expect("valid"),
            expected,
            "{text:?}"
        );
    }

    #[test]
    fn entries() {
        check("", &[]);
        check("A=1", &[("A", "1")]);
        check("A=1;B=2;", &[("A", "1"), ("B", "2")]);
        check("A=b=c", &[("A", "b=c")]);
        check("A=", &[("A", "")]);
        check(
            r"A=x\;y;B=\n\\;C=\",
            &[("A", "x;y"), ("B", r"\n\\"), ("C", "\\")],
        );
        check("A=1, 2", &[("A", "1, 2")]);
    }

    #[test]
    fn an_entry_without_equals_is_named_by_its_place() {
        for (text, expected) in [
            ("A=b;c", "entry 2 of --ext-code has no \"=\""),
            ("A=1;;B=2", "entry 2 of --ext-code has no \"=\""),
        ] {
            let error = external_variables("--ext-code", text).expect_err("invalid");
            assert_eq!(error.to_string(), expected);
            assert!(!format!("{error:?}").contains("b;c"));
        }
    }
}
