//! Manifests, tags and referrers on `/v2/`.

use serde_json::Value;
use serde_json::json;

use crate::answer::Answer;
use crate::content::is_digest;
use crate::manifest::media_type;
use crate::refusal::Refusal;
use crate::registry::Asked;
use crate::state::State;
use crate::state::Storage;
use crate::store::put::Put;

/// GET and HEAD alike: the server leaves the body of a HEAD out.
pub(super) fn get(state: &mut State, name: &str, reference: &str) -> Result<Answer, Refusal> {
    let now = state.clock.now();
    let with_digest = state.undocumented.content_digest_header;
    let missing = Refusal::new(
        "ImageNotFoundException",
        format!("Requested image not found: {reference} in the repository with name '{name}'"),
    );
    let image = state
        .find_mut(name)?
        .image_mut(reference)
        .filter(|image| image.storage == Storage::Active);
    let image = image.ok_or(missing)?;
    image.pulled_at = Some(now);
    let answer = Answer::new(200)
        .header("content-type", image.media_type.clone())
        .body(image.bytes.clone());
    Ok(if with_digest {
        answer.header("docker-content-digest", image.digest.clone())
    } else {
        answer
    })
}

pub(super) fn put(
    state: &mut State,
    name: &str,
    reference: &str,
    asked: &Asked<'_>,
) -> Result<Answer, Refusal> {
    let by_digest = is_digest(reference);
    let kind = asked
        .header("content-type")
        .map(|kind| kind.split(';').next().unwrap_or(kind).trim());
    let put = Put {
        repository: name,
        bytes: asked.body.clone(),
        media_type: kind,
        tag: (!by_digest).then_some(reference),
        digest: by_digest.then_some(reference),
    };
    let calculated = crate::content::digest(&put.bytes);
    let digest = match state.put(put) {
        Ok(digest) => digest,
        Err(refusal) if refusal.code == "ImageAlreadyExistsException" => calculated,
        Err(refusal) => return Err(refusal),
    };
    let mut answer = Answer::new(201);
    if state.undocumented.manifest_put_has_location {
        answer = answer.header("location", format!("/v2/{name}/manifests/{digest}"));
    }
    if state.undocumented.content_digest_header {
        answer = answer.header("docker-content-digest", digest.clone());
    }
    let subject = state
        .image(name, &digest)
        .and_then(|image| image.manifest.subject.clone());
    Ok(match subject {
        Some(subject) => answer.header("oci-subject", subject),
        None => answer,
    })
}

pub(super) fn tags(
    state: &mut State,
    name: &str,
    number: Option<usize>,
    last: Option<&str>,
) -> Result<Answer, Refusal> {
    state.find(name)?;
    let all: Vec<String> = state
        .tags(name)
        .into_keys()
        .filter(|tag| last.is_none_or(|last| tag.as_str() > last))
        .collect();
    let size = number.unwrap_or(1000);
    let page: Vec<String> = all.iter().take(size).cloned().collect();
    let mut answer = Answer::new(200).header("content-type", "application/json");
    if let (true, Some(last)) = (all.len() > size, page.last()) {
        answer = answer.header(
            "link",
            format!("</v2/{name}/tags/list?n={size}&last={last}>; rel=\"next\""),
        );
    }
    Ok(answer.body(json!({"name": name, "tags": page}).to_string()))
}

pub(super) fn referrers(
    state: &mut State,
    name: &str,
    digest: &str,
    artifact_type: Option<&str>,
) -> Result<Answer, Refusal> {
    let descriptors: Vec<Value> = state
        .find(name)?
        .referrers(digest)
        .into_iter()
        .filter(|image| image.storage == Storage::Active)
        .filter(|image| artifact_type.is_none() || image.manifest.artifact_type.as_deref() == artifact_type)
        .map(|image| {
            json!({
                "mediaType": image.media_type, "digest": image.digest, "size": image.bytes.len(),
                "artifactType": image.manifest.artifact_type, "annotations": image.manifest.annotations,
            })
        })
        .collect();
    let index =
        json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": descriptors});
    let answer = Answer::new(200)
        .header("content-type", media_type::OCI_INDEX)
        .body(index.to_string());
    Ok(if artifact_type.is_some() {
        answer.header("oci-filters-applied", "artifactType")
    } else {
        answer
    })
}
