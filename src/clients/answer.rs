//! From what went wrong to a [`Failure`].

use std::error::Error;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::model::digest::Digest;
use crate::model::failure::{Caller, Failure, FailureKind, Side};

/// What a request is about: all that its failure has to say.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) operation: &'static str,
    pub(crate) object: String,
    pub(crate) side: Option<Side>,
    pub(crate) caller: Caller,
    /// The IAM action that the request needs.
    pub(crate) action: String,
    /// The ARN it needs it on.
    pub(crate) resource: String,
}

impl Subject {
    pub(crate) fn failure(&self, kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure {
            operation: self.operation.to_owned(),
            object: self.object.clone(),
            side: self.side,
            caller: self.caller.clone(),
            kind,
            message: message.into(),
        }
    }

    pub(crate) fn denied(&self, message: impl Into<String>) -> Failure {
        let message = message.into();
        let kind = FailureKind::Denied {
            action: self.action.clone(),
            resource: self.resource.clone(),
            by: explicit_deny(&message),
        };
        self.failure(kind, message)
    }

    /// The failure of an SDK call.
    pub(crate) fn sdk<E>(&self, error: &SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        if let SdkError::ServiceError(service) = error {
            let status = service.raw().status().as_u16();
            let metadata = service.err().meta();
            let code = metadata.code().unwrap_or_default();
            // Every error of AWS has a code: what has none did not arrive whole.
            if code.is_empty() && (service.raw().status().is_success() || status == 400) {
                let message = format!(
                    "HTTP {status} that cannot be read: {}",
                    chain(service.err())
                );
                return self.failure(FailureKind::Broken, message);
            }
            let message = metadata.message().filter(|message| !message.is_empty());
            let message = message.unwrap_or(code);
            return self.failure(self.kind(code, status, message), message);
        }
        // The outermost text only says that something failed.
        let chain = error.source().map_or_else(|| error.to_string(), chain);
        if is_about_credentials(error) {
            let words = chain.split(". Attempted").next().unwrap_or_default();
            return self.failure(FailureKind::Credentials, words);
        }
        match error {
            SdkError::ResponseError(response) if response.raw().status().as_u16() >= 500 => {
                self.failure(FailureKind::Broken, chain)
            }
            SdkError::DispatchFailure(_) if is_refused(error) => {
                self.failure(FailureKind::Unreachable, chain)
            }
            SdkError::DispatchFailure(_)
            | SdkError::TimeoutError(_)
            | SdkError::ResponseError(_) => self.failure(FailureKind::Broken, chain),
            _ => self.failure(FailureKind::Other, chain),
        }
    }

    fn kind(&self, code: &str, status: u16, message: &str) -> FailureKind {
        match code {
            "RepositoryNotFoundException" => FailureKind::RepositoryNotFound,
            "RepositoryAlreadyExistsException" => FailureKind::RepositoryExists,
            "ImageAlreadyExistsException" => FailureKind::ImageExists,
            "ImageTagAlreadyExistsException" => FailureKind::TagExists,
            "LayersNotFoundException" | "ReferencedImagesNotFoundException" => {
                FailureKind::BlobsMissing(digests(message))
            }
            "LimitExceededException" => FailureKind::Quota,
            "ImageNotFoundException" => FailureKind::ImageNotFound,
            "UnsupportedFeatureException" | "ImageStorageClassUpdateNotSupportedException" => {
                FailureKind::Unsupported
            }
            "AccessDeniedException" | "AccessDenied" => FailureKind::Denied {
                action: self.action.clone(),
                resource: self.resource.clone(),
                by: explicit_deny(message),
            },
            "ExpiredTokenException" | "ExpiredToken" => FailureKind::SessionEnded,
            "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "IncompleteSignature"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException" => FailureKind::Credentials,
            "ThrottlingException"
            | "Throttling"
            | "TooManyRequestsException"
            | "RequestLimitExceeded" => FailureKind::Throttled { retry_after: None },
            _ if status == 429 => FailureKind::Throttled { retry_after: None },
            _ if status >= 500 => FailureKind::Broken,
            _ => FailureKind::Other,
        }
    }

    /// The failure of a registry request that got no answer.
    pub(crate) fn http(&self, error: reqwest::Error) -> Failure {
        let error = error.without_url();
        let kind = if error.is_connect() {
            FailureKind::Unreachable
        } else {
            FailureKind::Broken
        };
        self.failure(kind, chain(&error))
    }

    /// The failure that a registry answered (Open Container Initiative distribution specification, "Error codes").
    pub(crate) fn answered(
        &self,
        status: u16,
        retry_after: Option<Duration>,
        body: &str,
    ) -> Failure {
        let message = first_message(body).unwrap_or_else(|| format!("HTTP {status}"));
        let kind = match status {
            401 => FailureKind::Credentials,
            403 => return self.denied(message),
            404 if body.contains("NAME_UNKNOWN") => FailureKind::RepositoryNotFound,
            429 => FailureKind::Throttled { retry_after },
            500.. => FailureKind::Broken,
            _ => FailureKind::Other,
        };
        self.failure(kind, message)
    }
}

