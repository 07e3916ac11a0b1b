//! What is seen while usage is read: a bar with an estimate on a terminal, a line every few seconds otherwise.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::clients::ecs::{OnStep, Step, Work};
use crate::commands::signals;
use crate::commands::surroundings::Surroundings;
use crate::commands::usage::{self, Scoped, Seen};
use crate::commands::wrong::Wrong;
use crate::model::exit::Exit;
use crate::plan::audit::Rules;

/// How often a line is written where nobody watches: a short reading writes none.
const QUIET: Duration = Duration::from_secs(10);
/// How often what is drawn moves.
const TICK: Duration = Duration::from_millis(200);
/// How long nothing is said about what is left.
const SOON: Duration = Duration::from_secs(2);

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
        exit = signals::received() => (exit, "interrupted; nothing was written\n".to_owned()),
        () = tokio::time::sleep_until(end) => (Exit::World, too_long(&steps)),
    };
    steps.clear();
    told.borrow_mut().tell(words);
    Err(exit)
}

fn too_long(steps: &Steps) -> String {
    let reached = steps.reached();
    format!(
        "error: reading took longer than --timeout ({reached}); nothing was written\n  hint: a longer --timeout; or --rate 20, all that ECS allows by default, where nothing is deployed meanwhile\n"
    )
}

/// Shows steps on stderr.
struct Steps {
    bar: Option<ProgressBar>,
    told: Cell<Instant>,
    far: RefCell<BTreeMap<Work, Far>>,
}

/// How far one work is.
#[derive(Clone, Copy)]
struct Far {
    of: usize,
    done: usize,
    began: Instant,
}

impl Steps {
    /// A bar where somebody watches; a spinner until it is known how much there is to read.
    fn new(watched: bool) -> Self {
        let bar = watched.then(|| {
            let bar = ProgressBar::new_spinner();
            set_style(&bar, "{spinner} {msg} {elapsed}");
            bar.set_message("reading what is in use");
            bar.enable_steady_tick(TICK);
            bar
        });
        Self {
            bar,
            told: Cell::new(Instant::now()),
            far: RefCell::default(),
        }
    }

    /// Takes note of a step; gives the line to write for it, if there is one.
    fn on(&self, step: Step) -> Option<String> {
        let now = Instant::now();
        {
            let mut far = self.far.borrow_mut();
            let far = far.entry(step.work).or_insert(Far {
                of: 0,
                done: 0,
                began: now,
            });
            far.of += step.more;
            far.done += step.done;
        }
        let (words, far) = self.current(now)?;
        if let Some(bar) = &self.bar {
            if bar.length().is_none() {
                set_style(bar, "{bar:20} {wide_msg}");
            }
            bar.set_length(u64::try_from(far.of).unwrap_or(u64::MAX));
            bar.set_position(u64::try_from(far.done).unwrap_or(u64::MAX));
            bar.set_message(words);
            return None;
        }
        if now.duration_since(self.told.get()) < QUIET {
            return None;
        }
        self.told.set(now);
        Some(format!("reading: {words}\n"))
    }

    /// The first work that is not done, in words.
    fn current(&self, now: Instant) -> Option<(String, Far)> {
        let far = self.far.borrow();
        let mut unfinished = far.iter().filter(|(_, far)| far.done < far.of);
        let (&work, &far) = unfinished.next()?;
        Some((describe(work, far, now.duration_since(far.began)), far))
    }

    /// How far it came, for who is told that it came no further.
    fn reached(&self) -> String {
        let words = self.current(Instant::now()).map(|(words, _)| words);
        words.unwrap_or_else(|| "it had not begun to count".to_owned())
    }

    /// Takes the bar away.
    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn set_style(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
}

/// `step 1 of 3: 1063 of 2000 services, 1m 34s left`; the time is for this step.
fn describe(work: Work, far: Far, took: Duration) -> String {
    let (at, what) = match work {
        Work::Services => (1, "services"),
        Work::TaskDefinitions => (2, "task definitions"),
        Work::Repositories => (3, "repositories"),
    };
    let Far { of, done, .. } = far;
    let words = format!("step {at} of 3: {done} of {of} {what}");
    // The first few say little about the others.
    if took < SOON || done == 0 {
        return words;
    }
    let left = took.as_secs_f64() / done as f64 * (of - done) as f64;
    let left = Duration::from_secs(left.round() as u64);
    let left = humantime::format_duration(left);
    format!("{words}, {left} left")
}
