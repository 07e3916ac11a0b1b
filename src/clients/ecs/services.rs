//! Services, with all that each may start tasks from: its setting, its deployments or task sets, the service revisions with the digests ECS
//! resolved, and what ECS itself would roll back to.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types::{
    DeploymentControllerType, Service as SdkService, ServiceDeploymentBrief,
    ServiceDeploymentStatus,
};
use futures_util::StreamExt as _;
use futures_util::stream::iter;

use crate::clients::ecs::usage::{AT_ONCE, OnStep, Step, Work, noted, unsupported};
use crate::clients::ecs::{BATCH, Ecs, PAGE, all_but_missing, subject};
use crate::clients::pace::Api;
use crate::clients::pages::pages;
use crate::model::digest::DigestError;
use crate::model::failure::{Failure, FailureKind};
use crate::model::usage::{
    ContainerImage, Revision, Role, Service, ServiceRevision, Source, Usage,
};

/// The most ARNs one `DescribeServiceRevisions` or `DescribeServiceDeployments` takes.
const FEW: usize = 20;

/// Whether a service's deployments are read beside its current state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum History {
    /// They are.
    Read,
    /// They are not.
    Leave,
}

/// A service revision that matters, and what for.
type Wanted = (String, Role);
/// Service revisions by ARN: the task definition, and the images with the digests ECS resolved.
type Described = Vec<(String, (Revision, Vec<ContainerImage>))>;

impl Ecs {
    /// The services of a cluster.
    pub(super) async fn cluster_services(&self, cluster: &str, on_step: OnStep<'_>) -> Usage {
        let mut usage = Usage::default();
        let arns = self.services(cluster).await;
        let arns = noted(&mut usage, Source::Services, arns);
        on_step(Step::more(Work::Services, arns.len()));
        let batches = arns.chunks(BATCH);
        let services = batches.map(async |arns| self.describe(cluster, arns).await);
        let mut services = iter(services).buffer_unordered(AT_ONCE);
        let mut found = Vec::with_capacity(arns.len());
        while let Some(batch) = services.next().await {
            found.extend(noted(&mut usage, Source::Services, batch));
        }
        let read = self.with_revisions(cluster, found, History::Read, on_step);
        usage.join(read.await);
        usage
    }

    /// One service, if it exists.
    pub(super) async fn named_service(
        &self,
        cluster: &str,
        name: &str,
        history: History,
        on_step: OnStep<'_>,
    ) -> Usage {
        let mut usage = Usage::default();
        on_step(Step::more(Work::Services, 1));
        let found = self.describe(cluster, &[name.to_owned()]).await;
        let found = noted(&mut usage, Source::Services, found);
        let read = self.with_revisions(cluster, found, history, on_step);
        usage.join(read.await);
        usage
    }

    async fn with_revisions(
        &self,
        cluster: &str,
        found: Vec<SdkService>,
        history: History,
        on_step: OnStep<'_>,
    ) -> Usage {
        let mut usage = Usage::default();
        let described = found.len();
        let found: Vec<SdkService> = found
            .into_iter()
            .filter(|one| one.status() != Some("INACTIVE"))
            .collect();
        on_step(Step::done(Work::Services, described - found.len()));
        let each = found.iter().enumerate().map(async |(at, one)| {
            let sets = self.task_sets(one).await;
            let wanted = self.wanted_revisions(one, history).await;
            (at, sets, wanted)
        });
        let mut each = iter(each).buffer_unordered(AT_ONCE);
        let mut services: Vec<(Service, Vec<Wanted>)> = found
            .iter()
            .map(|one| (service(cluster, one), Vec::new()))
            .collect();
        while let Some((at, sets, wanted)) = each.next().await {
            let sets = noted(&mut usage, Source::Services, sets);
            let (wanted, unread) = wanted;
            noted(&mut usage, Source::ServiceRevisions, unread);
            if let Some((service, revisions)) = services.get_mut(at) {
                for revision in sets {
                    service
                        .uses
                        .entry(revision)
                        .or_default()
                        .insert(Role::TaskSet);
                }
                *revisions = wanted;
            }
            on_step(Step::done(Work::Services, 1));
        }
        let arns: BTreeSet<String> = services
            .iter()
            .flat_map(|(_, wanted)| wanted.iter().map(|(arn, _)| arn.clone()))
            .collect();
        let arns: Vec<String> = arns.into_iter().collect();
        let batches = arns.chunks(FEW);
        let batches = batches.map(async |arns| self.revisions(arns).await);
        let mut batches = iter(batches).buffer_unordered(AT_ONCE);
        let mut described = BTreeMap::new();
        while let Some(batch) = batches.next().await {
            let batch = batch.or_else(unsupported);
            described.extend(noted(&mut usage, Source::ServiceRevisions, batch));
        }
        for (mut service, wanted) in services {
            for (arn, role) in wanted {
                let Some((revision, images)) = described.get(&arn) else {
                    continue;
                };
                let roles = service.uses.entry(revision.clone()).or_default();
                roles.insert(role);
                service.revisions.push(ServiceRevision {
                    arn,
                    revision: revision.clone(),
                    images: images.clone(),
                    role,
                });
            }
            usage.services.push(service);
        }
        usage
    }

