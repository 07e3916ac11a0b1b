//! Follows the execution of a template: which part of the source produced which part of the output.
//!
//! `instrument` puts hidden calls into the tree; they report the place here before each piece of output is written.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gotmpl::{Template, TemplateError, Value};

use crate::ecspresso::files::MAX_SIZE;
use crate::ecspresso::template::problem::Problem;

/// The hidden function that reports a place. No template can name it.
pub(super) const AT: &str = "\u{0}at";

/// The hidden function that bounds a value and passes it on.
pub(super) const BOUND: &str = "\u{0}bound";

/// The largest string a pipeline may yield, in bytes; repeated doubling would otherwise exhaust memory.
const MAX_VALUE: usize = 1024 * 1024;

/// A rendered text and where it came from.
#[derive(Debug)]
pub(in crate::ecspresso) struct Rendered {
    pub(in crate::ecspresso) text: String,
    segments: Vec<Segment>,
}

/// Output from `start` on came from `place`.
#[derive(Clone, Copy, Debug)]
struct Segment {
    start: usize,
    place: Place,
}

/// A place in the source.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    offset: usize,
    /// Whether the output is the source text itself, and not the value of an action.
    verbatim: bool,
}

impl Rendered {
    /// The byte offset in the source of a byte offset in the rendered text.
    pub(in crate::ecspresso) fn source_offset(&self, offset: usize) -> usize {
        let after = self
            .segments
            .partition_point(|segment| segment.start <= offset);
        match after
            .checked_sub(1)
            .and_then(|index| self.segments.get(index))
        {
            Some(segment) if segment.place.verbatim => {
                segment.place.offset + (offset - segment.start)
            }
            Some(segment) => segment.place.offset,
            None => offset,
        }
    }
}

/// What the functions of one execution share.
#[derive(Debug, Default)]
pub(super) struct Trace(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    place: Place,
    /// Whether `place` was reported after the last output.
    fresh: bool,
    failure: Option<Problem>,
}

impl Trace {
    pub(super) fn new() -> Arc<Trace> {
        Arc::default()
    }

    /// Where the execution is.
    pub(super) fn offset(&self) -> usize {
        self.state().place.offset
    }

    /// Keeps what went wrong in a function; gotmpl's errors carry no place.
    pub(super) fn fail(&self, problem: Problem) {
        self.state().failure = Some(problem);
    }

    pub(super) fn take_failure(&self) -> Option<Problem> {
        self.state().failure.take()
    }

    /// Adds the hidden functions.
    pub(super) fn attach(self: &Arc<Trace>, template: Template) -> Template {
        let reporting = Arc::clone(self);
        let bounding = Arc::clone(self);
        template
            .func(AT, move |arguments| {
                if let [Value::Int(offset), Value::Bool(verbatim)] = arguments {
                    let mut state = reporting.state();
                    state.place = Place {
                        offset: usize::try_from(*offset).unwrap_or(0),
                        verbatim: *verbatim,
                    };
                    state.fresh = true;
                }
                Ok(Value::String("".into()))
            })
            .func(BOUND, move |arguments| match arguments {
                [Value::String(text)] if text.len() > MAX_VALUE => {
                    let offset = bounding.offset();
                    bounding.fail(Problem::new("a value is larger than 1 MiB", offset));
                    Err(TemplateError::Exec("too large".to_owned()))
                }
                [value] => Ok(value.clone()),
                _ => Ok(Value::Nil),
            })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Collects the output of an execution.
pub(super) struct Sink {
    trace: Arc<Trace>,
    rendered: Rendered,
}

impl Sink {
    pub(super) fn new(trace: Arc<Trace>) -> Sink {
        Sink {
            trace,
            rendered: Rendered {
                text: String::new(),
                segments: Vec::new(),
            },
        }
    }

    pub(super) fn into_rendered(self) -> Rendered {
        self.rendered
    }
}

impl fmt::Write for Sink {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.is_empty() {
            return Ok(());
        }
        let start = self.rendered.text.len();
        if start + text.len() > MAX_SIZE {
            return Err(fmt::Error);
        }
        let mut state = self.trace.state();
        if std::mem::take(&mut state.fresh) {
            self.rendered.segments.push(Segment {
                start,
                place: state.place,
            });
        }
        self.rendered.text.push_str(text);
        Ok(())
    }
}
