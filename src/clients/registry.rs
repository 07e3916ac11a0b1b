//! The registry's `/v2/` endpoint, for the two things that only it can do: mount a blob from another repository, and
//! stream one into an upload session (Open Container Initiative distribution specification, "Pushing blobs").

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::{Arc, Mutex as Shared};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Method, Response, Url};
use tokio::sync::Mutex;

use crate::clients::ahead::Ahead;
use crate::clients::answer::Subject;
use crate::clients::ecr::{Ecr, Identity};
use crate::clients::http::{checked, from_byte, is_loopback, registry_client};
use crate::clients::pace::{Api, Pace};
use crate::clients::upstream::{self, Upstreams};
use crate::model::digest::{Digest, Hasher};
use crate::model::failure::{Failure, FailureKind, Side};
use crate::model::manifest::Descriptor;
use crate::model::reference::{Registry, Repository};

/// What became of a mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mount {
    /// The target now refers to the blob; nothing was transferred.
    Mounted,
    /// The registry opened an upload session instead.
    Declined(Session),
    /// The principal may not mount from the source.
    Denied,
}

/// An open upload session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Session(Url);

impl Session {
    pub(super) fn url(&self) -> &Url {
        &self.0
    }

    /// Where to say that all of the blob is there.
    pub(super) fn completing(&self, blob: &Descriptor) -> Url {
        let mut url = self.0.clone();
        url.query_pairs_mut()
            .append_pair("digest", blob.digest.as_str());
        url
    }
}

/// A client of the `/v2/` endpoints of all registries of a run.
pub struct Endpoint {
    http: reqwest::Client,
    opened: RefCell<BTreeMap<Registry, reqwest::Client>>,
    ecr: Rc<Ecr>,
    pace: Rc<Pace>,
    address: Option<Url>,
    upstreams: Option<Rc<Upstreams>>,
    tokens: RefCell<BTreeMap<Identity, Rc<Mutex<Option<String>>>>>,
}

/// Why `DEMITASSE_REGISTRY_ENDPOINT` is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not an address.
    #[error("DEMITASSE_REGISTRY_ENDPOINT is not a URL: {0}")]
    Unreadable(String),
    /// It receives the registry password.
    #[error(
        "DEMITASSE_REGISTRY_ENDPOINT must be https or a loopback address, because it receives the registry password"
    )]
    Insecure,
}

/// Checks the address of the `/v2/` endpoint where it is not the usual host.
///
/// # Errors
/// [`AddressError`].
pub fn address(text: &str) -> Result<Url, AddressError> {
    let url: Url = text
        .parse()
        .map_err(|error| AddressError::Unreadable(format!("{error}")))?;
    if url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url)) {
        Ok(url)
    } else {
        Err(AddressError::Insecure)
    }
}

impl Endpoint {
    /// A client that reaches registries under their own hosts, or all of them at the one address.
    ///
    /// # Errors
    /// Where TLS or a proxy of the environment cannot be set up.
    pub fn new(ecr: Rc<Ecr>, pace: Rc<Pace>, address: Option<Url>) -> Result<Self, String> {
        let http = registry_client()
            .build()
            .map_err(|error| format!("{error:?}"))?;
        Ok(Self {
            http,
            opened: RefCell::default(),
            ecr,
            pace,
            address,
            upstreams: None,
            tokens: RefCell::default(),
        })
    }

    /// The same, with a client for sources that are not in ECR.
    #[must_use]
    pub fn with_upstreams(self, upstreams: Option<Rc<Upstreams>>) -> Self {
        Self { upstreams, ..self }
    }

    /// The client for sources that are not in ECR, if the run has any.
    pub(crate) fn upstreams(&self) -> Option<&Upstreams> {
        self.upstreams.as_deref()
    }

    /// Fetches the token of a registry ahead of its first use.
    ///
    /// # Errors
    /// That of `GetAuthorizationToken`.
    pub async fn sign_in(&self, registry: &Registry) -> Result<(), Failure> {
        self.token(registry, None).await.map(drop)
    }

    /// Opens a connection for the first upload that a registry is asked for. Nothing waits for it, and nothing fails with it.
    pub fn open_ahead(&self, registry: &Registry) {
        let ahead = Ahead::default();
        // The connection is this registry's, so the client follows nobody to another host.
        let client = registry_client()
            .redirect(Policy::none())
            .connector_layer(ahead.clone());
        if let (Ok(client), Ok(url)) = (client.build(), self.base(registry)) {
            ahead.open(&client, url);
            self.opened.borrow_mut().insert(registry.clone(), client);
        }
    }

    /// The client that asks a registry for uploads.
    fn uploads(&self, registry: &Registry) -> reqwest::Client {
        let opened = self.opened.borrow();
        opened.get(registry).unwrap_or(&self.http).clone()
    }

