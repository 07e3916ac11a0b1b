//! Streams a blob in parts, for one that broke off when it was sent as a whole: what goes wrong then costs one part, and both
//! ends go on where they were.

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use reqwest::{Method, Response};

use crate::clients::answer::Subject;
use crate::clients::pace::Api;
use crate::clients::registry::{Endpoint, Session};
use crate::model::digest::Hasher;
use crate::model::failure::{Failure, FailureKind, Side};
use crate::model::manifest::Descriptor;
use crate::model::reference::Repository;

/// The size of a part (Amazon ECR service quotas, "Maximum layer part size"), unless there would be too many.
const PART: u64 = 10 * 1024 * 1024;
/// How many parts a layer may have (Amazon ECR service quotas, "Maximum number of layer parts"). A part may then be larger than
/// its quota page says: the API takes 20,971,520 bytes (Amazon ECR API Reference, `UploadLayerPart`).
const MOST: u64 = 4_200;

/// Whether the blob has more than one part.
pub fn has_parts(blob: &Descriptor) -> bool {
    blob.size > PART
}

impl Endpoint {
    /// Streams a blob of `source` part by part into an upload session of `target` in which nothing is yet; `on_bytes` hears of
    /// each part. One part at a time is held in memory.
    ///
    /// # Errors
    /// The registry's, once a part was tried as often as any request; also where the bytes are not the blob's.
    pub async fn stream_in_parts(
        &self,
        source: &Repository,
        target: &Repository,
        blob: &Descriptor,
        session: &Session,
        on_bytes: impl Fn(u64),
    ) -> Result<(), Failure> {
        let mut reader = Reader {
            endpoint: self,
            source,
            blob,
            answer: None,
            held: BytesMut::new(),
            read: 0,
            known: 0,
        };
        let mut hasher = Hasher::default();
        let mut session = session.clone();
        let mut sent = 0;
        while sent < blob.size {
            let length = PART.max(blob.size.div_ceil(MOST)).min(blob.size - sent);
            let part = reader.next(length).await?;
            hasher.update(&part);
            session = self.append(target, blob, &session, sent, part).await?;
            sent += length;
            on_bytes(length);
        }
        let actual = hasher.finish();
        if actual != blob.digest {
            let message = format!("its bytes have the digest {actual}");
            let subject = self.reads(source, blob);
            return Err(subject.failure(FailureKind::BadAnswer, message));
        }
        let subject = self.completes(target, blob);
        let url = session.completing(blob);
        self.pace
            .run(Api::CompleteLayerUpload, async || {
                let request = self.http(&subject)?.request(Method::PUT, url.clone());
                let request = request.header(CONTENT_LENGTH, 0);
                self.send(&target.registry, request, &subject)
                    .await
                    .map(drop)
            })
            .await
    }

    /// Appends a part. Before it is sent again the registry is asked whether it got there: only the answer may have been lost.
    async fn append(
        &self,
        target: &Repository,
        blob: &Descriptor,
        session: &Session,
        start: u64,
        part: Bytes,
    ) -> Result<Session, Failure> {
        let subject = self.subject("upload part", target, Side::Target, "UploadLayerPart", blob);
        let end = start + u64::try_from(part.len()).unwrap_or(u64::MAX);
        let mut tried = false;
        self.pace
            .run(Api::UploadLayerPart, async || {
                if std::mem::replace(&mut tried, true)
                    && self.received(target, session, &subject).await == Some(end)
                {
                    return Ok(session.clone());
                }
                let request = self
                    .http(&subject)?
                    .request(Method::PATCH, session.url().clone());
                let request = request
                    .header(CONTENT_TYPE, "application/octet-stream")
                    .header(CONTENT_RANGE, format!("{start}-{}", end - 1))
                    .body(part.clone());
                let answer = self.send(&target.registry, request, &subject).await?;
                Ok(self.moved(target, session, &answer))
            })
            .await
    }

    /// How many bytes the session has, if the registry says so.
    async fn received(
        &self,
        target: &Repository,
        session: &Session,
        subject: &Subject,
    ) -> Option<u64> {
        let client = self.http(subject).ok()?;
        let request = client.request(Method::GET, session.url().clone());
        let answer = self.send(&target.registry, request, subject).await.ok()?;
        let range = answer.headers().get(RANGE)?.to_str().ok()?;
        let (_, last) = range.split_once('-')?;
        last.parse::<u64>().ok()?.checked_add(1)
    }
}

/// A blob of the source, read on from where it broke off.
struct Reader<'r> {
    endpoint: &'r Endpoint,
    source: &'r Repository,
    blob: &'r Descriptor,
    answer: Option<Response>,
    held: BytesMut,
    /// How many bytes came in all.
    read: u64,
    /// How many of those are still to come again.
    known: u64,
}

impl Reader<'_> {
    /// The next so many bytes.
    async fn next(&mut self, length: u64) -> Result<Bytes, Failure> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let mut tries = 0;
        while self.held.len() < length {
            if let Err(failure) = self.more().await {
                self.answer = None;
                self.endpoint.wait_to_retry(&failure, tries).await?;
                tries += 1;
            }
        }
        Ok(self.held.split_to(length).freeze())
    }

    /// Reads a piece more. Whoever does not know ranges sends the blob from its beginning.
    async fn more(&mut self) -> Result<(), Failure> {
        let mut answer = match self.answer.take() {
            Some(answer) => answer,
            None => {
                let (source, blob) = (self.source, self.blob);
                let answer = self.endpoint.source_blob(source, blob, self.read).await?;
                self.known = match answer.status().as_u16() {
                    206 => 0,
                    _ => self.read,
                };
                answer
            }
        };
        let subject = self.endpoint.reads(self.source, self.blob);
        let piece = answer.chunk().await.map_err(|error| subject.http(error))?;
        let ended = || subject.failure(FailureKind::Broken, "the blob ended too early");
        let piece = piece.ok_or_else(ended)?;
        let new = unknown(&piece, &mut self.known);
        self.held.extend_from_slice(new);
        self.read += u64::try_from(new.len()).unwrap_or(u64::MAX);
        self.answer = Some(answer);
        Ok(())
    }
}

/// What of a piece did not come before; so many bytes still did.
fn unknown<'p>(piece: &'p [u8], known: &mut u64) -> &'p [u8] {
    let came = usize::try_from(*known).unwrap_or(usize::MAX);
    let came = came.min(piece.len());
    *known -= u64::try_from(came).unwrap_or(u64::MAX);
    piece.get(came..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_before_is_left_out() {
        let mut known = 5;
        let pieces: [&[u8]; 4] = [b"abc", b"defg", b"", b"hi"];
        let new: Vec<&[u8]> = pieces
            .iter()
            .map(|piece| unknown(piece, &mut known))
            .collect();
        assert_eq!(new.concat(), b"fghi");
        assert_eq!(unknown(b"j", &mut known), b"j");
    }
}
