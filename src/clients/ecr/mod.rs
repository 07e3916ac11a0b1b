//! Amazon ECR's JSON API, through the official SDK.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use aws_config::{Region, SdkConfig};
use aws_sdk_ecr::Client;

use crate::clients::answer::Subject;
use crate::clients::pace::{Api, Pace};
use crate::model::failure::{Caller, Failure, FailureKind, Side};
use crate::model::reference::{Registry, Repository};

mod deletion;
mod images;
mod preview;
mod repositories;
mod shapes;
mod writes;

pub use writes::NewRepository;

/// The most ids one batch call takes (`BatchGetImage`, `BatchDeleteImage`, `BatchCheckLayerAvailability`, `DescribeRepositories`).
const BATCH: usize = 100;

/// A role for the registries of accounts in which the run has no target.
pub struct SourceRole {
    /// Its ARN.
    pub arn: String,
    /// The configuration with its credentials.
    pub config: SdkConfig,
}

/// A client of ECR in every Region that a run touches.
pub struct Ecr {
    config: SdkConfig,
    source_role: Option<SourceRole>,
    pace: Rc<Pace>,
    /// The accounts of the targets; empty where no registry is more at home than another.
    home: RefCell<BTreeSet<String>>,
    /// The account of our own credentials, where it was told.
    account: RefCell<Option<String>>,
    clients: RefCell<BTreeMap<Identity, Client>>,
}

/// Whether the source role is used, and a Region: one client each, and one registry token.
pub(crate) type Identity = (bool, String);

impl Ecr {
    /// A client with these credentials, paced by this.
    pub fn new(config: SdkConfig, pace: Rc<Pace>) -> Self {
        Self {
            config,
            source_role: None,
            pace,
            home: RefCell::default(),
            account: RefCell::default(),
            clients: RefCell::default(),
        }
    }

    /// The same with a role for sources in other accounts than the targets'.
    #[must_use]
    pub fn with_source_role(self, source_role: Option<SourceRole>) -> Self {
        Self {
            source_role,
            ..self
        }
    }

    /// Says in which accounts the targets are. Their registries are always asked with the run's own credentials, also as
    /// sources: mounting takes one principal that may do both.
    pub fn settle_in(&self, accounts: BTreeSet<String>) {
        self.home.replace(accounts);
    }

    /// Whose credentials a request to this registry carries.
    pub(crate) fn caller(&self, registry: &Registry) -> Caller {
        let home = self.home.borrow();
        if home.is_empty() || home.contains(registry.account()) {
            return Caller::Own;
        }
        match &self.source_role {
            Some(role) => Caller::SourceRole(role.arn.clone()),
            None => Caller::Abroad(registry.account().to_owned()),
        }
    }

    /// What a client, or a token, for this registry is kept under.
    pub(crate) fn identity(&self, registry: &Registry) -> Identity {
        let by_role = matches!(self.caller(registry), Caller::SourceRole(_));
        (by_role, registry.region().to_owned())
    }

    fn client(&self, registry: &Registry) -> Client {
        let identity = self.identity(registry);
        let config = match &self.source_role {
            Some(role) if identity.0 => &role.config,
            _ => &self.config,
        };
        let region = Region::new(identity.1.clone());
        let make = || Client::new(&config.to_builder().region(region).build());
        let mut clients = self.clients.borrow_mut();
        clients.entry(identity).or_insert_with(make).clone()
    }

    fn on(&self, operation: &'static str, repository: &Repository, side: Side) -> Subject {
        let caller = self.caller(&repository.registry);
        let subject = shapes::on(operation, repository, side);
        Subject { caller, ..subject }
    }

    fn on_registry(&self, operation: &'static str, registry: &Registry) -> Subject {
        let caller = self.caller(registry);
        let side = (caller != Caller::Own).then_some(Side::Source);
        let subject = shapes::on_registry(operation, registry);
        Subject {
            side,
            caller,
            ..subject
        }
    }

    /// A token for the `/v2/` endpoint: base64 of `AWS:<password>`, good for 12 hours.
    ///
    /// # Errors
    /// The service's.
    pub async fn authorization_token(&self, registry: &Registry) -> Result<String, Failure> {
        let subject = self.on_registry("GetAuthorizationToken", registry);
        let client = self.client(registry);
        let answer = self
            .pace
            .run(Api::GetAuthorizationToken, async || {
                let answer = client.get_authorization_token().send().await;
                answer.map_err(|error| subject.sdk(&error))
            })
            .await?;
        let data = answer.authorization_data().first();
        let endpoint = data.and_then(|data| data.proxy_endpoint());
        let home = endpoint.and_then(of_endpoint);
        if let (false, Some(home)) = (self.identity(registry).0, home) {
            self.account.replace(Some(home.account().to_owned()));
        }
        let token = data.and_then(|data| data.authorization_token());
        token
            .map(str::to_owned)
            .ok_or_else(|| subject.failure(FailureKind::BadAnswer, "no token in the answer"))
    }

