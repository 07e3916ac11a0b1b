//! Layers in the JSON API.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;
use serde_json::json;

use crate::content::is_digest;
use crate::input::Input;
use crate::refusal::Refusal;
use crate::state::State;
use crate::state::Storage;

/// A part may be this large (API model), and every part but the last must be at least `SMALLEST_PART`.
const LARGEST_PART: usize = 20_971_520;
const SMALLEST_PART: usize = 5 * 1024 * 1024;

pub(super) fn availability(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let repository = state.find(input.required("repositoryName")?)?;
    let mut layers = Vec::new();
    let mut failures = Vec::new();
    for digest in input
        .limited("layerDigests", 100)?
        .iter()
        .filter_map(Value::as_str)
    {
        if !is_digest(digest) {
            failures.push(json!({"layerDigest": digest, "failureCode": "InvalidLayerDigest", "failureReason": "Invalid layer digest"}));
            continue;
        }
        let holders: Vec<_> = repository
            .images
            .values()
            .filter(|image| {
                image
                    .manifest
                    .blobs
                    .iter()
                    .any(|blob| blob.digest == digest)
            })
            .collect();
        let archived =
            !holders.is_empty() && holders.iter().all(|image| image.storage != Storage::Active);
        layers.push(match repository.blobs.get(digest) {
            Some(_) if archived => json!({"layerDigest": digest, "layerAvailability": "ARCHIVED"}),
            Some(blob) => json!({
                "layerDigest": digest, "layerAvailability": "AVAILABLE", "layerSize": blob.bytes.len(),
                "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
            }),
            None => json!({"layerDigest": digest, "layerAvailability": "UNAVAILABLE"}),
        });
    }
    Ok(json!({"layers": layers, "failures": failures}))
}

pub(super) fn download_url(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = input.required("repositoryName")?;
    let digest = input.required("layerDigest")?;
    state.blob(name, digest)?;
    if !state.find(name)?.needs_blob(digest) {
        return Err(Refusal::new(
            "LayersNotFoundException",
            format!(
                "Layers with digests '[{digest}]' are not referenced by an image in the repository with name '{name}'"
            ),
        ));
    }
    Ok(json!({"downloadUrl": state.presigned(name, digest), "layerDigest": digest}))
}

pub(super) fn initiate(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let id = state.open_upload(input.required("repositoryName")?)?;
    Ok(json!({"uploadId": id, "partSize": 10_485_760}))
}

pub(super) fn part(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = input.required("repositoryName")?;
    let id = input.required("uploadId")?;
    let first = input
        .number("partFirstByte")
        .and_then(|first| usize::try_from(first).ok());
    let last = input
        .number("partLastByte")
        .and_then(|last| usize::try_from(last).ok());
    let bytes = STANDARD
        .decode(input.required("layerPartBlob")?)
        .map_err(|_| Refusal::parameter("layerPartBlob", "is not base64"))?;
    let known = state.upload(name, id)?.bytes.len();
    if bytes.len() > LARGEST_PART
        || first != Some(known)
        || last.map(|last| last + 1) != Some(known + bytes.len())
    {
        return Err(Refusal::new(
            "InvalidLayerPartException",
            format!(
                "The layer part is not contiguous with the {known} bytes received for the upload with id '{id}'"
            ),
        ));
    }
    let total = state.append(name, id, &Bytes::from(bytes))?;
    Ok(
        json!({"registryId": state.account, "repositoryName": name, "uploadId": id, "lastByteReceived": total - 1}),
    )
}

pub(super) fn complete(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = input.required("repositoryName")?;
    let id = input.required("uploadId")?;
    let digests = input.limited("layerDigests", 100)?;
    let digest = digests
        .first()
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let upload = state.upload(name, id)?;
    if upload.bytes.is_empty() {
        return Err(Refusal::new(
            "EmptyUploadException",
            "The specified layer upload does not contain any layer parts.",
        ));
    }
    let all_but_last = upload.parts.len().saturating_sub(1);
    if upload
        .parts
        .iter()
        .take(all_but_last)
        .any(|part| *part < SMALLEST_PART)
    {
        return Err(Refusal::new(
            "LayerPartTooSmallException",
            "Layer parts must be at least 5 MiB in size.",
        ));
    }
    state.complete(name, id, &digest)?;
    Ok(
        json!({"registryId": state.account, "repositoryName": name, "uploadId": id, "layerDigest": digest}),
    )
}
