//! Writes: repositories, their policies, manifests.

use std::collections::BTreeMap;

use aws_sdk_ecr::types::{
    EncryptionConfiguration, EncryptionType, ImageIdentifier, ImageScanningConfiguration,
    ImageTagMutability, ImageTagMutabilityExclusionFilter, ImageTagMutabilityExclusionFilterType,
    Tag as ResourceTag,
};

use crate::clients::ecr::Ecr;
use crate::clients::ecr::shapes::about;
use crate::clients::pace::Api;
use crate::model::failure::{Failure, FailureKind, Side};
use crate::model::inventory::{Encryption, ImageId, Mutability};
use crate::model::manifest::Manifest;
use crate::model::reference::{Repository, Tag};

/// What a repository is created with.
#[derive(Clone, Debug)]
pub struct NewRepository<'a> {
    /// Encryption at rest; ECR's default (`AES256`) if `None`.
    pub encryption: Option<&'a Encryption>,
    /// Tag mutability.
    pub mutability: &'a Mutability,
    /// Resource tags.
    pub tags: &'a BTreeMap<String, String>,
    /// Basic scanning of every push.
    pub scan_on_push: bool,
}

impl Ecr {
    /// Creates a repository.
    ///
    /// # Errors
    /// The service's; [`FailureKind::RepositoryExists`] where somebody was faster.
    pub async fn create_repository(
        &self,
        repository: &Repository,
        new: &NewRepository<'_>,
    ) -> Result<(), Failure> {
        let subject = self.on("CreateRepository", repository, Side::Target);
        let client = self.client(&repository.registry);
        let wrong = |error: aws_smithy_types::error::operation::BuildError| {
            subject.failure(FailureKind::Other, error.to_string())
        };
        let mut filters = Vec::new();
        for filter in &new.mutability.exclusions {
            let kind = ImageTagMutabilityExclusionFilterType::Wildcard;
            let filter = ImageTagMutabilityExclusionFilter::builder()
                .filter_type(kind)
                .filter(filter);
            filters.push(filter.build().map_err(wrong)?);
        }
        let mutability = match (new.mutability.immutable, filters.is_empty()) {
            (true, true) => ImageTagMutability::Immutable,
            (true, false) => ImageTagMutability::ImmutableWithExclusion,
            (false, true) => ImageTagMutability::Mutable,
            (false, false) => ImageTagMutability::MutableWithExclusion,
        };
        let filters = (!filters.is_empty()).then_some(filters);
        let encryption = new.encryption.map(|encryption| {
            EncryptionConfiguration::builder()
                .encryption_type(EncryptionType::from(encryption.kind.as_str()))
                .set_kms_key(encryption.key.clone())
                .build()
        });
        let encryption = encryption.transpose().map_err(wrong)?;
        let scanning = new.scan_on_push.then(|| {
            ImageScanningConfiguration::builder()
                .scan_on_push(true)
                .build()
        });
        let mut tags = Vec::new();
        for (key, value) in new.tags {
            let tag = ResourceTag::builder().key(key).value(value);
            tags.push(tag.build().map_err(wrong)?);
        }
        self.pace
            .run(Api::Other, async || {
                let request = client
                    .create_repository()
                    .registry_id(repository.registry.account())
                    .repository_name(repository.name.as_str())
                    .image_tag_mutability(mutability.clone())
                    .set_image_tag_mutability_exclusion_filters(filters.clone())
                    .set_encryption_configuration(encryption.clone())
                    .set_image_scanning_configuration(scanning.clone())
                    .set_tags(Some(tags.clone()));
                request.send().await.map_err(|error| subject.sdk(&error))
            })
            .await
            .map(drop)
    }

    /// Sets the repository policy.
    ///
    /// # Errors
    /// The service's.
    pub async fn set_repository_policy(
        &self,
        repository: &Repository,
        text: &str,
    ) -> Result<(), Failure> {
        let subject = self.on("SetRepositoryPolicy", repository, Side::Target);
        let client = self.client(&repository.registry);
        self.pace
            .run(Api::Other, async || {
                let request = client
                    .set_repository_policy()
                    .registry_id(repository.registry.account())
                    .repository_name(repository.name.as_str())
                    .policy_text(text);
                request.send().await.map_err(|error| subject.sdk(&error))
            })
            .await
            .map(drop)
    }

    /// Puts a lifecycle policy in the place of whatever there is.
    ///
    /// # Errors
    /// The service's.
    pub async fn put_lifecycle_policy(
        &self,
        repository: &Repository,
        text: &str,
    ) -> Result<(), Failure> {
        let subject = self.on("PutLifecyclePolicy", repository, Side::Target);
        let client = self.client(&repository.registry);
        self.pace
            .run(Api::Other, async || {
                let request = client
                    .put_lifecycle_policy()
                    .registry_id(repository.registry.account())
                    .repository_name(repository.name.as_str())
                    .lifecycle_policy_text(text);
                request.send().await.map_err(|error| subject.sdk(&error))
            })
            .await
            .map(drop)
    }

    /// Puts a manifest, byte for byte, under a tag or by its digest alone, and compares the digest of the answer.
    ///
    /// # Errors
    /// The service's; [`FailureKind::ImageExists`] and [`FailureKind::TagExists`] are for the caller to judge.
    pub async fn put_image(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        tag: Option<&Tag>,
    ) -> Result<(), Failure> {
        let id = tag.map_or_else(
            || ImageId::Digest(manifest.digest.clone()),
            |tag| ImageId::Tag(tag.clone()),
        );
        let subject = about(
            &self.on("PutImage", repository, Side::Target),
            repository,
            &id,
        );
        let client = self.client(&repository.registry);
        let answer = self
            .pace
            .run(Api::PutImage, async || {
                let request = client
                    .put_image()
                    .registry_id(repository.registry.account())
                    .repository_name(repository.name.as_str())
                    .image_manifest(&*manifest.text)
                    .image_manifest_media_type(&manifest.media_type)
                    .image_digest(manifest.digest.as_str())
                    .set_image_tag(tag.map(ToString::to_string));
                request.send().await.map_err(|error| subject.sdk(&error))
            })
            .await?;
        let id = answer.image().and_then(|image| image.image_id());
        match id.and_then(ImageIdentifier::image_digest) {
            Some(digest) if digest != manifest.digest.as_str() => {
                let message = format!("the answer names {digest}");
                Err(subject.failure(FailureKind::BadAnswer, message))
            }
            _ => Ok(()),
        }
    }
}
