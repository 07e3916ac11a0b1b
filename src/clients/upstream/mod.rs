//! Registries that are not ECR, for reading only: Docker Hub, GHCR, ECR Public and whatever else speaks the Open Container
//! Initiative's distribution specification.
//!
//! They are strangers. What they send is bounded and checked against digests, a redirect never carries our Authorization to
//! another host, and only the registry itself, over https, may say where a token is got.

mod challenge;
mod docker;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{join_all, join3};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LINK, WWW_AUTHENTICATE};
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder, Response, Url};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::clients::answer::{Subject, bounded, checked};
use crate::clients::pace::{Api, Pace};
use crate::clients::upstream::challenge::Challenge;
use crate::clients::upstream::docker::Key;
use crate::model::digest::Digest;
use crate::model::failure::{Caller, Failure, FailureKind, Side};
use crate::model::inventory::{Ask, Facts, ImageId, Known};
use crate::model::manifest::{Descriptor, MAX_BYTES, MEDIA_TYPES, Manifest, ManifestError};
use crate::model::reference::{DOCKER_HUB, Repository, Tag};

pub use docker::{DockerConfig, Helpers};

/// Where Docker Hub's registry is.
const HUB_HOST: &str = "registry-1.docker.io";
/// The longest answer with a token that is read, in bytes.
const MAX_TOKEN: usize = 1024 * 1024;
/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;
/// How long an answer is waited for that nothing depends on but a warning.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client of every upstream of a run.
pub struct Upstreams {
    http: reqwest::Client,
    /// For tokens, where a redirect would take a password along.
    direct: reqwest::Client,
    pace: Rc<Pace>,
    config: DockerConfig,
    helpers: Helpers,
    keys: RefCell<BTreeMap<String, Rc<Mutex<Option<Asked>>>>>,
    authorizations: RefCell<BTreeMap<Repository, Authorization>>,
}

/// What Docker's configuration has for a host, once it was asked.
type Asked = Option<Key>;
/// What requests about a repository carry, once its registry has asked for something.
type Authorization = Rc<Mutex<Option<HeaderValue>>>;

