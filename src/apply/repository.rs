//! Creates a target repository and gives it its policies.

use crate::apply::Run;
use crate::apply::event::Event;
use crate::clients::ecr::{Ecr, NewRepository};
use crate::clients::settling::Settling;
use crate::model::failure::{Failure, FailureKind, Side};
use crate::model::lifecycle::Policy;
use crate::model::reference::Repository;
use crate::plan::problem::{Kind, Problem};
use crate::plan::promotion::RepositoryPlan;
use crate::plan::provision::Creation;

/// Who created a repository that did not exist when the plan was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Creator {
    /// This run.
    Us,
    /// Somebody else, meanwhile: what it gets is theirs to say.
    Another,
}

/// Creates a repository.
pub(super) async fn create(
    ecr: &Ecr,
    repository: &Repository,
    creation: &Creation,
) -> Result<Creator, Failure> {
    let new = NewRepository {
        encryption: creation.encryption.as_ref(),
        mutability: &creation.mutability,
        tags: &creation.tags,
        scan_on_push: creation.scan_on_push,
    };
    match ecr.create_repository(repository, &new).await {
        Ok(()) => Ok(Creator::Us),
        Err(failure) if failure.kind == FailureKind::RepositoryExists => Ok(Creator::Another),
        Err(failure) => Err(failure),
    }
}

/// Sets a repository policy, if there is one to set. Before anything else is done with the repository: while it has
/// neither images nor a lifecycle policy, the next run sees that it is missing.
pub(super) async fn set_access(
    ecr: &Ecr,
    repository: &Repository,
    text: Option<&String>,
) -> Result<(), Failure> {
    match text {
        Some(text) => settled(async || ecr.set_repository_policy(repository, text).await).await,
        None => Ok(()),
    }
}

/// Sets the repository policy of a repository that exists since a moment ago, if it was made as we make it: the answer to
/// our own call may have been lost. An image in it would hide that the policy is missing.
async fn complete(ecr: &Ecr, repository: &Repository, creation: &Creation) -> Result<(), Failure> {
    let side = Side::Target;
    if creation.access.is_none() {
        return Ok(());
    }
    let tags = settled(async || ecr.resource_tags(repository, side).await).await?;
    let is_like_ours = creation
        .tags
        .iter()
        .all(|(key, value)| tags.get(key) == Some(value));
    if is_like_ours && ecr.repository_policy(repository, side).await?.is_none() {
        set_access(ecr, repository, creation.access.as_ref()).await?;
    }
    Ok(())
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
    let mut settling = Settling::begin();
    loop {
        let answer = attempt().await;
        let is_missing = |failure: &Failure| failure.kind == FailureKind::RepositoryNotFound;
        if !answer.as_ref().err().is_some_and(is_missing) || !settling.wait().await {
            return answer;
        }
    }
}

impl Run<'_> {
    /// Makes sure that the target exists. Gives whether the planned policy is still ours to put: not on a repository that
    /// somebody else created meanwhile, which may have images and a policy by now. The next run looks again.
    pub(super) async fn ensure(&self, target: &RepositoryPlan) -> Result<bool, Failure> {
        let repository = &target.repository;
        let mut access = target.access.as_ref();
        if let Some(creation) = &target.create {
            if create(&self.ecr, repository, creation).await? == Creator::Another {
                complete(&self.ecr, repository, creation).await?;
                return Ok(false);
            }
            self.outcome.borrow_mut().created.push(repository.clone());
            (self.on_event)(Event::Created { repository });
            access = creation.access.as_ref();
        }
        set_access(&self.ecr, repository, access).await?;
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
