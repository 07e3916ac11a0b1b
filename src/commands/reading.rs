//! What is seen while usage is read: a bar with an estimate on a terminal, a line every few seconds otherwise.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::clients::ecs::{OnStep, Step};
use crate::commands::signals;
use crate::commands::surroundings::Surroundings;
use crate::commands::usage::{self, Scoped, Seen};
use crate::commands::wrong::Wrong;
use crate::model::exit::Exit;
use crate::plan::audit::Rules;

/// How often a line is written where nobody watches: a short reading writes none.
const QUIET: Duration = Duration::from_secs(10);

/// One look, shown while it lasts. What ends it early is told, and the exit code given.
///
/// # Errors
/// What keeps the look from beginning.
pub(super) async fn read(
    scoped: &Scoped,
    rules: &Rules,
    surroundings: &mut Surroundings<'_>,
) -> Result<Result<Seen, Exit>, Vec<Wrong>> {
    let now = surroundings.now();
    let names = scoped.names.as_ref();
    let end = scoped.sources.end();
    let seen = shown(end, surroundings, async |on_step: OnStep<'_>| {
        usage::look(&scoped.sources, names, rules, now, on_step).await
    });
    match seen.await {
        Ok(seen) => seen.map(Ok),
        Err(exit) => Ok(Err(exit)),
    }
}

/// Something that only reads, shown while it lasts.
///
/// # Errors
/// How the run ends where a signal or the end of its time came first; it is told.
pub(super) async fn shown<T>(
    end: tokio::time::Instant,
    surroundings: &mut Surroundings<'_>,
    work: impl AsyncFnOnce(OnStep<'_>) -> T,
) -> Result<T, Exit> {
    let steps = Steps::new(surroundings.is_watched());
    let told = RefCell::new(&mut *surroundings);
    let on_step = |step| {
        if let Some(line) = steps.on(step) {
            told.borrow_mut().tell(line);
        }
    };
    let (exit, words) = tokio::select! {
        done = work(&on_step) => {
            steps.clear();
            return Ok(done);
        }
        exit = signals::received() => (exit, "interrupted; nothing was written\n"),
        () = tokio::time::sleep_until(end) => {
            (Exit::World, "error: reading took longer than --timeout; nothing was written\n")
        }
    };
    steps.clear();
    told.borrow_mut().tell(words);
    Err(exit)
}

/// Shows steps on stderr.
struct Steps {
    bar: Option<ProgressBar>,
    told: Cell<Instant>,
}

impl Steps {
    /// A bar where somebody watches.
    fn new(watched: bool) -> Self {
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
            told: Cell::new(Instant::now()),
        }
    }

    /// Takes note of a step; gives the line to write for it, if there is one.
    fn on(&self, step: Step) -> Option<String> {
        if let Some(bar) = &self.bar {
            bar.set_length(u64::try_from(step.of).unwrap_or(u64::MAX));
            bar.set_position(u64::try_from(step.done).unwrap_or(u64::MAX));
            bar.set_message(usage::describe(step));
            return None;
        }
        if self.told.get().elapsed() < QUIET {
            return None;
        }
        self.told.set(Instant::now());
        Some(format!("{}\n", usage::describe(step)))
    }

    /// Takes the bar away.
    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
