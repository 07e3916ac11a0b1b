//! Creates a target repository and gives it its policies.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::apply::Run;
use crate::apply::event::Event;
use crate::clients::ecr::NewRepository;
use crate::model::failure::{Failure, FailureKind};
use crate::model::reference::Repository;
use crate::plan::problem::{Kind, Problem};
use crate::plan::promotion::RepositoryPlan;
use crate::plan::provision::Creation;

/// How long ECR may go on answering that a new repository does not exist: CreateRepository is not synchronous.
const SETTLING: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl Run<'_> {
    /// Creates the repository. That somebody else was faster is fine: it is there.
    pub(super) async fn create(
        &self,
        repository: &Repository,
        creation: &Creation,
    ) -> Result<(), Failure> {
        let new = NewRepository {
            encryption: creation.encryption.as_ref(),
            mutability: &creation.mutability,
            tags: &creation.tags,
            scan_on_push: creation.scan_on_push,
        };
        match self.ecr.create_repository(repository, &new).await {
            Err(failure) if failure.kind != FailureKind::RepositoryExists => return Err(failure),
            _ => {}
        }
        self.outcome.borrow_mut().created.push(repository.clone());
        (self.on_event)(Event::Created { repository });
        if let Some(text) = &creation.access {
            let set = async || self.ecr.set_repository_policy(repository, text).await;
            if let Err(failure) = self.settled(set).await {
                self.note(Problem::warning(Kind::Unknown(failure), &[]));
            }
        }
        Ok(())
    }

    /// Installs the planned lifecycle policy. Its failure is a warning: without a policy nothing expires.
    pub(super) async fn install_policy(&self, target: &RepositoryPlan) {
        let Some(policy) = &target.policy else {
            return;
        };
        let repository = &target.repository;
        let text = policy.to_string();
        let put = async || self.ecr.put_lifecycle_policy(repository, &text).await;
        match self.settled(put).await {
            Ok(()) => {
                self.outcome.borrow_mut().policies.push(repository.clone());
                (self.on_event)(Event::PolicyInstalled { repository });
            }
            Err(failure) => {
                let target = repository.clone();
                let reason = failure.to_string();
                let kind = Kind::NoPolicy { target, reason };
                self.note(Problem::warning(kind, &[]));
            }
        }
    }

    /// Repeats a request of a repository that this run created, found created or read as existing, while it is answered
    /// that there is no such repository.
    pub(super) async fn settled<T>(
        &self,
        attempt: impl AsyncFn() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let end = Instant::now() + SETTLING;
        let mut pause = FIRST_PAUSE;
        loop {
            match attempt().await {
                Err(failure)
                    if failure.kind == FailureKind::RepositoryNotFound
                        && Instant::now() + pause < end =>
                {
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                answer => return answer,
            }
        }
    }
}
