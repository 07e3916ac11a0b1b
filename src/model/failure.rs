//! What went wrong in the outside world, as a value: which operation, on which object, on which side, and what kind of
//! trouble. Clients make them; plans carry them where something could not be read.

use std::fmt;
use std::time::Duration;

use crate::model::digest::Digest;

/// Which end of a promotion an object belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The common repository.
    Source,
    /// The task-definition repository.
    Target,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}

/// Whose credentials a request carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Those of the run: the role in use.
    Own,
    /// The same, in a registry of this account, in which the run has no target.
    Abroad(String),
    /// Those of the role of `--source-role-arn`, which this is.
    SourceRole(String),
    /// What Docker's configuration has for this upstream registry, or nobody's.
    Upstream(String),
}

/// What kind of trouble, as far as somebody decides by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The repository does not exist.
    RepositoryNotFound,
    /// The principal may not.
    Denied {
        /// The IAM action, such as `ecr:PutImage`.
        action: String,
        /// The ARN it is needed on, or `*`.
        resource: String,
        /// The kind of policy that denies it explicitly, such as `a service control policy`, where the other side says so: no permission helps.
        by: Option<String>,
    },
    /// No credentials, or not valid ones.
    Credentials,
    /// The session of the credentials has ended: a role's lasts an hour unless more was asked for (AWS STS API Reference,
    /// `AssumeRole`, `DurationSeconds`).
    SessionEnded,
    /// Nobody answers.
    Unreachable,
    /// Too many requests.
    Throttled {
        /// How long the other side asks to wait.
        retry_after: Option<Duration>,
    },
    /// The other side failed (5xx) or broke the connection.
    Broken,
    /// The repository exists already.
    RepositoryExists,
    /// This digest already has this tag.
    ImageExists,
    /// The tag is taken in a repository with immutable tags; by which digest is not said.
    TagExists,
    /// Blobs the manifest refers to are not in the repository. Empty where the answer does not name them.
    BlobsMissing(Vec<Digest>),
    /// The image is not there (any more).
    ImageNotFound,
    /// The image cannot be deleted, because an index in the repository lists it.
    ImageReferenced,
    /// A service quota is used up.
    Quota,
    /// The Region or the object does not have the feature (`UnsupportedFeatureException`).
    Unsupported,
    /// The answer is not what it should be (bytes that do not match their digest, …).
    BadAnswer,
    /// Anything else.
    Other,
}

/// A failed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The operation, such as `PutImage` or `mount blob`.
    pub operation: String,
    /// What it was about, such as `fluentd/app:3f2c1ab`.
    pub object: String,
    /// Which end, where it is one.
    pub side: Option<Side>,
    /// Who asked.
    pub caller: Caller,
    /// What kind.
    pub kind: FailureKind,
    /// The other side's own words.
    pub message: String,
}

impl Failure {
    /// A failure of something that was done with the run's own credentials, and that is neither end of a promotion.
    pub fn new(
        operation: impl Into<String>,
        object: impl Into<String>,
        kind: FailureKind,
        message: impl Into<String>,
    ) -> Self {
        Self {
            operation: operation.into(),
            object: object.into(),
            side: None,
            caller: Caller::Own,
            kind,
            message: message.into(),
        }
    }

    /// Whether it says nothing of what was asked: no request of this run gets further.
    pub fn is_general(&self) -> bool {
        matches!(
            self.kind,
            FailureKind::Credentials | FailureKind::SessionEnded | FailureKind::Unreachable
        )
    }

    /// The exact next step, where there is one.
    pub fn hint(&self) -> Option<String> {
        if let Caller::Upstream(host) = &self.caller {
            return self.upstream_hint(host);
        }
        Some(match &self.kind {
            FailureKind::Denied {
                action,
                resource,
                by: Some(by),
            } => {
                let without = match action.as_str() {
                    "ecr:CreateRepository" => "; `promote --create-repository never` does without",
                    "ecr:PutLifecyclePolicy" => "; `promote --lifecycle verify` does without",
                    _ => "",
                };
                format!(
                    "an explicit deny in {by} forbids {action} on {resource}: only its owner can lift it{without}"
                )
            }
            FailureKind::Denied {
                action,
                resource,
                by: None,
            } => match &self.caller {
                Caller::SourceRole(role) => {
                    format!("allow {action} on {resource} for {role} (--source-role-arn)")
                }
                Caller::Abroad(account) if resource != "*" => format!(
                    "allow {action} on {resource} for the role in use, in its own policies and in the repository's; \
                     or read it with a role of account {account}: --source-role-arn"
                ),
                _ => {
                    format!("allow {action} on {resource} for the role in use")
                }
            },
            FailureKind::Credentials if let Caller::SourceRole(role) = &self.caller => format!(
                "let the role in use assume {role} (--source-role-arn): sts:AssumeRole on it, and the role in use \
                 in its trust policy"
            ),
            FailureKind::Credentials => "set AWS_PROFILE or AWS_ACCESS_KEY_ID and \
                AWS_SECRET_ACCESS_KEY, or renew the session (aws sso login)"
                .to_owned(),
            FailureKind::SessionEnded => {
                "sign in again (aws sso login), or let the session of the role last longer \
                (on GitHub: role-duration-seconds); running it again completes what was begun"
                    .to_owned()
            }
            FailureKind::Unreachable => {
                "check the network, the Region, HTTPS_PROXY and AWS_ENDPOINT_URL".to_owned()
            }
            FailureKind::Throttled { .. } => {
                "raise --timeout, or the account's quota for this API".to_owned()
            }
            FailureKind::Quota => "ask for a higher quota in Service Quotas, \
                or delete what is not needed"
                .to_owned(),
            _ => return None,
        })
    }

