//! The escapes in the literals of a template. gotmpl takes some that Go refuses.

/// The length of the escape after a backslash (Go `strconv.UnquoteChar`); `None` if it is none.
pub(super) fn length(text: &str, quote: char) -> Option<usize> {
    let kind = text.chars().next()?;
    match kind {
        'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => Some(1),
        _ if kind == quote => Some(1),
        'x' => number(text.get(1..3)?, 16).map(|_| 3),
        'u' => number(text.get(1..5)?, 16)
            .and_then(char::from_u32)
            .map(|_| 5),
        'U' => number(text.get(1..9)?, 16)
            .and_then(char::from_u32)
            .map(|_| 9),
        '0'..='7' => number(text.get(..3)?, 8)
            .filter(|code| *code < 256)
            .map(|_| 3),
        _ => None,
    }
}

fn number(digits: &str, radix: u32) -> Option<u32> {
    let all = digits.chars().all(|c| c.is_digit(radix));
    all.then(|| u32::from_str_radix(digits, radix).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        for (text, expected) in [
            ("n", Some(1)),
            ("\\x", Some(1)),
            ("\"", Some(1)),
            ("x41", Some(3)),
            ("1011", Some(3)),
            ("u00e9x", Some(5)),
            ("U0001F600", Some(9)),
            ("'", None),
            ("q", None),
            ("x4", None),
            ("x+1", None),
            ("u00}}e9", None),
            ("ud83d", None),
            ("777", None),
            ("1", None),
            ("", None),
        ] {
            assert_eq!(length(text, '"'), expected, "{text}");
        }
    }
}
