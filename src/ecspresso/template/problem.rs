//! What is wrong with a template.

/// What is wrong with a template, at a byte offset of its source.
#[derive(Debug)]
pub(in crate::ecspresso) struct Problem {
    pub(in crate::ecspresso) message: String,
    pub(in crate::ecspresso) offset: usize,
    pub(in crate::ecspresso) hint: Option<String>,
}

impl Problem {
    pub(in crate::ecspresso) fn new(message: impl Into<String>, offset: usize) -> Problem {
        Problem {
            message: message.into(),
            offset,
            hint: None,
        }
    }
}
