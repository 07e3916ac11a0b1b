//! Renders a Go text/template as go-config does: no data, delimiters `{{ }}`, the functions of [`Functions`].
//!
//! The engine is gotmpl. Around it stand what it lacks: the check for unbalanced blocks (`blocks`), Go's parse-time
//! errors and positions (`instrument`), limits, and a map from rendered text back to its source (`trace`).

use std::sync::Arc;

use gotmpl::parse::{ListNode, Node, TextNode};
use gotmpl::{Template, TemplateError, Value};

use crate::ecspresso::error::Cause;
use crate::ecspresso::functions::Functions;
use crate::ecspresso::lookups::{Lookups, Want};
use crate::ecspresso::source::offset_of;
use crate::model::lookup::Lookup;

mod actions;
mod blocks;
mod calls;
mod escapes;
mod instrument;
pub(super) mod printf;
mod problem;
mod trace;

pub(super) use problem::Problem;
pub(super) use trace::Rendered;

use calls::{call, formatting, seeing};
use instrument::SEE;
use trace::{Sink, Trace};

/// go-config's template name; a `{{ define "conf" }}` clashes with it as it does there.
const NAME: &str = "conf";

/// Starts with a character that a trim marker before it cannot remove.
const SENTINEL: &str = "\u{1}end of template\u{1}";

/// Range iterations of one execution. Task definitions need a handful.
const MAX_ITERATIONS: u64 = 100_000;

/// Renders `source`.
///
/// A function whose look-up has not been made yields a token; whatever would look at a token's text fails with
/// [`Cause::Wanted`].
pub(super) fn render(
    source: &str,
    functions: &Functions,
    lookups: &Arc<Lookups>,
) -> Result<Rendered, Problem> {
    // First as it is, so that syntax errors keep their own words and places.
    Template::new(NAME)
        .parse(source)
        .map_err(|error| syntax_problem(source, &error))?;
    blocks::check(source)?;
    let trace = Trace::new();
    let mut template = Template::new(NAME)
        .max_range_iters(MAX_ITERATIONS)
        .parse(&format!("{source}{SENTINEL}"))
        .map_err(|error| syntax_problem(source, &error))?;
    let names: Vec<String> = template
        .templates()
        .into_iter()
        .map(str::to_owned)
        .collect();
    for name in names {
        let Some(tree) = template.lookup(&name) else {
            continue;
        };
        let tree = if name == NAME {
            without_sentinel(tree, source)?
        } else {
            tree.clone()
        };
        let tree = instrument::tree(tree, source, functions)?;
        template = template.add_parse_tree(&name, tree);
    }
    template = template.func(
        "printf",
        formatting(Arc::clone(&trace), Arc::clone(lookups)),
    );
    template = template.func(SEE, seeing(Arc::clone(&trace), Arc::clone(lookups)));
    // After `printf`, because a plugin's function may have any name.
    for (name, function) in functions.iter() {
        template = template.func(
            name,
            call(
                name.clone(),
                function.clone(),
                Arc::clone(&trace),
                Arc::clone(lookups),
            ),
        );
    }
    let template = trace.attach(template);
    let mut sink = Sink::new(Arc::clone(&trace));
    match template.execute_template_fmt(&mut sink, NAME, &Value::Nil) {
        Ok(()) => Ok(sink.into_rendered()),
        Err(error) => Err(trace.take_failure().unwrap_or_else(|| {
            let mut problem = execution_problem(&error, trace.offset());
            // A field of a token, for one.
            let typed = functions.iter().any(|(_, function)| function.is_typed());
            let pending = lookups.pending().into_iter();
            let command = pending
                .rev()
                .find(|lookup| matches!(lookup, Lookup::Command { .. }));
            let command = command.filter(|_| typed).map(Want::Lookup);
            problem.cause = command.map(Cause::Wanted);
            problem
        })),
    }
}

