//! The registry's `/v2/` endpoint, for the two things that only it can do: mount a blob from another repository, and
//! stream one into an upload session (Open Container Initiative distribution specification, "Pushing blobs").

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::str::FromStr;

use reqwest::header::AUTHORIZATION;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use tokio::sync::Mutex;

use crate::clients::answer::Subject;
use crate::clients::ecr::{Ecr, Identity};
use crate::clients::http::{checked, is_loopback, registry_client};
use crate::clients::pace::Pace;
use crate::clients::upstream::Upstreams;
use crate::model::failure::{Failure, FailureKind, Side};
use crate::model::manifest::Descriptor;
use crate::model::reference::{Registry, Repository};

mod ahead;
mod parts;
mod sessions;
mod streaming;

pub use parts::has_parts;
pub use sessions::{Mount, Session};

use ahead::Ahead;

/// A client of the `/v2/` endpoints of all registries of a run.
pub struct Endpoint {
    http: OnceCell<Client>,
    opened: RefCell<BTreeMap<Registry, Client>>,
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
    pub fn new(ecr: Rc<Ecr>, pace: Rc<Pace>, address: Option<Url>) -> Self {
        Self {
            http: OnceCell::new(),
            opened: RefCell::default(),
            ecr,
            pace,
            address,
            upstreams: None,
            tokens: RefCell::default(),
        }
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
    fn uploads(&self, registry: &Registry, subject: &Subject) -> Result<Client, Failure> {
        match self.opened.borrow().get(registry) {
            Some(client) => Ok(client.clone()),
            None => self.http(subject).cloned(),
        }
    }

    /// The client that follows a blob to wherever it is. Reading the system's certificates takes its time, so it is made for
    /// the first request: where nothing is streamed, none is.
    fn http(&self, subject: &Subject) -> Result<&Client, Failure> {
        if let Some(client) = self.http.get() {
            return Ok(client);
        }
        let client = registry_client().build().map_err(|error| {
            let message = format!("the HTTP client cannot be set up: {error:?}");
            subject.failure(FailureKind::Other, message)
        })?;
        Ok(self.http.get_or_init(|| client))
    }

    fn subject(
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

    /// Sends with the registry's token at once; a token that is no longer taken is fetched anew, once. ECR says 401 or a
    /// 403 that speaks of expiry.
    async fn send(
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
