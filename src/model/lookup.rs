//! Look-ups: what a template asks of the outside world, and what was found there, as plain values. `ecspresso` says
//! what it needs, `clients` and `commands` find it.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::failure::Failure;

/// One thing to be found. Equal look-ups have equal answers, so each is made once in a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lookup {
    /// A parameter of AWS Systems Manager, decrypted (`ssm:GetParameter`).
    Parameter {
        /// The config's Region; the credentials' own if `None`.
        region: Option<String>,
        /// Its name.
        name: String,
    },
    /// The ARN of a secret (`secretsmanager:DescribeSecret`); never its value.
    SecretArn {
        /// The config's Region; the credentials' own if `None`.
        region: Option<String>,
        /// Its name or ARN.
        id: String,
    },
    /// The outputs of a CloudFormation stack (`cloudformation:DescribeStacks`).
    StackOutputs {
        /// The config's Region; the credentials' own if `None`.
        region: Option<String>,
        /// The stack's name.
        stack: String,
    },
    /// Every CloudFormation export of the Region (`cloudformation:ListExports`).
    Exports {
        /// The config's Region; the credentials' own if `None`.
        region: Option<String>,
    },
    /// The text of a Terraform state at an `http`, `https` or `s3` URL.
    State {
        /// The URL.
        url: String,
    },
    /// What a command of the `external` plugin prints.
    Command {
        /// The program and its arguments; no shell.
        argv: Vec<String>,
        /// After so many seconds it is ended; 0 is never.
        timeout: u64,
    },
}

/// What was found. It may be a secret, so it has no text form.
#[derive(Clone, PartialEq, Eq)]
pub enum Found {
    /// A parameter.
    Parameter {
        /// `String`, `StringList` or `SecureString`.
        kind: String,
        /// Its value.
        value: String,
    },
    /// The outputs of a stack or the exports of a Region, by key.
    Outputs(BTreeMap<String, String>),
    /// An ARN, a state, or what a command printed.
    Text(String),
}

/// What is known so far.
pub type Answers = BTreeMap<Lookup, Result<Found, Failure>>;

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parameter { .. } => "Parameter(…)",
            Self::Outputs(_) => "Outputs(…)",
            Self::Text(_) => "Text(…)",
        })
    }
}

impl fmt::Display for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter { name, .. } => write!(f, "ssm parameter {name}"),
            Self::SecretArn { id, .. } => write!(f, "secret {id}"),
            Self::StackOutputs { stack, .. } => write!(f, "outputs of stack {stack}"),
            Self::Exports { .. } => f.write_str("CloudFormation exports"),
            Self::State { url } => write!(f, "tfstate {}", shown(url)),
            Self::Command { argv, .. } => {
                write!(f, "command {}", argv.first().map_or("", String::as_str))
            }
        }
    }
}

/// A URL without what may be a secret in it: user, password and query.
pub fn shown(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_secrets() {
        for (url, expected) in [
            ("https://u:p@h:1/a@b?token=x#y", "https://h:1/a@b"),
            ("s3://bucket/key", "s3://bucket/key"),
            ("https://h", "https://h"),
            ("x?y", "x"),
        ] {
            assert_eq!(shown(url), expected);
        }
    }
}
