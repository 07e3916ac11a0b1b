//! Amazon ECR's JSON API, through the official SDK.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use aws_config::{Region, SdkConfig};
use aws_sdk_ecr::Client;

use crate::clients::answer::Subject;
use crate::clients::pace::{Api, Pace};
use crate::model::failure::{Failure, FailureKind, Side};
use crate::model::reference::{Registry, Repository};

mod deletion;
mod images;
mod preview;
mod repositories;
mod shapes;
mod writes;

pub use writes::NewRepository;

use shapes::{on, on_registry};

/// The most ids one batch call takes (`BatchGetImage`, `BatchDeleteImage`, `BatchCheckLayerAvailability`, `DescribeRepositories`).
const BATCH: usize = 100;

/// A client of ECR in every Region that a run touches.
pub struct Ecr {
    config: SdkConfig,
    pace: Rc<Pace>,
    clients: RefCell<BTreeMap<String, Client>>,
}

impl Ecr {
    /// A client with these credentials, paced by this.
    pub fn new(config: SdkConfig, pace: Rc<Pace>) -> Self {
        let clients = RefCell::default();
        Self {
            config,
            pace,
            clients,
        }
    }

    fn client(&self, registry: &Registry) -> Client {
        let region = registry.region().to_owned();
        let mut clients = self.clients.borrow_mut();
        let make = || {
            let region = Region::new(region.clone());
            let config = self.config.to_builder().region(region).build();
            Client::new(&config)
        };
        clients.entry(region.clone()).or_insert_with(make).clone()
    }

    /// A token for the `/v2/` endpoint: base64 of `AWS:<password>`, good for 12 hours.
    ///
    /// # Errors
    /// The service's.
    pub async fn authorization_token(&self, registry: &Registry) -> Result<String, Failure> {
        let subject = on_registry("GetAuthorizationToken", registry);
        let client = self.client(registry);
        let answer = self
            .pace
            .run(Api::GetAuthorizationToken, async || {
                let answer = client.get_authorization_token().send().await;
                answer.map_err(|error| subject.sdk(&error))
            })
            .await?;
        let data = answer.authorization_data().first();
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
        let subject = on_registry("GetAccountSetting", registry);
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
        let subject = on("DescribePullThroughCacheRules", repository, Side::Source);
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
        let host = endpoint.and_then(|endpoint| endpoint.strip_prefix("https://"));
        let registry = host.and_then(|host| Registry::from_host(host.trim_end_matches('/')));
        registry.ok_or_else(|| {
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
        let subject = on_registry("PutAccountSetting", registry);
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
