//! How an upstream is asked: as nobody, and as whoever Docker's configuration says once the registry wants to know.

use std::rc::Rc;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, RequestBuilder, Response, Url};
use serde::Deserialize;

use crate::clients::answer::Subject;
use crate::clients::http::{bounded, checked, from_byte, is_loopback};
use crate::clients::upstream::Upstreams;
use crate::clients::upstream::challenge::{self, Challenge};
use crate::clients::upstream::docker::Key;
use crate::model::failure::{Failure, FailureKind};
use crate::model::reference::{DOCKER_HUB, Repository};

/// Where Docker Hub's registry is.
const HUB_HOST: &str = "registry-1.docker.io";
/// The longest answer with a token that is read, in bytes.
const MAX_TOKEN: usize = 1024 * 1024;

/// What a token endpoint answers.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Upstreams {
    /// Sends; where the registry asks who is there, once more with what it asks for.
    pub(super) async fn send(
        &self,
        repository: &Repository,
        method: Method,
        path: &str,
        accept: &str,
        subject: &Subject,
    ) -> Result<Response, Failure> {
        self.send_from(0, repository, method, path, accept, subject)
            .await
    }

    /// The same for what follows so many bytes.
    pub(super) async fn send_from(
        &self,
        start: u64,
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
            let request = from_byte(request.header(ACCEPT, accept), start);
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
    if is_loopback(&url) {
        parse("http")
    } else {
        Ok(url)
    }
}
