//! What is read of an upstream repository: manifests, what a tag means, referrers, blobs.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, LINK};
use reqwest::{Method, Response};
use serde::Deserialize;

use crate::clients::answer::Subject;
use crate::clients::http::{bounded, checked};
use crate::clients::pace::Api;
use crate::clients::upstream::{Upstreams, blob_subject, subject};
use crate::model::digest::Digest;
use crate::model::failure::{Failure, FailureKind};
use crate::model::inventory::{ImageId, Known};
use crate::model::manifest::{Descriptor, MAX_BYTES, MEDIA_TYPES, Manifest, ManifestError};
use crate::model::reference::{Repository, Tag};

/// How long an answer is waited for that nothing depends on but a warning.
const PATIENCE: Duration = Duration::from_secs(20);

/// A list of referrers, of which only the digests matter here.
#[derive(Deserialize)]
struct Listed {
    manifests: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    digest: String,
}

impl Upstreams {
    /// A manifest, exactly as it is, checked against its digest. An image that is not there is `None`.
    pub(super) async fn manifest(
        &self,
        repository: &Repository,
        id: &ImageId,
    ) -> Known<Option<Manifest>> {
        let subject = subject("read manifest", repository, id.to_string());
        let attempt = async || self.read_manifest(repository, id, &subject).await;
        self.pace.run(Api::Upstream, attempt).await
    }

    async fn read_manifest(
        &self,
        repository: &Repository,
        id: &ImageId,
        subject: &Subject,
    ) -> Known<Option<Manifest>> {
        let path = path_of(id);
        let accept = MEDIA_TYPES.join(", ");
        let answer = self
            .send(repository, Method::GET, &path, &accept, subject)
            .await?;
        let Some(answer) = present(answer, subject).await? else {
            return Ok(None);
        };
        let bad = |message: String| subject.failure(FailureKind::BadAnswer, message);
        let header = |name: &str| {
            let value = answer.headers().get(name)?.to_str().ok()?;
            Some(
                value
                    .split(';')
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_owned(),
            )
        };
        let media_type = header(CONTENT_TYPE.as_str());
        let announced: Option<Digest> =
            header("docker-content-digest").and_then(|text| text.parse().ok());
        let body = bounded(answer, MAX_BYTES).await;
        let (body, whole) = body.map_err(|error| subject.http(error))?;
        if !whole {
            return Err(bad(ManifestError::TooLarge(body.len()).to_string()));
        }
        let text =
            String::from_utf8(body).map_err(|_| bad("the manifest is no UTF-8".to_owned()))?;
        let actual = Digest::of(text.as_bytes());
        let asked = match id {
            ImageId::Digest(digest) => Some(digest),
            ImageId::Tag(_) => None,
        };
        for expected in asked.into_iter().chain(&announced) {
            if *expected != actual {
                let (expected, actual) = (expected.clone(), actual.clone());
                return Err(bad(
                    ManifestError::DigestMismatch { expected, actual }.to_string()
                ));
            }
        }
        let manifest = Manifest::read(text, &actual, media_type.as_deref());
        manifest.map(Some).map_err(|error| bad(error.to_string()))
    }

    /// The digest that a tag names, asked by HEAD, which Docker Hub does not count as a pull. Asked once, or twice where the
    /// connection broke; a throttle is not waited for.
    pub(super) async fn meaning(
        &self,
        repository: &Repository,
        tag: &Tag,
    ) -> Known<Option<Digest>> {
        let id = ImageId::Tag(tag.clone());
        let subject = subject("read tag", repository, id.to_string());
        let attempt = async || {
            let reading = self.read_meaning(repository, &id, &subject);
            let read = tokio::time::timeout(PATIENCE, reading).await;
            read.unwrap_or_else(|_| {
                let message = format!("no answer within {} s", PATIENCE.as_secs());
                Err(subject.failure(FailureKind::Unreachable, message))
            })
        };
        match self.pace.once(Api::Upstream, attempt).await {
            Err(failure) if failure.kind == FailureKind::Broken => {
                self.pace.once(Api::Upstream, attempt).await
            }
            done => done,
        }
    }

