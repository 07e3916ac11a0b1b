//! Amazon ECR's JSON API, through the official SDK.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use aws_config::{Region, SdkConfig};
use aws_sdk_ecr::Client;
use aws_sdk_ecr::types::{
    DescribeImagesFilter, EncryptionConfiguration, EncryptionType, ImageDetail, ImageIdentifier,
    ImageStatus, ImageStatusFilter, ImageTagMutability, ImageTagMutabilityExclusionFilter,
    ImageTagMutabilityExclusionFilterType, LayerAvailability, ListImageReferrersFilter,
    SubjectIdentifier, Tag as ResourceTag,
};
use aws_smithy_types::DateTime;
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;

use crate::clients::answer::Subject;
use crate::clients::pace::{Api, Pace};
use crate::model::digest::Digest;
use crate::model::failure::{Failure, FailureKind, Side};
use crate::model::inventory::{Encryption, ImageId, Known, Mutability, RepositorySettings};
use crate::model::lifecycle::{Image, StorageClass};
use crate::model::manifest::{MEDIA_TYPES, Manifest};
use crate::model::reference::{Registry, Repository, Tag};
use crate::model::time::Timestamp;

/// The most ids one batch call takes (`BatchGetImage`, `BatchCheckLayerAvailability`, `DescribeRepositories`).
const BATCH: usize = 100;
/// The longest page of `DescribeImages`.
const PAGE: i32 = 1000;

/// A client of ECR in every Region that a run touches.
pub struct Ecr {
    config: SdkConfig,
    pace: Rc<Pace>,
    clients: RefCell<BTreeMap<String, Client>>,
}

/// What a repository is created with.
#[derive(Clone, Debug)]
pub struct NewRepository<'a> {
    /// Encryption at rest; ECR's default (`AES256`) if `None`.
    pub encryption: Option<&'a Encryption>,
    /// Tag mutability.
    pub mutability: &'a Mutability,
    /// Resource tags.
    pub tags: &'a BTreeMap<String, String>,
}

impl Ecr {
    /// A client with these credentials, paced by this.
    pub fn new(config: SdkConfig, pace: Rc<Pace>) -> Self {
        let clients = RefCell::default();
        Self {
            config,
            pace,
            clients,
        }
    }

    fn client(&self, registry: &Registry) -> Client {
        let region = registry.region().to_owned();
        let mut clients = self.clients.borrow_mut();
        let make = || {
            let region = Region::new(region.clone());
            let config = self.config.to_builder().region(region).build();
            Client::new(&config)
        };
        clients.entry(region.clone()).or_insert_with(make).clone()
    }

    /// A token for the `/v2/` endpoint: base64 of `AWS:<password>`, good for 12 hours.
    ///
    /// # Errors
    /// The service's.
    pub async fn authorization_token(&self, registry: &Registry) -> Result<String, Failure> {
        let subject = on_registry("GetAuthorizationToken", registry);
        let client = self.client(registry);
        let answer = self
            .pace
            .run(Api::Other, async || {
                let answer = client.get_authorization_token().send().await;
                answer.map_err(|error| subject.sdk(&error))
            })
            .await?;
        let data = answer.authorization_data().first();
        let token = data.and_then(|data| data.authorization_token());
        token
            .map(str::to_owned)
            .ok_or_else(|| subject.failure(FailureKind::BadAnswer, "no token in the answer"))
    }

