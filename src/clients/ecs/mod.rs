//! Amazon ECS, read-only: which task definitions the services of clusters use, and all that may start a task.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;

use aws_config::{Region, SdkConfig};
use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{Failure as SdkFailure, Service};
use futures_util::future::try_join_all;

use crate::clients::answer::Subject;
use crate::clients::pace::{Api, Pace};
use crate::clients::pages::pages;
use crate::model::failure::{Caller, Failure, FailureKind};
use crate::model::project::Project;
use crate::model::task_definition::{Container, TaskDefinition};

mod daemons;
mod definitions;
mod services;
mod tasks;
mod usage;

pub use usage::{OnStep, Step, Work};

/// The most services one `DescribeServices` takes.
const BATCH: usize = 10;
/// The longest page of the list operations.
const PAGE: i32 = 100;

/// A client of ECS.
pub struct Ecs {
    config: SdkConfig,
    client: Client,
    pace: Rc<Pace>,
}

impl Ecs {
    /// A client with these credentials, paced by this.
    pub fn new(config: &SdkConfig, pace: Rc<Pace>) -> Self {
        Self {
            client: Client::new(config),
            config: config.clone(),
            pace,
        }
    }

    /// The same in another Region; in the same one if `None`.
    #[must_use]
    pub fn in_region(&self, region: Option<&str>) -> Self {
        let mut config = self.config.to_builder();
        if let Some(region) = region {
            config = config.region(Region::new(region.to_owned()));
        }
        Self::new(&config.build(), Rc::clone(&self.pace))
    }

    /// A project for every task definition that a service of these clusters uses: by its setting, its deployments (ECS
    /// controller) or its task sets (CodeDeploy and external controllers). Of all clusters, if none is named.
    ///
    /// # Errors
    /// The service's; also where something that was listed could not be described: an incomplete answer is none.
    pub async fn projects(&self, clusters: &[String]) -> Result<Vec<Project>, Failure> {
        let clusters = if clusters.is_empty() {
            self.clusters().await?
        } else {
            clusters.to_vec()
        };
        let services = clusters.iter().map(async |cluster| {
            let services = self.services(cluster).await?;
            let services = services
                .chunks(BATCH)
                .map(|arns| self.describe(cluster, arns));
            Ok::<_, Failure>(try_join_all(services).await?.concat())
        });
        let services = try_join_all(services).await?.concat();
        let mut users: BTreeMap<String, (String, String)> = BTreeMap::new();
        for service in &services {
            let name = service.service_name().unwrap_or_default().to_owned();
            let cluster = service.cluster_arn().unwrap_or_default();
            let cluster = cluster.rsplit('/').next().unwrap_or_default().to_owned();
            for arn in task_definitions(service) {
                users
                    .entry(arn)
                    .or_insert_with(|| (cluster.clone(), name.clone()));
            }
        }
        let definitions = users.iter().map(async |(arn, (cluster, service))| {
            Ok::<_, Failure>(Project {
                config: PathBuf::from(format!("{cluster}/{service}")),
                region: None,
                cluster: cluster.clone(),
                service: Some(service.clone()),
                task_definition: self.task_definition(arn).await?,
                warnings: Vec::new(),
            })
        });
        try_join_all(definitions).await
    }

    async fn clusters(&self) -> Result<Vec<String>, Failure> {
        let subject = subject("ListClusters", "all clusters");
        let ask = async |token| {
            let request = self.client.list_clusters().max_results(PAGE);
            let answer = request.set_next_token(token).send().await;
            answer.map_err(|error| subject.sdk(&error))
        };
        pages(&self.pace, Api::Ecs, ask, |answer| {
            Ok((answer.cluster_arns.unwrap_or_default(), answer.next_token))
        })
        .await
    }

    async fn services(&self, cluster: &str) -> Result<Vec<String>, Failure> {
        let subject = subject("ListServices", cluster);
        let ask = async |token| {
            let request = self.client.list_services().cluster(cluster);
            let request = request.max_results(PAGE).set_next_token(token);
            let answer = request.send().await;
            answer.map_err(|error| subject.sdk(&error))
        };
        pages(&self.pace, Api::Ecs, ask, |answer| {
            Ok((answer.service_arns.unwrap_or_default(), answer.next_token))
        })
        .await
    }

    async fn describe(&self, cluster: &str, arns: &[String]) -> Result<Vec<Service>, Failure> {
        let subject = subject("DescribeServices", cluster);
        let answer = self
            .pace
            .run(Api::Ecs, async || {
                let request = self.client.describe_services().cluster(cluster);
                let answer = request.set_services(Some(arns.to_vec())).send().await;
                answer.map_err(|error| subject.sdk(&error))
            })
            .await?;
        // A service that was deleted since it was listed uses nothing any more.
        all_but_missing(&subject, answer.failures())?;
        Ok(answer.services().to_vec())
    }

    async fn task_definition(&self, arn: &str) -> Result<TaskDefinition, Failure> {
        let subject = subject("DescribeTaskDefinition", arn);
        let answer = self
            .pace
            .run(Api::Ecs, async || {
                let request = self.client.describe_task_definition();
                let answer = request.task_definition(arn).send().await;
                answer.map_err(|error| subject.sdk(&error))
            })
            .await?;
        let missing =
            || subject.failure(FailureKind::BadAnswer, "no task definition in the answer");
        let definition = answer.task_definition().ok_or_else(missing)?;
        let containers = definition
            .container_definitions()
            .iter()
            .map(|container| Container {
                name: container.name().unwrap_or_default().to_owned(),
                image: container.image().unwrap_or_default().to_owned(),
                location: None,
            });
        Ok(TaskDefinition {
            family: definition.family().ok_or_else(missing)?.to_owned(),
            containers: containers.collect(),
            document: serde_json::Value::Null,
        })
    }
}

fn task_definitions(service: &Service) -> BTreeSet<String> {
    let deployments = service
        .deployments()
        .iter()
        .map(|one| one.task_definition());
    let task_sets = service.task_sets().iter().map(|one| one.task_definition());
    let own = std::iter::once(service.task_definition());
    let all = own.chain(deployments).chain(task_sets);
    all.flatten().map(str::to_owned).collect()
}

/// Takes what a call that describes several could not describe. That something is gone meanwhile (`MISSING`) is an answer.
///
/// # Errors
/// The first other reason: what is described then is not all.
fn all_but_missing(subject: &Subject, failures: &[SdkFailure]) -> Result<(), Failure> {
    let mut failures = failures.iter();
    match failures.find(|failure| failure.reason() != Some("MISSING")) {
        None => Ok(()),
        Some(failure) => {
            let arn = failure.arn().unwrap_or_default();
            let message = format!("{arn}: {}", failure.reason().unwrap_or_default());
            Err(subject.failure(FailureKind::BadAnswer, message))
        }
    }
}

fn subject(operation: &'static str, object: &str) -> Subject {
    Subject {
        operation,
        object: object.to_owned(),
        side: None,
        caller: Caller::Own,
        action: format!("ecs:{operation}"),
        resource: "*".to_owned(),
    }
}
