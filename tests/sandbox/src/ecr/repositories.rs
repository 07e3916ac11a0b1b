//! Repositories and their policies.

use std::collections::BTreeMap;

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use crate::input::Input;
use crate::input::with_token;
use crate::refusal::Refusal;
use crate::state::Repository;
use crate::state::State;

pub(super) fn describe(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let names = input.texts("repositoryNames");
    if names.is_empty() {
        let account = input.text("registryId").unwrap_or(&state.caller);
        let all = state.repositories.values().filter(|repository| {
            repository.hidden_for == 0 && state.account_of(&repository.name) == account
        });
        let all = all.map(|repository| row(state, repository)).collect();
        let (page, token) = input.page(all, 100, 1000)?;
        return Ok(with_token(json!({ "repositories": page }), token));
    }
    if input.number("maxResults").is_some() || input.text("nextToken").is_some() {
        return Err(Refusal::parameter(
            "maxResults",
            "cannot be used with repositoryNames",
        ));
    }
    input.limited("repositoryNames", 100)?;
    // IAM judges the call on each of the resources it names.
    for name in &names {
        crate::permissions::check(state, "ecr:DescribeRepositories", Some(name))?;
    }
    for name in &names {
        if let Some(repository) = state.repositories.get_mut(*name)
            && repository.hidden_for > 0
        {
            repository.hidden_for -= 1;
            return Err(state.not_found(name));
        }
    }
    let rows = names
        .iter()
        .map(|name| state.find(name).map(|found| row(state, found)))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "repositories": rows }))
}

/// The pull-through cache rules behind the world's pull-through repositories: one for each first part of a name.
pub(super) fn pull_through_rules(state: &mut State) -> Result<Value, Refusal> {
    let cached = state.repositories.values().filter(|one| one.pull_through);
    let prefix = |one: &Repository| one.name.split('/').next().map(str::to_owned);
    let prefixes: BTreeSet<String> = cached.filter_map(prefix).collect();
    let rule =
        |prefix: &String| json!({"ecrRepositoryPrefix": prefix, "registryId": state.account});
    let rules: Vec<Value> = prefixes.iter().map(rule).collect();
    Ok(json!({ "pullThroughCacheRules": rules }))
}

fn row(state: &State, repository: &Repository) -> Value {
    let mut encryption = json!({"encryptionType": repository.encryption.0});
    if let Some(key) = &repository.encryption.1 {
        encryption["kmsKey"] = Value::from(key.clone());
    }
    let mut row = json!({
        "repositoryArn": state.repository_arn(&repository.name),
        "registryId": state.account_of(&repository.name),
        "repositoryName": repository.name,
        "repositoryUri": format!("{}/{}", state.host_of(&repository.name), repository.name),
        "createdAt": repository.created_at.json(),
        "imageTagMutability": repository.mutability,
        "imageScanningConfiguration": {"scanOnPush": false},
        "encryptionConfiguration": encryption,
    });
    if !repository.exclusions.is_empty() {
        let filters: Vec<Value> = repository
            .exclusions
            .iter()
            .map(|filter| json!({"filterType": "WILDCARD", "filter": filter}))
            .collect();
        row["imageTagMutabilityExclusionFilters"] = Value::from(filters);
    }
    row
}

pub(super) fn create(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = input.required("repositoryName")?;
    if !is_repository_name(name) {
        return Err(Refusal::parameter(
            "repositoryName",
            "must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'",
        ));
    }
    if state.repositories.contains_key(name) {
        return Err(Refusal::new(
            "RepositoryAlreadyExistsException",
            format!(
                "The repository with name '{name}' already exists in the registry with id '{}'",
                state.account
            ),
        ));
    }
    let tags = tag_list(input.list("tags"))?;
    if !tags.is_empty() {
        crate::permissions::check(state, "ecr:TagResource", Some(name))?;
    }
    let (mutability, exclusions) =
        mutability(input, input.text("imageTagMutability").unwrap_or("MUTABLE"))?;
    let encryption = input
        .nested("encryptionConfiguration", "encryptionType")
        .unwrap_or("AES256");
    if !["AES256", "KMS", "KMS_DSSE"].contains(&encryption) {
        return Err(Refusal::parameter(
            "encryptionConfiguration",
            "Member must satisfy enum value set: [AES256, KMS, KMS_DSSE]",
        ));
    }
    let key = match (
        encryption,
        input.nested("encryptionConfiguration", "kmsKey"),
    ) {
        ("AES256", Some(_)) => {
            return Err(Refusal::parameter(
                "encryptionConfiguration",
                "kmsKey is not used with AES256",
            ));
        }
        ("AES256", None) => None,
        (_, Some(key)) => Some(key.to_owned()),
        (_, None) => Some(format!(
            "arn:aws:kms:{}:{}:alias/aws/ecr",
            state.region, state.account
        )),
    };
    let account = (state.caller != state.account).then(|| state.caller.clone());
    let repository = Repository {
        name: name.to_owned(),
        account,
        created_at: state.clock.tick(),
        mutability,
        exclusions,
        encryption: (encryption.to_owned(), key),
        tags,
        hidden_for: if state.creation_delay {
            state.undocumented.creation_delay
        } else {
            0
        },
        ..Repository::default()
    };
    let row = row(state, &repository);
    state.repositories.insert(name.to_owned(), repository);
    Ok(json!({ "repository": row }))
}

