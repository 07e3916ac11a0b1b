//! Blobs and uploads on `/v2/`.

use crate::answer::Answer;
use crate::content::is_digest;
use crate::refusal::Refusal;
use crate::registry::Asked;
use crate::state::State;
use crate::store::blobs::Mount;

/// "Chunks must be at least 5 MB except the last."
const SMALLEST_CHUNK: usize = 5 * 1024 * 1024;

pub(super) fn head(state: &mut State, name: &str, digest: &str) -> Result<Answer, Refusal> {
    let bytes = state.blob(name, digest)?;
    Ok(Answer::new(200)
        .header("content-type", "application/octet-stream")
        .header("accept-ranges", "bytes")
        .header("docker-content-digest", digest)
        .body(bytes))
}

/// A blob is read from S3: the answer only tells where.
pub(super) fn get(state: &mut State, name: &str, digest: &str) -> Result<Answer, Refusal> {
    state.blob(name, digest)?;
    Ok(Answer::new(307)
        .header("location", state.presigned(name, digest))
        .header("docker-content-digest", digest))
}

pub(super) fn start(
    state: &mut State,
    name: &str,
    mount: Option<&str>,
    from: Option<&str>,
) -> Result<Answer, Refusal> {
    let id = match (mount, from) {
        (Some(digest), Some(from)) => match state.mount(name, digest, from)? {
            Mount::Mounted => {
                return Ok(Answer::new(201)
                    .header("location", format!("/v2/{name}/blobs/{digest}"))
                    .header("docker-content-digest", digest));
            }
            Mount::Declined(id) => id,
        },
        _ => state.open_upload(name)?,
    };
    Ok(session(state, 202, name, &id, 0).header("docker-upload-uuid", id))
}

/// ECR answers 201 to a chunk, where the specification says 202.
pub(super) fn patch(
    state: &mut State,
    name: &str,
    id: &str,
    asked: &Asked<'_>,
) -> Result<Answer, Refusal> {
    check_chunk(state, name, id, asked)?;
    let total = state.append(name, id, &asked.body)?;
    Ok(session(state, 201, name, id, total).header("docker-upload-uuid", id))
}

pub(super) fn put(
    state: &mut State,
    name: &str,
    id: &str,
    digest: Option<&str>,
    asked: &Asked<'_>,
) -> Result<Answer, Refusal> {
    state.upload(name, id)?;
    let invalid = Refusal::new(
        "InvalidLayerException",
        "The digest parameter is missing or not a digest",
    );
    let digest = digest.filter(|digest| is_digest(digest)).ok_or(invalid)?;
    if !asked.body.is_empty() {
        check_chunk(state, name, id, asked)?;
        state.append(name, id, &asked.body)?;
    }
    match state.complete(name, id, digest) {
        Err(refusal) if refusal.code != "LayerAlreadyExistsException" => Err(refusal),
        _ => Ok(Answer::new(201)
            .header("location", format!("/v2/{name}/blobs/{digest}"))
            .header("docker-content-digest", digest)),
    }
}

pub(super) fn status(state: &mut State, name: &str, id: &str) -> Result<Answer, Refusal> {
    let total = state.upload(name, id)?.bytes.len();
    Ok(session(state, 204, name, id, total).header("docker-upload-uuid", id))
}

pub(super) fn cancel(state: &mut State, name: &str, id: &str) -> Result<Answer, Refusal> {
    state.upload(name, id)?;
    state.uploads.remove(id);
    Ok(Answer::new(204))
}

/// A chunk must follow what is there, and the one before it must not have been too small.
fn check_chunk(state: &mut State, name: &str, id: &str, asked: &Asked<'_>) -> Result<(), Refusal> {
    let upload = state.upload(name, id)?;
    let start = asked.header("content-range").and_then(|range| {
        let range = range.trim_start_matches("bytes ");
        range.split('-').next()?.trim().parse::<usize>().ok()
    });
    if start.is_some_and(|start| start != upload.bytes.len()) {
        return Err(Refusal::new(
            "InvalidLayerPartException",
            format!("The chunk does not start at byte {}", upload.bytes.len()),
        ));
    }
    if upload
        .parts
        .last()
        .is_some_and(|last| *last < SMALLEST_CHUNK)
        && !asked.body.is_empty()
    {
        return Err(Refusal::new(
            "LayerPartTooSmallException",
            "Layer parts must be at least 5 MiB in size.",
        ));
    }
    Ok(())
}

fn session(state: &State, status: u16, name: &str, id: &str, total: usize) -> Answer {
    let host = if state.undocumented.absolute_location {
        state.url.as_str()
    } else {
        ""
    };
    Answer::new(status)
        .header("location", format!("{host}/v2/{name}/blobs/uploads/{id}"))
        .header("range", format!("0-{}", total.saturating_sub(1)))
}
