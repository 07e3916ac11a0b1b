//! Checks that the blocks of a Go template are balanced.
//!
//! gotmpl 0.6.1 takes a stray `{{ end }}` for the end of the file and the end of the file for the end of a block, and
//! would silently render a truncated file. Go refuses both (text/template/parse `parse.go`).

use crate::ecspresso::template::Problem;

/// The longest `{{ else if }}` chain; each link is one level of recursion when it is parsed and executed.
const MAX_ELSE_IF: usize = 100;

struct Block {
    keyword: &'static str,
    offset: usize,
    chain: usize,
}

/// Expects a text whose actions and comments are closed, as gotmpl's own lexer checks.
pub(super) fn check(source: &str) -> Result<(), Problem> {
    let mut open: Vec<Block> = Vec::new();
    let mut position = 0;
    while let Some(found) = source[position..].find("{{") {
        let offset = position + found;
        let (keyword, second, end) = action(source, offset);
        position = end;
        match keyword {
            "if" | "with" | "range" | "define" | "block" => {
                let keyword = ["if", "with", "range", "define", "block"]
                    .into_iter()
                    .find(|k| *k == keyword);
                open.push(Block {
                    keyword: keyword.unwrap_or("if"),
                    offset,
                    chain: 0,
                });
            }
            "else" => match open.last_mut() {
                None => return Err(Problem::new("unexpected {{else}}", offset)),
                Some(block) if matches!(block.keyword, "define" | "block") => {
                    return Err(Problem::new(
                        format!("unexpected {{{{else}}}} in {{{{{}}}}}", block.keyword),
                        offset,
                    ));
                }
                Some(block) => {
                    block.chain += usize::from(matches!(second, "if" | "with"));
                    if block.chain > MAX_ELSE_IF {
                        return Err(Problem::new(
                            format!("more than {MAX_ELSE_IF} {{{{else if}}}} in one block"),
                            offset,
                        ));
                    }
                }
            },
            "end" if open.pop().is_none() => {
                return Err(Problem::new("unexpected {{end}}", offset));
            }
            _ => {}
        }
    }
    match open.pop() {
        Some(block) => Err(Problem::new(
            format!("{{{{{}}}}} without {{{{end}}}}", block.keyword),
            block.offset,
        )),
        None => Ok(()),
    }
}

/// The first two words of the action at `offset`, and where it ends. A comment has no words.
fn action(source: &str, offset: usize) -> (&str, &str, usize) {
    let inside = offset + 2;
    let text = source[inside..]
        .strip_prefix('-')
        .unwrap_or(&source[inside..])
        .trim_start();
    if text.starts_with("/*") {
        let end = text
            .find("*/")
            .map_or(source.len(), |end| source.len() - text.len() + end + 2);
        return ("", "", end);
    }
    let first = word(text);
    let second = word(text[first.len()..].trim_start());
    (first, second, end_of_action(source, inside))
}

fn word(text: &str) -> &str {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    &text[..end]
}

fn end_of_action(source: &str, start: usize) -> usize {
    let bytes = source.as_bytes();
    let mut quote = None;
    let mut position = start;
    while let Some(&byte) = bytes.get(position) {
        match quote {
            None if bytes[position..].starts_with(b"}}") => return position + 2,
            None if matches!(byte, b'"' | b'`' | b'\'') => quote = Some(byte),
            // Backslashes are literal between backquotes.
            Some(b'"' | b'\'') if byte == b'\\' => position += 1,
            Some(open) if open == byte => quote = None,
            _ => {}
        }
        position += 1;
    }
    source.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced() {
        for source in [
            "",
            "}}",
            "a{{ if true }}x{{ else if false }}y{{ else }}z{{ end }}",
            "{{- define \"a\" -}}x{{- end -}}{{ template \"a\" }}",
            "{{/* {{ end }} */}}",
            "{{- /* if */ -}}x",
            "{{ `{{ end }}` }}{{ \"}} \\\" {{ if\" }}{{ '}' }}",
            "{{ range 3 }}{{ with 1 }}{{ . }}{{ end }}{{ end }}",
            "{{ printf `é}}` }}é",
            "{{ endless }}",
        ] {
            assert!(check(source).is_ok(), "{source}");
        }
    }

    #[test]
    fn unbalanced() {
        for (source, message, offset) in [
            ("a{{ end }}b", "unexpected {{end}}", 1),
            ("a{{ else }}b", "unexpected {{else}}", 1),
            (
                "{{ if true }}x{{ end }}{{ end }}tail",
                "unexpected {{end}}",
                23,
            ),
            ("{{ if true }}x", "{{if}} without {{end}}", 0),
            ("{{ with 1 }}x{{ else }}y", "{{with}} without {{end}}", 0),
            ("é{{ range . }}x", "{{range}} without {{end}}", 2),
            ("{{ define \"a\" }}x", "{{define}} without {{end}}", 0),
            ("{{- else -}}{{ end }}", "unexpected {{else}}", 0),
            (
                "{{ define \"a\" }}x{{ else }}{{ end }}",
                "unexpected {{else}} in {{define}}",
                17,
            ),
            ("{{if(eq 1 1)}}", "{{if}} without {{end}}", 0),
        ] {
            let problem = check(source).expect_err(source);
            assert_eq!(
                (problem.message.as_str(), problem.offset),
                (message, offset),
                "{source}"
            );
        }
        let chain = format!(
            "{{{{ if 0 }}}}{}{{{{ end }}}}",
            "{{ else if 0 }}".repeat(101)
        );
        assert!(check(&chain).is_err());
    }
}
