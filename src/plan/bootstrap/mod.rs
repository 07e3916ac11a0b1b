//! Which repositories and lifecycle policies should exist, what exists, and the difference: decided for many repositories
//! at once, and failing closed. A policy may act within 24 hours, so nothing is put that would mark an image that is in use, or one of
//! which nobody knows.

mod decide;
mod marking;
mod wanted;

pub use decide::{confirm_preview, plan};
pub use marking::KnownUse;
pub use wanted::{Role, Wanted, from_mapping, listed};

use crate::model::lifecycle::Policy;
use crate::model::reference::{Registry, Repository};
use crate::plan::problem::{Kind, Problem};
use crate::plan::provision::{Creation, Provision};

/// What the flags decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// What is created and installed.
    pub provision: Provision,
    /// `--common-keep`: how many images a common repository keeps; without it common repositories are left alone.
    pub common_keep: Option<u32>,
    /// `--overwrite`: put ours in the place of another policy.
    pub overwrite: bool,
    /// `--enable-blob-mounting`.
    pub enable_blob_mounting: bool,
    /// What is in use; `None` while nobody looked.
    pub usage: Option<KnownUse>,
}

/// What would be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// For each repository.
    pub steps: Vec<Step>,
    /// Registries whose account setting `BLOB_MOUNTING` is put to `ENABLED`.
    pub enable_blob_mounting: Vec<Registry>,
    /// Everything that speaks against it.
    pub problems: Vec<Problem>,
    /// The configs themselves are wrong: nothing is written at all.
    pub blocked: bool,
}

/// What happens to one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which, and why it is wanted.
    pub wanted: Wanted,
    /// Create it so.
    pub create: Option<Creation>,
    /// Set this repository policy, which a creation that was cut short left out.
    pub access: Option<String>,
    /// What happens to its policy.
    pub policy: PolicyStep,
    /// How many images that policy marks at once, none of them in use.
    pub marks: usize,
    /// Some of them, by their tags or else their digest.
    pub marked: Vec<String>,
    /// ECR's own preview of that policy marks no more.
    pub previewed: bool,
}

/// What happens to a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyStep {
    /// There is none: put this one.
    Install(Policy),
    /// Put this one in the place of another.
    Replace(Policy),
    /// It means the same as ours.
    Equal,
    /// It protects at least as much as ours.
    Stronger,
    /// It protects less, and stays without `--overwrite`.
    Weaker,
    /// This one would be put, but a tool that declares the repository owns it.
    Owned(Policy),
    /// It is not ours to give one.
    Leave,
    /// Nothing, because of a problem.
    Refuse,
}

impl Step {
    /// The policy to put, if one is.
    pub fn policy_to_put(&self) -> Option<&Policy> {
        match &self.policy {
            PolicyStep::Install(policy) | PolicyStep::Replace(policy) => Some(policy),
            _ => None,
        }
    }

    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.wanted.repository
    }

    /// Whether anything is written.
    pub fn changes(&self) -> bool {
        self.create.is_some() || self.policy_to_put().is_some()
    }
}

impl Plan {
    /// Whether anything is written.
    pub fn has_changes(&self) -> bool {
        !self.enable_blob_mounting.is_empty() || self.steps.iter().any(Step::changes)
    }

    /// Whether the decision hangs on what is in use: a policy would mark images, or is for a common repository.
    pub fn wants_usage(&self) -> bool {
        let marks =
            |problem: &Problem| matches!(problem.kind, Kind::WouldExpire { preview: false, .. });
        let common = |step: &Step| {
            matches!(step.wanted.role, Role::Common { .. }) && step.policy_to_put().is_some()
        };
        self.problems.iter().any(marks) || self.steps.iter().any(common)
    }

    /// How many images would be marked, in all.
    pub fn marked(&self) -> usize {
        let puts = self
            .steps
            .iter()
            .filter(|step| step.policy_to_put().is_some());
        puts.map(|step| step.marks).sum()
    }

    /// How many policies would be replaced.
    pub fn replaced(&self) -> usize {
        let replaces = |step: &&Step| matches!(step.policy, PolicyStep::Replace(_));
        self.steps.iter().filter(replaces).count()
    }
}
