//! Renders a Go text/template as go-config does: no data, delimiters `{{ }}`, the functions of [`Functions`].
//!
//! The engine is gotmpl. Around it stand what it lacks: the check for unbalanced blocks (`blocks`), Go's parse-time
//! errors and positions (`instrument`), limits, and a map from rendered text back to its source (`trace`).

use std::sync::Arc;

use gotmpl::parse::{ListNode, Node, TextNode};
use gotmpl::{Template, TemplateError, Value};

use crate::ecspresso::functions::{Function, Functions};
use crate::ecspresso::source::offset_of;

mod actions;
mod blocks;
mod instrument;
mod printf;
mod problem;
mod trace;

pub(super) use problem::Problem;
pub(super) use trace::Rendered;

use printf::printf;
use trace::{Sink, Trace};

/// go-config's template name; a `{{ define "conf" }}` clashes with it as it does there.
const NAME: &str = "conf";

/// Starts with a character that a trim marker before it cannot remove.
const SENTINEL: &str = "\u{1}end of template\u{1}";

/// Range iterations of one execution. Task definitions need a handful.
const MAX_ITERATIONS: u64 = 100_000;

/// Renders `source`.
pub(super) fn render(source: &str, functions: &Functions) -> Result<Rendered, Problem> {
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
    template = template.func("printf", formatting(Arc::clone(&trace)));
    // After `printf`, because a plugin's function may have any name.
    for (name, function) in functions.iter() {
        template = template.func(
            name,
            call(name.clone(), function.clone(), Arc::clone(&trace)),
        );
    }
    let template = trace.attach(template);
    let mut sink = Sink::new(Arc::clone(&trace));
    match template.execute_template_fmt(&mut sink, NAME, &Value::Nil) {
        Ok(()) => Ok(sink.into_rendered()),
        Err(error) => Err(trace
            .take_failure()
            .unwrap_or_else(|| execution_problem(&error, trace.offset()))),
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

/// A function as gotmpl calls it; the first argument is the offset of the call, put there by `instrument`.
fn call(
    name: String,
    function: Function,
    trace: Arc<Trace>,
) -> impl Fn(&[Value]) -> gotmpl::Result<Value> + Send + Sync + 'static {
    move |arguments| {
        let (offset, arguments) = match arguments.split_first() {
            Some((Value::Int(offset), arguments)) => {
                (usize::try_from(*offset).unwrap_or(0), arguments)
            }
            _ => (trace.offset(), arguments),
        };
        let result = strings(&name, &function, arguments).and_then(|arguments| {
            function
                .call(&name, &arguments)
                .map_err(|failure| (failure.message, failure.hint))
        });
        match result {
            Ok(value) => Ok(Value::String(value.into())),
            Err((message, hint)) => {
                trace.fail(Problem {
                    message,
                    offset,
                    hint,
                });
                Err(TemplateError::Exec(format!("{name} failed")))
            }
        }
    }
}

/// `printf` as gotmpl calls it.
fn formatting(
    trace: Arc<Trace>,
) -> impl Fn(&[Value]) -> gotmpl::Result<Value> + Send + Sync + 'static {
    move |arguments| {
        printf(arguments)
            .map(|text| Value::String(text.into()))
            .map_err(|message| {
                trace.fail(Problem::new(message, trace.offset()));
                TemplateError::Exec("printf failed".to_owned())
            })
    }
}

fn strings<'a>(
    name: &str,
    function: &Function,
    arguments: &'a [Value],
) -> Result<Vec<&'a str>, (String, Option<String>)> {
    if let Some(arity) = function.arity().filter(|arity| *arity != arguments.len()) {
        let message = format!(
            "wrong number of args for {name}: want {arity} got {}",
            arguments.len()
        );
        return Err((message, None));
    }
    let string = |value: &'a Value| match value {
        Value::String(text) => Ok(&**text),
        other => Err((
            format!("{name} takes strings, found {}", other.type_name()),
            None,
        )),
    };
    arguments.iter().map(string).collect()
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
    use std::collections::BTreeMap;

    use super::*;

    fn functions() -> Functions {
        let environment = [("SET", "v"), ("EMPTY", ""), ("LINES", "a\nb")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut functions = Functions::new(&Arc::new(BTreeMap::from(environment)));
        functions.insert("tfstate", Function::Plugin("tfstate".to_owned()));
        functions
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
            "{{ tfstate `a` }}",
            "function tfstate of the plugin tfstate is not supported yet",
            3,
        );
        check("{{ if false }}{{ tfstate `a` }}{{ end }}", "");
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