pub(super) fn delete(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = input.required("repositoryName")?;
    let repository = state.find(name)?;
    if !repository.images.is_empty() && !input.flag("force") {
        return Err(Refusal::new(
            "RepositoryNotEmptyException",
            format!(
                "The repository with name '{name}' in registry with id '{}' cannot be deleted because it still contains images",
                state.account
            ),
        ));
    }
    let row = row(state, repository);
    state.repositories.remove(name);
    state.uploads.retain(|_, upload| upload.repository != name);
    state.clock.tick();
    Ok(json!({ "repository": row }))
}

pub(super) fn put_mutability(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = input.required("repositoryName")?;
    let (mutability, exclusions) = mutability(input, input.required("imageTagMutability")?)?;
    let account = state.account.clone();
    let repository = state.find_mut(name)?;
    repository.mutability.clone_from(&mutability);
    repository.exclusions = exclusions;
    Ok(json!({
        "registryId": account, "repositoryName": name, "imageTagMutability": mutability,
        "imageTagMutabilityExclusionFilters": input.list("imageTagMutabilityExclusionFilters"),
    }))
}

fn mutability(input: &Input, mutability: &str) -> Result<(String, Vec<String>), Refusal> {
    let filters: Vec<String> = input
        .list("imageTagMutabilityExclusionFilters")
        .iter()
        .filter_map(|filter| {
            filter
                .get("filter")
                .and_then(Value::as_str)
                .map(str::to_owned)
        })
        .collect();
    let wants_filters = match mutability {
        "MUTABLE" | "IMMUTABLE" => false,
        "MUTABLE_WITH_EXCLUSION" | "IMMUTABLE_WITH_EXCLUSION" => true,
        _ => {
            return Err(Refusal::parameter(
                "imageTagMutability",
                "Member must satisfy enum value set",
            ));
        }
    };
    let is_filter = |filter: &String| {
        (1..=128).contains(&filter.len())
            && filter.bytes().all(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'*' | b'-')
            })
    };
    if wants_filters == filters.is_empty() || filters.len() > 5 || !filters.iter().all(is_filter) {
        return Err(Refusal::parameter(
            "imageTagMutabilityExclusionFilters",
            "1 to 5 filters are needed with, and only with, an exclusion setting",
        ));
    }
    Ok((mutability.to_owned(), filters))
}

pub(super) fn set_policy(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = input.required("repositoryName")?;
    let text = input.required("policyText")?;
    if text.len() > 10_240 || serde_json::from_str::<Value>(text).is_err() {
        return Err(Refusal::parameter(
            "PolicyText",
            "Invalid repository policy provided",
        ));
    }
    state.find_mut(name)?.policy = Some(text.to_owned());
    state.clock.tick();
    Ok(json!({"registryId": state.account, "repositoryName": name, "policyText": text}))
}

pub(super) fn policy(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = input.required("repositoryName")?;
    let text = state
        .find(name)?
        .policy
        .clone()
        .ok_or_else(|| no_policy(state, name))?;
    Ok(json!({"registryId": state.account, "repositoryName": name, "policyText": text}))
}

pub(super) fn delete_policy(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = input.required("repositoryName")?;
    let missing = no_policy(state, name);
    let text = state.find_mut(name)?.policy.take().ok_or(missing)?;
    Ok(json!({"registryId": state.account, "repositoryName": name, "policyText": text}))
}

fn no_policy(state: &State, name: &str) -> Refusal {
    Refusal::new(
        "RepositoryPolicyNotFoundException",
        format!(
            "Repository policy does not exist for the repository with name '{name}' in the registry with id '{}'",
            state.account
        ),
    )
}

pub(super) fn tag_list(tags: &[Value]) -> Result<BTreeMap<String, String>, Refusal> {
    if tags.len() > 50 {
        return Err(Refusal::new(
            "TooManyTagsException",
            "The list of tags on the repository is over the limit.",
        ));
    }
    tags.iter()
        .map(|tag| {
            let part = |key: &str| tag.get(key).and_then(Value::as_str);
            let key = part("Key")
                .filter(|key| (1..=128).contains(&key.len()) && !key.starts_with("aws:"));
            match (key, part("Value").filter(|value| value.len() <= 256)) {
                (Some(key), Some(value)) => Ok((key.to_owned(), value.to_owned())),
                _ => Err(Refusal::new(
                    "InvalidTagParameterException",
                    "An invalid parameter has been specified.",
                )),
            }
        })
        .collect()
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` between slashes, 2 to 256 characters (API model).
pub(crate) fn is_repository_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (2..=256).contains(&name.len())
        && name.split('/').all(|part| {
            let separators =
                part.split(|character: char| character.is_ascii() && is_plain(character as u8));
            part.bytes().next().is_some_and(is_plain)
                && part.bytes().last().is_some_and(is_plain)
                && separators.into_iter().all(|gap| {
                    matches!(gap, "" | "." | "_" | "__") || gap.bytes().all(|byte| byte == b'-')
                })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_names() {
        for (name, expected) in [
            ("fluentd/app", true),
            ("a", false),
            ("a/b", true),
            ("a__b", true),
            ("a___b", false),
            ("a--b", true),
            ("a.b", true),
            ("a..b", false),
            ("App", false),
            ("a/", false),
            ("/a", false),
            ("a-", false),
        ] {
            assert_eq!(is_repository_name(name), expected, "{name}");
        }
    }
}
