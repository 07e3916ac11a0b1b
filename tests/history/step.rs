//! The steps of a history, drawn beforehand, so that a history that fails can be played again with some of them left out.

use crate::chance::Chance;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// CI builds, the pipeline promotes, and the new revision is deployed: with success, without, or it stays in progress.
    Release,
    /// An older image is promoted again and deployed.
    Redeploy,
    /// Somebody else promotes into the repository of a family.
    OtherPromotion,
    /// A new revision is registered and not deployed.
    Register,
    /// The deployment in progress ends well.
    Finish,
    /// It fails, and ECS rolls back.
    Fail,
    /// `ecspresso rollback`.
    RollBack,
    /// A revision is deregistered.
    Deregister,
    /// Every task of a service is replaced.
    Restart,
    /// A service wants another number of tasks, zero too.
    Scale,
    /// Somebody starts a task.
    RunTask,
    /// All schedules fire.
    FireSchedules,
    /// A schedule is added, on a revision or on a family.
    AddSchedule,
    /// A schedule is removed.
    RemoveSchedule,
    /// ECR carries out the lifecycle policies.
    Lifecycle,
    /// Hours or days pass.
    Advance,
    /// The common repository is emptied.
    EmptyCommon,
    /// `pin --all`.
    Pin,
    /// `pin --all --remove`, and again after a day.
    Unpin,
    /// `sweep --yes` in every repository.
    Sweep,
}

/// How often each kind is drawn.
const WEIGHTS: [(Kind, u64); 20] = [
    (Kind::Release, 22),
    (Kind::Redeploy, 5),
    (Kind::OtherPromotion, 60),
    (Kind::Register, 20),
    (Kind::Finish, 70),
    (Kind::Fail, 30),
    (Kind::RollBack, 8),
    (Kind::Deregister, 30),
    (Kind::Restart, 190),
    (Kind::Scale, 110),
    (Kind::RunTask, 60),
    (Kind::FireSchedules, 110),
    (Kind::AddSchedule, 5),
    (Kind::RemoveSchedule, 4),
    (Kind::Lifecycle, 150),
    (Kind::Advance, 110),
    (Kind::EmptyCommon, 6),
    (Kind::Pin, 2),
    (Kind::Unpin, 4),
    (Kind::Sweep, 4),
];

/// A step: what, and two numbers that say on what and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) kind: Kind,
    pub(crate) on: u64,
    pub(crate) how: u64,
}

/// The steps of a history.
pub(crate) fn draw(seed: u64, length: usize) -> Vec<Step> {
    let mut chance = Chance::new(seed);
    let total = WEIGHTS.iter().map(|(_, weight)| weight).sum();
    let step = |_| {
        let mut left = chance.below(total);
        let kind = WEIGHTS.iter().find(|(_, weight)| {
            let found = left < *weight;
            left = left.saturating_sub(*weight);
            found
        });
        Step {
            kind: kind.map_or(Kind::Restart, |(kind, _)| *kind),
            on: chance.below(1 << 16),
            how: chance.below(1 << 16),
        }
    };
    (0..length).map(step).collect()
}
