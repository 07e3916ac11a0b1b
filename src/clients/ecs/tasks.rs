//! Tasks, running and recently stopped, with the digests they pulled.

use futures_util::StreamExt as _;
use futures_util::stream::iter;

use aws_sdk_ecs::types::DesiredStatus;

use crate::clients::ecs::services::container_image;
use crate::clients::ecs::usage::AT_ONCE;
use crate::clients::ecs::{Ecs, PAGE, all_but_missing, subject};
use crate::clients::pace::Api;
use crate::clients::pages::pages;
use crate::model::failure::{Failure, FailureKind};
use crate::model::usage::{Revision, Task};

/// The most tasks one `DescribeTasks` takes.
const BATCH: usize = 100;

impl Ecs {
    /// The tasks of a cluster, of all families or of one.
    pub(super) async fn tasks(
        &self,
        cluster: &str,
        family: Option<&str>,
    ) -> Result<Vec<Task>, Failure> {
        let mut arns = Vec::new();
        for status in [DesiredStatus::Running, DesiredStatus::Stopped] {
            arns.extend(self.task_arns(cluster, family, &status).await?);
        }
        let batches = arns.chunks(BATCH);
        let batches = batches.map(async |arns| self.describe_tasks(cluster, arns).await);
        let mut batches = iter(batches).buffer_unordered(AT_ONCE);
        let mut tasks = Vec::with_capacity(arns.len());
        while let Some(batch) = batches.next().await {
            tasks.extend(batch?);
        }
        Ok(tasks)
    }

    async fn task_arns(
        &self,
        cluster: &str,
        family: Option<&str>,
        status: &DesiredStatus,
    ) -> Result<Vec<String>, Failure> {
        let subject = subject("ListTasks", cluster);
        let ask = async |token| {
            let request = self.client.list_tasks().cluster(cluster);
            let request = request
                .desired_status(status.clone())
                .set_family(family.map(str::to_owned))
                .max_results(PAGE)
                .set_next_token(token);
            let answer = request.send().await;
            answer.map_err(|error| subject.sdk(&error))
        };
        pages(&self.pace, Api::Ecs, ask, |answer| {
            Ok((answer.task_arns.unwrap_or_default(), answer.next_token))
        })
        .await
    }

    async fn describe_tasks(&self, cluster: &str, arns: &[String]) -> Result<Vec<Task>, Failure> {
        let subject = subject("DescribeTasks", cluster);
        let answer = self
            .pace
            .run(Api::Ecs, async || {
                let request = self.client.describe_tasks().cluster(cluster);
                let answer = request.set_tasks(Some(arns.to_vec())).send().await;
                answer.map_err(|error| subject.sdk(&error))
            })
            .await?;
        // A task that ECS forgot since it was listed had stopped.
        all_but_missing(&subject, answer.failures())?;
        let mut tasks = Vec::new();
        for task in answer.tasks() {
            let Some(revision) = task.task_definition_arn().and_then(Revision::named) else {
                continue;
            };
            let mut images = Vec::new();
            for container in task.containers() {
                images.push(container_image(
                    container.name(),
                    container.image(),
                    container.image_digest(),
                    |error| subject.failure(FailureKind::BadAnswer, error.to_string()),
                )?);
            }
            tasks.push(Task {
                arn: short(task.task_arn().unwrap_or_default()),
                revision,
                images,
                stopped: task.last_status() == Some("STOPPED"),
            });
        }
        Ok(tasks)
    }
}

/// `cluster/id` of a task's ARN.
fn short(arn: &str) -> String {
    arn.split_once("task/")
        .map_or(arn, |(_, rest)| rest)
        .to_owned()
}
