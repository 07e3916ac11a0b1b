//! What is seen while thousands of repositories are read and written: one bar on a terminal, lines otherwise.

use std::pin::pin;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::apply::event::Event;
use crate::commands::log;
use crate::plan::bootstrap::Plan;

/// How long nothing is said.
pub(super) const SILENCE: Duration = Duration::from_secs(30);
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

    /// Waits for what is read. The services of thousands of task definitions take ten minutes under AWS's quotas: where
    /// there is no bar, a line says now and then that it goes on.
    pub(super) async fn wait<T>(
        &self,
        reading: impl Future<Output = T>,
        pause: Duration,
        tell: impl Fn(String),
    ) -> T {
        let began = Instant::now();
        let mut reading = pin!(reading);
        loop {
            tokio::select! {
                read = &mut reading => return read,
                () = tokio::time::sleep(pause), if matches!(self, Self::Lines) => {
                    let seconds = began.elapsed().as_secs();
                    tell(log::info(&format!("still reading [seconds:{seconds}]")));
                }
            }
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test]
    async fn a_long_reading_is_told_where_there_is_no_bar() {
        let pause = Duration::from_millis(10);
        let told = RefCell::new(Vec::new());
        let tell = |line: String| told.borrow_mut().push(line);
        let read = Progress::Lines.wait(async { 1 }, pause, tell).await;
        assert_eq!((read, told.borrow().len()), (1, 0));
        let reading = async {
            while told.borrow().len() < 2 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            2
        };
        let read = Progress::Lines.wait(reading, pause, tell).await;
        assert_eq!(read, 2);
        assert!(told.borrow()[1].ends_with("still reading [seconds:0]\n"));
    }
}
