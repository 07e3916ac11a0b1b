//! Streams a blob from its source into an upload session, as a whole and with bounded memory.

use std::sync::{Arc, Mutex};

use futures_util::TryStreamExt as _;
use reqwest::header::CONTENT_LENGTH;
use reqwest::{Method, Response};

use crate::clients::answer::Subject;
use crate::clients::http::from_byte;
use crate::clients::pace::Api;
use crate::clients::registry::{Endpoint, Session};
use crate::clients::upstream;
use crate::model::digest::{Digest, Hasher};
use crate::model::failure::{Failure, FailureKind, Side};
use crate::model::manifest::Descriptor;
use crate::model::reference::Repository;

impl Endpoint {
    /// Streams a blob of `source` into an upload session of `target`, with bounded memory; `on_bytes` hears of each piece.
    ///
    /// # Errors
    /// The registry's; also where the bytes that arrive are not the blob's.
    pub async fn stream(
        &self,
        source: &Repository,
        target: &Repository,
        blob: &Descriptor,
        session: &Session,
        on_bytes: impl Fn(u64) + Send + Sync + 'static,
    ) -> Result<(), Failure> {
        let is_upstream = !source.registry.is_ecr();
        let answer = self.source_blob(source, blob, 0).await?;
        let into = self.completes(target, blob);
        let url = session.completing(blob);
        let seen = is_upstream.then(|| Arc::new(Seen::default()));
        let watched = seen.clone();
        let bytes = answer.bytes_stream().inspect_ok(move |piece| {
            if let Some(seen) = &watched {
                seen.add(piece);
            }
            on_bytes(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        });
        let request = self.http(&into)?.request(Method::PUT, url);
        let request = request
            .header(CONTENT_LENGTH, blob.size)
            .body(reqwest::Body::wrap_stream(bytes));
        let done = self.send(&target.registry, request, &into).await.map(drop);
        // ECR refuses bytes that are not the digest's; whose fault that is, only we can tell.
        match seen.and_then(|seen| seen.whole(blob.size)) {
            Some(actual) if actual != blob.digest => {
                let message = format!("its bytes have the digest {actual}");
                Err(self
                    .reads(source, blob)
                    .failure(FailureKind::BadAnswer, message))
            }
            _ => done,
        }
    }

    /// A blob of the source from this byte on, on its way. A server that knows no ranges sends all of it, with 200.
    pub(super) async fn source_blob(
        &self,
        source: &Repository,
        blob: &Descriptor,
        start: u64,
    ) -> Result<Response, Failure> {
        match self.upstreams() {
            Some(upstreams) if !source.registry.is_ecr() => {
                upstreams.blob(source, blob, start).await
            }
            _ => self.blob(source, blob, start).await,
        }
    }

    /// What a read of a blob of the source is about.
    pub(super) fn reads(&self, source: &Repository, blob: &Descriptor) -> Subject {
        if !source.registry.is_ecr() {
            return upstream::blob_subject(source, blob);
        }
        let action = "GetDownloadUrlForLayer";
        self.subject("read blob", source, Side::Source, action, blob)
    }

    /// What the end of an upload is about.
    pub(super) fn completes(&self, target: &Repository, blob: &Descriptor) -> Subject {
        let action = "CompleteLayerUpload";
        self.subject("upload blob", target, Side::Target, action, blob)
    }

    /// A blob of a registry of ECR.
    async fn blob(
        &self,
        source: &Repository,
        blob: &Descriptor,
        start: u64,
    ) -> Result<Response, Failure> {
        let from = self.reads(source, blob);
        let path = format!("blobs/{}", blob.digest);
        let url = self.url(source, &path, &[], &from)?;
        self.pace
            .run(Api::GetDownloadUrlForLayer, async || {
                let request = self.http(&from)?.request(Method::GET, url.clone());
                let request = from_byte(request, start);
                self.send(&source.registry, request, &from).await
            })
            .await
    }

    /// Waits until a failed stream may be tried again; `tries` is how often it was.
    ///
    /// # Errors
    /// The failure itself, where waiting does not help.
    pub async fn wait_to_retry(&self, failure: &Failure, tries: u32) -> Result<(), Failure> {
        let api = Api::CompleteLayerUpload;
        self.pace.wait_to_retry(api, failure, tries).await
    }
}

/// The bytes of a blob that went by, as far as their digest needs them.
#[derive(Default)]
struct Seen(Mutex<(Hasher, u64)>);

impl Seen {
    fn add(&self, piece: &[u8]) {
        let mut seen = self.0.lock().unwrap_or_else(|held| held.into_inner());
        seen.0.update(piece);
        seen.1 += u64::try_from(piece.len()).unwrap_or(u64::MAX);
    }

    /// Their digest, if so many were seen.
    fn whole(&self, size: u64) -> Option<Digest> {
        let seen = self.0.lock().unwrap_or_else(|held| held.into_inner());
        (seen.1 == size).then(|| seen.0.clone().finish())
    }
}
