//! One process: plays histories one after the other, and adds up. One that fails is played again with less and less of it.

#![expect(
    clippy::print_stdout,
    reason = "a worker tells the test that started it, and the test its reader"
)]

use std::collections::BTreeMap;

use demitasse_sandbox::Sandbox;
use tempfile::TempDir;

use crate::play::{Play, Problem, Tally, sandbox};
use crate::product::Product;
use crate::shadow::Lost;
use crate::step::{Step, draw};

/// How many steps a history has.
const LENGTH: usize = 500;
/// How often a history that fails is played again to find a shorter one.
const TRIES: usize = 60;
/// What stands before the figures of a worker.
const MARK: &str = "figures:";

/// Figures of many histories.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) histories: u64,
    pub(crate) steps: u64,
    pub(crate) runs: u64,
    tally: Tally,
    shared: Lost,
    copies: Lost,
    shared_histories: u64,
    copies_histories: u64,
}

impl Totals {
    fn numbers(&mut self) -> [&mut u64; 14] {
        [
            &mut self.histories,
            &mut self.steps,
            &mut self.runs,
            &mut self.tally.checked,
            &mut self.tally.expired,
            &mut self.tally.pinned,
            &mut self.tally.unpinned,
            &mut self.tally.swept,
            &mut self.shared.starts,
            &mut self.shared.lost,
            &mut self.copies.starts,
            &mut self.copies.lost,
            &mut self.shared_histories,
            &mut self.copies_histories,
        ]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let mut other = *other;
        for (own, other) in self.numbers().into_iter().zip(other.numbers()) {
            *own += *other;
        }
    }

    /// Reads what [`Totals::write`] wrote.
    pub(crate) fn read(told: &str) -> Option<Self> {
        let line = told.lines().find_map(|line| line.split_once(MARK))?.1;
        let mut totals = Self::default();
        let mut words = line.split_whitespace();
        for own in totals.numbers() {
            *own = words.next()?.parse().ok()?;
        }
        Some(totals)
    }

    pub(crate) fn write(mut self) {
        let numbers = self.numbers().map(|number| number.to_string());
        println!("\n{MARK} {}", numbers.join(" "));
    }

    /// Tells them to people.
    pub(crate) fn tell(&self) {
        println!(
            "{} histories, {} steps, {} runs of the product, {} starts checked, none lost",
            self.histories, self.steps, self.runs, self.tally.checked
        );
        println!(
            "{} images expired, {} pins set and {} removed by pin --all, {} images swept",
            self.tally.expired, self.tally.pinned, self.tally.unpinned, self.tally.swept
        );
        for (name, lost, histories) in [
            ("one shared repository", self.shared, self.shared_histories),
            ("copies without pins", self.copies, self.copies_histories),
        ] {
            println!(
                "{name}: {} of {} starts lost, in {histories} of {} histories",
                lost.lost, lost.starts, self.histories
            );
        }
    }
}

/// Plays so many steps.
///
/// # Panics
/// Where a history fails; the message has its seed and its steps.
pub(crate) fn play_all(port: u16, steps: u64, first: u64) -> Totals {
    let sandbox = sandbox(port);
    let mut totals = Totals::default();
    let mut seed = first;
    while totals.steps < steps {
        let drawn = draw(seed, LENGTH);
        match play(&sandbox, seed, &drawn) {
            Ok(played) => totals.add(&played),
            Err((at, problem)) => {
                let short = shrink(&sandbox, seed, &drawn[..=at]);
                let problem = problem.lines().next().unwrap_or_default();
                panic!(
                    "seed {seed}, step {at}: {problem}\nthe shortest history that was found:\n{short}"
                );
            }
        }
        seed += 1;
    }
    totals
}

/// Plays one history; gives where it failed, and why.
fn play(sandbox: &Sandbox, seed: u64, steps: &[Step]) -> Result<Totals, (usize, Problem)> {
    let directory = TempDir::new().expect("a directory");
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    let product = Product {
        sandbox,
        directory: directory.path(),
        environment,
        runs: 0,
        transcript: String::new(),
    };
    let mut play = Play::begin(product, seed).map_err(|problem| (0, problem))?;
    for (at, step) in steps.iter().enumerate() {
        if let Err(problem) = play.step(*step) {
            let shops = play.families.iter().map(|family| format!("{family:?}\n"));
            let shops: String = shops.collect();
            return Err((at, format!("{problem}\n{shops}{}", play.product.transcript)));
        }
    }
    let (shared, copies) = (play.shadow.shared_lost, play.shadow.copies_lost);
    Ok(Totals {
        histories: 1,
        steps: u64::try_from(steps.len()).unwrap_or_default(),
        runs: play.product.runs,
        tally: play.tally,
        shared,
        copies,
        shared_histories: u64::from(shared.lost > 0),
        copies_histories: u64::from(copies.lost > 0),
    })
}

/// Leaves out what can be left out, in ever smaller pieces, as long as it still fails.
fn shrink(sandbox: &Sandbox, seed: u64, steps: &[Step]) -> String {
    let mut steps = steps.to_vec();
    let mut problem = String::new();
    let mut tries = 0;
    let mut size = steps.len() / 2;
    while size > 0 && tries < TRIES {
        let mut at = 0;
        while at < steps.len() && tries < TRIES {
            let mut fewer = steps.clone();
            fewer.drain(at..(at + size).min(steps.len()));
            tries += 1;
            match play(sandbox, seed, &fewer) {
                Err((last, found)) => {
                    fewer.truncate(last + 1);
                    steps = fewer;
                    problem = found;
                }
                Ok(_) => at += size,
            }
        }
        size /= 2;
    }
    let lines = steps.iter().map(|step| format!("  {step:?}\n"));
    format!("{}{problem}", lines.collect::<String>())
}