/// What a token endpoint answers.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

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
    /// A client that finds its credentials there.
    ///
    /// # Errors
    /// Where TLS or a proxy of the environment cannot be set up.
    pub fn new(pace: Rc<Pace>, config: DockerConfig, helpers: Helpers) -> Result<Self, String> {
        let client = |redirects: Policy| {
            reqwest::Client::builder()
                .user_agent(concat!("demitasse/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(Duration::from_secs(10))
                .read_timeout(Duration::from_secs(60))
                .redirect(redirects)
                .build()
                .map_err(|error| format!("{error:?}"))
        };
        let follow = Policy::custom(|attempt| {
            let from = attempt.previous().last().map(Url::scheme);
            if attempt.previous().len() > MAX_REDIRECTS {
                attempt.error("too many redirects")
            } else if from == Some("https") && attempt.url().scheme() != "https" {
                attempt.error("a redirect from https to something else")
            } else {
                attempt.follow()
            }
        });
        Ok(Self {
            http: client(follow)?,
            direct: client(Policy::none())?,
            pace,
            config,
            helpers,
            keys: RefCell::default(),
            authorizations: RefCell::default(),
        })
    }

    /// Answers what is asked about an upstream repository. It has neither settings nor policies that we could read.
    pub(crate) async fn answer(&self, repository: &Repository, ask: &Ask) -> Facts {
        let images = ask.images.iter();
        let images = images.map(async |id| (id.clone(), self.manifest(repository, id).await));
        let meanings = ask.meanings.iter();
        let meanings = meanings.map(async |tag| (tag.clone(), self.meaning(repository, tag).await));
        let referrers = ask.referrers.iter();
        let referrers =
            referrers.map(async |one| (one.clone(), self.referrers(repository, one).await));
        let (images, meanings, referrers) =
            join3(join_all(images), join_all(meanings), join_all(referrers)).await;
        let missing = |known: &Known<Option<Manifest>>| {
            let failure = known.as_ref().err();
            failure.is_some_and(|failure| failure.kind == FailureKind::RepositoryNotFound)
        };
        let mut facts = Facts::default();
        for (id, known) in images {
            facts.proved_existence |= matches!(known, Ok(Some(_)));
            facts.denied_existence |= missing(&known);
            let known = if missing(&known) { Ok(None) } else { known };
            facts.images.insert(id, known);
        }
        facts.meanings = meanings.into_iter().collect();
        facts.referrers = referrers.into_iter().collect();
        let subject = subject("read settings", repository, String::new());
        let nothing = || subject.failure(FailureKind::Unsupported, "it is not in ECR");
        let blobs = ask.blobs.iter();
        facts.blobs = blobs.map(|blob| (blob.clone(), Err(nothing()))).collect();
        facts.settings = ask.settings.then(|| Err(nothing()));
        facts.policy = ask.policy.then(|| Err(nothing()));
        facts.listing = ask.listing.then(|| Err(nothing()));
        facts.access = ask.access.then(|| Err(nothing()));
        facts.tags = ask.tags.then(|| Err(nothing()));
        facts.pull_through = ask.pull_through.then(|| Err(nothing()));
        facts
    }

    /// A manifest, exactly as it is, checked against its digest. An image that is not there is `None`.
    async fn manifest(&self, repository: &Repository, id: &ImageId) -> Known<Option<Manifest>> {
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
    async fn meaning(&self, repository: &Repository, tag: &Tag) -> Known<Option<Digest>> {
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
    async fn referrers(&self, repository: &Repository, digest: &Digest) -> Known<Vec<Digest>> {
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

    /// A blob, on its way.
    ///
    /// # Errors
    /// The registry's; also where its length is not the blob's.
    pub(crate) async fn blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
    ) -> Result<Response, Failure> {
        let subject = blob_subject(repository, blob);
        let path = format!("blobs/{}", blob.digest);
        self.pace
            .run(Api::Upstream, async || {
                let answer = self
                    .send(repository, Method::GET, &path, "*/*", &subject)
                    .await?;
                let answer = checked(answer, &subject).await?;
                match answer.content_length() {
                    Some(length) if length != blob.size => {
                        let message = format!("{length} bytes, not {}", blob.size);
                        Err(subject.failure(FailureKind::BadAnswer, message))
                    }
                    _ => Ok(answer),
                }
            })
            .await
    }

    /// Sends; where the registry asks who is there, once more with what it asks for.
    async fn send(
        &self,
        repository: &Repository,
        method: Method,
        path: &str,
        accept: &str,
        subject: &Subject,
    ) -> Result<Response, Failure> {
        let url = url(repository, path, subject)?;
        let cell = {
            let mut all = self.authorizations.borrow_mut();
            Rc::clone(all.entry(repository.clone()).or_default())
        };
        let request = |authorization: Option<&HeaderValue>| {
            let request = self.http.request(method.clone(), url.clone());
            let request = request.header(ACCEPT, accept);
            match authorization {
                Some(value) => request.header(AUTHORIZATION, value),
                None => request,
            }
        };
        let send = async |request: RequestBuilder| {
            request.send().await.map_err(|error| subject.http(error))
        };
        let before = cell.lock().await.clone();
        let answer = send(request(before.as_ref())).await?;
        // Only the registry itself may ask: what it redirects to may not.
        if answer.status().as_u16() != 401 || answer.url().origin() != url.origin() {
            return Ok(answer);
        }
        let values = answer.headers().get_all(WWW_AUTHENTICATE).iter();
        let Some(challenge) = challenge::read(values.filter_map(|value| value.to_str().ok()))
        else {
            return Ok(answer);
        };
        let now = {
            let mut held = cell.lock().await;
            // Somebody else may have got a new one meanwhile.
            if *held == before {
                *held = self
                    .authorize(repository, &challenge, &url, subject)
                    .await?;
            }
            held.clone()
        };
        match now {
            Some(value) => send(request(Some(&value))).await,
            None => Ok(answer),
        }
    }

    /// What the registry asks for, if we have it.
    async fn authorize(
        &self,
        repository: &Repository,
        challenge: &Challenge,
        registry: &Url,
        subject: &Subject,
    ) -> Result<Option<HeaderValue>, Failure> {
        let key = self.key(repository.registry.host(), subject).await?;
        let (realm, service) = match (challenge, key.as_ref()) {
            (Challenge::Basic, Some(Key::Password { user, password })) => {
                let token = aws_smithy_types::base64::encode(format!("{user}:{password}"));
                return sensitive(&format!("Basic {token}"), subject).map(Some);
            }
            (Challenge::Basic, _) => return Ok(None),
            (Challenge::Bearer { realm, service }, _) => (realm, service.as_deref()),
        };
        let scope = format!("repository:{}:pull", repository.name);
        let bad = |message: &str| subject.failure(FailureKind::BadAnswer, message);
        let place = challenge::token_url(realm, service, &scope, registry);
        let place = place.ok_or_else(|| bad("the place it names for tokens is not https"))?;
        let request = match &key {
            None => self.direct.get(place),
            Some(Key::Password { user, password }) => {
                self.direct.get(place).basic_auth(user, Some(password))
            }
            Some(Key::Identity(token)) => exchange(&self.direct, place, token),
        };
        let answer = request.send().await.map_err(|error| subject.http(error))?;
        let answer = checked(answer, subject).await?;
        let body = bounded(answer, MAX_TOKEN).await;
        let (body, _) = body.map_err(|error| subject.http(error))?;
        let token: Option<Token> = serde_json::from_slice(&body).ok();
        let token = token.and_then(|token| token.token.or(token.access_token));
        let token = token.ok_or_else(|| bad("no token in the answer of the place for tokens"))?;
        sensitive(&format!("Bearer {token}"), subject).map(Some)
    }

    /// What Docker's configuration has for a host; asked once, and only where the registry wants to know.
    async fn key(&self, host: &str, subject: &Subject) -> Result<Option<Key>, Failure> {
        let cell = {
            let mut keys = self.keys.borrow_mut();
            Rc::clone(keys.entry(host.to_owned()).or_default())
        };
        let mut asked = cell.lock().await;
        if let Some(key) = asked.as_ref() {
            return Ok(key.clone());
        }
        let key = self.config.key(host, &self.helpers, subject).await?;
        *asked = Some(key.clone());
        Ok(key)
    }
}

/// Gives a refresh token for one that can be used ("Docker Registry v2 OAuth2 authentication"); everything stands in the body.
fn exchange(http: &reqwest::Client, mut place: Url, refresh: &str) -> RequestBuilder {
    place
        .query_pairs_mut()
        .append_pair("grant_type", "refresh_token")
        .append_pair("client_id", "demitasse")
        .append_pair("refresh_token", refresh);
    let body = place.query().unwrap_or_default().to_owned();
    place.set_query(None);
    let request = http.post(place);
    let form = "application/x-www-form-urlencoded";
    request.header(CONTENT_TYPE, form).body(body)
}

/// A header that no log shows.
fn sensitive(text: &str, subject: &Subject) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        let message = "its token has characters that no header can hold";
        subject.failure(FailureKind::BadAnswer, message)
    })?;
    value.set_sensitive(true);
    Ok(value)
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

/// Where a repository is asked. Only this machine itself is asked in the clear.
fn url(repository: &Repository, path: &str, subject: &Subject) -> Result<Url, Failure> {
    let host = match repository.registry.host() {
        DOCKER_HUB => HUB_HOST,
        host => host,
    };
    let parse = |scheme: &str| -> Result<Url, Failure> {
        let text = format!("{scheme}://{host}/v2/{}/{path}", repository.name);
        text.parse()
            .map_err(|error| subject.failure(FailureKind::Other, format!("{error}")))
    };
    let url = parse("https")?;
    if challenge::is_loopback(&url) {
        parse("http")
    } else {
        Ok(url)
    }
}

/// What a read of a blob is about.
pub(crate) fn blob_subject(repository: &Repository, blob: &Descriptor) -> Subject {
    subject("read blob", repository, format!("@{}", blob.digest))
}

fn subject(operation: &'static str, repository: &Repository, what: String) -> Subject {
    Subject {
        operation,
        object: format!("{repository}{what}"),
        side: Some(Side::Source),
        caller: Caller::Upstream(repository.registry.host().to_owned()),
        action: "pull".to_owned(),
        resource: repository.to_string(),
    }
}
