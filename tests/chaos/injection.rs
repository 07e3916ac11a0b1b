//! What goes wrong in which run: every kind of fault at every request first, then pairs that are drawn by a seed.

use std::collections::BTreeMap;
use std::fmt;

use demitasse_sandbox::{Fault, Request};

use crate::chance::Chance;
use crate::stage::FRESH;

/// What passes by itself: a run that meets one of these, or two, ends well.
const PASSING: [&str; 11] = [
    "429",
    "429;retry-after=0",
    "500",
    "502",
    "503;retry-after=0",
    "cut-before",
    "cut-after",
    "cut-body",
    "truncated-body",
    "long-length",
    "slow-body;40ms",
];
/// What may end a run, which the next one completes.
const ENDING: [&str; 4] = ["403", "expired-token", "wrong-digest", "layers-not-found"];
/// The caller is killed: what was open stays open.
const KILLING: [&str; 2] = ["cut-from", "cut-from;carried-out"];
/// Mounted blobs are cleaned up before anything refers to them.
const LOST: &str = "lost-blobs";
/// A created repository is not found yet.
const NOT_FOUND: &str = "repository-not-found";
/// The bytes of a blob on their way from storage are not its own.
const WRONG_BYTES: &str = "wrong-bytes";

/// One run: the faults it meets and the world it meets them in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Injection {
    pub(crate) mounts: bool,
    /// Draws what AWS does not document.
    pub(crate) seed: u64,
    pub(crate) creation_delay: bool,
    pub(crate) faults: Vec<String>,
}

impl fmt::Display for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mounts = if self.mounts { "on" } else { "off" };
        let (seed, delay, faults) = (self.seed, self.creation_delay, self.faults.join(" and "));
        write!(
            f,
            "{faults}; mounting {mounts}, seed {seed}, creation delay {delay}"
        )
    }
}

impl Injection {
    /// A run that meets no fault.
    pub(crate) fn none(mounts: bool) -> Self {
        Self {
            mounts,
            seed: 0,
            creation_delay: false,
            faults: Vec::new(),
        }
    }

    /// Its faults, read.
    pub(crate) fn script(&self) -> Vec<Fault> {
        let read = |text: &String| {
            text.parse()
                .unwrap_or_else(|error| panic!("{text}: {error}"))
        };
        self.faults.iter().map(read).collect()
    }

    fn all(&self, words: &[&str]) -> bool {
        self.kinds().all(|kind| words.contains(&kind))
    }

    /// The words of its kinds.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &str> {
        let kind = |text: &'_ String| text.split_once('@').map_or(0, |(kind, _)| kind.len());
        self.faults.iter().map(move |text| &text[..kind(text)])
    }

    /// Whether the run itself has to end well.
    pub(crate) fn passes(&self) -> bool {
        let mut words = PASSING.to_vec();
        words.extend([LOST, NOT_FOUND]);
        self.all(&words)
    }

    /// Whether it is as if the caller had been killed.
    pub(crate) fn kills(&self) -> bool {
        self.kinds().any(|kind| KILLING.contains(&kind))
    }
}

/// Every kind at every request of a run without faults, whose log this is.
pub(crate) fn singles(mounts: bool, log: &[Request]) -> Vec<Injection> {
    let mut faults = Vec::new();
    for at in 1..=log.len() {
        let kinds = PASSING.iter().chain(&ENDING).chain(&KILLING);
        faults.extend(kinds.map(|kind| format!("{kind}@{at}")));
    }
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for request in log {
        let Some(action) = request.action.as_deref() else {
            continue;
        };
        let is_fresh = request.repository.as_deref() == Some(FRESH);
        let nth = seen.entry(action).or_default();
        *nth += 1;
        match action {
            "s3:GetObject" => faults.push(format!("{WRONG_BYTES}@{action}#{nth}")),
            "ecr:PutImage" => faults.push(format!("{LOST}@{action}#{nth}")),
            _ => {}
        }
        if is_fresh && request.write && action != "ecr:CreateRepository" {
            faults.push(format!("{NOT_FOUND}@{action}={FRESH}#{nth}"));
        }
    }
    let one = |fault| Injection {
        faults: vec![fault],
        ..Injection::none(mounts)
    };
    faults.into_iter().map(one).collect()
}

/// So many injections: the single ones, or those of them that a seed draws where there is not room for all; the rest are pairs of faults
/// under drawn answers to what AWS does not document.
pub(crate) fn draw(singles: Vec<Injection>, count: usize, seed: u64) -> Vec<Injection> {
    let mut chance = Chance::new(seed);
    let mut drawn = shuffled(singles.clone(), &mut chance);
    if count < drawn.len() * 4 / 3 {
        drawn.truncate(count * 3 / 4);
    }
    let passing: Vec<&Injection> = singles.iter().filter(|one| one.passes()).collect();
    while drawn.len() < count {
        let one = pick(&passing, &mut chance);
        // Half of the pairs pass by themselves: two faults must be survived too.
        let other = if chance.below(2) == 0 {
            pick(&passing, &mut chance)
        } else {
            pick(&singles.iter().collect::<Vec<_>>(), &mut chance)
        };
        drawn.push(Injection {
            mounts: one.mounts,
            seed: 1 + chance.below(1 << 20),
            creation_delay: chance.below(3) == 0,
            faults: [&one.faults[..], &other.faults[..]].concat(),
        });
    }
    drawn
}

fn pick<'a>(from: &[&'a Injection], chance: &mut Chance) -> &'a Injection {
    let at = chance.below(u64::try_from(from.len()).expect("a length"));
    from[usize::try_from(at).expect("a place")]
}

fn shuffled(mut list: Vec<Injection>, chance: &mut Chance) -> Vec<Injection> {
    for last in (1..list.len()).rev() {
        let bound = u64::try_from(last + 1).expect("a length");
        list.swap(last, usize::try_from(chance.below(bound)).expect("a place"));
    }
    list
}
