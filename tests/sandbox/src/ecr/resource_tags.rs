//! Resource tags of repositories.

use serde_json::Value;
use serde_json::json;

use crate::ecr::repositories::tag_list;
use crate::input::Input;
use crate::refusal::Refusal;
use crate::state::State;

pub(super) fn add(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let tags = tag_list(input.list("tags"))?;
    let name = repository(input)?;
    let all = &mut state.find_mut(&name)?.tags;
    all.extend(tags);
    if all.len() > 50 {
        return Err(Refusal::new(
            "TooManyTagsException",
            "The list of tags on the repository is over the limit.",
        ));
    }
    Ok(json!({}))
}

pub(super) fn remove(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = repository(input)?;
    let repository = state.find_mut(&name)?;
    for key in input.texts("tagKeys") {
        repository.tags.remove(key);
    }
    Ok(json!({}))
}

pub(super) fn list(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let repository = state.find(&repository(input)?)?;
    let tags: Vec<Value> = repository
        .tags
        .iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect();
    Ok(json!({ "tags": tags }))
}

fn repository(input: &Input) -> Result<String, Refusal> {
    let arn = input.required("resourceArn")?;
    let name = arn
        .split_once(":repository/")
        .map(|(_, name)| name.to_owned());
    name.ok_or_else(|| Refusal::parameter("resourceArn", "is not the ARN of a repository"))
}
