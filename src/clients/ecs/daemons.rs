//! ECS daemons: one task on each container instance of a capacity provider, outside of every service and task definition.

use crate::clients::ecs::services::container_image;
use crate::clients::ecs::{Ecs, PAGE, all_but_missing, subject};
use crate::clients::pace::Api;
use crate::clients::pages::pages;
use crate::model::failure::{Failure, FailureKind};
use crate::model::usage::{Listed, Lister};

/// The most ARNs one `DescribeDaemonRevisions` takes.
const BATCH: usize = 20;

impl Ecs {
    /// The images of a cluster's daemons, with the digests ECS resolved.
    pub(super) async fn daemons(&self, cluster: &str) -> Result<Vec<Listed>, Failure> {
        let list = subject("ListDaemons", cluster);
        let ask = async |token| {
            let request = self.client.list_daemons().cluster_arn(cluster);
            let request = request.max_results(PAGE).set_next_token(token);
            let answer = request.send().await;
            answer.map_err(|error| list.sdk(&error))
        };
        let summaries = pages(&self.pace, Api::Ecs, ask, |answer| {
            let summaries = answer.daemon_summaries_list.unwrap_or_default();
            Ok((summaries, answer.next_token))
        })
        .await?;
        let mut revisions = Vec::new();
        for summary in &summaries {
            let arn = summary.daemon_arn().unwrap_or_default();
            revisions.extend(self.daemon_revisions(arn).await?);
        }
        let mut listed = Vec::new();
        for arns in revisions.chunks(BATCH) {
            listed.extend(self.daemon_images(arns).await?);
        }
        Ok(listed)
    }

    async fn daemon_revisions(&self, arn: &str) -> Result<Vec<String>, Failure> {
        let subject = subject("DescribeDaemon", arn);
        let answer = self
            .pace
            .run(Api::Ecs, async || {
                let answer = self.client.describe_daemon().daemon_arn(arn).send().await;
                answer.map_err(|error| subject.sdk(&error))
            })
            .await?;
        let revisions = answer.daemon().into_iter();
        let revisions = revisions.flat_map(|daemon| daemon.current_revisions());
        let arns = revisions.filter_map(|one| one.arn().map(str::to_owned));
        Ok(arns.collect())
    }

    async fn daemon_images(&self, arns: &[String]) -> Result<Vec<Listed>, Failure> {
        let object = arns.first().map_or("", String::as_str);
        let subject = subject("DescribeDaemonRevisions", object);
        let answer = self
            .pace
            .run(Api::Ecs, async || {
                let request = self.client.describe_daemon_revisions();
                let request = request.set_daemon_revision_arns(Some(arns.to_vec()));
                let answer = request.send().await;
                answer.map_err(|error| subject.sdk(&error))
            })
            .await?;
        all_but_missing(&subject, answer.failures())?;
        let mut listed = Vec::new();
        for revision in answer.daemon_revisions() {
            let name = revision.daemon_arn().unwrap_or_default();
            for image in revision.container_images() {
                let image = container_image(
                    image.container_name(),
                    image.image(),
                    image.image_digest(),
                    |error| subject.failure(FailureKind::BadAnswer, error.to_string()),
                )?;
                listed.push(Listed {
                    image,
                    by: Lister::Daemon,
                    name: name.to_owned(),
                });
            }
        }
        Ok(listed)
    }
}