    /// The same where an upstream registry was asked. Many say "unauthorized" of what does not exist.
    fn upstream_hint(&self, host: &str) -> Option<String> {
        Some(match &self.kind {
            FailureKind::Denied { .. } | FailureKind::Credentials => format!(
                "look whether the repository exists; if it is not public: docker login {host} \
                 (demitasse reads Docker's config.json and its credential helpers)"
            ),
            FailureKind::Unreachable => {
                format!("check the network, HTTPS_PROXY and the host {host}")
            }
            FailureKind::Throttled { .. } => format!(
                "wait, or raise --timeout; docker login {host} where it gives more to those it knows"
            ),
            _ => return None,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.operation, self.object)?;
        if let Some(side) = self.side {
            write!(f, " ({side})")?;
        }
        let kind = match &self.kind {
            FailureKind::RepositoryNotFound => "the repository does not exist",
            FailureKind::Denied { .. } => "access denied",
            FailureKind::Credentials => "no valid credentials",
            FailureKind::SessionEnded => "the session of the credentials has ended",
            FailureKind::Unreachable => "unreachable",
            FailureKind::Throttled { .. } => "throttled",
            FailureKind::Broken => "the service failed",
            FailureKind::RepositoryExists => "the repository exists already",
            FailureKind::ImageExists => "the image exists already",
            FailureKind::TagExists => "the tag is taken",
            FailureKind::BlobsMissing(_) => "blobs are missing",
            FailureKind::ImageNotFound => "the image is not there",
            FailureKind::ImageReferenced => "an index lists it",
            FailureKind::Quota => "a quota is used up",
            FailureKind::Unsupported => "not supported",
            FailureKind::BadAnswer => "unusable answer",
            FailureKind::Other => "failed",
        };
        write!(f, ": {kind}")?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_is_missing_for_whoever_asked() {
        let check = |caller: Caller, resource: &str, kind: Option<FailureKind>, expected: &str| {
            let denied = FailureKind::Denied {
                action: "ecr:BatchGetImage".to_owned(),
                resource: resource.to_owned(),
                by: None,
            };
            let failure = Failure {
                operation: "BatchGetImage".to_owned(),
                object: "fluentd/common".to_owned(),
                side: Some(Side::Source),
                caller,
                kind: kind.unwrap_or(denied),
                message: String::new(),
            };
            let hint = failure.hint().unwrap_or_default();
            assert!(hint.contains(expected), "{hint}");
        };
        let role = || Caller::SourceRole("arn:aws:iam::2:role/r".to_owned());
        let abroad = || Caller::Abroad("2".to_owned());
        let in_use = "allow ecr:BatchGetImage on arn for the role in use";
        check(Caller::Own, "arn", None, in_use);
        check(
            abroad(),
            "arn",
            None,
            "a role of account 2: --source-role-arn",
        );
        check(abroad(), "*", None, "for the role in use");
        check(
            role(),
            "arn",
            None,
            "on arn for arn:aws:iam::2:role/r (--source-role-arn)",
        );
        let credentials = Some(FailureKind::Credentials);
        check(
            role(),
            "*",
            credentials.clone(),
            "assume arn:aws:iam::2:role/r",
        );
        check(abroad(), "*", credentials.clone(), "set AWS_PROFILE");
        let upstream = || Caller::Upstream("ghcr.io".to_owned());
        check(upstream(), "arn", None, "docker login ghcr.io");
        check(upstream(), "*", credentials, "docker login ghcr.io");
        let unreachable = Some(FailureKind::Unreachable);
        check(upstream(), "*", unreachable, "the host ghcr.io");
    }
}
