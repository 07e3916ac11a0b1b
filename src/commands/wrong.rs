//! What keeps a run from beginning: wrong input, or a look-up that failed.

use crate::commands::surroundings::Surroundings;
use crate::ecspresso;
use crate::model::exit::Exit;
use crate::model::failure::Failure;
use crate::model::task_definition::Location;

/// A wrong input: what, and the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// What is wrong.
    pub(super) message: String,
    /// The next step.
    pub(super) hint: Option<String>,
    /// The place in a file, where it is in one.
    pub(super) location: Option<Location>,
    /// How a run ends because of it.
    pub(super) exit: Exit,
}

impl From<ecspresso::Error> for Wrong {
    fn from(error: ecspresso::Error) -> Self {
        let excerpt = error.excerpt().map(|excerpt| format!("\n{excerpt}"));
        Self {
            message: format!("{error}{}", excerpt.unwrap_or_default()),
            hint: error.hint(),
            location: error.location().cloned(),
            exit: match error.is_world() {
                true => Exit::World,
                false => Exit::Input,
            },
        }
    }
}

impl From<String> for Wrong {
    fn from(message: String) -> Self {
        Self {
            message,
            hint: None,
            location: None,
            exit: Exit::Input,
        }
    }
}

impl Wrong {
    /// The same with the next step.
    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        let hint = Some(hint.into());
        Self { hint, ..self }
    }

    /// No request can be sent.
    pub(super) fn no_region(hint: &str) -> Self {
        Self::from("no Region is set".to_owned()).with_hint(hint)
    }
}

/// A failure of the world that keeps a run from beginning.
pub(super) fn of_world(failure: &Failure) -> Wrong {
    Wrong {
        message: failure.to_string(),
        hint: failure.hint(),
        location: None,
        exit: Exit::World,
    }
}

/// Says what is wrong. Gives how the run ends: the worst of it.
pub(super) fn tell(wrong: &[Wrong], surroundings: &mut Surroundings<'_>) -> Exit {
    for wrong in wrong {
        surroundings.tell(format!("error: {}\n", wrong.message));
        if let Some(hint) = &wrong.hint {
            surroundings.tell(format!("  hint: {hint}\n"));
        }
    }
    let exits = wrong.iter().map(|wrong| wrong.exit);
    exits.max().unwrap_or(Exit::Input)
}