    /// Task sets of external controllers; those of CodeDeploy stand in the service itself.
    async fn task_sets(&self, one: &SdkService) -> Result<Vec<Revision>, Failure> {
        if controller(one) != Some(&DeploymentControllerType::External) {
            return Ok(Vec::new());
        }
        let arn = one.service_arn().unwrap_or_default();
        let subject = subject("DescribeTaskSets", arn);
        let answer = self
            .pace
            .run(Api::Ecs, async || {
                let request = self.client.describe_task_sets();
                let request = request.set_cluster(one.cluster_arn.clone()).service(arn);
                let answer = request.send().await;
                answer.map_err(|error| subject.sdk(&error))
            })
            .await?;
        let sets = answer.task_sets().iter();
        let named = sets.filter_map(|set| Revision::named(set.task_definition()?));
        Ok(named.collect())
    }

    /// The service revisions that matter: the current ones; those of a deployment that is under way; and the target of the newest successful
    /// deployment that is not current, which is where ECS would roll back to. The current ones are known even where the deployments
    /// cannot be read.
    async fn wanted_revisions(
        &self,
        one: &SdkService,
        history: History,
    ) -> (Vec<Wanted>, Result<(), Failure>) {
        let current: BTreeSet<String> = one
            .current_service_revisions()
            .iter()
            .filter_map(|revision| revision.arn().map(str::to_owned))
            .collect();
        let mut wanted: Vec<Wanted> = current.iter().map(|arn| (arn.clone(), Role::Set)).collect();
        let other = controller(one).is_some_and(|kind| *kind != DeploymentControllerType::Ecs);
        if other || history == History::Leave {
            return (wanted, Ok(()));
        }
        let unread = self.deployed(one, &current, &mut wanted).await;
        (wanted, unread)
    }

    /// Adds the service revisions of deployments.
    async fn deployed(
        &self,
        one: &SdkService,
        current: &BTreeSet<String>,
        wanted: &mut Vec<Wanted>,
    ) -> Result<(), Failure> {
        let deployments = self.deployments(one).await.or_else(unsupported)?;
        let target = |deployment: &ServiceDeploymentBrief| {
            deployment.target_service_revision_arn().map(str::to_owned)
        };
        let successful = deployments
            .iter()
            .filter(|one| one.status() == Some(&ServiceDeploymentStatus::Successful));
        let before = successful
            .filter(|one| target(one).is_some_and(|arn| !current.contains(&arn)))
            .max_by_key(|one| one.created_at().and_then(|time| time.to_millis().ok()));
        wanted.extend(before.and_then(target).map(|arn| (arn, Role::EcsRollback)));
        let under_way: Vec<&str> = deployments
            .iter()
            .filter(|one| !one.status().is_some_and(is_over))
            .filter_map(ServiceDeploymentBrief::service_deployment_arn)
            .collect();
        for arns in under_way.chunks(FEW) {
            wanted.extend(self.in_flight(arns).await?);
        }
        Ok(())
    }

    async fn deployments(&self, one: &SdkService) -> Result<Vec<ServiceDeploymentBrief>, Failure> {
        let arn = one.service_arn().unwrap_or_default();
        let subject = subject("ListServiceDeployments", arn);
        let ask = async |token| {
            let request = self.client.list_service_deployments().service(arn);
            let request = request.set_cluster(one.cluster_arn.clone());
            let request = request.max_results(PAGE).set_next_token(token);
            let answer = request.send().await;
            answer.map_err(|error| subject.sdk(&error))
        };
        pages(&self.pace, Api::Ecs, ask, |answer| {
            let deployments = answer.service_deployments.unwrap_or_default();
            Ok((deployments, answer.next_token))
        })
        .await
    }