    /// Asks to mount a blob of `source` into `target`. Both are in one registry.
    ///
    /// # Errors
    /// Anything that is not one of the three outcomes.
    pub async fn mount(
        &self,
        target: &Repository,
        source: &Repository,
        blob: &Descriptor,
    ) -> Result<Mount, Failure> {
        let subject = self.subject(
            "mount blob",
            target,
            Side::Target,
            "InitiateLayerUpload",
            blob,
        );
        let digest = blob.digest.as_str();
        let query = [("mount", digest), ("from", source.name.as_str())];
        let url = self.url(target, "blobs/uploads/", &query, &subject)?;
        let sent = self.start(target, &subject, &url).await;
        match sent {
            Ok((201, _)) => Ok(Mount::Mounted),
            Ok((_, location)) => Ok(Mount::Declined(location)),
            Err(failure) if matches!(failure.kind, FailureKind::Denied { .. }) => Ok(Mount::Denied),
            Err(failure) => Err(failure),
        }
    }

    /// Opens an upload session without asking for a mount.
    ///
    /// # Errors
    /// The registry's.
    pub async fn open(&self, target: &Repository, blob: &Descriptor) -> Result<Session, Failure> {
        let subject = self.subject(
            "open upload",
            target,
            Side::Target,
            "InitiateLayerUpload",
            blob,
        );
        let url = self.url(target, "blobs/uploads/", &[], &subject)?;
        self.start(target, &subject, &url)
            .await
            .map(|(_, session)| session)
    }

