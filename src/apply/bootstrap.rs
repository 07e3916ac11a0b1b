//! Carries out a bootstrap: account settings, repositories, policies. One failure does not stop the others.

use std::cell::RefCell;

use futures_util::StreamExt as _;
use futures_util::stream::iter;

use crate::apply::event::Event;
use crate::apply::repository::{Creator, create, put_policy, set_access};
use crate::clients::ecr::Ecr;
use crate::model::failure::Failure;
use crate::plan::bootstrap::{Plan, Step};
use crate::plan::outcome::{Provisioned, StepDone};
use crate::plan::problem::{Kind, Problem};

/// How many repositories are worked on at once. The services' own limits are lower; this bounds memory.
const AT_ONCE: usize = 64;

/// One run of a bootstrap plan.
pub struct Bootstrap<'a> {
    ecr: &'a Ecr,
    on_event: &'a dyn Fn(Event<'_>),
    outcome: RefCell<Provisioned>,
}

impl<'a> Bootstrap<'a> {
    /// Prepares a run.
    pub fn new(plan: &Plan, ecr: &'a Ecr, on_event: &'a dyn Fn(Event<'_>)) -> Self {
        Self {
            ecr,
            on_event,
            outcome: RefCell::new(Provisioned::before(plan.steps.len())),
        }
    }

    /// Carries out the plan. May be dropped at any await; a re-run finishes the rest.
    pub async fn carry_out(&self, plan: &Plan) {
        for registry in &plan.enable_blob_mounting {
            match self.ecr.enable_blob_mounting(registry).await {
                Ok(()) => self.outcome.borrow_mut().enabled.push(registry.clone()),
                Err(failure) => self.note(Problem::error(Kind::Failed(failure), &[])),
            }
        }
        let steps = plan
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| step.changes());
        let steps = steps.map(async |(at, step)| {
            if let Err(failure) = self.step(at, step).await {
                self.record(at, |done| done.failed = true);
                let kind = Kind::Failed(failure);
                self.note(Problem::error(kind, &step.wanted.uses));
            }
        });
        iter(steps).buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    /// What was done, so far or at all.
    pub fn into_outcome(self) -> Provisioned {
        self.outcome.into_inner()
    }

    async fn step(&self, at: usize, step: &Step) -> Result<(), Failure> {
        let repository = step.repository();
        let mut access = step.access.as_ref();
        if let Some(creation) = &step.create {
            if create(self.ecr, repository, creation).await? == Creator::Another {
                // What it gets is theirs to say; the next run looks again.
                self.record(at, |done| done.elsewhere = true);
                let target = repository.clone();
                let kind = Kind::CreatedElsewhere { target };
                self.note(Problem::warning(kind, &step.wanted.uses));
                return Ok(());
            }
            self.record(at, |done| done.created = true);
            (self.on_event)(Event::Created { repository });
            access = creation.access.as_ref();
        }
        set_access(self.ecr, repository, access).await?;
        if let Some(policy) = step.policy_to_put() {
            put_policy(self.ecr, repository, policy).await?;
            self.record(at, |done| done.put = true);
            (self.on_event)(Event::PolicyInstalled { repository });
        }
        Ok(())
    }

    fn record(&self, at: usize, change: impl FnOnce(&mut StepDone)) {
        self.outcome.borrow_mut().record(at, change);
    }

    fn note(&self, problem: Problem) {
        self.outcome.borrow_mut().problems.push(problem);
    }
}
