//! Credentials, Region and endpoints: the official SDK's own chain, plus what an envfile or a flag adds.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;

/// What a run says about AWS.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The Region of calls that belong to no registry, and of signing in; the chain's own if `None`.
    pub region: Option<String>,
    /// The profile of the configuration files; the chain's own if `None`.
    pub profile: Option<String>,
    /// `--assume-role-arn`.
    pub role: Option<String>,
    /// The variables of the envfiles. Like ecspresso, `AWS_PROFILE`, `AWS_REGION` and the static credentials in them win
    /// over the process environment; nothing else of them is used here.
    pub envfile: BTreeMap<String, String>,
}

/// Loads the SDK's configuration. The SDK never retries by itself: [`crate::clients::pace`] does, for every request.
pub async fn load(access: &Access) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(10))
        .operation_attempt_timeout(Duration::from_secs(60))
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts);
    let envfile = |name: &str| access.envfile.get(name).cloned();
    if let Some(region) = access.region.clone().or_else(|| envfile("AWS_REGION")) {
        loader = loader.region(Region::new(region));
    }
    if let Some(profile) = access.profile.clone().or_else(|| envfile("AWS_PROFILE")) {
        loader = loader.profile_name(profile);
    }
    if let (Some(key), Some(secret)) = (
        envfile("AWS_ACCESS_KEY_ID"),
        envfile("AWS_SECRET_ACCESS_KEY"),
    ) {
        let token = envfile("AWS_SESSION_TOKEN");
        let credentials = Credentials::new(key, secret, token, None, "envfile");
        loader = loader.credentials_provider(credentials);
    }
    let config = loader.load().await;
    match &access.role {
        Some(role) => assume(&config, role).await,
        None => config,
    }
}

/// The same configuration with the credentials of a role, which those of the first one assume.
pub async fn assume(config: &SdkConfig, role: &str) -> SdkConfig {
    let provider = AssumeRoleProvider::builder(role)
        .configure(config)
        .session_name("demitasse")
        .build()
        .await;
    let provider = aws_credential_types::provider::SharedCredentialsProvider::new(provider);
    let builder = config.to_builder();
    builder.credentials_provider(provider).build()
}
