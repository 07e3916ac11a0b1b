//! Reads repositories: settings and policies.

use std::collections::BTreeMap;

use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use futures_util::future::join_all;

use crate::clients::ecr::shapes::settings;
use crate::clients::ecr::{BATCH, Ecr};
use crate::clients::pace::Api;
use crate::clients::pages::pages;
use crate::model::failure::{Failure, FailureKind, Side};
use crate::model::inventory::{Known, RepositorySettings};
use crate::model::reference::{Registry, Repository};

/// The longest page of `DescribeRepositories`.
const PAGE: i32 = 1000;

/// Mutability and encryption of each.
type Settings = Vec<(Repository, Known<RepositorySettings>)>;

impl Ecr {
    /// Mutability and encryption of repositories of one registry, whether they exist or not.
    pub async fn settings(
        &self,
        repositories: &[(&Repository, Side)],
    ) -> BTreeMap<Repository, Known<RepositorySettings>> {
        let (mut known, refused) = self.settings_together(repositories).await;
        known.extend(self.settings_with_missing(&refused).await);
        known.into_iter().collect()
    }

    /// The same in one call for each hundred, and which were not answered: ECR refuses the whole call when one of them does
    /// not exist.
    pub async fn settings_together<'r>(
        &self,
        repositories: &[(&'r Repository, Side)],
    ) -> (Settings, Vec<(&'r Repository, Side)>) {
        let batches = repositories.chunks(BATCH).map(async |batch| {
            let described = self.describe(batch).await;
            (batch, described)
        });
        let mut known = Vec::new();
        let mut refused = Vec::new();
        for (batch, described) in join_all(batches).await {
            match described {
                Ok(found) => known.extend(found),
                Err(failure) => match batch {
                    [(only, _)] => known.push(((*only).clone(), Err(failure))),
                    _ => refused.extend(batch),
                },
            }
        }
        (known, refused)
    }

    /// The same where some do not exist: each is asked for alone, or all of the registry are listed, whichever takes fewer
    /// requests. A registry has 100,000 repositories at most, unless AWS was asked for more
    /// (Amazon ECR User Guide, "Amazon ECR service quotas"): a hundred pages.
    pub async fn settings_with_missing(&self, repositories: &[(&Repository, Side)]) -> Settings {
        if let Some((first, _)) = repositories.first().filter(|_| repositories.len() > BATCH)
            && let Ok(all) = self.all(&first.registry).await
        {
            let mut all: BTreeMap<_, _> = all.into_iter().collect();
            let look_up = |&(repository, side): &(&Repository, Side)| {
                let found = all.remove(repository);
                (
                    repository.clone(),
                    found.ok_or_else(|| self.not_there(repository, side)),
                )
            };
            return repositories.iter().map(look_up).collect();
        }
        let single = repositories.iter().map(async |one| {
            let described = self.describe(std::slice::from_ref(one)).await;
            described.unwrap_or_else(|failure| vec![(one.0.clone(), Err(failure))])
        });
        join_all(single).await.into_iter().flatten().collect()
    }

    async fn describe(&self, batch: &[(&Repository, Side)]) -> Result<Settings, Failure> {
        let Some(&(first, side)) = batch.first() else {
            return Ok(Vec::new());
        };
        let subject = self.on("DescribeRepositories", first, side);
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
            let settings = found.map(settings);
            (
                repository.clone(),
                settings.ok_or_else(|| self.not_there(repository, side)),
            )
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
        let subject = self.on("GetLifecyclePolicy", repository, side);
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
        let subject = self.on("ListTagsForResource", repository, side);
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
        let subject = self.on("GetRepositoryPolicy", repository, side);
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
        let subject = self.on_registry("DescribeRepositories", registry);
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

    fn not_there(&self, repository: &Repository, side: Side) -> Failure {
        let subject = self.on("DescribeRepositories", repository, side);
        subject.failure(FailureKind::RepositoryNotFound, "not in the answer")
    }
}