/// The tree without the sentinel, which must be its last top-level text: else a block swallowed it.
fn without_sentinel(tree: &ListNode, source: &str) -> Result<ListNode, Problem> {
    let unbalanced = || {
        Problem::new(
            "unexpected end of the template: a block is not balanced",
            source.len(),
        )
    };
    let mut tree = tree.clone();
    let Some(Node::Text(last)) = tree.nodes.pop() else {
        return Err(unbalanced());
    };
    let text = last.text.strip_suffix(SENTINEL).ok_or_else(unbalanced)?;
    if !text.is_empty() {
        tree.nodes.push(Node::Text(TextNode {
            pos: last.pos,
            text: text.into(),
        }));
    }
    Ok(tree)
}

fn syntax_problem(source: &str, error: &TemplateError) -> Problem {
    match error {
        TemplateError::Lex {
            line, col, message, ..
        }
        | TemplateError::Parse {
            line, col, message, ..
        } => {
            let start = offset_of(source, (*line).max(1), 1);
            let column = source[start..]
                .char_indices()
                .nth(col.saturating_sub(1))
                .map_or(0, |(at, _)| at);
            Problem::new(message.clone(), start + column)
        }
        other => Problem::new(other.to_string(), 0),
    }
}

fn execution_problem(error: &TemplateError, offset: usize) -> Problem {
    let message = match error {
        TemplateError::Exec(message) => message.clone(),
        TemplateError::Write => "the rendered text is larger than 10 MiB".to_owned(),
        other => other.to_string(),
    };
    Problem::new(message, offset)
}

