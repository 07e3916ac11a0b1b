//! What the caller may not do: a list of IAM actions, each everywhere or on one repository.

use std::str::FromStr;

use serde::Deserialize;

use crate::accounts;
use crate::refusal::Refusal;
use crate::state::State;
use crate::state::repository::matches_wildcard;

/// An IAM action that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denied {
    /// The action, such as `ecr:PutImage` or `ecs:Describe*`.
    pub action: String,
    /// The repository (of a look-up the parameter, secret, stack or object) it is denied on, in which `*` is a wildcard; without one, all.
    #[serde(default)]
    pub repository: Option<String>,
}

impl FromStr for Denied {
    type Err = String;

    /// Reads `ecr:PutImage` or `ecr:PutImage=fluentd/app`.
    fn from_str(text: &str) -> Result<Denied, String> {
        let (action, repository) = match text.split_once('=') {
            Some((action, repository)) => (action, Some(repository.to_owned())),
            None => (text, None),
        };
        if !action.contains(':') {
            return Err(format!(
                "{text:?} is not an IAM action such as ecr:PutImage"
            ));
        }
        Ok(Denied {
            action: action.to_owned(),
            repository,
        })
    }
}

/// Refuses an action that is denied, in AWS's words.
pub(crate) fn check(state: &State, action: &str, repository: Option<&str>) -> Result<(), Refusal> {
    let applies = |denied: &Denied| {
        matches_wildcard(&denied.action, action)
            && denied
                .repository
                .as_deref()
                .is_none_or(|pattern| matches_wildcard(pattern, repository.unwrap_or_default()))
    };
    let why = if state.forbidden.iter().any(applies) {
        "with an explicit deny in a service control policy".to_owned()
    } else if state.denied.iter().any(applies) {
        format!("because no identity-based policy allows the {action} action")
    } else if let Some(why) = accounts::obstacle(state, action, repository) {
        why
    } else {
        return Ok(());
    };
    let resource = match repository {
        Some(name) if action.starts_with("ecr:") => state.repository_arn(name),
        _ => "*".to_owned(),
    };
    Err(Refusal::new(
        "AccessDeniedException",
        format!(
            "User: arn:aws:sts::{}:assumed-role/deploy/ci is not authorized to perform: {action} on resource: {resource} {why}",
            state.caller
        ),
    ))
}
