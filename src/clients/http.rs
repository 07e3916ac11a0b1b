//! What all HTTP requests have in common that do not go through an SDK.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{RANGE, RETRY_AFTER};
use reqwest::{ClientBuilder, RequestBuilder, Response, Url};

use crate::clients::answer::Subject;
use crate::model::failure::Failure;

/// A client that says who it is, and does not wait for ever for a connection.
pub(crate) fn client() -> ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("demitasse/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
}

/// The same for registries: a blob may take its time, as long as it moves.
pub(crate) fn registry_client() -> ClientBuilder {
    client().read_timeout(Duration::from_secs(60))
}

/// The request for what follows so many bytes.
pub(crate) fn from_byte(request: RequestBuilder, start: u64) -> RequestBuilder {
    match start {
        0 => request,
        _ => request.header(RANGE, format!("bytes={start}-")),
    }
}

/// Whether the host is this machine itself.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let ip: Result<IpAddr, _> = host.parse();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

/// How much of an error's body is read.
const SHOWN: usize = 4096;

/// The answer, if its status says that all went well.
pub(crate) async fn checked(answer: Response, subject: &Subject) -> Result<Response, Failure> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let status = answer.status().as_u16();
    let retry_after = answer.headers().get(RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
    let (mut body, _) = bounded(answer, SHOWN).await.unwrap_or_default();
    body.truncate(SHOWN);
    Err(subject.answered(
        status,
        retry_after.map(|seconds| Duration::from_secs(seconds.into())),
        &String::from_utf8_lossy(&body),
    ))
}

/// The body, as far as it is no longer than this; whether that is all of it.
pub(crate) async fn bounded(
    mut answer: Response,
    limit: usize,
) -> Result<(Vec<u8>, bool), reqwest::Error> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        body.extend_from_slice(&piece);
        if body.len() > limit {
            return Ok((body, false));
        }
    }
    Ok((body, true))
}
