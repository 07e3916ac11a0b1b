//! Several accounts at one address: a repository is in one of them, a request carries the credentials of one, and across
//! accounts both the caller's policies and the repository's policy have to allow (Amazon ECR User Guide, "Private
//! repository policies"). Since the address says nothing of the account, no two repositories of a world share a name.

use serde_json::Value;

use crate::refusal::Refusal;
use crate::state::State;
use crate::state::repository::matches_wildcard;

/// What the access keys of assumed roles begin with; the account follows.
const KEY: &str = "ASIA";

/// The access key that AssumeRole gives out for a role of this account.
pub(crate) fn key_of(account: &str) -> String {
    format!("{KEY}{account}ROLE")
}

/// The account of a signature's access key: the world's own, unless it is of a role of another.
pub(crate) fn caller(state: &State, authorization: &str) -> Option<String> {
    let key = authorization
        .split("Credential=")
        .nth(1)?
        .split('/')
        .next()?;
    let of_role = key
        .strip_prefix(KEY)
        .and_then(|rest| rest.strip_suffix("ROLE"));
    Some(of_role.unwrap_or(&state.account).to_owned())
}

/// A repository is found in the registry that the request names, or else in the caller's.
pub(crate) fn check_registry(
    state: &State,
    operation: &str,
    name: &str,
    registry: Option<&str>,
) -> Result<(), Refusal> {
    let registry = registry.unwrap_or(&state.caller);
    if operation == "CreateRepository" || registry == state.account_of(name) {
        return Ok(());
    }
    Err(Refusal::new(
        "RepositoryNotFoundException",
        format!(
            "The repository with name '{name}' does not exist in the registry with id '{registry}'"
        ),
    ))
}

/// What keeps the caller from a repository of another account: its policy does not allow the action, in AWS's words.
pub(crate) fn obstacle(state: &State, action: &str, repository: Option<&str>) -> Option<String> {
    let repository = state.repositories.get(repository?)?;
    // ListImageReferrers takes the permission for BatchGetImage, which is asked for beside it.
    let of_its_own = action.starts_with("ecr:") && action != "ecr:ListImageReferrers";
    if !of_its_own || state.account_of(&repository.name) == state.caller {
        return None;
    }
    let policy: Value = serde_json::from_str(repository.policy.as_deref().unwrap_or("{}")).ok()?;
    let statements = policy.get("Statement").and_then(Value::as_array);
    let allows = |statement: &Value| {
        let principals = texts(statement.pointer("/Principal/AWS"));
        let ours = |one: &&str| *one == "*" || one.contains(&state.caller);
        let mut actions = texts(statement.get("Action")).into_iter();
        statement.get("Effect").and_then(Value::as_str) == Some("Allow")
            && principals.iter().any(ours)
            && actions.any(|pattern| matches_wildcard(pattern, action))
    };
    let allowed = statements.into_iter().flatten().any(allows);
    (!allowed).then(|| format!("because no resource-based policy allows the {action} action"))
}

/// One text, or a list of them.
fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(one) => one.as_str().into_iter().collect(),
        None => Vec::new(),
    }
}

impl State {
    /// The account that a repository is in; the world's for one that does not exist.
    pub fn account_of(&self, repository: &str) -> &str {
        let found = self.repositories.get(repository);
        let account = found.and_then(|repository| repository.account.as_deref());
        account.unwrap_or(&self.account)
    }

    /// The host of the registry that a repository is in, as images name it.
    pub(crate) fn host_of(&self, repository: &str) -> String {
        let account = self.account_of(repository);
        self.host().replacen(&self.account, account, 1)
    }
}
