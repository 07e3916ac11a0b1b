//! Finds what templates look up: parameters, secrets' ARNs, stacks, Terraform states; and runs commands. With the
//! base credentials, even where a role is assumed for everything else, as ecspresso does.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use aws_config::{Region, SdkConfig};
use futures_util::future::join_all;
use tokio::sync::OnceCell;

use crate::clients::answer::Subject;
use crate::clients::aws::{self, Access};
use crate::clients::command;
use crate::clients::pace::{Api, Pace};
use crate::clients::state;
use crate::model::failure::{Caller, Failure, FailureKind};
use crate::model::lookup::{Found, Lookup, shown};

/// What look-ups are made with.
#[derive(Debug)]
pub struct Ground {
    /// How to reach AWS; the role of the run does not count.
    pub access: Access,
    /// The environment of commands.
    pub environment: BTreeMap<String, String>,
    /// The directory of commands.
    pub directory: PathBuf,
    /// Whether S3 is somewhere else than at AWS (`AWS_ENDPOINT_URL_S3`, …): then buckets are parts of the path.
    pub path_style: bool,
}

/// Makes look-ups. Nothing is connected before the first one that needs it.
#[derive(Debug)]
pub struct Finder {
    ground: Ground,
    pace: Pace,
    config: OnceCell<SdkConfig>,
    http: RefCell<Option<reqwest::Client>>,
}

impl Finder {
    /// With this, paced by this.
    pub fn new(ground: Ground, pace: Pace) -> Self {
        Self {
            ground,
            pace,
            config: OnceCell::new(),
            http: RefCell::new(None),
        }
    }

    /// Makes look-ups, all at once.
    pub async fn find(&self, lookups: BTreeSet<Lookup>) -> Vec<(Lookup, Result<Found, Failure>)> {
        let one = async |lookup: Lookup| {
            let found = self.find_one(&lookup).await;
            (lookup, found)
        };
        join_all(lookups.into_iter().map(one)).await
    }

    async fn find_one(&self, lookup: &Lookup) -> Result<Found, Failure> {
        match lookup {
            Lookup::Parameter { region, name } => self.parameter(region, name).await,
            Lookup::SecretArn { region, id } => self.secret_arn(region, id).await,
            Lookup::StackOutputs { region, stack } => self.outputs(region, stack).await,
            Lookup::Exports { region } => self.exports(region).await,
            Lookup::State { url } => self.state(url).await,
            Lookup::Command { argv, timeout } => {
                let timeout = (*timeout > 0).then(|| Duration::from_secs(*timeout));
                let text = command::run(
                    argv,
                    timeout,
                    &self.ground.environment,
                    &self.ground.directory,
                );
                text.await.map(Found::Text)
            }
        }
    }

    async fn config(&self, region: &Option<String>) -> SdkConfig {
        let load = async || {
            let access = Access {
                role: None,
                ..self.ground.access.clone()
            };
            aws::load(&access).await
        };
        let config = self.config.get_or_init(load).await;
        match region {
            Some(region) => config
                .to_builder()
                .region(Region::new(region.clone()))
                .build(),
            None => config.clone(),
        }
    }

