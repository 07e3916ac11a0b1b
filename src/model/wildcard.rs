//! ECR's wildcards: `*` stands for any run of characters, also none; everything else is literal. Lifecycle rules
//! (`tagPatternList`) and tag mutability exclusion filters share them.

/// Whether the whole text matches the pattern.
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return rest.is_empty();
    };
    for piece in pieces {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_match_any_run() {
        let cases = [
            ("*", "", true),
            ("*", "v1", true),
            ("prod*", "prod", true),
            ("prod*", "production-team1", true),
            ("*prod*", "repo-production", true),
            ("prod", "prod1", false),
            ("a.c", "abc", false),
            ("a*b*a", "aba", true),
            ("a*a", "a", false),
            ("*a*", "b", false),
            ("a*bc*d", "abcbcd", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
