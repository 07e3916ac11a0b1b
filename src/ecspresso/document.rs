//! A file on its way to JSON: read, evaluated if it is Jsonnet, rendered as a template; with the way back to its source.

use std::sync::Arc;

use crate::ecspresso::error::Error;
use crate::ecspresso::functions::Functions;
use crate::ecspresso::json::{self, Step};
use crate::ecspresso::jsonnet::{self, World};
use crate::ecspresso::lookups::Lookups;
use crate::ecspresso::source::{Source, line_and_column};
use crate::ecspresso::template::{self, Problem, Rendered};
use crate::model::task_definition::Location;

const BACKQUOTES: &str =
    "in the JSON that Jsonnet yields only backquoted arguments work: {{ must_env `TAG` }}";

/// A rendered file.
#[derive(Debug)]
pub(super) struct Document {
    /// The file itself, then all that it imported.
    sources: Vec<Source>,
    /// The JSON that a Jsonnet file evaluated to, before it was rendered.
    manifested: Option<String>,
    /// Absent for a text that was rendered by someone else.
    rendered: Option<Rendered>,
    /// The output of `std.trace`.
    pub(super) traces: Vec<String>,
}

impl Document {
    /// A text that is taken as it is.
    pub(super) fn plain(source: Source) -> Document {
        Document {
            sources: vec![source],
            manifested: None,
            rendered: None,
            traces: Vec::new(),
        }
    }

    /// Renders a file as a template (ecspresso: YAML configs and every definition that is not Jsonnet).
    pub(super) fn template(
        source: Source,
        functions: &Functions,
        lookups: &Arc<Lookups>,
    ) -> Result<Document, Error> {
        let mut document = Document::plain(source);
        document.rendered = Some(document.render(functions, lookups)?);
        Ok(document)
    }

    /// Evaluates Jsonnet, then renders the manifested JSON as a template (ecspresso `config.go`, `util.go`).
    pub(super) fn jsonnet(
        source: Source,
        world: World<'_>,
        functions: &Functions,
    ) -> Result<Document, Error> {
        let manifested = jsonnet::evaluate(source, world)?;
        let lookups = world.lookups;
        let mut document = Document {
            sources: manifested.sources,
            manifested: Some(manifested.text),
            rendered: None,
            traces: manifested.traces,
        };
        document.rendered = Some(document.render(functions, lookups)?);
        Ok(document)
    }

    /// The final text.
    pub(super) fn text(&self) -> &str {
        match (&self.rendered, &self.manifested, self.sources.first()) {
            (Some(rendered), _, _) => &rendered.text,
            (None, Some(manifested), _) => manifested,
            (None, None, Some(source)) => &source.text,
            (None, None, None) => "",
        }
    }

    /// An error at a byte offset of the final text.
    pub(super) fn error(&self, message: impl Into<String>, offset: usize) -> Error {
        let message = message.into();
        if self.manifested.is_none()
            && let Some(source) = self.sources.first()
        {
            return Error::at(message, source, self.before_rendering(offset));
        }
        match self.find_string(self.before_rendering(offset)) {
            Some((source, offset)) => Error::at(message, source, offset),
            None => self.error_in_manifested(message, self.before_rendering(offset)),
        }
    }

    /// Where the string value at a byte offset of the final text stands in its source.
    pub(super) fn location(&self, offset: usize) -> Option<Location> {
        let before = self.before_rendering(offset);
        match self.manifested {
            Some(_) => self
                .find_string(before)
                .map(|(source, offset)| source.location(offset)),
            None => self.sources.first().map(|source| source.location(before)),
        }
    }

    /// The offset of the JSON value at `path` in the final text.
    pub(super) fn offset(&self, path: &[Step]) -> usize {
        json::offset(self.text(), path)
    }

    fn render(&self, functions: &Functions, lookups: &Arc<Lookups>) -> Result<Rendered, Error> {
        template::render(self.text(), functions, lookups)
            .map_err(|problem| self.template_error(problem))
    }

    fn template_error(&self, problem: Problem) -> Error {
        let Some(manifested) = &self.manifested else {
            return self
                .error(problem.message, problem.offset)
                .hinted(problem.hint)
                .caused(problem.cause);
        };
        let action = enclosing_action(manifested, problem.offset);
        let hint = match action {
            Some(action) if problem.hint.is_none() && action.contains('\\') => {
                Some(BACKQUOTES.to_owned())
            }
            _ => problem.hint.clone(),
        };
        let place = action.and_then(|action| {
            self.find(action)
                .or_else(|| self.find(&action.replace("\\\"", "\"")))
        });
        let error = match place {
            Some((source, offset)) => Error::at(problem.message, source, offset),
            // An action that stands in no source came out of a value, which may be a secret.
            None if problem.hint.is_none() && problem.cause.is_none() => self.error_in_manifested(
                "{{ … }} is not a valid template action".to_owned(),
                problem.offset,
            ),
            None => self.error_in_manifested(problem.message, problem.offset),
        };
        error.hinted(hint).caused(problem.cause)
    }

    fn error_in_manifested(&self, message: String, offset: usize) -> Error {
        let (line, column) =
            line_and_column(self.manifested.as_deref().unwrap_or_default(), offset);
        let name = self
            .sources
            .first()
            .map(|source| source.name.display().to_string())
            .unwrap_or_default();
        Error::new(format!(
            "{message}, at {line}:{column} of the JSON that {name} evaluates to"
        ))
    }

    fn before_rendering(&self, offset: usize) -> usize {
        self.rendered
            .as_ref()
            .map_or(offset, |rendered| rendered.source_offset(offset))
    }

    /// The source of the JSON string at an offset of the manifested JSON.
    fn find_string(&self, offset: usize) -> Option<(&Source, usize)> {
        let manifested = self.manifested.as_deref()?;
        let text: String = serde_json::Deserializer::from_str(manifested.get(offset..)?)
            .into_iter()
            .next()?
            .ok()?;
        self.find(&text)
    }

    /// The one place in the sources where a text stands.
    fn find(&self, text: &str) -> Option<(&Source, usize)> {
        if text.is_empty() {
            return None;
        }
        let mut places = self.sources.iter().flat_map(|source| {
            source
                .text
                .match_indices(text)
                .map(move |(at, _)| (source, at))
        });
        let place = places.next()?;
        places.next().is_none().then_some(place)
    }
}

/// The text of the `{{ … }}` around or at an offset.
fn enclosing_action(text: &str, offset: usize) -> Option<&str> {
    let before = text.get(..offset)?.rfind("{{");
    let start = if text.get(offset..)?.starts_with("{{") {
        offset
    } else {
        before?
    };
    let end = text[start..].find("}}")?;
    Some(&text[start..start + end + 2])
}
