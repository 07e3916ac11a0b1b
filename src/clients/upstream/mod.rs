//! Registries that are not ECR, for reading only: Docker Hub, GHCR, ECR Public and whatever else speaks the Open Container
//! Initiative's distribution specification.
//!
//! They are strangers. What they send is bounded and checked against digests, a redirect never carries our Authorization to
//! another host, and only the registry itself, over https, may say where a token is got.

mod challenge;
mod docker;
mod reading;
mod sending;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use futures_util::future::{join_all, join3};
use reqwest::Url;
use reqwest::header::HeaderValue;
use reqwest::redirect::Policy;
use tokio::sync::Mutex;

use crate::clients::answer::Subject;
use crate::clients::http::registry_client;
use crate::clients::pace::Pace;
use crate::clients::upstream::docker::Key;
use crate::model::failure::{Caller, FailureKind, Side};
use crate::model::inventory::{Ask, Facts, Known};
use crate::model::manifest::{Descriptor, Manifest};
use crate::model::reference::Repository;

pub use docker::{DockerConfig, Helpers};

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;

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

impl Upstreams {
    /// A client that finds its credentials there.
    ///
    /// # Errors
    /// Where TLS or a proxy of the environment cannot be set up.
    pub fn new(pace: Rc<Pace>, config: DockerConfig, helpers: Helpers) -> Result<Self, String> {
        let client = |redirects: Policy| {
            let built = registry_client().redirect(redirects).build();
            built.map_err(|error| format!("{error:?}"))
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
