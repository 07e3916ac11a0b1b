//! Docker's own configuration: what `docker login` wrote down, and the helpers that know the rest
//! (Docker CLI reference, "docker login", "Credential stores" and "Credential helpers").

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::clients::answer::Subject;
use crate::clients::command;
use crate::model::failure::{Failure, FailureKind};
use crate::model::reference::DOCKER_HUB;

/// How long a helper may take; it may ask a cloud.
const HELPER_TIMEOUT: Duration = Duration::from_secs(30);
/// The key of Docker Hub.
const HUB_KEY: &str = "https://index.docker.io/v1/";
/// The user name that stands for a refresh token in a helper's answer.
const IDENTITY: &str = "<token>";

/// Docker's `config.json`, as far as it is about credentials.
#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DockerConfig {
    auths: BTreeMap<String, Auth>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

/// What a helper prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    username: String,
    secret: String,
}

/// What a registry is asked with. It has no text form, so that it reaches no log.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// A user and a password.
    Password { user: String, password: String },
    /// A refresh token, for which the token endpoint gives another.
    Identity(String),
}

/// With what helpers are run.
#[derive(Clone, Debug, Default)]
pub struct Helpers {
    /// Their environment.
    pub environment: BTreeMap<String, String>,
    /// Where.
    pub directory: PathBuf,
}

impl DockerConfig {
    /// Reads the text of `config.json`.
    ///
    /// # Errors
    /// What is wrong, without any of its content.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        // The words of serde may show a value, which may be a secret.
        serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            format!("not the JSON of a Docker configuration (line {line}, column {column})")
        })
    }

    /// What this host is asked with: its helper's answer, else that of the store, else what stands in the file.
    ///
    /// # Errors
    /// A helper that fails otherwise than by not knowing; an entry that cannot be read.
    pub(super) async fn key(
        &self,
        host: &str,
        helpers: &Helpers,
        subject: &Subject,
    ) -> Result<Option<Key>, Failure> {
        let server = self.server(host);
        let helper = entry(&self.cred_helpers, host).map(|(_, helper)| helper);
        if let Some(helper) = helper.or(self.creds_store.as_ref())
            && let Some(key) = ask(helper, &server, helpers, subject).await?
        {
            return Ok(Some(key));
        }
        match entry(&self.auths, host) {
            Some((_, auth)) => auth.key().map_err(|message| {
                let message = format!("Docker's config.json, {host}: {message}");
                subject.failure(FailureKind::Credentials, message)
            }),
            None => Ok(None),
        }
    }

    /// The name under which helpers know the host: as it was logged in to.
    fn server(&self, host: &str) -> String {
        let known = entry(&self.auths, host).map(|(server, _)| server.clone());
        let usual = || match host {
            DOCKER_HUB => HUB_KEY.to_owned(),
            _ => host.to_owned(),
        };
        known.unwrap_or_else(usual)
    }
}

/// The entry of a host, which older clients wrote as a URL.
fn entry<'a, T>(entries: &'a BTreeMap<String, T>, host: &str) -> Option<(&'a String, &'a T)> {
    entries.iter().find(|(key, _)| {
        let bare = key.strip_prefix("https://").or(key.strip_prefix("http://"));
        let bare = bare.unwrap_or(key.as_str());
        let bare = bare.split('/').next().unwrap_or_default();
        match host {
            DOCKER_HUB => matches!(
                bare,
                "docker.io" | "index.docker.io" | "registry-1.docker.io"
            ),
            _ => bare.eq_ignore_ascii_case(host),
        }
    })
}

impl Auth {
    fn key(&self) -> Result<Option<Key>, String> {
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = filled(&self.identitytoken) {
            return Ok(Some(Key::Identity(token)));
        }
        if let Some(auth) = filled(&self.auth) {
            let decoded = aws_smithy_types::base64::decode(auth.trim()).ok();
            let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
            let text = text.ok_or("`auth` is not base64 of a text")?;
            let (user, password) = text.split_once(':').ok_or("`auth` is not user:password")?;
            return Ok(Some(Key::Password {
                user: user.to_owned(),
                password: password.trim_end_matches('\0').to_owned(),
            }));
        }
        Ok(match (filled(&self.username), filled(&self.password)) {
            (Some(user), Some(password)) => Some(Key::Password { user, password }),
            _ => None,
        })
    }
}

