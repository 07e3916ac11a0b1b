//! One process: runs its share of the injections against its own sandbox, and tells what was wrong and what it came to.

#![expect(
    clippy::print_stdout,
    reason = "a worker tells the test that started it"
)]

use std::collections::BTreeMap;

use demitasse::model::time::Timestamp;
use demitasse_sandbox::{Options, Sandbox, World};
use tempfile::TempDir;

use crate::check::{Problems, disturbed, healed};
use crate::injection::{Injection, draw, singles};
use crate::product::{Ran, run};
use crate::stage::{KEEP, has_lifecycle, projects, set, tags, world};
use crate::totals::Totals;

/// How many times the requests of an undisturbed run a disturbed one may send.
pub(crate) const REQUESTS: f64 = 2.0;

/// Which injections are run.
pub(crate) struct Share {
    pub(crate) count: usize,
    pub(crate) seed: u64,
    pub(crate) worker: usize,
    pub(crate) workers: usize,
    /// Only the one with this number.
    pub(crate) only: Option<usize>,
}

struct Worker {
    sandbox: Sandbox,
    world: World,
    directory: TempDir,
    /// The requests of runs without faults, with mounting off and on.
    undisturbed: [usize; 2],
    totals: Totals,
}

/// Runs a share; problems are told as they come.
pub(crate) fn work(port: u16, share: &Share) {
    let world = world();
    let options = Options {
        port,
        ..Options::default()
    };
    let mut worker = Worker {
        sandbox: Sandbox::start(world.clone(), options).expect("a sandbox"),
        world,
        directory: TempDir::new().expect("a directory"),
        undisturbed: [0, 0],
        totals: Totals::default(),
    };
    let singles = [false, true]
        .map(|mounts| worker.undisturbed(mounts))
        .concat();
    worker.totals.singles = singles.len();
    for (number, injection) in draw(singles, share.count, share.seed).iter().enumerate() {
        let is_mine = number % share.workers == share.worker;
        if share.only.map_or(is_mine, |only| only == number && is_mine) {
            for problem in worker.inject(injection) {
                println!(
                    "\nproblem: {number}: {injection}: {}",
                    problem.replace('\n', "\\n")
                );
            }
        }
    }
    println!("\n{}", worker.totals.written());
}

impl Worker {
    /// A run without faults: it must be right, and its log says where faults can be.
    fn undisturbed(&mut self, mounts: bool) -> Vec<Injection> {
        let none = Injection::none(mounts);
        let before = set(&self.sandbox, &self.world, &none);
        let ran = self.promote(&none);
        let problems = self
            .sandbox
            .with_state(|state| healed(state, &before, &before, &ran));
        assert!(
            ran.code == 0 && problems.is_empty(),
            "{problems:?}\n{}",
            ran.told
        );
        let log = self.sandbox.log();
        self.undisturbed[usize::from(mounts)] = log.len();
        self.totals.undisturbed[usize::from(mounts)] = log.len();
        let needed = log.iter().filter_map(|request| request.action.clone());
        self.totals.needed.extend(needed);
        singles(mounts, &log)
    }

    fn promote(&self, injection: &Injection) -> Ran {
        let configs = projects(self.directory.path());
        // Whoever is killed sends nothing more: nothing is gained by trying for long.
        let timeout = if injection.kills() { "1s" } else { "60s" };
        let keep = KEEP.to_string();
        let mut arguments = vec!["promote", "--output", "json", "--keep", &keep];
        arguments.extend(["--timeout", timeout]);
        for config in &configs {
            arguments.extend(["-c", config]);
        }
        let now = self.sandbox.with_state(|state| state.clock.now().0);
        run(Timestamp(now), &arguments, &injection.to_string())
    }

    fn inject(&mut self, injection: &Injection) -> Problems {
        let before = set(&self.sandbox, &self.world, injection);
        self.sandbox.set_faults(injection.script());
        let first = self.promote(injection);
        self.sandbox.set_faults(Vec::new());
        let state = |state: &mut _| disturbed(state, &before, &first, injection);
        let mut problems = self.sandbox.with_state(state);
        problems.extend(self.bounds(injection, &first));
        self.sandbox.clear_log();
        let calm = Injection {
            faults: Vec::new(),
            ..injection.clone()
        };
        let between = self.sandbox.with_state(|state| tags(state));
        let again = self.promote(&calm);
        let state = |state: &mut _| healed(state, &before, &between, &again);
        let after = self.sandbox.with_state(state);
        problems.extend(after.into_iter().map(|one| format!("the run after: {one}")));
        // A run that finds the repository only when it creates it leaves the policy to the next one, which looks again.
        if !self.sandbox.with_state(|state| has_lifecycle(state)) {
            let third = self.promote(&calm);
            if third.code != 0 || !self.sandbox.with_state(|state| has_lifecycle(state)) {
                problems.push("two runs after: no lifecycle policy".to_owned());
            }
        }
        if let Some(problem) = problems.first_mut() {
            problem.push_str(&format!(
                "\n{}\n{}\n{}",
                first.report, first.told, again.told
            ));
        }
        problems
    }

    /// Requests and open upload sessions stay within bounds.
    fn bounds(&mut self, injection: &Injection, ran: &Ran) -> Problems {
        let mut problems = Vec::new();
        let log = self.sandbox.log();
        let mut met: BTreeMap<String, u64> = BTreeMap::new();
        for request in log.iter().filter(|request| request.fault.is_some()) {
            let action = request.action.clone().unwrap_or_default();
            *met.entry(action).or_default() += 1;
        }
        let undisturbed = self.undisturbed[usize::from(injection.mounts)];
        let open = self.sandbox.with_state(|state| state.open_uploads());
        let faults = injection.faults.len();
        #[expect(clippy::cast_precision_loss, reason = "counts of requests are small")]
        let factor = log.len() as f64 / undisturbed as f64;
        if !injection.kills() {
            if factor > REQUESTS {
                problems.push(format!("{} requests instead of {undisturbed}", log.len()));
            }
            if open > faults {
                problems.push(format!("{open} upload sessions are left open"));
            }
        }
        self.totals.add_run(injection, ran.code, factor, open, &met);
        problems
    }
}
