//! What is wrong with a template.

use crate::ecspresso::error::Cause;
use crate::ecspresso::functions::Failure;

/// What is wrong with a template, at a byte offset of its source.
#[derive(Debug)]
pub(in crate::ecspresso) struct Problem {
    pub(in crate::ecspresso) message: String,
    pub(in crate::ecspresso) offset: usize,
    pub(in crate::ecspresso) hint: Option<String>,
    pub(in crate::ecspresso) cause: Option<Cause>,
}

impl Problem {
    pub(in crate::ecspresso) fn new(message: impl Into<String>, offset: usize) -> Problem {
        Problem {
            message: message.into(),
            offset,
            hint: None,
            cause: None,
        }
    }

    /// A call that failed at an offset.
    pub(in crate::ecspresso) fn of(failure: Failure, offset: usize) -> Problem {
        Problem {
            message: failure.message,
            offset,
            hint: failure.hint,
            cause: failure.cause,
        }
    }
}
