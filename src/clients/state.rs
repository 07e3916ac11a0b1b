//! Reads the text of a Terraform state from S3 or from a web server.

use std::time::Duration;

use aws_config::{Region, SdkConfig};
use aws_sdk_s3::error::SdkError;
use bytes::Bytes;

use crate::clients::answer::Subject;
use crate::clients::http;
use crate::clients::pace::{Api, Pace};
use crate::model::failure::{Failure, FailureKind};

/// The largest state that is read, in bytes.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// S3 answers in this header where a bucket is, whatever the answer.
const BUCKET_REGION: &str = "x-amz-bucket-region";

/// Where S3 is asked first if nothing says a Region.
const FIRST_REGION: &str = "us-east-1";

/// An object.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    /// Whether the bucket is a part of the path instead of the host.
    pub(super) path_style: bool,
}

/// Reads an object. A bucket in another Region says so, and is asked again there.
pub(super) async fn object(
    config: &SdkConfig,
    place: &Place<'_>,
    pace: &Pace,
    subject: &Subject,
) -> Result<String, Failure> {
    let known = config.region().cloned();
    let mut region = known.unwrap_or_else(|| Region::from_static(FIRST_REGION));
    let moved = std::cell::RefCell::new(None);
    loop {
        let client = client_in(config, &region, place.path_style);
        let request = async || {
            let request = client.get_object().bucket(place.bucket).key(place.key);
            let answer = request.send().await.map_err(|error| {
                *moved.borrow_mut() = elsewhere(&error, &region);
                subject.sdk(&error)
            })?;
            let mut body = answer.body;
            let mut bytes = Vec::new();
            while let Some(piece) = body.next().await {
                let piece = piece
                    .map_err(|error| subject.failure(FailureKind::Broken, error.to_string()))?;
                grow(&mut bytes, &piece, subject)?;
            }
            Ok(bytes)
        };
        match pace.run(Api::Other, request).await {
            Ok(bytes) => return text(bytes, subject),
            Err(failure) => match moved.take() {
                Some(other) => region = other,
                None => return Err(failure),
            },
        }
    }
}

fn client_in(config: &SdkConfig, region: &Region, path_style: bool) -> aws_sdk_s3::Client {
    let config = config.to_builder().region(region.clone()).build();
    let config = aws_sdk_s3::config::Builder::from(&config)
        .force_path_style(path_style)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

/// The Region a bucket is in, if it is another one.
fn elsewhere<E>(
    error: &SdkError<E, aws_smithy_runtime_api::client::orchestrator::HttpResponse>,
    asked: &Region,
) -> Option<Region> {
    let SdkError::ServiceError(service) = error else {
        return None;
    };
    let raw = service.raw();
    let said = raw.headers().get(BUCKET_REGION)?;
    let redirected = matches!(raw.status().as_u16(), 301 | 307 | 400);
    (redirected && said != asked.as_ref()).then(|| Region::new(said.to_owned()))
}

/// A client for web servers.
pub(super) fn client() -> Result<reqwest::Client, reqwest::Error> {
    http::client().timeout(Duration::from_secs(120)).build()
}

/// Reads what a web server answers. Like tfstate-lookup it does not look at the status: an error page is no state.
pub(super) async fn page(
    client: &reqwest::Client,
    url: &str,
    pace: &Pace,
    subject: &Subject,
) -> Result<String, Failure> {
    let request = async || {
        let answer = client.get(url).send().await;
        let answer = answer.map_err(|error| subject.http(error))?;
        let status = answer.status();
        if status.as_u16() == 429 || status.is_server_error() {
            return Err(subject.answered(status.as_u16(), None, ""));
        }
        let body = http::bounded(answer, MAX_BYTES).await;
        let (bytes, whole) = body.map_err(|error| subject.http(error))?;
        if whole {
            Ok(bytes)
        } else {
            Err(too_large(subject))
        }
    };
    text(pace.run(Api::Other, request).await?, subject)
}

fn grow(bytes: &mut Vec<u8>, piece: &Bytes, subject: &Subject) -> Result<(), Failure> {
    if bytes.len() + piece.len() > MAX_BYTES {
        return Err(too_large(subject));
    }
    bytes.extend_from_slice(piece);
    Ok(())
}

fn too_large(subject: &Subject) -> Failure {
    let message = format!("larger than {} MiB", MAX_BYTES >> 20);
    subject.failure(FailureKind::BadAnswer, message)
}

fn text(bytes: Vec<u8>, subject: &Subject) -> Result<String, Failure> {
    let not_text = |_| subject.failure(FailureKind::BadAnswer, "not valid UTF-8");
    String::from_utf8(bytes).map_err(not_text)
}