    /// The account of our own credentials, once a token was asked for with them.
    pub(crate) fn account(&self) -> Option<String> {
        self.account.borrow().clone()
    }

    /// That this account's settings can only be read by itself: `GetAccountSetting` takes no registry.
    pub(crate) fn setting_of_another(&self, registry: &Registry) -> Failure {
        let subject = self.on_registry("GetAccountSetting", registry);
        let message = format!(
            "the credentials are of another account than {}, and BLOB_MOUNTING can only be read from inside",
            registry.account()
        );
        subject.failure(FailureKind::Unsupported, message)
    }

    /// Whether the registry mounts blobs across repositories (account setting `BLOB_MOUNTING`). Anything but `ENABLED`
    /// is off (Amazon ECR API Reference, "GetAccountSetting").
    ///
    /// # Errors
    /// The service's.
    pub async fn blob_mounting(&self, registry: &Registry) -> Result<bool, Failure> {
        let subject = self.on_registry("GetAccountSetting", registry);
        let client = self.client(registry);
        let answer = self
            .pace
            .run(Api::Other, async || {
                let answer = client
                    .get_account_setting()
                    .name("BLOB_MOUNTING")
                    .send()
                    .await;
                answer.map_err(|error| subject.sdk(&error))
            })
            .await?;
        Ok(answer.value() == Some("ENABLED"))
    }

    /// Whether the repository belongs to a pull-through cache rule.
    ///
    /// # Errors
    /// The service's.
    pub async fn is_pull_through(&self, repository: &Repository) -> Result<bool, Failure> {
        let subject = self.on("DescribePullThroughCacheRules", repository, Side::Source);
        let client = self.client(&repository.registry);
        let answer = self
            .pace
            .run(Api::Other, async || {
                let request = client
                    .describe_pull_through_cache_rules()
                    .registry_id(repository.registry.account());
                request.send().await.map_err(|error| subject.sdk(&error))
            })
            .await?;
        let mut rules = answer.pull_through_cache_rules().iter();
        Ok(rules.any(|rule| {
            let prefix = rule.ecr_repository_prefix().unwrap_or_default();
            let below = repository.name.as_str().strip_prefix(prefix);
            prefix == "ROOT" || below.is_some_and(|below| below.starts_with('/'))
        }))
    }

    /// Whether a Region is set for calls that belong to no registry.
    pub fn has_region(&self) -> bool {
        self.config.region().is_some()
    }

    /// The registry of our own credentials, in the Region of the configuration.
    ///
    /// # Errors
    /// The service's; also where no Region is set, or the answer is not of an AWS registry.
    pub async fn home(&self) -> Result<Registry, Failure> {
        let mut subject = Subject {
            operation: "GetAuthorizationToken",
            object: "the caller's registry".to_owned(),
            side: None,
            caller: Caller::Own,
            action: "ecr:GetAuthorizationToken".to_owned(),
            resource: "*".to_owned(),
        };
        if let Some(region) = self.config.region() {
            subject.object = format!("the caller's registry in {region}");
        }
        let client = Client::new(&self.config);
        let answer = self
            .pace
            .run(Api::GetAuthorizationToken, async || {
                let answer = client.get_authorization_token().send().await;
                answer.map_err(|error| subject.sdk(&error))
            })
            .await?;
        let endpoint = answer
            .authorization_data()
            .first()
            .and_then(|data| data.proxy_endpoint());
        endpoint.and_then(of_endpoint).ok_or_else(|| {
            let endpoint = endpoint.unwrap_or("nothing");
            let message = format!("{endpoint} is not the endpoint of a private ECR registry");
            subject.failure(FailureKind::BadAnswer, message)
        })
    }

    /// Lets the registry mount blobs across repositories.
    ///
    /// # Errors
    /// The service's.
    pub async fn enable_blob_mounting(&self, registry: &Registry) -> Result<(), Failure> {
        let subject = self.on_registry("PutAccountSetting", registry);
        let client = self.client(registry);
        self.pace
            .run(Api::Other, async || {
                let request = client
                    .put_account_setting()
                    .name("BLOB_MOUNTING")
                    .value("ENABLED");
                request.send().await.map_err(|error| subject.sdk(&error))
            })
            .await
            .map(drop)
    }
}

/// The registry of a `proxyEndpoint`.
fn of_endpoint(endpoint: &str) -> Option<Registry> {
    Registry::from_host(endpoint.strip_prefix("https://")?.trim_end_matches('/'))
}
