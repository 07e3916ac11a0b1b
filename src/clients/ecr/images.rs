//! Reads images: manifests, blobs, referrers, and the listing of a repository.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecr::types::{
    DescribeImagesFilter, ImageIdentifier, ImageStatusFilter, LayerAvailability,
    ListImageReferrersFilter, SubjectIdentifier,
};

use crate::clients::ecr::shapes::{about, identifier, image, manifest};
use crate::clients::ecr::{BATCH, Ecr};
use crate::clients::pace::Api;
use crate::clients::pages::pages;
use crate::model::digest::{Digest, DigestError};
use crate::model::failure::{Failure, FailureKind, Side};
use crate::model::inventory::{ImageId, Known};
use crate::model::lifecycle::Image;
use crate::model::manifest::{MEDIA_TYPES, Manifest};
use crate::model::reference::Repository;

/// The longest page of `DescribeImages`.
const PAGE: i32 = 1000;

impl Ecr {
    /// Manifests by tag or digest, with their bytes checked. An image that is not there is `Ok(None)`.
    ///
    /// # Errors
    /// Inside, what concerns one image; outside, what concerns the call.
    pub async fn images(
        &self,
        repository: &Repository,
        side: Side,
        ids: &BTreeSet<ImageId>,
    ) -> Result<BTreeMap<ImageId, Known<Option<Manifest>>>, Failure> {
        let ids: Vec<&ImageId> = ids.iter().collect();
        let batches = ids
            .chunks(BATCH)
            .map(|ids| self.batch(repository, side, ids));
        let mut found = BTreeMap::new();
        for batch in futures_util::future::try_join_all(batches).await? {
            found.extend(batch);
        }
        Ok(found)
    }

    async fn batch(
        &self,
        repository: &Repository,
        side: Side,
        ids: &[&ImageId],
    ) -> Result<Vec<(ImageId, Known<Option<Manifest>>)>, Failure> {
        let subject = self.on("BatchGetImage", repository, side);
        let client = self.client(&repository.registry);
        let identifiers: Vec<_> = ids.iter().map(|id| identifier(id)).collect();
        let answer = self
            .pace
            .run(Api::BatchGetImage, async || {
                let request = client
                    .batch_get_image()
                    .registry_id(repository.registry.account())
                    .repository_name(repository.name.as_str())
                    .set_image_ids(Some(identifiers.clone()))
                    .set_accepted_media_types(Some(MEDIA_TYPES.map(str::to_owned).to_vec()));
                request.send().await.map_err(|error| subject.sdk(&error))
            })
            .await?;
        let of_id = |id: &ImageId, candidate: Option<&ImageIdentifier>| match id {
            ImageId::Tag(tag) => {
                candidate.and_then(ImageIdentifier::image_tag) == Some(tag.as_str())
            }
            ImageId::Digest(digest) => {
                candidate.and_then(ImageIdentifier::image_digest) == Some(digest.as_str())
            }
        };
        let read = |id: &ImageId| {
            let subject = about(&subject, repository, id);
            let mut images = answer.images().iter();
            let image = images
                .find(|image| of_id(id, image.image_id()))
                // The one answer to the one question is about it, whatever tag of the image it names.
                .or_else(|| answer.images().first().filter(|_| ids.len() == 1));
            if let Some(image) = image {
                let digest = image.image_id().and_then(ImageIdentifier::image_digest);
                let text = image.image_manifest().unwrap_or_default().to_owned();
                let media_type = image.image_manifest_media_type();
                return manifest(&subject, digest, text, media_type).map(Some);
            }
            let mut failures = answer.failures().iter();
            let Some(failure) = failures.find(|failure| of_id(id, failure.image_id())) else {
                return Err(
                    subject.failure(FailureKind::BadAnswer, "the answer says nothing of it")
                );
            };
            match failure.failure_code().map(|code| code.as_str()) {
                Some("ImageNotFound") => Ok(None),
                code => {
                    let reason = failure.failure_reason().unwrap_or_default();
                    let message = format!("{}: {reason}", code.unwrap_or("no failure code"));
                    Err(subject.failure(FailureKind::Other, message))
                }
            }
        };
        Ok(ids.iter().map(|&id| (id.clone(), read(id))).collect())
    }