/// `CODE: message` of the first error in the body, or the body itself if it is short plain text.
fn first_message(body: &str) -> Option<String> {
    let parsed: Option<serde_json::Value> = serde_json::from_str(body).ok();
    if let Some(error) = parsed.as_ref().and_then(|body| body.get("errors")?.get(0)) {
        let text = |key| {
            error
                .get(key)
                .and_then(serde_json::Value::as_str)
                .unwrap_or("")
        };
        return Some(format!("{}: {}", text("code"), text("message")));
    }
    let body = body.trim();
    let short = !body.is_empty() && body.len() <= 200;
    short.then(|| body.to_owned())
}

/// The kind of policy that a message says denies explicitly (AWS IAM User Guide, "Troubleshoot access denied error
/// messages"): "… with an explicit deny in a service control policy", which newer messages follow with the policy's ARN.
fn explicit_deny(message: &str) -> Option<String> {
    let (_, policy) = message.split_once("with an explicit deny in ")?;
    let policy = policy.lines().next()?.trim().trim_end_matches('.');
    (!policy.is_empty()).then(|| policy.to_owned())
}

/// Every digest a message names.
fn digests(message: &str) -> Vec<Digest> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == ':');
    message
        .split(word)
        .filter_map(|word| word.parse().ok())
        .collect()
}

/// The causes of an error, outermost first, each text once.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

fn any_cause(error: &(dyn Error + 'static), is: impl Fn(&(dyn Error + 'static)) -> bool) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        if is(cause) {
            return true;
        }
        next = cause.source();
    }
    false
}

fn is_about_credentials(error: &(dyn Error + 'static)) -> bool {
    any_cause(error, |cause| cause.is::<CredentialsError>())
}

fn is_refused(error: &(dyn Error + 'static)) -> bool {
    use std::io::ErrorKind;
    any_cause(error, |cause| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.is_some_and(|io| {
            let kind = io.kind();
            kind == ErrorKind::ConnectionRefused || kind == ErrorKind::HostUnreachable
        }) || cause.to_string().contains("dns error")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_found_in_messages() {
        let a = format!("sha256:{}", "a".repeat(64));
        let b = format!("sha256:{}", "b".repeat(64));
        let message = format!("Layers with digests '[{a}, {b}]' do not exist");
        let found: Vec<_> = digests(&message).iter().map(ToString::to_string).collect();
        assert_eq!(found, [a, b]);
    }

    #[test]
    fn an_explicit_deny_is_told_apart() {
        let subject = Subject {
            operation: "CreateRepository",
            object: "fluentd/app".into(),
            side: Some(Side::Target),
            caller: Caller::Own,
            action: "ecr:CreateRepository".into(),
            resource: "arn".into(),
        };
        let check = |words: &str, expected: &str| {
            let message = format!(
                "User: u is not authorized to perform: ecr:CreateRepository on resource: arn {words}"
            );
            let kind = subject.kind("AccessDeniedException", 400, &message);
            let hint = subject.failure(kind, message).hint();
            assert!(
                hint.as_ref().is_some_and(|hint| hint.starts_with(expected)),
                "{hint:?}"
            );
        };
        check(
            "because no identity-based policy allows the ecr:CreateRepository action",
            "allow ecr:CreateRepository on arn",
        );
        check(
            "with an explicit deny in a service control policy",
            "an explicit deny in a service control policy forbids ecr:CreateRepository on arn: only its owner can lift it; `promote --create-repository never`",
        );
        check(
            "with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o/service_control_policy/p.",
            "an explicit deny in a service control policy: arn:aws:organizations::1:policy/o/service_control_policy/p forbids",
        );
        check(
            "with an explicit deny in a VPC endpoint policy",
            "an explicit deny in a VPC endpoint policy forbids",
        );
    }

    #[test]
    fn registry_answers_become_failures() {
        let subject = Subject {
            operation: "mount blob",
            object: "fluentd/app".into(),
            side: Some(Side::Target),
            caller: Caller::Own,
            action: "ecr:InitiateLayerUpload".into(),
            resource: "arn".into(),
        };
        let check = |status, body: &str, kind: FailureKind, text: &str| {
            let failure = subject.answered(status, None, body);
            assert_eq!(failure.kind, kind, "{body}");
            assert!(failure.to_string().contains(text), "{failure}");
        };
        let unknown = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"no such repository"}]}"#;
        check(
            404,
            unknown,
            FailureKind::RepositoryNotFound,
            "NAME_UNKNOWN: no such repository",
        );
        check(
            401,
            "Not Authorized",
            FailureKind::Credentials,
            "Not Authorized",
        );
        check(503, "", FailureKind::Broken, "HTTP 503");
        let throttled = FailureKind::Throttled { retry_after: None };
        check(
            429,
            "TOOMANYREQUESTS: Rate exceeded",
            throttled,
            "Rate exceeded",
        );
    }
}
