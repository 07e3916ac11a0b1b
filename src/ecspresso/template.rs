//! Renders a Go text/template as go-config does: no data, delimiters `{{ }}`, the functions of [`Functions`].
//!
//! The engine is gotmpl. Around it stand what it lacks: the check for unbalanced blocks (`blocks`), Go's parse-time
//! errors and positions (`instrument`), limits, and a map from rendered text back to its source (`trace`).

use std::sync::Arc;

use gotmpl::parse::{ListNode, Node, TextNode};
use gotmpl::{Template, TemplateError, Value};

use crate::ecspresso::blocks;
use crate::ecspresso::functions::{Function, Functions};
use crate::ecspresso::instrument;
use crate::ecspresso::source::offset_of;
use crate::ecspresso::trace::{Rendered, Sink, Trace};

/// go-config's template name; a `{{ define "conf" }}` clashes with it as it does there.
const NAME: &str = "conf";

/// Starts with a character that a trim marker before it cannot remove.
const SENTINEL: &str = "\u{1}end of template\u{1}";

/// Range iterations of one execution. Task definitions need a handful.
const MAX_ITERATIONS: u64 = 100_000;

/// What is wrong with a template, at a byte offset of its source.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) message: String,
    pub(super) offset: usize,
    pub(super) hint: Option<String>,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>, offset: usize) -> Problem {
        Problem {
            message: message.into(),
            offset,
            hint: None,
        }
    }
}

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
