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

mod caller;
mod deletion;
mod images;
mod preview;
mod repositories;
mod shapes;
mod writes;

pub use caller::SourceRole;
pub use writes::NewRepository;

pub(crate) use caller::Identity;

/// The most ids one batch call takes (`BatchGetImage`, `BatchDeleteImage`, `BatchCheckLayerAvailability`, `DescribeRepositories`).
const BATCH: usize = 100;

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
        Subject {
            operation,
            object: repository.to_string(),
            side: Some(side),
            caller: self.caller(&repository.registry),
            action: format!("ecr:{operation}"),
            resource: repository.arn(),
        }
    }

    fn on_registry(&self, operation: &'static str, registry: &Registry) -> Subject {
        let caller = self.caller(registry);
        Subject {
            operation,
            object: registry.host().to_owned(),
            side: (caller != Caller::Own).then_some(Side::Source),
            caller,
            action: format!("ecr:{operation}"),
            resource: "*".to_owned(),
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
