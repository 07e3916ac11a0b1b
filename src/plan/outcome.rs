//! The other end of a plan: how each of its parts ended. `apply` fills it in, `report` shows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::reference::{Registry, Repository, Tag};
use crate::plan::problem::Problem;
use crate::plan::promotion::{Action, Plan, Promotion};

/// What was done, in all.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// For each promotion of the plan, in its order.
    pub promotions: Vec<Ended>,
    /// Repositories that were created.
    pub created: Vec<Repository>,
    /// Repositories that got a lifecycle policy.
    pub policies: Vec<Repository>,
    /// Pins that were set, whatever became of the promotions that they came before.
    pub pinned: Vec<(Repository, Tag)>,
    /// What went wrong while acting.
    pub problems: Vec<Problem>,
}

/// How a promotion ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How.
    pub state: State,
    /// Blobs that were mounted.
    pub mounted: u64,
    /// Blobs that were streamed.
    pub streamed: u64,
    /// Referrers that came along.
    pub referrers: usize,
    /// Bytes that went through this machine.
    pub bytes: Arc<AtomicU64>,
}

impl Ended {
    /// Bytes that went through this machine.
    pub fn transferred(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// How a promotion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The target holds the digest under the tag now.
    Promoted,
    /// It did before.
    AlreadyThere,
    /// It did before, and the image was pinned.
    Pinned,
    /// Refused, by the plan or by a flag while acting.
    Refused,
    /// It failed.
    Failed,
    /// The run ended before it did.
    NotDone,
}

impl Outcome {
    /// Before anything was done.
    pub fn before(plan: &Plan) -> Self {
        let ended = |promotion: &Promotion| Ended {
            state: match &promotion.action {
                Action::Refuse => State::Refused,
                Action::Stay(standing) if standing.pin.is_none() => State::AlreadyThere,
                Action::Stay(_) | Action::Promote(_) => State::NotDone,
            },
            mounted: 0,
            streamed: 0,
            referrers: 0,
            bytes: Arc::default(),
        };
        Self {
            promotions: plan.promotions.iter().map(ended).collect(),
            ..Self::default()
        }
    }

    /// Records how a promotion ended.
    pub fn set(&mut self, at: usize, state: State) {
        if let Some(ended) = self.promotions.get_mut(at) {
            ended.state = state;
        }
    }
}

/// What a bootstrap did.
#[derive(Clone, Debug, Default)]
pub struct Provisioned {
    /// For each step of the plan, in its order.
    pub steps: Vec<StepDone>,
    /// Registries that mount blobs now.
    pub enabled: Vec<Registry>,
    /// What went wrong while acting.
    pub problems: Vec<Problem>,
}

/// What was done of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepDone {
    /// The repository was created.
    pub created: bool,
    /// The policy was put.
    pub put: bool,
    /// Somebody else created the repository meanwhile, and it was left as it is.
    pub elsewhere: bool,
    /// Something failed.
    pub failed: bool,
}

impl Provisioned {
    /// Before anything was done.
    pub fn before(steps: usize) -> Self {
        Self {
            steps: vec![StepDone::default(); steps],
            ..Self::default()
        }
    }

    /// Records what was done of a step.
    pub fn record(&mut self, at: usize, change: impl FnOnce(&mut StepDone)) {
        if let Some(step) = self.steps.get_mut(at) {
            change(step);
        }
    }
}
