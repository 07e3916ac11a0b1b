//! What takes images and tags away: deletion by digest, untagging, and the archive as the gentler form of deletion.

use std::collections::BTreeMap;

use aws_sdk_ecr::operation::batch_delete_image::BatchDeleteImageOutput;
use aws_sdk_ecr::types::{ImageIdentifier, TargetStorageClass};

use crate::clients::answer::Subject;
use crate::clients::ecr::shapes::{about, identifier};
use crate::clients::ecr::{BATCH, Ecr};
use crate::clients::pace::Api;
use crate::model::digest::Digest;
use crate::model::failure::{Failure, FailureKind, Side};
use crate::model::inventory::{ImageId, Known};
use crate::model::reference::{Repository, Tag};

impl Ecr {
    /// Deletes up to 100 images of a repository by digest, each with all its tags, and says of every one what became of it. ECR
    /// answers 200 also where some stay: those are in `failures` (Amazon ECR API Reference, "BatchDeleteImage").
    ///
    /// # Errors
    /// Inside, what concerns one image: [`FailureKind::ImageNotFound`] and [`FailureKind::ImageReferenced`] are for the caller to
    /// judge. Outside, what concerns the call; more than 100 digests are refused before it is sent.
    pub async fn delete_images(
        &self,
        repository: &Repository,
        digests: &[Digest],
    ) -> Result<BTreeMap<Digest, Known<()>>, Failure> {
        let mut subject = self.on("BatchDeleteImage", repository, Side::Target);
        subject.side = None;
        if digests.len() > BATCH {
            let message = format!("{} images; at most {BATCH} at once", digests.len());
            return Err(subject.failure(FailureKind::Other, message));
        }
        let ids = digests.iter().cloned().map(ImageId::Digest);
        let answer = self.batch_delete(&subject, repository, ids).await?;
        let is = |id: Option<&ImageIdentifier>, digest: &Digest| {
            id.and_then(ImageIdentifier::image_digest) == Some(digest.as_str())
        };
        let ended = |digest: &Digest| {
            let subject = about(&subject, repository, &ImageId::Digest(digest.clone()));
            let mut failures = answer.failures().iter();
            if let Some(failure) = failures.find(|failure| is(failure.image_id(), digest)) {
                let code = failure.failure_code().map_or("", |code| code.as_str());
                let kind = match code {
                    "ImageNotFound" => FailureKind::ImageNotFound,
                    "ImageReferencedByManifestList" => FailureKind::ImageReferenced,
                    _ => FailureKind::Other,
                };
                let reason = failure.failure_reason().unwrap_or_default();
                return Err(subject.failure(kind, format!("{code}: {reason}")));
            }
            if answer.image_ids().iter().any(|id| is(Some(id), digest)) {
                return Ok(());
            }
            Err(subject.failure(FailureKind::BadAnswer, "the answer says nothing of it"))
        };
        let all = digests.iter();
        Ok(all.map(|digest| (digest.clone(), ended(digest))).collect())
    }

    /// Takes tags away. An image that loses its last tag this way is deleted (Amazon ECR API Reference, `BatchDeleteImage`): it must
    /// have another one. A tag that is not there any more is gone, as was wanted.
    ///
    /// # Errors
    /// The service's; also where it reports that a tag stayed.
    pub async fn untag(&self, repository: &Repository, tags: &[Tag]) -> Result<(), Failure> {
        let subject = self.on("BatchDeleteImage", repository, Side::Target);
        let ids = tags.iter().cloned().map(ImageId::Tag);
        let answer = self.batch_delete(&subject, repository, ids).await?;
        let mut failures = answer.failures().iter();
        let failure = failures.find(|failure| {
            failure.failure_code().map(|code| code.as_str()) != Some("ImageNotFound")
        });
        match failure {
            None => Ok(()),
            Some(failure) => {
                let reason = failure.failure_reason().unwrap_or_default();
                Err(subject.failure(FailureKind::Other, reason))
            }
        }
    }

    /// Tags and images go by the same call, and share its pace.
    async fn batch_delete(
        &self,
        subject: &Subject,
        repository: &Repository,
        ids: impl Iterator<Item = ImageId>,
    ) -> Result<BatchDeleteImageOutput, Failure> {
        let client = self.client(&repository.registry);
        let ids: Vec<ImageIdentifier> = ids.map(|id| identifier(&id)).collect();
        self.pace
            .run(Api::Deletion, async || {
                let request = client
                    .batch_delete_image()
                    .registry_id(repository.registry.account())
                    .repository_name(repository.name.as_str())
                    .set_image_ids(Some(ids.clone()));
                request.send().await.map_err(|error| subject.sdk(&error))
            })
            .await
    }

    /// Moves an image to the archive, from where it cannot be pulled until it is restored (Amazon ECR User Guide, "Archiving an
    /// image"). One that is there already stays there.
    ///
    /// # Errors
    /// The service's; [`FailureKind::Unsupported`] where this image cannot be archived by itself.
    pub async fn archive_image(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<(), Failure> {
        let id = ImageId::Digest(digest.clone());
        let subject = self.on("UpdateImageStorageClass", repository, Side::Target);
        let mut subject = about(&subject, repository, &id);
        subject.side = None;
        let client = self.client(&repository.registry);
        self.pace
            .run(Api::Deletion, async || {
                let request = client
                    .update_image_storage_class()
                    .registry_id(repository.registry.account())
                    .repository_name(repository.name.as_str())
                    .image_id(identifier(&id))
                    .target_storage_class(TargetStorageClass::Archive);
                request.send().await.map_err(|error| subject.sdk(&error))
            })
            .await
            .map(drop)
    }
}
