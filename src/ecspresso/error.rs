//! What can go wrong when reading ecspresso's files: one text, the place in the source, and the next step.
//!
//! Values of environment variables may be secrets. So an error quotes source text only, never rendered text.

use std::fmt;

use crate::ecspresso::lookups::Want;
use crate::ecspresso::source::{Excerpt, Source};
use crate::model::task_definition::Location;

/// Why a config or a task definition could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(Box<Details>);

/// Why something failed, as far as somebody acts on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Something that is not known yet. No user sees such an error.
    Wanted(Want),
    /// The world: a look-up that failed.
    World,
    /// A plugin's function that failed by itself.
    Plugin,
}

#[derive(Debug)]
struct Details {
    message: String,
    cause: Option<Cause>,
    location: Option<Location>,
    excerpt: Option<Excerpt>,
    hint: Option<String>,
}

impl fmt::Display for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        match &self.location {
            Some(location) => write!(f, ", {location}"),
            None => Ok(()),
        }
    }
}

impl Error {
    /// The exact next step, where there is one.
    pub fn hint(&self) -> Option<String> {
        self.0.hint.clone()
    }

    /// The place in the source file.
    pub fn location(&self) -> Option<&Location> {
        self.0.location.as_ref()
    }

    /// The source line at that place; absent for files that hold values only (envfiles, rendered definitions).
    pub fn excerpt(&self) -> Option<&Excerpt> {
        self.0.excerpt.as_ref()
    }

    /// Whether the world failed (a look-up), and not the input.
    pub fn is_world(&self) -> bool {
        self.0.cause == Some(Cause::World)
    }

    pub(super) fn cause(&self) -> Option<&Cause> {
        self.0.cause.as_ref()
    }

    /// What this cannot go on without.
    pub(super) fn wanted(&self) -> Option<&Want> {
        match &self.0.cause {
            Some(Cause::Wanted(want)) => Some(want),
            _ => None,
        }
    }

    pub(super) fn caused(mut self, cause: Option<Cause>) -> Error {
        if cause.is_some() {
            self.0.cause = cause;
        }
        self
    }

    pub(super) fn new(message: impl Into<String>) -> Error {
        Error(Box::new(Details {
            message: message.into(),
            cause: None,
            location: None,
            excerpt: None,
            hint: None,
        }))
    }

    /// An error at a byte offset of a source.
    pub(super) fn at(message: impl Into<String>, source: &Source, offset: usize) -> Error {
        Error(Box::new(Details {
            message: message.into(),
            cause: None,
            location: Some(source.location(offset)),
            excerpt: source.excerpt(offset),
            hint: None,
        }))
    }

    pub(super) fn hinted(mut self, hint: Option<String>) -> Error {
        if hint.is_some() {
            self.0.hint = hint;
        }
        self
    }
}