    /// Which of the blobs the repository holds.
    ///
    /// # Errors
    /// The service's.
    pub async fn blobs(
        &self,
        repository: &Repository,
        side: Side,
        digests: &BTreeSet<Digest>,
    ) -> Result<BTreeMap<Digest, bool>, Failure> {
        let subject = self.on("BatchCheckLayerAvailability", repository, side);
        let client = self.client(&repository.registry);
        let digests: Vec<&Digest> = digests.iter().collect();
        let batches = digests.chunks(BATCH).map(|digests| {
            let wanted: Vec<String> = digests.iter().map(ToString::to_string).collect();
            let (subject, client) = (&subject, &client);
            self.pace
                .run(Api::BatchCheckLayerAvailability, async move || {
                    let request = client
                        .batch_check_layer_availability()
                        .registry_id(repository.registry.account())
                        .repository_name(repository.name.as_str())
                        .set_layer_digests(Some(wanted.clone()));
                    request.send().await.map_err(|error| subject.sdk(&error))
                })
        });
        let answers = futures_util::future::try_join_all(batches).await?;
        let layers = answers.iter().flat_map(|answer| answer.layers());
        let available: BTreeSet<&str> = layers
            .filter(|layer| layer.layer_availability() == Some(&LayerAvailability::Available))
            .filter_map(|layer| layer.layer_digest())
            .collect();
        let state = |digest: &&Digest| ((*digest).clone(), available.contains(digest.as_str()));
        Ok(digests.iter().map(state).collect())
    }

    /// The digests of the referrers of an image, archived ones left out.
    ///
    /// # Errors
    /// The service's.
    pub async fn referrers(
        &self,
        repository: &Repository,
        side: Side,
        subject_digest: &Digest,
    ) -> Result<Vec<Digest>, Failure> {
        let mut subject = self.on("ListImageReferrers", repository, side);
        // The API model: the caller must have the permission for BatchGetImage.
        subject.action = "ecr:BatchGetImage".to_owned();
        let subject = about(
            &subject,
            repository,
            &ImageId::Digest(subject_digest.clone()),
        );
        let client = self.client(&repository.registry);
        let id = SubjectIdentifier::builder()
            .image_digest(subject_digest.as_str())
            .build();
        let id = id.map_err(|error| subject.failure(FailureKind::Other, error.to_string()))?;
        let ask = async |token| {
            let request = client
                .list_image_referrers()
                .registry_id(repository.registry.account())
                .repository_name(repository.name.as_str())
                .subject_id(id.clone())
                .filter(ListImageReferrersFilter::builder().build())
                .max_results(50)
                .set_next_token(token);
            request.send().await.map_err(|error| subject.sdk(&error))
        };
        pages(&self.pace, Api::Other, ask, |answer| {
            let digests = answer.referrers().iter().map(|one| one.digest().parse());
            let digests = digests.collect::<Result<_, DigestError>>();
            let digests =
                digests.map_err(|error| subject.failure(FailureKind::BadAnswer, error.to_string()));
            Ok((digests?, answer.next_token))
        })
        .await
    }

    /// Every image of the repository, archived ones too, with its push date. `children` stay empty: only manifests
    /// tell them.
    ///
    /// # Errors
    /// The service's.
    pub async fn listing(
        &self,
        repository: &Repository,
        side: Side,
    ) -> Result<Vec<Image>, Failure> {
        let subject = self.on("DescribeImages", repository, side);
        let client = self.client(&repository.registry);
        let any = DescribeImagesFilter::builder()
            .image_status(ImageStatusFilter::Any)
            .build();
        let ask = async |token| {
            let request = client
                .describe_images()
                .registry_id(repository.registry.account())
                .repository_name(repository.name.as_str())
                .filter(any.clone())
                .max_results(PAGE)
                .set_next_token(token);
            request.send().await.map_err(|error| subject.sdk(&error))
        };
        pages(&self.pace, Api::Other, ask, |answer| {
            let images = answer.image_details().iter();
            let images = images.map(|detail| image(&subject, detail));
            Ok((images.collect::<Result<_, _>>()?, answer.next_token))
        })
        .await
    }
}
