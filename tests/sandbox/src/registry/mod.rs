//! The OCI endpoint, `/v2/`, as ECR has it: Basic authorization, no catalog, blobs read by redirect.

use crate::answer::Answer;
use crate::call::Call;
use crate::refusal::Refusal;
use crate::state::State;

mod blobs;
mod manifests;
pub(crate) mod route;
pub(crate) mod storage;
pub(crate) mod token;

use route::Route;

/// A request as the registry reads it.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) headers: &'a hyper::HeaderMap,
    pub(crate) body: bytes::Bytes,
}

impl Asked<'_> {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Answers a request whose token and permissions were found good.
pub(crate) fn answer(state: &mut State, route: &Route, call: &Call, asked: &Asked<'_>) -> Answer {
    let method = asked.method;
    let result = match route {
        Route::Ping => Ok(Answer::new(200)
            .header("content-type", "application/json")
            .body("{}")),
        Route::Catalog => Ok(Answer::registry_error(
            404,
            "UNSUPPORTED",
            "Invalid parameter: _catalog is not supported",
        )),
        Route::Manifest { name, reference } => match method {
            "GET" | "HEAD" => manifests::get(state, name, reference),
            "PUT" => manifests::put(state, name, reference, asked),
            _ => Ok(unsupported()),
        },
        Route::Blob { name, digest } => match method {
            "HEAD" => blobs::head(state, name, digest),
            "GET" => blobs::get(state, name, digest),
            _ => Ok(unsupported()),
        },
        Route::StartUpload { name, mount, from } => match method {
            "POST" => blobs::start(state, name, mount.as_deref(), from.as_deref()),
            _ => Ok(unsupported()),
        },
        Route::Upload { name, id, digest } => match method {
            "PATCH" => blobs::patch(state, name, id, asked),
            "PUT" => blobs::put(state, name, id, digest.as_deref(), asked),
            "GET" => blobs::status(state, name, id),
            "DELETE" => blobs::cancel(state, name, id),
            _ => Ok(unsupported()),
        },
        Route::Tags { name, number, last } => {
            manifests::tags(state, name, *number, last.as_deref())
        }
        Route::Referrers {
            name,
            digest,
            artifact_type,
        } => manifests::referrers(state, name, digest, artifact_type.as_deref()),
        Route::Unknown => Ok(Answer::registry_error(
            404,
            "UNSUPPORTED",
            "The operation is unsupported.",
        )),
    };
    let answer = result.unwrap_or_else(|refusal| refused(state, &refusal, call));
    answer.header("docker-distribution-api-version", "registry/2.0")
}

/// How a refusal looks on `/v2/`.
pub(crate) fn refused(state: &State, refusal: &Refusal, call: &Call) -> Answer {
    let missing = if state.undocumented.missing_blob_is_400 {
        400
    } else {
        404
    };
    let (status, code) = match refusal.code {
        "RepositoryNotFoundException" => (404, "NAME_UNKNOWN"),
        "AccessDeniedException" => (403, "DENIED"),
        "ImageNotFoundException" => (404, "MANIFEST_UNKNOWN"),
        "ImageTagAlreadyExistsException" => (400, "TAG_INVALID"),
        "LayersNotFoundException" if call.write => (missing, "MANIFEST_BLOB_UNKNOWN"),
        "ReferencedImagesNotFoundException" => (missing, "MANIFEST_BLOB_UNKNOWN"),
        "LayersNotFoundException" => (404, "BLOB_UNKNOWN"),
        "ImageDigestDoesNotMatchException" | "InvalidLayerException" => (400, "DIGEST_INVALID"),
        "UploadNotFoundException" => (404, "BLOB_UPLOAD_UNKNOWN"),
        "InvalidLayerPartException" => (416, "BLOB_UPLOAD_INVALID"),
        "LayerPartTooSmallException" => (400, "BLOB_UPLOAD_INVALID"),
        "InvalidParameterException" if refusal.message.contains("length between 1 and 4194304") => {
            (413, "MANIFEST_INVALID")
        }
        "InvalidParameterException" => (400, "MANIFEST_INVALID"),
        _ => (400, "UNSUPPORTED"),
    };
    Answer::registry_error(status, code, &refusal.message)
}

fn unsupported() -> Answer {
    Answer::registry_error(405, "UNSUPPORTED", "The operation is unsupported.")
}
