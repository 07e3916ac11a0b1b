//! Between the SDK's shapes and our values.

use aws_sdk_ecr::types::{ImageDetail, ImageIdentifier, ImageStatus, ImageTagMutability};
use aws_smithy_types::DateTime;

use crate::clients::answer::Subject;
use crate::model::digest::{Digest, DigestError};
use crate::model::failure::{Failure, FailureKind};
use crate::model::inventory::{Encryption, ImageId, Known, Mutability, RepositorySettings};
use crate::model::lifecycle::{Image, StorageClass};
use crate::model::manifest::Manifest;
use crate::model::reference::Repository;
use crate::model::time::Timestamp;

pub(super) fn about(subject: &Subject, repository: &Repository, id: &ImageId) -> Subject {
    let mut subject = subject.clone();
    subject.object = format!("{repository}{id}");
    subject
}

pub(super) fn identifier(id: &ImageId) -> ImageIdentifier {
    let builder = ImageIdentifier::builder();
    match id {
        ImageId::Tag(tag) => builder.image_tag(tag.as_str()).build(),
        ImageId::Digest(digest) => builder.image_digest(digest.as_str()).build(),
    }
}

pub(super) fn manifest(
    subject: &Subject,
    digest: Option<&str>,
    text: String,
    media_type: Option<&str>,
) -> Known<Manifest> {
    let bad = |message: String| subject.failure(FailureKind::BadAnswer, message);
    let digest = digest.ok_or_else(|| bad("no digest in the answer".to_owned()))?;
    let digest: Digest = digest
        .parse()
        .map_err(|error: DigestError| bad(error.to_string()))?;
    Manifest::read(text, &digest, media_type).map_err(|error| bad(error.to_string()))
}

pub(super) fn image(subject: &Subject, detail: &ImageDetail) -> Result<Image, Failure> {
    let digest = |text: Option<&str>| -> Result<Option<Digest>, Failure> {
        let parsed = text.map(str::parse).transpose();
        parsed.map_err(|error: DigestError| {
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
        restoring: detail.image_status() == Some(&ImageStatus::Activating),
        children: Vec::new(),
        subject: digest(detail.subject_manifest_digest())?,
    })
}

fn timestamp(time: Option<&DateTime>) -> Option<Timestamp> {
    time?.to_millis().ok().map(Timestamp)
}

pub(super) fn settings(repository: &aws_sdk_ecr::types::Repository) -> RepositorySettings {
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
