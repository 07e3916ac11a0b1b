//! Carries out a plan and never decides. Everything that happens is an event while it happens and an outcome afterwards,
//! so that an interrupted run can still say what was written.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use futures_util::StreamExt as _;
use futures_util::future::{join_all, join3};
use futures_util::stream::iter;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;

use crate::clients::ecr::Ecr;
use crate::clients::ecs::Ecs;
use crate::clients::registry::{Endpoint, Session};
use crate::model::failure::Failure;
use crate::model::inventory::Inventory;
use crate::model::reference::Repository;
use crate::plan::outcome::{Outcome, State};
use crate::plan::pin::Pin;
use crate::plan::problem::{Kind, Problem};
use crate::plan::promotion::{Action, Plan, Promotion, RepositoryPlan};

pub mod bootstrap;
pub mod event;
pub mod halt;
pub mod pin;
pub mod sweep;

mod blobs;
mod copy;
mod guard;
mod referrers;
mod repository;
mod tags;

use event::Event;

/// How many targets are worked on at once; few enough that memory does not grow with their number.
const TARGETS: usize = 64;
/// How many blobs are streamed at once: more would not be faster, and each needs a buffer.
const STREAMS: usize = 4;

/// What the flags allow while acting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `--mount-only`.
    pub mount_only: bool,
    /// `--max-upload`, in bytes, for the whole run.
    pub max_upload: Option<u64>,
    /// `--fail-fast`: begin nothing new after a failure.
    pub fail_fast: bool,
}

/// One run of a plan.
pub struct Run<'a> {
    plan: &'a Plan,
    ecr: Rc<Ecr>,
    endpoint: Rc<Endpoint>,
    ecs: Rc<Ecs>,
    limits: Limits,
    on_event: &'a dyn Fn(Event<'_>),
    outcome: RefCell<Outcome>,
    sessions: RefCell<BTreeSet<(Repository, Session)>>,
    streams: Semaphore,
    stopped: Cell<bool>,
    uploading: Cell<u64>,
    referrers: OnceCell<Inventory>,
    began: Instant,
}

/// What a run acts through.
#[derive(Clone)]
pub struct Clients {
    /// ECR's API.
    pub ecr: Rc<Ecr>,
    /// ECR's `/v2/` endpoint.
    pub endpoint: Rc<Endpoint>,
    /// ECS, for what a nearly full window must not lose.
    pub ecs: Rc<Ecs>,
}

/// What has to be done before any tag of a target is put; done once, by whoever comes first.
struct Gate<'p> {
    target: &'p RepositoryPlan,
    passed: OnceCell<()>,
}

/// Why a promotion did not end well.
enum Trouble {
    /// The world failed.
    Failed(Failure),
    /// A flag refuses what would be needed.
    Refused(Kind),
    /// `--fail-fast` stopped it before it began.
    Stopped,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl<'a> Run<'a> {
    /// Prepares a run.
    pub fn new(
        plan: &'a Plan,
        clients: Clients,
        limits: Limits,
        on_event: &'a dyn Fn(Event<'_>),
    ) -> Self {
        let Clients { ecr, endpoint, ecs } = clients;
        Self {
            plan,
            ecr,
            endpoint,
            ecs,
            limits,
            on_event,
            outcome: RefCell::new(Outcome::before(plan)),
            sessions: RefCell::default(),
            streams: Semaphore::new(STREAMS),
            stopped: Cell::new(false),
            uploading: Cell::new(0),
            referrers: OnceCell::new(),
            began: Instant::now(),
        }
    }

    /// Carries out the plan. May be dropped at any await: what is half done is invisible, and a run of the same plan
    /// completes it.
    pub async fn carry_out(&self) {
        let targets = self.plan.repositories.iter();
        let targets = targets.map(|target| self.target(target));
        iter(targets)
            .buffer_unordered(TARGETS)
            .collect::<()>()
            .await;
    }

    /// Closes the upload sessions that are still open.
    pub async fn close_sessions(&self) {
        let open = self.sessions.take();
        join_all(
            open.iter()
                .map(|(target, session)| self.endpoint.cancel(target, session)),
        )
        .await;
    }

    /// What was done, so far or at all.
    pub fn into_outcome(self) -> Outcome {
        self.outcome.into_inner()
    }

    async fn target(&self, target: &RepositoryPlan) {
        let promotions = self.plan.promotions.iter().enumerate();
        let here = promotions.filter(|(_, promotion)| promotion.wanted.target == target.repository);
        let here: Vec<_> = here.collect();
        let ours = match self.ensure(target).await {
            Ok(ours) => ours,
            Err(failure) => {
                for (at, promotion) in here {
                    if promotion.action != Action::Refuse {
                        self.end(at, promotion, Err(Trouble::Failed(failure.clone())));
                    }
                }
                return;
            }
        };
        let policy = async {
            if ours {
                self.install_policy(target).await;
            }
        };
        let gate = Gate {
            target,
            passed: OnceCell::new(),
        };
        let promotions = here
            .into_iter()
            .map(|(at, promotion)| self.promotion(at, promotion, &gate));
        join3(policy, self.pass(&gate), join_all(promotions)).await;
    }

    /// Waits until everything is done that has to be before a tag is put.
    async fn pass(&self, gate: &Gate<'_>) {
        gate.passed.get_or_init(|| self.guard(gate.target)).await;
    }

    async fn promotion(&self, at: usize, promotion: &Promotion, gate: &Gate<'_>) {
        let done = match &promotion.action {
            Action::Refuse => return,
            Action::Stay(standing) => match &standing.pin {
                None => return,
                Some(pin) => self
                    .pin(&promotion.wanted.target, pin)
                    .await
                    .map_err(Trouble::from),
            },
            Action::Promote(copy) => self.copy(at, promotion, copy, gate).await,
        };
        self.end(at, promotion, done);
    }

    fn end(&self, at: usize, promotion: &Promotion, done: Result<(), Trouble>) {
        let mut outcome = self.outcome.borrow_mut();
        let problem = match done {
            Ok(()) => {
                let state = match promotion.action {
                    Action::Stay(_) => State::Pinned,
                    _ => State::Promoted,
                };
                outcome.set(at, state);
                None
            }
            Err(Trouble::Stopped) => None,
            Err(Trouble::Failed(failure)) => {
                outcome.set(at, State::Failed);
                let kind = Kind::Failed(failure);
                Some(Problem::error(kind, &promotion.wanted.uses))
            }
            Err(Trouble::Refused(kind)) => {
                outcome.set(at, State::Refused);
                Some(Problem::error(kind, &promotion.wanted.uses))
            }
        };
        let failed = problem.is_some();
        outcome.problems.extend(problem);
        drop(outcome);
        self.stopped
            .set(self.stopped.get() || (failed && self.limits.fail_fast));
        let outcome = self.outcome.borrow();
        if let Some(result) = outcome.promotions.get(at) {
            (self.on_event)(Event::Ended {
                at,
                promotion,
                result,
            });
        }
    }

    async fn pin(&self, target: &Repository, pin: &Pin) -> Result<(), Failure> {
        let tag = tags::pin(&self.ecr, target, pin).await?;
        (self.on_event)(Event::Pinned { target, tag: &tag });
        let pinned = (target.clone(), tag);
        self.outcome.borrow_mut().pinned.push(pinned);
        Ok(())
    }

    fn note(&self, problem: Problem) {
        problem.join(&mut self.outcome.borrow_mut().problems);
    }
}