    async fn start(
        &self,
        target: &Repository,
        subject: &Subject,
        url: &Url,
    ) -> Result<(u16, Session), Failure> {
        self.pace
            .run(Api::InitiateLayerUpload, async || {
                let client = self.uploads(&target.registry);
                let request = client.request(Method::POST, url.clone());
                let request = request.header(CONTENT_LENGTH, 0);
                let answer = self.send(&target.registry, request, subject).await?;
                let location = self.location(target, url, &answer);
                match answer.status().as_u16() {
                    201 => Ok((201, Session(url.clone()))),
                    202 => {
                        let missing = || {
                            let kind = FailureKind::BadAnswer;
                            subject.failure(
                                kind,
                                "202 without a Location of this registry to upload to",
                            )
                        };
                        Ok((202, Session(location.ok_or_else(missing)?)))
                    }
                    status => {
                        let text = format!("unexpected status {status}");
                        Err(subject.failure(FailureKind::BadAnswer, text))
                    }
                }
            })
            .await
    }

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
        let into = self.subject(
            "upload blob",
            target,
            Side::Target,
            "CompleteLayerUpload",
            blob,
        );
        let url = session.completing(blob);
        let seen = is_upstream.then(|| Arc::new(Seen::default()));
        let watched = seen.clone();
        let bytes = answer.bytes_stream().inspect_ok(move |piece| {
            if let Some(seen) = &watched {
                seen.add(piece);
            }
            on_bytes(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        });
        let request = self.http.request(Method::PUT, url);
        let request = request
            .header(CONTENT_LENGTH, blob.size)
            .body(reqwest::Body::wrap_stream(bytes));
        let done = self.send(&target.registry, request, &into).await.map(drop);
        // ECR refuses bytes that are not the digest's; whose fault that is, only we can tell.
        match seen.and_then(|seen| seen.whole(blob.size)) {
            Some(actual) if actual != blob.digest => {
                let message = format!("its bytes have the digest {actual}");
                let subject = upstream::blob_subject(source, blob);
                Err(subject.failure(FailureKind::BadAnswer, message))
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

    /// What a read of a blob of ECR is about.
    pub(super) fn reads(&self, source: &Repository, blob: &Descriptor) -> Subject {
        let action = "GetDownloadUrlForLayer";
        self.subject("read blob", source, Side::Source, action, blob)
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
                let request = self.http.request(Method::GET, url.clone());
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

    /// Closes an upload session that is not needed; best effort.
    pub async fn cancel(&self, target: &Repository, session: &Session) {
        let request = self.http.request(Method::DELETE, session.0.clone());
        let request = request.timeout(Duration::from_secs(3));
        let subject = Subject {
            operation: "cancel upload",
            object: target.to_string(),
            side: Some(Side::Target),
            caller: self.ecr.caller(&target.registry),
            action: "ecr:InitiateLayerUpload".to_owned(),
            resource: target.arn(),
        };
        // A session that stays open lapses by itself; there is nothing to do about a failure.
        drop(self.send(&target.registry, request, &subject).await);
    }

    pub(super) fn subject(
        &self,
        operation: &'static str,
        repository: &Repository,
        side: Side,
        action: &str,
        blob: &Descriptor,
    ) -> Subject {
        Subject {
            operation,
            object: format!("{repository}@{}", blob.digest),
            side: Some(side),
            caller: self.ecr.caller(&repository.registry),
            action: format!("ecr:{action}"),
            resource: repository.arn(),
        }
    }

    fn url(
        &self,
        repository: &Repository,
        path: &str,
        query: &[(&str, &str)],
        subject: &Subject,
    ) -> Result<Url, Failure> {
        let base = self.base(&repository.registry);
        let joined = base.and_then(|base| base.join(&format!("/v2/{}/{path}", repository.name)));
        let mut url =
            joined.map_err(|error| subject.failure(FailureKind::Other, format!("{error}")))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    fn base(&self, registry: &Registry) -> Result<Url, <Url as FromStr>::Err> {
        let usual = || format!("https://{}/", registry.host()).parse();
        self.address.clone().map_or_else(usual, Ok)
    }

    pub(super) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    pub(super) fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Where an upload session goes on, which every answer may say anew.
    pub(super) fn moved(
        &self,
        target: &Repository,
        session: &Session,
        answer: &Response,
    ) -> Session {
        let location = self.location(target, &session.0, answer);
        location.map_or_else(|| session.clone(), Session)
    }

    /// Where an answer points to: absolute or relative to what was asked.
    fn location(&self, target: &Repository, asked: &Url, answer: &Response) -> Option<Url> {
        let location = answer.headers().get(LOCATION)?.to_str().ok()?;
        let location = asked.join(location).ok()?;
        may_receive_password(&location, asked, target.registry.host()).then_some(location)
    }

    /// Sends with the registry's token at once; a token that is no longer taken is fetched anew, once. ECR says 401 or a
    /// 403 that speaks of expiry.
    pub(super) async fn send(
        &self,
        registry: &Registry,
        request: reqwest::RequestBuilder,
        subject: &Subject,
    ) -> Result<Response, Failure> {
        let again = request.try_clone();
        let token = self.token(registry, None).await?;
        let answer = self.send_with(request, &token, subject).await?;
        let failure = match checked(answer, subject).await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        match again {
            Some(again) if is_expiry(&failure) => {
                let token = self.token(registry, Some(&token)).await?;
                let answer = self.send_with(again, &token, subject).await?;
                checked(answer, subject).await
            }
            _ => Err(failure),
        }
    }

    async fn send_with(
        &self,
        request: reqwest::RequestBuilder,
        token: &str,
        subject: &Subject,
    ) -> Result<Response, Failure> {
        let request = request.header(AUTHORIZATION, format!("Basic {token}"));
        request.send().await.map_err(|error| subject.http(error))
    }

    /// The token for a registry: fetched once, and anew if `stale` is still the one we hold.
    async fn token(&self, registry: &Registry, stale: Option<&str>) -> Result<String, Failure> {
        let cell = {
            let mut tokens = self.tokens.borrow_mut();
            Rc::clone(tokens.entry(self.ecr.identity(registry)).or_default())
        };
        let mut held = cell.lock().await;
        match held.as_deref() {
            Some(token) if stale != Some(token) => Ok(token.to_owned()),
            _ => {
                let token = self.ecr.authorization_token(registry).await?;
                *held = Some(token.clone());
                Ok(token)
            }
        }
    }
}

/// The bytes of a blob that went by, as far as their digest needs them.
#[derive(Default)]
struct Seen(Shared<(Hasher, u64)>);

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

/// Whether a place that an answer names may be sent the registry password: only where we asked, or the registry's own
/// host.
fn may_receive_password(location: &Url, asked: &Url, host: &str) -> bool {
    let own = location.scheme() == "https" && location.host_str() == Some(host);
    own || location.origin() == asked.origin()
}

fn is_expiry(failure: &Failure) -> bool {
    match failure.kind {
        FailureKind::Credentials => true,
        FailureKind::Denied { .. } => failure.message.to_lowercase().contains("expired"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_goes_to_no_host_that_an_answer_names() {
        let host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        let asked = "http://127.0.0.1:5000/v2/a/blobs/uploads/";
        let check = |location: &str, expected: bool| {
            let (location, asked) = (location.parse(), asked.parse());
            let (location, asked): (Url, Url) = (location.expect("a URL"), asked.expect("a URL"));
            assert_eq!(
                may_receive_password(&location, &asked, host),
                expected,
                "{location}"
            );
        };
        check("http://127.0.0.1:5000/v2/a/blobs/uploads/1", true);
        check(&format!("https://{host}/v2/a/blobs/uploads/1"), true);
        check(&format!("http://{host}/v2/a/blobs/uploads/1"), false);
        check("http://127.0.0.1:5001/v2/a/blobs/uploads/1", false);
        check("https://example.com/v2/a/blobs/uploads/1", false);
    }

    #[test]
    fn the_password_goes_only_to_loopback_or_https() {
        for text in [
            "http://127.0.0.1:5000",
            "http://localhost:1",
            "http://[::1]:1",
            "https://x.y",
        ] {
            assert!(address(text).is_ok(), "{text}");
        }
        for text in [
            "http://example.com",
            "ftp://127.0.0.1",
            "127.0.0.1:5000",
            "",
        ] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
