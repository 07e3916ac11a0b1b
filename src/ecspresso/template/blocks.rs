//! Checks that the blocks of a Go template are balanced.
//!
//! gotmpl 0.6.1 takes a stray `{{ end }}` for the end of the file and the end of the file for the end of a block, and
//! would silently render a truncated file. Go refuses both (text/template/parse `parse.go`).

use crate::ecspresso::template::actions::{Action, actions};
use crate::ecspresso::template::problem::Problem;

/// The longest `{{ else if }}` chain; each link is one level of recursion when it is parsed and executed.
const MAX_ELSE_IF: usize = 100;

struct Block<'a> {
    keyword: &'a str,
    offset: usize,
    chain: usize,
}

/// Expects a text that gotmpl has parsed.
pub(super) fn check(source: &str) -> Result<(), Problem> {
    let mut open: Vec<Block> = Vec::new();
    for Action {
        offset,
        first,
        second,
    } in actions(source)?
    {
        match first {
            "if" | "with" | "range" | "define" | "block" => {
                if first == "define" && !open.is_empty() {
                    return Err(Problem::new("unexpected {{define}} inside a block", offset));
                }
                open.push(Block {
                    keyword: first,
                    offset,
                    chain: 0,
                });
            }
            "else" => {
                let Some(block) = open.last_mut() else {
                    return Err(Problem::new("unexpected {{else}}", offset));
                };
                follow(block, second).map_err(|message| Problem::new(message, offset))?;
            }
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

/// Continues a block with an `{{ else }}` whose next word is `second`.
fn follow(block: &mut Block<'_>, second: &str) -> Result<(), String> {
    let keyword = block.keyword;
    if matches!(keyword, "define" | "block") {
        return Err(format!("unexpected {{{{else}}}} in {{{{{keyword}}}}}"));
    }
    if matches!(second, "if" | "with") {
        if second != keyword {
            return Err(format!(
                "unexpected {{{{else {second}}}}} in {{{{{keyword}}}}}"
            ));
        }
        block.chain += 1;
    }
    if block.chain > MAX_ELSE_IF {
        return Err(format!(
            "more than {MAX_ELSE_IF} {{{{else if}}}} in one block"
        ));
    }
    Ok(())
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
            (
                "{{ if 1 }}{{ define \"a\" }}{{ end }}{{ end }}",
                "unexpected {{define}} inside a block",
                10,
            ),
            (
                "{{ range 1 }}{{ else if 1 }}{{ end }}",
                "unexpected {{else if}} in {{range}}",
                13,
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