#[cfg(test)]
mod tests {
    use crate::ecspresso::functions::Function;
    use crate::ecspresso::lookups::Depth;
    use crate::ecspresso::plugins;

    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn functions() -> Functions {
        let environment = [("SET", "v"), ("EMPTY", ""), ("LINES", "a\nb")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut functions = Functions::new(&Arc::new(BTreeMap::from(environment)));
        for (name, kind) in [("ssm", true), ("arn", false)] {
            let call = match kind {
                true => plugins::Call::Parameter { region: None },
                false => plugins::Call::SecretArn { region: None },
            };
            functions.insert(name, Function::Plugin(Arc::new(call)));
        }
        functions
    }

    fn render(source: &str, functions: &Functions) -> Result<Rendered, Problem> {
        let lookups = Arc::new(Lookups::new(Depth::Images, Arc::default(), BTreeSet::new()));
        super::render(source, functions, &lookups)
    }

    fn check(source: &str, expected: &str) {
        match render(source, &functions()) {
            Ok(rendered) => assert_eq!(rendered.text, expected, "{source}"),
            Err(problem) => panic!("{source}: {} at {}", problem.message, problem.offset),
        }
    }

    fn check_error(source: &str, message: &str, offset: usize) {
        let problem = render(source, &functions()).expect_err(source);
        assert_eq!(
            (problem.message.as_str(), problem.offset),
            (message, offset),
            "{source}"
        );
    }

    /// Each result is that of go-config v0.7.0 on Go's text/template.
    #[test]
    fn functions_of_go_config() {
        check("{{ env `NOPE` }}", "NOPE");
        check("{{ env `NOPE` `d` }}", "d");
        check("{{ env `EMPTY` `d` }}", "d");
        check("{{ env `NOPE` `SET` `d` }}", "v");
        check("{{ env `NOPE` `EMPTY` `SET` }}", "v");
        check("{{ env `NOPE` `` }}", "");
        check("{{ env }}", "");
        check("{{ must_env `EMPTY` }}", "");
        check("{{ env \"NOPE\" \"a\\\"b\" }}", "a\"b");
        check("{{ if eq (env `SET` ``) `v` }}Y{{ else }}N{{ end }}", "Y");
        check("{{ printf `%s-%s` (env `SET`) `x` }}", "v-x");
        check("{{ $x := env `SET` }}{{ $x }}", "v");
        check("{{ .Foo }}{{ . }}{{ $ }}", "<no value><no value><no value>");
        check(
            "{{ `SET` | env `NOPE` | json_escape }}{{ must_env `LINES` | json_escape }}",
            "va\\nb",
        );
        check("{{ print env }}", "");
        check_error(
            "x\n{{ must_env `NOPE` }}",
            "environment variable NOPE is not set (must_env)",
            5,
        );
        check_error(
            "{{ `NOPE` | must_env }}",
            "environment variable NOPE is not set (must_env)",
            12,
        );
        check_error(
            "{{ print must_env }}",
            "wrong number of args for must_env: want 1 got 0",
            9,
        );
        check_error("{{ must_env 1 }}", "must_env takes strings, found int", 3);
        check_error(
            "{{ json_escape .Foo }}",
            "json_escape takes strings, found nil",
            3,
        );
        check_error("{{ must_env SET }}", "function \"SET\" not defined", 12);
        check_error(
            "{{ if false }}{{ nofunc `a` }}{{ end }}",
            "function \"nofunc\" not defined",
            17,
        );
        check_error(
            "{{ define `t` }}{{ nofunc }}{{ end }}",
            "function \"nofunc\" not defined",
            19,
        );
        check_error(
            "{{ if false }}{{ env `SET` | `a` }}{{ end }}",
            "non executable command in pipeline stage 2",
            29,
        );
        check("{{ if false }}{{ ssm `a` }}{{ end }}", "");
        for source in [
            "{{ must_env 'SET' }}",
            "{{{ env `SET` }}}",
            "{{ env `SET`",
            "{{ $x }}",
            "{{ break }}",
            "{{ 1.5 }}",
        ] {
            assert!(render(source, &functions()).is_err(), "{source}");
        }
    }

    /// Renders with `/a` = `x` unknown, and says which look-ups stand for tokens in the output (`=`) or stopped it (`!`).
    fn check_lookups(source: &str, expected: &str) {
        let lookups = Arc::new(Lookups::new(Depth::Images, Arc::default(), BTreeSet::new()));
        let found = match super::render(source, &functions(), &lookups) {
            Ok(rendered) => match lookups.token_in(&rendered.text) {
                Some(Want::Lookup(lookup)) => format!("= {lookup}"),
                Some(Want::Failure(call)) => format!("= {call:?}"),
                None => format!("- {}", rendered.text),
            },
            Err(Problem {
                cause: Some(Cause::Wanted(Want::Lookup(lookup))),
                ..
            }) => format!("! {lookup}"),
            Err(problem) => format!("? {}", problem.message),
        };
        assert_eq!(found, expected, "{source}");
    }

    #[test]
    fn a_token_passes_where_nobody_looks_at_it() {
        for source in [
            "{{ ssm `/a` }}",
            "{{ ssm `/a` | json_escape }}",
            "{{ $x := ssm `/a` }}{{ if true }}{{ $x }}{{ end }}",
            "{{ print `a` (ssm `/a`) | html | js | urlquery }}",
            "{{ printf `%s-%v%%` (ssm `/a`) `b` }}",
            "{{ or (env `NOPE` ``) (ssm `/a`) }}",
            "{{ and (env `SET`) (ssm `/a`) }}",
            "{{ ssm `/a` | or `` }}",
            "{{ define `t` }}{{ . }}{{ end }}{{ template `t` (ssm `/a`) }}",
            "{{ with `x` }}{{ ssm `/a` }}{{ end }}",
            "{{ range 2 }}{{ ssm `/a` }}{{ end }}",
        ] {
            check_lookups(source, "= ssm parameter /a");
        }
        for (source, expected) in [
            ("{{ or (env `SET`) (ssm `/a`) }}", "- v"),
            ("{{ and (env `NOPE` ``) (ssm `/a`) }}", "- "),
            ("{{ if false }}{{ ssm `/a` }}{{ end }}x", "- x"),
            ("{{ $x := ssm `/a` }}y", "- y"),
        ] {
            check_lookups(source, expected);
        }
    }

    #[test]
    fn whoever_looks_at_a_token_wants_the_look_up() {
        for source in [
            "{{ if ssm `/a` }}x{{ end }}",
            "{{ if eq (ssm `/a`) `b` }}x{{ end }}",
            "{{ $x := ssm `/a` }}{{ if ne $x `b` }}x{{ end }}",
            "{{ if $x := ssm `/a` }}{{ $x }}{{ end }}",
            "{{ with ssm `/a` }}x{{ end }}",
            "{{ with `b` }}{{ if eq . (ssm `/a`) }}x{{ end }}{{ end }}",
            "{{ range ssm `/a` }}x{{ end }}",
            "{{ ssm `/a` | eq `b` }}",
            "{{ ssm `/a` | len }}",
            "{{ len (ssm `/a`) }}",
            "{{ slice (ssm `/a`) 1 2 }}",
            "{{ index (ssm `/a`) 0 }}",
            "{{ not (ssm `/a`) }}",
            "{{ or (ssm `/a`) `b` }}",
            "{{ and (ssm `/a`) `b` }}",
            "{{ `b` | and (ssm `/a`) }}",
            "{{ printf `%.3s` (ssm `/a`) }}",
            "{{ printf `%q` (ssm `/a`) }}",
            "{{ printf (ssm `/a`) }}",
            "{{ env (ssm `/a`) `b` }}",
            "{{ must_env (ssm `/a`) }}",
            "{{ arn (ssm `/a`) }}",
            "{{ ssm `/a` | arn }}",
            "{{ print (ssm `/a`) `x` | eq `b` }}",
            "{{ define `t` }}{{ if . }}x{{ end }}{{ end }}{{ template `t` (ssm `/a`) }}",
            "{{ if false }}{{ else if eq (print `-` (ssm `/a`)) `b` }}x{{ end }}",
        ] {
            check_lookups(source, "! ssm parameter /a");
        }
    }

    #[test]
    fn unbalanced_blocks_are_refused() {
        for source in [
            "a{{ end }}b",
            "a{{ else }}b",
            "{{ if true }}x{{ end }}{{ end }}tail",
            "{{ if true }}x",
            "{{ with 1 }}x{{ else }}y",
            "{{ if false }}x",
            "{{ range . }}x",
            "{{ define \"a\" }}x",
            "{{ end }}",
            "{{else}}{{end}}",
        ] {
            assert!(render(source, &functions()).is_err(), "{source}");
        }
        check("", "");
        check("{{- /* x */ -}}", "");
        check("a {{- `b` -}} ", "ab");
        check(
            "{{ define `a` }}x{{ end }}{{ block `b` 1 }}{{ . }}{{ end }}{{ template `a` }}",
            "1x",
        );
    }

    #[test]
    fn deep_templates_fail_without_a_crash() {
        for (open, close) in [("{{ if 1 }}", "{{ end }}"), ("{{ range 1 }}", "{{ end }}")] {
            let nested = |depth: usize| format!("{}x{}", open.repeat(depth), close.repeat(depth));
            check(&nested(50), "x");
            assert!(render(&nested(5000), &functions()).is_err());
        }
        assert!(
            render(
                &format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000)),
                &functions()
            )
            .is_err()
        );
    }

    #[test]
    fn rendered_text_has_its_place_in_the_source() {
        let source = "a{{ env `LINES` `` }}\n {{- range 2 -}} {{ `x` }}b {{ end }}c";
        let rendered = render(source, &functions()).expect("valid");
        assert_eq!(rendered.text, "aa\nbxb xb c");
        let places: Vec<_> = (0..rendered.text.len())
            .map(|offset| rendered.source_offset(offset))
            .collect();
        let (lines, x, b, c) = (4, 42, 48, 59);
        assert_eq!(
            places,
            [0, lines, lines, lines, x, b, b + 1, x, b, b + 1, c]
        );
    }
}