    async fn read_meaning(
        &self,
        repository: &Repository,
        id: &ImageId,
        subject: &Subject,
    ) -> Known<Option<Digest>> {
        let accept = MEDIA_TYPES.join(", ");
        let answer = self
            .send(repository, Method::HEAD, &path_of(id), &accept, subject)
            .await?;
        let Some(answer) = present(answer, subject).await? else {
            return Ok(None);
        };
        let named = answer.headers().get("docker-content-digest");
        match named.and_then(|value| value.to_str().ok()?.parse().ok()) {
            Some(digest) => Ok(Some(digest)),
            None => {
                let manifest = self.read_manifest(repository, id, subject).await?;
                Ok(manifest.map(|manifest| manifest.digest))
            }
        }
    }

    /// The digests of the referrers of an image, where the registry lists them, or else by the tag that stands for the list
    /// (distribution specification, "Listing Referrers" and "Referrers Tag Schema").
    pub(super) async fn referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Known<Vec<Digest>> {
        let subject = subject("list referrers", repository, format!("@{digest}"));
        let attempt = async || self.read_referrers(repository, digest, &subject).await;
        self.pace.run(Api::Upstream, attempt).await
    }

    async fn read_referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
        subject: &Subject,
    ) -> Known<Vec<Digest>> {
        let path = format!("referrers/{digest}");
        let index = "application/vnd.oci.image.index.v1+json";
        let answer = self
            .send(repository, Method::GET, &path, index, subject)
            .await?;
        if matches!(answer.status().as_u16(), 400 | 404 | 405 | 501) {
            let tag = digest.as_str().replace(':', "-");
            let tag: Option<Tag> = tag.parse().ok();
            let id = tag.map(ImageId::Tag);
            let list = match &id {
                Some(id) => self.read_manifest(repository, id, subject).await?,
                None => None,
            };
            let list = list.map(|list| list.children).unwrap_or_default();
            return Ok(list.into_iter().map(|child| child.digest).collect());
        }
        let answer = checked(answer, subject).await?;
        let bad = |message: &str| subject.failure(FailureKind::BadAnswer, message);
        if answer.headers().contains_key(LINK) {
            return Err(bad(
                "the list has several pages, of which only the first is read",
            ));
        }
        let body = bounded(answer, MAX_BYTES).await;
        let (body, whole) = body.map_err(|error| subject.http(error))?;
        let listed: Option<Listed> = serde_json::from_slice(&body).ok();
        let listed = listed
            .filter(|_| whole)
            .ok_or_else(|| bad("not a list of referrers"))?;
        let digests = listed.manifests.iter().map(|one| one.digest.parse());
        let digests: Result<Vec<Digest>, _> = digests.collect();
        digests.map_err(|error| bad(&error.to_string()))
    }

    /// A blob from this byte on, on its way; all of it, with 200, from a registry that knows no ranges.
    ///
    /// # Errors
    /// The registry's; also where its length is not the blob's.
    pub(crate) async fn blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        start: u64,
    ) -> Result<Response, Failure> {
        let subject = blob_subject(repository, blob);
        let path = format!("blobs/{}", blob.digest);
        self.pace
            .run(Api::Upstream, async || {
                let answer = self
                    .send_from(start, repository, Method::GET, &path, "*/*", &subject)
                    .await?;
                let answer = checked(answer, &subject).await?;
                let expected = match answer.status().as_u16() {
                    206 => blob.size.saturating_sub(start),
                    _ => blob.size,
                };
                match answer.content_length() {
                    Some(length) if length != expected => {
                        let message = format!("{length} bytes, not {expected}");
                        Err(subject.failure(FailureKind::BadAnswer, message))
                    }
                    _ => Ok(answer),
                }
            })
            .await
    }
}

/// The answer, if it is one about something that is there.
async fn present(answer: Response, subject: &Subject) -> Result<Option<Response>, Failure> {
    let is_absent = answer.status().as_u16() == 404;
    match checked(answer, subject).await {
        Err(failure) if is_absent && failure.kind != FailureKind::RepositoryNotFound => Ok(None),
        done => done.map(Some),
    }
}

fn path_of(id: &ImageId) -> String {
    match id {
        ImageId::Tag(tag) => format!("manifests/{tag}"),
        ImageId::Digest(digest) => format!("manifests/{digest}"),
    }
}