async fn ask(
    helper: &str,
    server: &str,
    helpers: &Helpers,
    subject: &Subject,
) -> Result<Option<Key>, Failure> {
    let failed = |message: &str| {
        let message = format!("docker-credential-{helper} get: {message}");
        subject.failure(FailureKind::Credentials, message)
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if helper.is_empty() || !helper.chars().all(plain) {
        return Err(failed(
            "the name of a helper has letters, digits, `.`, `_` and `-`",
        ));
    }
    let argv = [format!("docker-credential-{helper}"), "get".to_owned()];
    let Helpers {
        environment,
        directory,
    } = helpers;
    let asked = command::ask(&argv, server, HELPER_TIMEOUT, environment, directory).await;
    let printed = asked.map_err(|failure| failed(&failure.message))?;
    let printed = match printed {
        Ok(printed) => printed,
        // The one message that the protocol of helpers fixes.
        Err(printed) if printed.contains("credentials not found") => return Ok(None),
        Err(_) => return Err(failed("it failed; what it printed is not shown")),
    };
    let printed: Result<Printed, _> = serde_json::from_str(&printed);
    let printed = printed.map_err(|_| failed("it printed something else than credentials"))?;
    Ok(Some(if printed.username == IDENTITY {
        Key::Identity(printed.secret)
    } else {
        Key::Password {
            user: printed.username,
            password: printed.secret,
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::failure::{Caller, Side};

    fn key(config: &str, host: &str) -> Result<Option<Key>, String> {
        let config = DockerConfig::read(config)?;
        let subject = Subject {
            operation: "read manifest",
            object: host.to_owned(),
            side: Some(Side::Source),
            caller: Caller::Upstream(host.to_owned()),
            action: "pull".to_owned(),
            resource: host.to_owned(),
        };
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().expect("a runtime");
        let helpers = Helpers::default();
        let key = config.key(host, &helpers, &subject);
        runtime.block_on(key).map_err(|failure| failure.to_string())
    }

    fn text(key: Option<Key>) -> String {
        match key {
            None => "nothing".to_owned(),
            Some(Key::Password { user, password }) => format!("{user}/{password}"),
            Some(Key::Identity(token)) => format!("token {token}"),
        }
    }

    #[test]
    fn what_docker_login_wrote_is_found_by_host() {
        // base64 of ann:se:cret
        let auth = r#"{"auths": {"ghcr.io": {"auth": "YW5uOnNlOmNyZXQ="}, "https://index.docker.io/v1/": {"username": "bob", "password": "p"},
            "https://harbor.example:5000": {"auth": "", "identitytoken": "t"}, "quay.io": {}}, "currentContext": "x"}"#;
        for (host, expected) in [
            ("ghcr.io", "ann/se:cret"),
            ("docker.io", "bob/p"),
            ("harbor.example:5000", "token t"),
            ("harbor.example", "nothing"),
            ("quay.io", "nothing"),
            ("public.ecr.aws", "nothing"),
        ] {
            assert_eq!(key(auth, host).map(text), Ok(expected.to_owned()), "{host}");
        }
        assert_eq!(key("", "ghcr.io").map(text), Ok("nothing".to_owned()));
    }

    #[test]
    fn no_error_shows_a_secret() {
        for (config, expected) in [
            (r#"{"auths": {"ghcr.io": "c2VjcmV0"}}"#, "line 1"),
            (
                r#"{"auths": {"ghcr.io": {"auth": "c2VjcmV0"}}}"#,
                "user:password",
            ),
            (r#"{"auths": {"ghcr.io": {"auth": "!secret"}}}"#, "base64"),
            (r#"{"credsStore": "../secret"}"#, "letters, digits"),
        ] {
            let error = key(config, "ghcr.io").map(text).expect_err(config);
            assert!(error.contains(expected), "{error}");
            assert!(
                !error.contains("c2VjcmV0") && !error.contains("!secret"),
                "{error}"
            );
        }
    }
}
