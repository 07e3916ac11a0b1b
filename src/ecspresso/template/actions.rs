//! Splits a Go template into its actions, and refuses what Go's lexer and parser refuse and gotmpl 0.6.1 lets through
//! (text/template/parse `lex.go`): misplaced comments, operands without space between them, broken string literals.

use crate::ecspresso::template::escapes;
use crate::ecspresso::template::problem::Problem;

/// One `{{ … }}` that is no comment.
#[derive(Debug, PartialEq)]
pub(super) struct Action<'a> {
    /// The byte offset of its `{{`.
    pub(super) offset: usize,
    /// The first word: a keyword, a function, or nothing.
    pub(super) first: &'a str,
    pub(super) second: &'a str,
}

const KEYWORDS: [&str; 11] = [
    "if", "else", "end", "range", "with", "define", "block", "template", "break", "continue", "nil",
];

/// The actions of a text whose actions are closed, as gotmpl's own lexer checks.
pub(super) fn actions(source: &str) -> Result<Vec<Action<'_>>, Problem> {
    let mut actions = Vec::new();
    let mut position = 0;
    while let Some(found) = source[position..].find("{{") {
        let offset = position + found;
        let inside = offset + 2;
        let trimmed = source[inside..]
            .strip_prefix('-')
            .is_some_and(|rest| rest.starts_with(is_space));
        let start = if trimmed { inside + 2 } else { inside };
        if source[start..].starts_with("/*") {
            position = end_of_comment(source, start)?;
            continue;
        }
        let text = source[start..].trim_start_matches(is_space);
        let first = word(text);
        let second = word(text[first.len()..].trim_start_matches(is_space));
        position = end_of_action(source, start)?;
        actions.push(Action {
            offset,
            first,
            second,
        });
    }
    Ok(actions)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_'));
    &text[..end.unwrap_or(text.len())]
}

fn end_of_comment(source: &str, start: usize) -> Result<usize, Problem> {
    let unfinished = || Problem::new("comment ends before closing delimiter", start);
    let end = source[start + 2..].find("*/").ok_or_else(unfinished)? + start + 4;
    let rest = &source[end..];
    if rest.starts_with("}}") {
        return Ok(end + 2);
    }
    match rest.strip_prefix(is_space) {
        Some(rest) if rest.starts_with("-}}") => Ok(end + 4),
        _ => Err(unfinished()),
    }
}

fn end_of_action(source: &str, start: usize) -> Result<usize, Problem> {
    let mut position = start;
    // Whether an operand ended right before `position`.
    let mut operand = false;
    while let Some(c) = source[position..].chars().next() {
        let adjacent = Problem::new("missing space between operands", position);
        match c {
            '}' if source[position..].starts_with("}}") => return Ok(position + 2),
            '/' => return Err(Problem::new("unexpected \"/\" in command", position)),
            '"' | '`' | '\'' | '(' if operand => return Err(adjacent),
            '"' | '\'' => {
                position += quoted(source, position, c)?;
                operand = true;
            }
            '`' => {
                let length = source[position + 1..].find('`').map(|length| length + 2);
                position += length.unwrap_or(source.len() - position);
                operand = true;
            }
            _ if c.is_alphanumeric() || c == '_' => {
                let before = source[..position].chars().next_back();
                if operand && !matches!(before, Some('.' | '$')) {
                    return Err(adjacent);
                }
                let word = word(&source[position..]);
                let end = position + word.len();
                if !c.is_ascii_digit() && !is_terminated(&source[end..]) {
                    return Err(Problem::new("bad character after a name", end));
                }
                operand = !KEYWORDS.contains(&word);
                position = end;
            }
            '.' | '$' if !is_continued(&source[position + 1..]) => {
                return Err(Problem::new("bad character after a name", position + 1));
            }
            _ => {
                operand = c == ')';
                position += c.len_utf8();
            }
        }
    }
    Ok(source.len())
}

/// Whether a name may end before this text (Go `lex.go`, `atTerminator`).
fn is_terminated(rest: &str) -> bool {
    let ends = |c: char| is_space(c) || matches!(c, '.' | ',' | '|' | ':' | ')' | '(');
    rest.is_empty() || rest.starts_with("}}") || rest.starts_with(ends)
}

/// Whether a name goes on after a `.` or `$`, or may end there.
fn is_continued(rest: &str) -> bool {
    rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') || is_terminated(rest)
}

/// The length of the literal that starts at `start`.
fn quoted(source: &str, start: usize, quote: char) -> Result<usize, Problem> {
    let mut position = start + 1;
    while let Some(c) = source[position..].chars().next() {
        match c {
            '\n' => return Err(Problem::new("unterminated quoted string", start)),
            '\\' => {
                let length = escapes::length(&source[position + 1..], quote);
                let wrong = || Problem::new("invalid escape in a string", position);
                position += 1 + length.ok_or_else(wrong)?;
            }
            _ if c == quote => return Ok(position + 1 - start),
            _ => position += c.len_utf8(),
        }
    }
    Ok(source.len() - start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let found = |source: &'static str| {
            let actions =
                actions(source).unwrap_or_else(|problem| panic!("{source}: {}", problem.message));
            actions
                .into_iter()
                .map(|action| (action.offset, action.first, action.second))
                .collect::<Vec<_>>()
        };
        assert_eq!(found("a{{/* {{ end }} */}}b}}"), []);
        assert_eq!(found("{{- /* x */ -}}"), []);
        assert_eq!(
            found("é{{- else  if(eq 1 `}}{{`) -}}{{ \"}} \\\" {{ if\" }}{{ '}' }}"),
            [(2, "else", "if"), (31, "", ""), (50, "", "")]
        );
        assert_eq!(
            found("{{ (env `é`).X }}{{ $x.Y }}{{ .A.B }}{{-3}}{{ env |print}}").len(),
            5
        );
    }

    #[test]
    fn refused() {
        for (source, message, offset) in [
            ("{{ /* x */ }}", "unexpected \"/\" in command", 3),
            ("{{-  /* x */ -}}", "unexpected \"/\" in command", 5),
            ("{{/* x */ }}", "comment ends before closing delimiter", 2),
            ("{{ env`SET` }}", "bad character after a name", 6),
            ("{{ env(`SET`) }}", "missing space between operands", 6),
            ("{{ `a``b` }}", "missing space between operands", 6),
            ("{{ (env)x }}", "missing space between operands", 8),
            ("{{ \"\\q\" }}", "invalid escape in a string", 4),
            ("{{ \"\\'\" }}", "invalid escape in a string", 4),
            ("{{ \"\\u00}}e9\" }}", "invalid escape in a string", 4),
            ("{{ define\"t\" }}", "bad character after a name", 9),
            ("{{ .`x` }}", "bad character after a name", 4),
            ("{{ $x=1 }}", "bad character after a name", 5),
            ("{{ \"\n\" }}", "unterminated quoted string", 3),
        ] {
            let problem = actions(source).expect_err(source);
            assert_eq!(
                (problem.message.as_str(), problem.offset),
                (message, offset),
                "{source}"
            );
        }
    }
}
