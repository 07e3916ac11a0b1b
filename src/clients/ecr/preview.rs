//! ECR's own opinion of a lifecycle policy (`StartLifecyclePolicyPreview`). It changes nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_ecr::operation::get_lifecycle_policy_preview::GetLifecyclePolicyPreviewOutput;
use aws_sdk_ecr::types::{
    ImageIdentifier, LifecyclePolicyPreviewResult, LifecyclePolicyPreviewStatus,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use tokio::time::sleep;

use crate::clients::ecr::shapes::identifier;
use crate::clients::ecr::{BATCH, Ecr};
use crate::clients::pace::Api;
use crate::model::digest::Digest;
use crate::model::failure::{Failure, FailureKind, Side};
use crate::model::inventory::ImageId;
use crate::model::lifecycle::Preview;
use crate::model::reference::Repository;

/// Between two looks at a preview; the SDK's own waiter takes five seconds.
const PAUSE: Duration = Duration::from_secs(2);
/// So many of the images are named.
const NAMED: i32 = 5;
/// How often we look before giving up.
const LOOKS: usize = 100;

impl Ecr {
    /// Which images the policy would act on now, by ECR's own reckoning. One preview runs at a time in a repository.
    ///
    /// # Errors
    /// The service's; also where somebody else's preview is in the way, or it does not complete.
    pub async fn preview(&self, repository: &Repository, policy: &str) -> Result<Preview, Failure> {
        self.start_preview(repository, policy).await?;
        let answer = self.previewed(repository, policy, &[]).await?;
        let summary = answer.summary();
        let expiring = summary.and_then(|summary| summary.expiring_image_total_count());
        let expiring = usize::try_from(expiring.unwrap_or(0)).unwrap_or(usize::MAX);
        let results = answer.preview_results();
        Ok(Preview {
            marked: expiring.max(results.len()),
            images: results.iter().map(name).collect(),
        })
    }

    /// Which of these images the policy would act on now, by ECR's own reckoning.
    ///
    /// # Errors
    /// As those of [`Ecr::preview`].
    pub async fn preview_of(
        &self,
        repository: &Repository,
        policy: &str,
        digests: &[Digest],
    ) -> Result<BTreeSet<Digest>, Failure> {
        self.start_preview(repository, policy).await?;
        let mut marked = BTreeSet::new();
        for digests in digests.chunks(BATCH) {
            let ids = digests.iter().cloned().map(ImageId::Digest);
            let ids: Vec<ImageIdentifier> = ids.map(|id| identifier(&id)).collect();
            let answer = self.previewed(repository, policy, &ids).await?;
            let results = answer.preview_results().iter();
            let found = results.filter_map(|one| one.image_digest()?.parse().ok());
            marked.extend(found);
        }
        Ok(marked)
    }

    async fn start_preview(&self, repository: &Repository, policy: &str) -> Result<(), Failure> {
        let subject = self.on("StartLifecyclePolicyPreview", repository, Side::Target);
        let client = self.client(&repository.registry);
        self.pace
            .run(Api::Other, async || {
                let request = client
                    .start_lifecycle_policy_preview()
                    .registry_id(repository.registry.account())
                    .repository_name(repository.name.as_str())
                    .lifecycle_policy_text(policy);
                request.send().await.map_err(|error| match error.code() {
                    Some("LifecyclePolicyPreviewInProgressException") => subject.failure(
                        FailureKind::Other,
                        "another preview of this repository is running; try again later",
                    ),
                    _ => subject.sdk(&error),
                })
            })
            .await
            .map(drop)
    }

    /// The preview when it is complete: of these images, or its summary and a few of all.
    async fn previewed(
        &self,
        repository: &Repository,
        policy: &str,
        ids: &[ImageIdentifier],
    ) -> Result<GetLifecyclePolicyPreviewOutput, Failure> {
        let subject = self.on("GetLifecyclePolicyPreview", repository, Side::Target);
        let client = self.client(&repository.registry);
        // Page size and ids exclude each other (Amazon ECR API Reference, GetLifecyclePolicyPreview).
        let named = ids.is_empty().then_some(NAMED);
        let ids = (!ids.is_empty()).then(|| ids.to_vec());
        for _ in 0..LOOKS {
            let answer = self
                .pace
                .run(Api::Other, async || {
                    let request = client
                        .get_lifecycle_policy_preview()
                        .registry_id(repository.registry.account())
                        .repository_name(repository.name.as_str())
                        .set_image_ids(ids.clone())
                        .set_max_results(named);
                    request.send().await.map_err(|error| subject.sdk(&error))
                })
                .await?;
            match answer.status() {
                Some(LifecyclePolicyPreviewStatus::Complete) => {
                    // Somebody else may have begun a preview of another policy since.
                    if answer
                        .lifecycle_policy_text()
                        .is_some_and(|text| text != policy)
                    {
                        let message = "the preview is of another policy; try again later";
                        return Err(subject.failure(FailureKind::Other, message));
                    }
                    return Ok(answer);
                }
                Some(LifecyclePolicyPreviewStatus::InProgress) => sleep(PAUSE).await,
                status => {
                    let message = format!("the preview ended as {status:?}");
                    return Err(subject.failure(FailureKind::Other, message));
                }
            }
        }
        Err(subject.failure(FailureKind::Other, "the preview does not end"))
    }
}

fn name(image: &LifecyclePolicyPreviewResult) -> String {
    let digest = image.image_digest().unwrap_or_default();
    let short = digest.strip_prefix("sha256:").unwrap_or(digest);
    match image.image_tags() {
        [] => short.chars().take(12).collect(),
        tags => tags.join(" "),
    }
}
