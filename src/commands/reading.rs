//! What is seen while usage is read: a bar with an estimate on a terminal, a line every few seconds otherwise.

use std::cell::Cell;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::clients::ecs::Step;
use crate::commands::usage;

/// How often a line is written where nobody watches: a short reading writes none.
const QUIET: Duration = Duration::from_secs(10);

/// Shows steps on stderr.
pub(super) struct Reading {
    bar: Option<ProgressBar>,
    told: Cell<Instant>,
}

impl Reading {
    /// A bar where somebody watches.
    pub(super) fn new(watched: bool) -> Self {
        let bar = watched.then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template("{bar:24} {msg}, {eta} left");
            if let Ok(style) = style {
                bar.set_style(style);
            }
            bar
        });
        Self {
            bar,
            told: Cell::new(now()),
        }
    }

    /// Takes note of a step; gives the line to write for it, if there is one.
    pub(super) fn on(&self, step: Step) -> Option<String> {
        if let Some(bar) = &self.bar {
            bar.set_length(u64::try_from(step.of).unwrap_or(u64::MAX));
            bar.set_position(u64::try_from(step.done).unwrap_or(u64::MAX));
            bar.set_message(usage::describe(step));
            return None;
        }
        if self.told.get().elapsed() < QUIET {
            return None;
        }
        self.told.set(now());
        Some(format!("{}\n", usage::describe(step)))
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "progress is shown by the clock of the machine"
)]
fn now() -> Instant {
    Instant::now()
}
