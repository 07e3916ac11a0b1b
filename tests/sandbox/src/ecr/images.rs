//! Reading and putting manifests.

use bytes::Bytes;
use serde_json::Value;
use serde_json::json;

use crate::content::digest;
use crate::content::is_digest;
use crate::input::Input;
use crate::input::with_token;
use crate::manifest::media_type;
use crate::refusal::Refusal;
use crate::state::Image;
use crate::state::State;
use crate::state::Storage;
use crate::store::put::Put;

pub(super) fn batch_get(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = input.required("repositoryName")?;
    let ids = input.limited("imageIds", 100)?;
    let accepted = input.texts("acceptedMediaTypes");
    let (account, now) = (state.account.clone(), state.clock.now());
    let is_pull = state.undocumented.batch_get_image_is_a_pull;
    let archived_is_not_found = state.undocumented.archived_is_not_found;
    let repository = state.find_mut(name)?;
    let mut images = Vec::new();
    let mut failures = Vec::new();
    for id in ids {
        let tag = id.get("imageTag").and_then(Value::as_str);
        let wanted = id.get("imageDigest").and_then(Value::as_str);
        let failure = |code: &str, reason: &str| json!({"imageId": id, "failureCode": code, "failureReason": reason});
        let reference = match (wanted, tag) {
            (Some(digest), _) if !is_digest(digest) => {
                failures.push(failure("InvalidImageDigest", "Invalid image digest"));
                continue;
            }
            (Some(reference), _) | (None, Some(reference)) => reference,
            (None, None) => {
                failures.push(failure(
                    "MissingDigestAndTag",
                    "Neither imageDigest nor imageTag was given",
                ));
                continue;
            }
        };
        let Some(image) = repository.image_mut(reference) else {
            failures.push(failure("ImageNotFound", "Requested image not found"));
            continue;
        };
        if wanted.is_some() && tag.is_some_and(|tag| !image.tags.contains(tag)) {
            failures.push(failure(
                "ImageTagDoesNotMatchDigest",
                "The tag does not match the digest",
            ));
            continue;
        }
        if image.storage != Storage::Active {
            failures.push(if archived_is_not_found {
                failure("ImageNotFound", "Requested image not found")
            } else {
                failure("ImageInaccessible", "The image is archived")
            });
            continue;
        }
        if is_pull {
            image.pulled_at = Some(now);
        }
        let (text, kind) = if wanted.is_none() {
            converted(image, &accepted)
        } else {
            stored(image)
        };
        let mut id = json!({"imageDigest": digest(text.as_bytes())});
        if let Some(tag) = tag {
            id["imageTag"] = Value::from(tag);
        }
        images.push(json!({
            "registryId": account, "repositoryName": name, "imageId": id, "imageManifest": text, "imageManifestMediaType": kind,
        }));
    }
    Ok(json!({"images": images, "failures": failures}))
}

fn stored(image: &Image) -> (String, String) {
    (
        String::from_utf8_lossy(&image.bytes).into_owned(),
        image.media_type.clone(),
    )
}

/// Asked for by tag, an image whose format the caller does not accept is converted between Docker and OCI, which changes
/// bytes and digest (UG "Container image manifest formats"). Indexes are never converted.
fn converted(image: &Image, accepted: &[&str]) -> (String, String) {
    let (text, kind) = stored(image);
    if accepted.is_empty() || accepted.contains(&kind.as_str()) {
        return (text, kind);
    }
    let pairs = [
        (media_type::DOCKER_MANIFEST, media_type::OCI_MANIFEST),
        (
            "application/vnd.docker.container.image.v1+json",
            "application/vnd.oci.image.config.v1+json",
        ),
        (
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "application/vnd.oci.image.layer.v1.tar+gzip",
        ),
    ];
    let replace = |to_oci: bool| {
        pairs.iter().fold(text.clone(), |text, (docker, oci)| {
            if to_oci {
                text.replace(docker, oci)
            } else {
                text.replace(oci, docker)
            }
        })
    };
    match kind.as_str() {
        media_type::DOCKER_MANIFEST if accepted.contains(&media_type::OCI_MANIFEST) => {
            (replace(true), media_type::OCI_MANIFEST.to_owned())
        }
        media_type::OCI_MANIFEST if accepted.contains(&media_type::DOCKER_MANIFEST) => {
            (replace(false), media_type::DOCKER_MANIFEST.to_owned())
        }
        _ => (text, kind),
    }
}

pub(super) fn put(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = input.required("repositoryName")?;
    let text = input.required("imageManifest")?;
    let tag = input.text("imageTag");
    let digest = state.put(Put {
        repository: name,
        bytes: Bytes::from(text.to_owned()),
        media_type: input.text("imageManifestMediaType"),
        tag,
        digest: input.text("imageDigest"),
    })?;
    let kind = state
        .image(name, &digest)
        .map(|image| image.media_type.clone());
    let mut id = json!({"imageDigest": digest});
    if let Some(tag) = tag {
        id["imageTag"] = Value::from(tag);
    }
    Ok(json!({"image": {
        "registryId": state.account, "repositoryName": name, "imageId": id, "imageManifest": text, "imageManifestMediaType": kind,
    }}))
}

pub(super) fn referrers(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = input.required("repositoryName")?;
    let subject = input
        .nested("subjectId", "imageDigest")
        .ok_or_else(|| Refusal::parameter("subjectId", "Member must not be null"))?;
    let status = input.nested("filter", "artifactStatus").unwrap_or("ACTIVE");
    let filter = Input(input.0.get("filter").cloned().unwrap_or_default());
    let types = filter.texts("artifactTypes");
    if types.len() > 5 {
        return Err(Refusal::parameter(
            "filter.artifactTypes",
            "Member must have length less than or equal to 5",
        ));
    }
    if !["ACTIVE", "ARCHIVED", "ACTIVATING", "ANY"].contains(&status) {
        return Err(Refusal::parameter(
            "filter.artifactStatus",
            "Member must satisfy enum value set: [ACTIVE, ARCHIVED, ACTIVATING, ANY]",
        ));
    }
    let all: Vec<Value> = state
        .find(name)?
        .referrers(subject)
        .into_iter()
        .filter(|image| status == "ANY" || image.storage.word() == status)
        .filter(|image| types.is_empty() || image.manifest.artifact_type.as_deref().is_some_and(|kind| types.contains(&kind)))
        .map(|image| {
            json!({
                "digest": image.digest, "mediaType": image.media_type, "artifactType": image.manifest.artifact_type,
                "size": image.bytes.len(), "annotations": image.manifest.annotations, "artifactStatus": image.storage.word(),
            })
        })
        .collect();
    let (page, token) = input.page(all, 20, 50)?;
    Ok(with_token(json!({"referrers": page}), token))
}
