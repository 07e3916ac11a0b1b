//! A request that ECR or ECS does not carry out: the name of the exception and the sentence AWS gives for it.

use std::fmt;

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The exception's name in the API model, such as `RepositoryNotFoundException`.
    pub code: &'static str,
    /// AWS's sentence.
    pub message: String,
}

impl Refusal {
    /// A refusal with this exception name and sentence.
    pub fn new(code: &'static str, message: impl Into<String>) -> Refusal {
        Refusal {
            code,
            message: message.into(),
        }
    }

    /// `InvalidParameterException`, in the form ECR writes it.
    pub fn parameter(name: &str, constraint: impl fmt::Display) -> Refusal {
        Refusal::new(
            "InvalidParameterException",
            format!("Invalid parameter at '{name}' failed to satisfy constraint: '{constraint}'"),
        )
    }

    /// The HTTP status of the AWS JSON protocol for this exception.
    pub(crate) fn json_status(&self) -> u16 {
        match self.code {
            "MissingAuthenticationTokenException"
            | "ExpiredTokenException"
            | "UnrecognizedClientException" => 403,
            "ServerException" | "InternalFailure" => 500,
            "ServiceUnavailable" => 503,
            _ => 400,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Refusal {}
