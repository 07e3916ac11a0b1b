//! Reads repositories: settings and policies.

use std::collections::BTreeMap;

use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;

use crate::clients::ecr::shapes::{on, on_registry, settings};
use crate::clients::ecr::{BATCH, Ecr};
use crate::clients::pace::Api;
use crate::clients::pages::pages;
use crate::model::failure::{Failure, FailureKind, Side};
use crate::model::inventory::{Known, RepositorySettings};
use crate::model::reference::{Registry, Repository};

/// The longest page of `DescribeRepositories`.
const PAGE: i32 = 1000;

impl Ecr {
    /// Mutability and encryption of repositories of one registry, in one call for each hundred. ECR refuses the whole
    /// call when one of them does not exist; then each is asked for alone.
    pub async fn settings(
        &self,
        repositories: &[(&Repository, Side)],
    ) -> BTreeMap<Repository, Known<RepositorySettings>> {
        let batches = repositories
            .chunks(BATCH)
            .map(|batch| self.settings_batch(batch));
        let batches = futures_util::future::join_all(batches).await;
        batches.into_iter().flatten().collect()
    }

    async fn settings_batch(
        &self,
        batch: &[(&Repository, Side)],
    ) -> Vec<(Repository, Known<RepositorySettings>)> {
        let Some(&(first, side)) = batch.first() else {
            return Vec::new();
        };
        match self.describe(batch, first, side).await {
            Ok(found) => found,
            Err(failure) if batch.len() == 1 => vec![(first.clone(), Err(failure))],
            Err(_) => {
                let single = batch.iter().map(|one| self.settings_single(one));
                let single = futures_util::future::join_all(single).await;
                single.into_iter().flatten().collect()
            }
        }
    }

    async fn settings_single(
        &self,
        &(repository, side): &(&Repository, Side),
    ) -> Vec<(Repository, Known<RepositorySettings>)> {
        let described = self.describe(&[(repository, side)], repository, side).await;
        described.unwrap_or_else(|failure| vec![(repository.clone(), Err(failure))])
    }

    async fn describe(
        &self,
        batch: &[(&Repository, Side)],
        first: &Repository,
        side: Side,
    ) -> Result<Vec<(Repository, Known<RepositorySettings>)>, Failure> {
        let subject = on("DescribeRepositories", first, side);
        let client = self.client(&first.registry);
        let names: Vec<_> = batch.iter().map(|(one, _)| one.name.to_string()).collect();
        let answer = self
            .pace
            .run(Api::Other, async || {
                let request = client
                    .describe_repositories()
                    .registry_id(first.registry.account())
                    .set_repository_names(Some(names.clone()));
                request.send().await.map_err(|error| subject.sdk(&error))
            })
            .await?;
        let described = |&(repository, side): &(&Repository, Side)| {
            let name = Some(repository.name.as_str());
            let mut all = answer.repositories().iter();
            let found = all.find(|one| one.repository_name() == name);
            let settings = found.map(settings).ok_or_else(|| {
                let subject = on("DescribeRepositories", repository, side);
                subject.failure(FailureKind::RepositoryNotFound, "not in the answer")
            });
            (repository.clone(), settings)
        };
        Ok(batch.iter().map(described).collect())
    }

    /// The lifecycle policy's text, or `None` if there is none.
    ///
    /// # Errors
    /// The service's.
    pub async fn lifecycle_policy(
        &self,
        repository: &Repository,
        side: Side,
    ) -> Result<Option<String>, Failure> {
        let subject = on("GetLifecyclePolicy", repository, side);
        let client = self.client(&repository.registry);
        self.pace
            .run(Api::Other, async || {
                let request = client
                    .get_lifecycle_policy()
                    .registry_id(repository.registry.account())
                    .repository_name(repository.name.as_str());
                match request.send().await {
                    Ok(answer) => Ok(answer.lifecycle_policy_text().map(str::to_owned)),
                    Err(error) if error.code() == Some("LifecyclePolicyNotFoundException") => {
                        Ok(None)
                    }
                    Err(error) => Err(subject.sdk(&error)),
                }
            })
            .await
    }

    /// The resource tags.
    ///
    /// # Errors
    /// The service's.
    pub async fn resource_tags(
        &self,
        repository: &Repository,
        side: Side,
    ) -> Result<BTreeMap<String, String>, Failure> {
        let subject = on("ListTagsForResource", repository, side);
        let client = self.client(&repository.registry);
        let answer = self
            .pace
            .run(Api::Other, async || {
                let request = client
                    .list_tags_for_resource()
                    .resource_arn(repository.arn());
                request.send().await.map_err(|error| subject.sdk(&error))
            })
            .await?;
        let tags = answer.tags().iter();
        let tags = tags.map(|tag| (tag.key().to_owned(), tag.value().to_owned()));
        Ok(tags.collect())
    }

    /// The repository policy's text, or `None` if there is none.
    ///
    /// # Errors
    /// The service's.
    pub async fn repository_policy(
        &self,
        repository: &Repository,
        side: Side,
    ) -> Result<Option<String>, Failure> {
        let subject = on("GetRepositoryPolicy", repository, side);
        let client = self.client(&repository.registry);
        self.pace
            .run(Api::Other, async || {
                let request = client
                    .get_repository_policy()
                    .registry_id(repository.registry.account())
                    .repository_name(repository.name.as_str());
                match request.send().await {
                    Ok(answer) => Ok(answer.policy_text().map(str::to_owned)),
                    Err(error) if error.code() == Some("RepositoryPolicyNotFoundException") => {
                        Ok(None)
                    }
                    Err(error) => Err(subject.sdk(&error)),
                }
            })
            .await
    }

    /// Every repository of a registry, page by page, with its settings.
    ///
    /// # Errors
    /// The service's.
    pub async fn all(
        &self,
        registry: &Registry,
    ) -> Result<Vec<(Repository, RepositorySettings)>, Failure> {
        let subject = on_registry("DescribeRepositories", registry);
        let client = self.client(registry);
        let ask = async |token| {
            let request = client
                .describe_repositories()
                .registry_id(registry.account())
                .max_results(PAGE)
                .set_next_token(token);
            request.send().await.map_err(|error| subject.sdk(&error))
        };
        let read = |one: &aws_sdk_ecr::types::Repository| {
            let name = one.repository_name().unwrap_or_default().parse().ok()?;
            let registry = registry.clone();
            Some((Repository { registry, name }, settings(one)))
        };
        pages(&self.pace, Api::Other, ask, |answer| {
            let found = answer.repositories().iter().filter_map(read).collect();
            Ok((found, answer.next_token))
        })
        .await
    }
}