    /// Whether the registry mounts blobs across repositories (account setting `BLOB_MOUNTING`). Anything but `ENABLED`
    /// is off (Amazon ECR API Reference, "GetAccountSetting").
    ///
    /// # Errors
    /// The service's.
    pub async fn blob_mounting(&self, registry: &Registry) -> Result<bool, Failure> {
        let subject = on_registry("GetAccountSetting", registry);
        let client = self.client(registry);
        let answer = self
            .pace
            .run(Api::Other, async || {
                let answer = client
                    .get_account_setting()
                    .name("BLOB_MOUNTING")
                    .send()
                    .await;
                answer.map_err(|error| subject.sdk(&error))
            })
            .await?;
        Ok(answer.value() == Some("ENABLED"))
    }

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
        let subject = on("BatchGetImage", repository, side);
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
        let subject = on("BatchCheckLayerAvailability", repository, side);
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
        let mut subject = on("ListImageReferrers", repository, side);
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
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let answer = self
                .pace
                .run(Api::Other, async || {
                    let request = client
                        .list_image_referrers()
                        .registry_id(repository.registry.account())
                        .repository_name(repository.name.as_str())
                        .subject_id(id.clone())
                        .filter(ListImageReferrersFilter::builder().build())
                        .max_results(50)
                        .set_next_token(token.clone());
                    request.send().await.map_err(|error| subject.sdk(&error))
                })
                .await?;
            for referrer in answer.referrers() {
                let digest = referrer.digest().parse();
                found.push(digest.map_err(|error: crate::model::digest::DigestError| {
                    subject.failure(FailureKind::BadAnswer, error.to_string())
                })?);
            }
            token = answer.next_token().map(str::to_owned);
            if token.is_none() {
                return Ok(found);
            }
        }
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
        let subject = on("DescribeImages", repository, side);
        let client = self.client(&repository.registry);
        let any = DescribeImagesFilter::builder()
            .image_status(ImageStatusFilter::Any)
            .build();
        let mut images = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let answer = self
                .pace
                .run(Api::Other, async || {
                    let request = client
                        .describe_images()
                        .registry_id(repository.registry.account())
                        .repository_name(repository.name.as_str())
                        .filter(any.clone())
                        .max_results(PAGE)
                        .set_next_token(token.clone());
                    request.send().await.map_err(|error| subject.sdk(&error))
                })
                .await?;
            for detail in answer.image_details() {
                images.push(image(&subject, detail)?);
            }
            token = answer.next_token().map(str::to_owned);
            if token.is_none() {
                return Ok(images);
            }
        }
    }

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

    /// Whether the repository belongs to a pull-through cache rule.
    ///
    /// # Errors
    /// The service's.
    pub async fn is_pull_through(&self, repository: &Repository) -> Result<bool, Failure> {
        let subject = on("DescribePullThroughCacheRules", repository, Side::Source);
        let client = self.client(&repository.registry);
        let answer = self
            .pace
            .run(Api::Other, async || {
                let request = client
                    .describe_pull_through_cache_rules()
                    .registry_id(repository.registry.account());
                request.send().await.map_err(|error| subject.sdk(&error))
            })
            .await?;
        let mut rules = answer.pull_through_cache_rules().iter();
        Ok(rules.any(|rule| {
            let prefix = rule.ecr_repository_prefix().unwrap_or_default();
            let below = repository.name.as_str().strip_prefix(prefix);
            prefix == "ROOT" || below.is_some_and(|below| below.starts_with('/'))
        }))
    }

    /// Creates a repository.
    ///
    /// # Errors
    /// The service's; [`FailureKind::RepositoryExists`] where somebody was faster.
    pub async fn create_repository(
        &self,
        repository: &Repository,
        new: &NewRepository<'_>,
    ) -> Result<(), Failure> {
        let subject = on("CreateRepository", repository, Side::Target);
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
        let subject = on("SetRepositoryPolicy", repository, Side::Target);
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
        let subject = on("PutLifecyclePolicy", repository, Side::Target);
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
        let subject = about(&on("PutImage", repository, Side::Target), repository, &id);
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

fn on(operation: &'static str, repository: &Repository, side: Side) -> Subject {
    Subject {
        operation,
        object: repository.to_string(),
        side: Some(side),
        action: format!("ecr:{operation}"),
        resource: repository.arn(),
    }
}

fn on_registry(operation: &'static str, registry: &Registry) -> Subject {
    Subject {
        operation,
        object: registry.host().to_owned(),
        side: None,
        action: format!("ecr:{operation}"),
        resource: "*".to_owned(),
    }
}

fn about(subject: &Subject, repository: &Repository, id: &ImageId) -> Subject {
    let mut subject = subject.clone();
    subject.object = format!("{repository}{id}");
    subject
}

fn identifier(id: &ImageId) -> ImageIdentifier {
    let builder = ImageIdentifier::builder();
    match id {
        ImageId::Tag(tag) => builder.image_tag(tag.as_str()).build(),
        ImageId::Digest(digest) => builder.image_digest(digest.as_str()).build(),
    }
}

fn manifest(
    subject: &Subject,
    digest: Option<&str>,
    text: String,
    media_type: Option<&str>,
) -> Known<Manifest> {
    let bad = |message: String| subject.failure(FailureKind::BadAnswer, message);
    let digest = digest.ok_or_else(|| bad("no digest in the answer".to_owned()))?;
    let digest: Digest = digest
        .parse()
        .map_err(|error: crate::model::digest::DigestError| bad(error.to_string()))?;
    Manifest::read(text, &digest, media_type).map_err(|error| bad(error.to_string()))
}

fn image(subject: &Subject, detail: &ImageDetail) -> Result<Image, Failure> {
    let digest = |text: Option<&str>| -> Result<Option<Digest>, Failure> {
        let parsed = text.map(str::parse).transpose();
        parsed.map_err(|error: crate::model::digest::DigestError| {
            subject.failure(FailureKind::BadAnswer, error.to_string())
        })
    };
    let missing = || subject.failure(FailureKind::BadAnswer, "an image without digest or date");
    let archived = detail.image_status() == Some(&ImageStatus::Archived);
    Ok(Image {
        digest: digest(detail.image_digest())?.ok_or_else(missing)?,
        tags: detail.image_tags().to_vec(),
        pushed_at: timestamp(detail.image_pushed_at()).ok_or_else(missing)?,
        activated_at: timestamp(detail.last_activated_at()),
        pulled_at: timestamp(detail.last_recorded_pull_time()),
        archived_at: timestamp(detail.last_archived_at()),
        storage_class: if archived {
            StorageClass::Archive
        } else {
            StorageClass::Standard
        },
        children: Vec::new(),
        subject: digest(detail.subject_manifest_digest())?,
    })
}

fn timestamp(time: Option<&DateTime>) -> Option<Timestamp> {
    time?.to_millis().ok().map(Timestamp)
}

fn settings(repository: &aws_sdk_ecr::types::Repository) -> RepositorySettings {
    let mutability = repository.image_tag_mutability();
    let immutable = matches!(
        mutability,
        Some(ImageTagMutability::Immutable | ImageTagMutability::ImmutableWithExclusion)
    );
    let filters = repository.image_tag_mutability_exclusion_filters();
    let encryption = repository.encryption_configuration();
    RepositorySettings {
        mutability: Mutability {
            immutable,
            exclusions: filters
                .iter()
                .map(|filter| filter.filter().to_owned())
                .collect(),
        },
        encryption: Encryption {
            kind: encryption.map_or_else(
                || "AES256".to_owned(),
                |encryption| encryption.encryption_type().as_str().to_owned(),
            ),
            key: encryption
                .and_then(|encryption| encryption.kms_key())
                .map(str::to_owned),
        },
    }
}
