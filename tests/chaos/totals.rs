//! Figures of many injections, written by workers and added up by the test.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::injection::Injection;

/// What stands before the figures of a worker.
const MARK: &str = "figures: ";

/// Figures of many injections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) injections: u64,
    /// How many injections of a single fault there are.
    pub(crate) singles: usize,
    /// The requests of runs without faults, with mounting off and on.
    pub(crate) undisturbed: [usize; 2],
    /// The permissions that runs without faults need.
    pub(crate) needed: BTreeSet<String>,
    /// Faults that were met, by what needed which permission, and by kind.
    pub(crate) met: BTreeMap<String, u64>,
    pub(crate) kinds: BTreeMap<String, u64>,
    /// How the runs ended.
    pub(crate) codes: BTreeMap<String, u64>,
    /// The most requests of a run, as a multiple of an undisturbed one's, and the most sessions it left open.
    pub(crate) factor: f64,
    pub(crate) open: usize,
}

impl Totals {
    /// Adds a run that met faults.
    pub(crate) fn add_run(
        &mut self,
        injection: &Injection,
        code: u8,
        factor: f64,
        open: usize,
        met: &BTreeMap<String, u64>,
    ) {
        self.injections += 1;
        *self.codes.entry(code.to_string()).or_default() += 1;
        for kind in injection.kinds() {
            *self.kinds.entry(kind.to_owned()).or_default() += 1;
        }
        if injection.kills() {
            return;
        }
        for (action, count) in met {
            *self.met.entry(action.clone()).or_default() += count;
        }
        self.factor = self.factor.max(factor);
        self.open = self.open.max(open);
    }

    /// Adds those of another worker.
    pub(crate) fn add(&mut self, other: &Self) {
        self.injections += other.injections;
        self.singles = other.singles;
        self.undisturbed = other.undisturbed;
        self.needed.extend(other.needed.iter().cloned());
        self.factor = self.factor.max(other.factor);
        self.open = self.open.max(other.open);
        for (own, more) in [
            (&mut self.met, &other.met),
            (&mut self.kinds, &other.kinds),
            (&mut self.codes, &other.codes),
        ] {
            for (name, count) in more {
                *own.entry(name.clone()).or_default() += count;
            }
        }
    }

    /// One line.
    pub(crate) fn written(&self) -> String {
        let value = json!({
            "injections": self.injections, "singles": self.singles, "undisturbed": self.undisturbed, "needed": self.needed,
            "met": self.met, "kinds": self.kinds, "codes": self.codes, "factor": self.factor, "open": self.open,
        });
        format!("{MARK}{value}")
    }

    /// Reads that line.
    pub(crate) fn read(told: &str) -> Option<Self> {
        let line = told.lines().find_map(|line| line.strip_prefix(MARK))?;
        let value: Value = serde_json::from_str(line).ok()?;
        let counts = |key: &str| serde_json::from_value(value[key].clone()).ok();
        Some(Self {
            injections: value["injections"].as_u64()?,
            singles: serde_json::from_value(value["singles"].clone()).ok()?,
            undisturbed: serde_json::from_value(value["undisturbed"].clone()).ok()?,
            needed: serde_json::from_value(value["needed"].clone()).ok()?,
            met: counts("met")?,
            kinds: counts("kinds")?,
            codes: counts("codes")?,
            factor: value["factor"].as_f64()?,
            open: serde_json::from_value(value["open"].clone()).ok()?,
        })
    }
}