    async fn in_flight(&self, arns: &[&str]) -> Result<Vec<Wanted>, Failure> {
        let subject = subject("DescribeServiceDeployments", arns.first().unwrap_or(&""));
        let answer = self
            .pace
            .run(Api::Ecs, async || {
                let request = self.client.describe_service_deployments();
                let arns = arns.iter().map(|&arn| arn.to_owned()).collect();
                let request = request.set_service_deployment_arns(Some(arns));
                let answer = request.send().await;
                answer.map_err(|error| subject.sdk(&error))
            })
            .await?;
        all_but_missing(&subject, answer.failures())?;
        let mut wanted = Vec::new();
        for deployment in answer.service_deployments() {
            let sources = deployment.source_service_revisions().iter();
            let target = deployment.target_service_revision();
            let rollback = deployment.rollback();
            let back = rollback.and_then(|rollback| rollback.service_revision_arn());
            let arns = sources.chain(target).filter_map(|one| one.arn());
            let arns = arns.chain(back);
            wanted.extend(arns.map(|arn| (arn.to_owned(), Role::InFlight)));
        }
        Ok(wanted)
    }

    /// What each service revision runs. One that ECS does not know any more is left out, and so is one from before 25 October 2024, which
    /// cannot be described: its tasks and tags are all there is. Whether such a one fails the whole call is not documented: then the batch is
    /// halved until it stands alone.
    async fn revisions(&self, arns: &[String]) -> Result<Described, Failure> {
        let mut found = Vec::new();
        let mut waiting = vec![arns];
        while let Some(arns) = waiting.pop() {
            match self.revisions_at_once(arns).await? {
                Some(described) => found.extend(described),
                None if arns.len() > 1 => {
                    let (one, other) = arns.split_at(arns.len() / 2);
                    waiting.extend([one, other]);
                }
                None => {}
            }
        }
        Ok(found)
    }

    /// Nothing where one of them cannot be described.
    async fn revisions_at_once(&self, arns: &[String]) -> Result<Option<Described>, Failure> {
        let object = arns.first().map_or("", String::as_str);
        let subject = subject("DescribeServiceRevisions", object);
        let answer = self
            .pace
            .run(Api::Ecs, async || {
                let request = self.client.describe_service_revisions();
                let request = request.set_service_revision_arns(Some(arns.to_vec()));
                match request.send().await {
                    Err(error)
                        if error
                            .as_service_error()
                            .is_some_and(|error| error.is_invalid_parameter_exception()) =>
                    {
                        Ok(None)
                    }
                    answer => answer.map(Some).map_err(|error| subject.sdk(&error)),
                }
            })
            .await?;
        let Some(answer) = answer else {
            return Ok(None);
        };
        all_but_missing(&subject, answer.failures())?;
        let mut found = Vec::new();
        for one in answer.service_revisions() {
            let arn = one.service_revision_arn().unwrap_or_default();
            let Some(revision) = one.task_definition().and_then(Revision::named) else {
                continue;
            };
            let mut images = Vec::new();
            for image in one.container_images() {
                images.push(container_image(
                    image.container_name(),
                    image.image(),
                    image.image_digest(),
                    |error| subject.failure(FailureKind::BadAnswer, error.to_string()),
                )?);
            }
            found.push((arn.to_owned(), (revision, images)));
        }
        Ok(Some(found))
    }
}

/// An image as ECS tells it.
pub(super) fn container_image(
    container: Option<&str>,
    image: Option<&str>,
    digest: Option<&str>,
    wrong: impl FnOnce(DigestError) -> Failure,
) -> Result<ContainerImage, Failure> {
    let digest = digest.filter(|digest| !digest.is_empty());
    Ok(ContainerImage {
        container: container.unwrap_or_default().to_owned(),
        image: image.unwrap_or_default().to_owned(),
        digest: digest.map(str::parse).transpose().map_err(wrong)?,
    })
}

fn controller(one: &SdkService) -> Option<&DeploymentControllerType> {
    one.deployment_controller()
        .map(|controller| controller.r#type())
}

fn is_over(status: &ServiceDeploymentStatus) -> bool {
    use ServiceDeploymentStatus as Status;
    matches!(
        status,
        Status::Successful | Status::Stopped | Status::RollbackSuccessful | Status::RollbackFailed
    )
}

fn service(cluster: &str, one: &SdkService) -> Service {
    let cluster = one.cluster_arn().unwrap_or(cluster);
    let mut service = Service {
        arn: one.service_arn().unwrap_or_default().to_owned(),
        cluster: cluster.rsplit('/').next().unwrap_or_default().to_owned(),
        name: one.service_name().unwrap_or_default().to_owned(),
        ..Service::default()
    };
    let mut add = |task_definition: Option<&str>, role: Role| {
        if let Some(revision) = task_definition.and_then(Revision::named) {
            service.uses.entry(revision).or_default().insert(role);
        }
    };
    add(one.task_definition(), Role::Set);
    for deployment in one.deployments() {
        add(deployment.task_definition(), Role::Deployment);
    }
    for set in one.task_sets() {
        add(set.task_definition(), Role::TaskSet);
    }
    service
}
