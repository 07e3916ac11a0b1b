//! When nothing is deleted at all: what was seen cannot be the whole, or so much would go that something is wrong.

use std::collections::BTreeSet;
use std::fmt;

use crate::model::exit::Exit;
use crate::model::reference::Repository;
use crate::model::usage::{Source, Usage};
use crate::plan::finding::Finding;
use crate::plan::protect::{self, Doubt};
use crate::plan::sweep::{Rules, Sweep};

/// Under which circumstances usage was read.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// What was read; one for each account and Region.
    pub usages: &'a [Usage],
    /// What reading it found.
    pub findings: &'a [Finding],
    /// Whether a flag left a source out, and not `demitasse.yml`.
    pub left_out_by_flag: bool,
}

/// Why nothing is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Usage is not known as a whole.
    Incomplete,
    /// No service was found.
    NoServices,
    /// Sources were left out by a flag.
    LeftOut(BTreeSet<Source>),
    /// A repository would lose too much.
    TooMany {
        /// Which.
        repository: Repository,
        /// How many images would go.
        going: usize,
        /// How many it has.
        of: usize,
    },
}

impl Refusal {
    /// Its name in reports; never changes once released.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Incomplete => "USAGE_UNKNOWN",
            Self::NoServices => "NO_SERVICES",
            Self::LeftOut(_) => "LEFT_OUT_BY_FLAG",
            Self::TooMany { .. } => "TOO_MANY",
        }
    }

    /// How the run ends.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Incomplete => Exit::World,
            Self::NoServices | Self::LeftOut(_) | Self::TooMany { .. } => Exit::Decision,
        }
    }

    /// The next step.
    pub fn hint(&self) -> String {
        match self {
            Self::Incomplete => "put right what could not be read, and run again".to_owned(),
            Self::NoServices => "check AWS_PROFILE, --region and --assume-role-arn; pass --allow-empty where there really is none".to_owned(),
            Self::LeftOut(sources) => {
                let names: Vec<&str> = sources.iter().map(|source| source.name()).collect();
                format!("write `without: [{}]` into demitasse.yml, where it is reviewed", names.join(", "))
            }
            Self::TooMany { going, of, .. } => format!(
                "if that is right: --max-ratio {}",
                rounded_up(*going, *of)
            ),
        }
    }
}

/// The part as a decimal that is not below it.
fn rounded_up(part: usize, of: usize) -> String {
    let hundredths = part.saturating_mul(100).div_ceil(of.max(1));
    if hundredths >= 100 {
        "1".to_owned()
    } else {
        format!("0.{hundredths:02}")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete => f.write_str("not everything that may use images could be read"),
            Self::NoServices => f.write_str("no service was found: everything would look unused"),
            Self::LeftOut(sources) => {
                let names: Vec<&str> = sources.iter().map(|source| source.name()).collect();
                write!(f, "--without left out {}", names.join(", "))
            }
            Self::TooMany {
                repository,
                going,
                of,
            } => write!(f, "{repository} would lose {going} of its {of} images"),
        }
    }
}

/// Everything that speaks against deleting anything.
pub fn refusals(seen: &Circumstances<'_>, sweep: &Sweep, rules: &Rules) -> Vec<Refusal> {
    // What could not be read of one repository concerns only that one; it keeps its images.
    let findings = seen.findings.iter().chain(&sweep.findings);
    let findings = findings.filter(|finding| finding.kind.repository().is_none());
    let mut refusals = Vec::new();
    for doubt in protect::doubts(seen.usages, findings, seen.left_out_by_flag) {
        refusals.push(match doubt {
            Doubt::Incomplete(_) => Refusal::Incomplete,
            Doubt::NoServices if rules.allow_empty => continue,
            Doubt::NoServices => Refusal::NoServices,
            Doubt::LeftOut(sources) => Refusal::LeftOut(sources),
        });
    }
    for swept in &sweep.repositories {
        let (going, of) = (swept.going().count(), swept.images.len());
        if rules.max_ratio.is_exceeded(going, of) {
            refusals.push(Refusal::TooMany {
                repository: swept.repository.clone(),
                going,
                of,
            });
        }
    }
    refusals
}
