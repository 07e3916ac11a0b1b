//! Creates a target repository and gives it its policies.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::apply::Run;
use crate::apply::event::Event;
use crate::clients::ecr::{Ecr, NewRepository};
use crate::model::failure::{Failure, FailureKind};
use crate::model::lifecycle::Policy;
use crate::model::reference::Repository;
use crate::plan::problem::{Kind, Problem};
use crate::plan::promotion::RepositoryPlan;
use crate::plan::provision::Creation;

/// How long ECR may go on answering that a new repository does not exist: CreateRepository is not synchronous.
const SETTLING: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Who created a repository that did not exist when the plan was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Creator {
    /// This run.
    Us,
    /// Somebody else, meanwhile: what it gets is theirs to say.
    Another,
}

/// Creates a repository, with the repository policy that was planned. A failure inside concerns that policy alone.
pub(super) async fn create(
    ecr: &Ecr,
    repository: &Repository,
    creation: &Creation,
) -> Result<(Creator, Option<Failure>), Failure> {
    let new = NewRepository {
        encryption: creation.encryption.as_ref(),
        mutability: &creation.mutability,
        tags: &creation.tags,
        scan_on_push: creation.scan_on_push,
    };
    match ecr.create_repository(repository, &new).await {
        Ok(()) => {}
        Err(failure) if failure.kind == FailureKind::RepositoryExists => {
            return Ok((Creator::Another, None));
        }
        Err(failure) => return Err(failure),
    }
    let Some(text) = &creation.access else {
        return Ok((Creator::Us, None));
    };
    let set = settled(async || ecr.set_repository_policy(repository, text).await).await;
    Ok((Creator::Us, set.err()))
}

/// Puts a lifecycle policy.
pub(super) async fn put_policy(
    ecr: &Ecr,
    repository: &Repository,
    policy: &Policy,
) -> Result<(), Failure> {
    let text = policy.to_string();
    settled(async || ecr.put_lifecycle_policy(repository, &text).await).await
}

/// Repeats a request of a repository that this run created, found created or read as existing, while it is answered
/// that there is no such repository.
pub(super) async fn settled<T>(
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

impl Run<'_> {
    /// Makes sure that the target exists. Gives whether the planned policy is still ours to put: not on a repository that
    /// somebody else created meanwhile, which may have images and a policy by now. The next run looks again.
    pub(super) async fn ensure(&self, target: &RepositoryPlan) -> Result<bool, Failure> {
        let Some(creation) = &target.create else {
            return Ok(true);
        };
        let repository = &target.repository;
        let (creator, unset) = create(&self.ecr, repository, creation).await?;
        if creator == Creator::Another {
            return Ok(false);
        }
        self.outcome.borrow_mut().created.push(repository.clone());
        (self.on_event)(Event::Created { repository });
        if let Some(failure) = unset {
            let target = repository.clone();
            self.note(Problem::error(Kind::AccessFailed { target, failure }, &[]));
        }
        Ok(true)
    }

    /// Installs the planned lifecycle policy. Its failure is a warning: without a policy nothing expires.
    pub(super) async fn install_policy(&self, target: &RepositoryPlan) {
        let Some(policy) = &target.policy else {
            return;
        };
        let repository = &target.repository;
        match put_policy(&self.ecr, repository, policy).await {
            Ok(()) => {
                self.outcome.borrow_mut().policies.push(repository.clone());
                (self.on_event)(Event::PolicyInstalled { repository });
            }
            Err(failure) => {
                let target = repository.clone();
                let kind = Kind::PolicyFailed { target, failure };
                self.note(Problem::warning(kind, &[]));
            }
        }
    }
}