    async fn parameter(&self, region: &Option<String>, name: &str) -> Result<Found, Failure> {
        let config = self.config(region).await;
        let path = name.trim_start_matches('/');
        let subject = subject(
            "GetParameter",
            name,
            "ssm:GetParameter",
            resource("ssm", &config, &format!("parameter/{path}")),
        );
        let client = aws_sdk_ssm::Client::new(&config);
        let request = async || {
            let request = client.get_parameter().name(name).with_decryption(true);
            request.send().await.map_err(|error| subject.sdk(&error))
        };
        let answer = self.pace.run(Api::Other, request).await?;
        let parameter = answer.parameter();
        let parts = parameter.and_then(|found| Some((found.r#type()?, found.value()?)));
        let (kind, value) = parts.ok_or_else(|| empty(&subject))?;
        Ok(Found::Parameter {
            kind: kind.as_str().to_owned(),
            value: value.to_owned(),
        })
    }

    async fn secret_arn(&self, region: &Option<String>, id: &str) -> Result<Found, Failure> {
        let config = self.config(region).await;
        let resource = match id.starts_with("arn:") {
            true => id.to_owned(),
            false => resource("secretsmanager", &config, &format!("secret:{id}-*")),
        };
        let subject = subject(
            "DescribeSecret",
            id,
            "secretsmanager:DescribeSecret",
            resource,
        );
        let client = aws_sdk_secretsmanager::Client::new(&config);
        let request = async || {
            let request = client.describe_secret().secret_id(id);
            request.send().await.map_err(|error| subject.sdk(&error))
        };
        let answer = self.pace.run(Api::Other, request).await?;
        let arn = answer.arn().ok_or_else(|| empty(&subject))?;
        Ok(Found::Text(arn.to_owned()))
    }

    async fn outputs(&self, region: &Option<String>, stack: &str) -> Result<Found, Failure> {
        let config = self.config(region).await;
        let subject = subject(
            "DescribeStacks",
            stack,
            "cloudformation:DescribeStacks",
            resource("cloudformation", &config, &format!("stack/{stack}/*")),
        );
        let client = aws_sdk_cloudformation::Client::new(&config);
        let request = async || {
            let request = client.describe_stacks().stack_name(stack);
            request.send().await.map_err(|error| subject.sdk(&error))
        };
        let answer = self.pace.run(Api::Other, request).await?;
        let stack = answer.stacks().first().ok_or_else(|| empty(&subject))?;
        let output = |output: &aws_sdk_cloudformation::types::Output| {
            let (key, value) = (output.output_key()?, output.output_value()?);
            Some((key.to_owned(), value.to_owned()))
        };
        Ok(Found::Outputs(
            stack.outputs().iter().filter_map(output).collect(),
        ))
    }

    async fn exports(&self, region: &Option<String>) -> Result<Found, Failure> {
        let config = self.config(region).await;
        let subject = subject(
            "ListExports",
            "*",
            "cloudformation:ListExports",
            "*".to_owned(),
        );
        let client = aws_sdk_cloudformation::Client::new(&config);
        let mut exports = BTreeMap::new();
        let mut token = None;
        loop {
            let request = async || {
                let request = client.list_exports().set_next_token(token.clone());
                request.send().await.map_err(|error| subject.sdk(&error))
            };
            let page = self.pace.run(Api::Other, request).await?;
            let named = page
                .exports()
                .iter()
                .filter_map(|export| Some((export.name()?.to_owned(), export.value()?.to_owned())));
            exports.extend(named);
            match page.next_token() {
                Some(next) if !next.is_empty() && token.as_deref() != Some(next) => {
                    token = Some(next.to_owned());
                }
                _ => return Ok(Found::Outputs(exports)),
            }
        }
    }

    async fn state(&self, url: &str) -> Result<Found, Failure> {
        if let Some(object) = url.strip_prefix("s3://") {
            let (bucket, key) = object.split_once('/').unwrap_or((object, ""));
            let arn = format!("arn:aws:s3:::{bucket}/{key}");
            let subject = subject("GetObject", url, "s3:GetObject", arn);
            let config = self.config(&None).await;
            let place = state::Place {
                bucket,
                key,
                path_style: self.ground.path_style,
            };
            let text = state::object(&config, &place, &self.pace, &subject).await;
            return text.map(Found::Text);
        }
        let subject = subject("GET", &shown(url), "", String::new());
        let known = self.http.borrow().clone();
        let http = match known {
            Some(http) => http,
            None => {
                let made = state::client().map_err(|error| subject.http(error))?;
                self.http.borrow_mut().insert(made).clone()
            }
        };
        state::page(&http, url, &self.pace, &subject)
            .await
            .map(Found::Text)
    }
}

fn subject(operation: &'static str, object: &str, action: &str, resource: String) -> Subject {
    Subject {
        operation,
        object: object.to_owned(),
        side: None,
        caller: Caller::Own,
        action: action.to_owned(),
        resource,
    }
}

/// An ARN in the Region of a configuration; the account is not known here.
fn resource(service: &str, config: &SdkConfig, name: &str) -> String {
    let region = config.region().map_or("*", |region| region.as_ref());
    format!("arn:aws:{service}:{region}:*:{name}")
}

fn empty(subject: &Subject) -> Failure {
    subject.failure(FailureKind::BadAnswer, "the answer lacks the value")
}
