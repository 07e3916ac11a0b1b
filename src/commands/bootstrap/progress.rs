//! What is seen while thousands of repositories are read and written: one bar on a terminal, lines otherwise.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::apply::event::Event;
use crate::commands::log;
use crate::plan::bootstrap::Plan;

/// From how many repositories on it is worth a line that they are read.
const MANY: usize = 100;

/// Shows one phase of a run on stderr; what it drew is taken away at its end.
pub(super) enum Progress {
    /// A bar.
    Bar(ProgressBar),
    /// Lines.
    Lines,
}

impl Progress {
    /// A phase of so many writes; of none that are counted if `None`.
    fn new(watched: bool, writes: Option<usize>) -> Self {
        if !watched {
            return Self::Lines;
        }
        let (bar, template) = match writes {
            Some(writes) => {
                let length = u64::try_from(writes).unwrap_or(u64::MAX);
                let template = "{msg} {bar:24} {pos}/{len} {elapsed} (about {eta} left)";
                (ProgressBar::new(length), template)
            }
            None => (ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}"),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self::Bar(bar)
    }

    /// Everything is read, in rounds.
    pub(super) fn reading(watched: bool) -> Self {
        let progress = Self::new(watched, None);
        if let Self::Bar(bar) = &progress {
            bar.set_message("reading repositories");
        }
        progress
    }

    /// The plan is carried out.
    pub(super) fn writing(watched: bool, plan: &Plan) -> Self {
        let writes = plan.steps.iter().map(|step| {
            usize::from(step.create.is_some()) + usize::from(step.policy_to_put().is_some())
        });
        let progress = Self::new(watched, Some(writes.sum()));
        if let Self::Bar(bar) = &progress {
            bar.set_message("repositories and policies");
        }
        progress
    }

    /// So many repositories are asked about; gives the line to write, if there is one.
    pub(super) fn on_round(&self, repositories: usize) -> Option<String> {
        match self {
            Self::Bar(bar) => {
                bar.set_message(format!("reading {repositories} repositories"));
                None
            }
            Self::Lines if repositories < MANY => None,
            Self::Lines => Some(log::info(&format!("reading [repositories:{repositories}]"))),
        }
    }

    /// Something was written; gives the line to write, if there is one.
    pub(super) fn on_event(&self, event: &Event<'_>) -> Option<String> {
        match self {
            Self::Bar(bar) => {
                bar.inc(1);
                None
            }
            Self::Lines => log::line(event),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
