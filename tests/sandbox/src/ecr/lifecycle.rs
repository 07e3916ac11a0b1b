//! Lifecycle policies and previews in the JSON API.

use serde_json::Value;
use serde_json::json;

use crate::input::Input;
use crate::input::with_token;
use crate::lifecycle::policy::Policy;
use crate::refusal::Refusal;
use crate::state::State;

pub(super) fn put(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = input.required("repositoryName")?;
    let text = input.required("lifecyclePolicyText")?;
    state.find(name)?;
    Policy::parse(text)?;
    let repository = state.find_mut(name)?;
    repository.lifecycle = Some(text.to_owned());
    repository.evaluated_at = None;
    state.clock.tick();
    Ok(json!({"registryId": state.account, "repositoryName": name, "lifecyclePolicyText": text}))
}

pub(super) fn get(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = input.required("repositoryName")?;
    let repository = state.find(name)?;
    let text = repository
        .lifecycle
        .clone()
        .ok_or_else(|| state.no_policy(name))?;
    let mut value =
        json!({"registryId": state.account, "repositoryName": name, "lifecyclePolicyText": text});
    if let Some(time) = repository.evaluated_at {
        value["lastEvaluatedAt"] = time.json();
    }
    Ok(value)
}

pub(super) fn delete(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = input.required("repositoryName")?;
    let missing = state.no_policy(name);
    let text = state.find_mut(name)?.lifecycle.take().ok_or(missing)?;
    Ok(json!({"registryId": state.account, "repositoryName": name, "lifecyclePolicyText": text}))
}

pub(super) fn start_preview(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = input.required("repositoryName")?;
    let text = state.start_preview(name, input.text("lifecyclePolicyText"))?;
    Ok(
        json!({"registryId": state.account, "repositoryName": name, "lifecyclePolicyText": text, "status": "IN_PROGRESS"}),
    )
}

pub(super) fn preview(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = input.required("repositoryName")?;
    let account = state.account.clone();
    let missing = Refusal::new(
        "LifecyclePolicyPreviewNotFoundException",
        format!(
            "Lifecycle policy preview does not exist for the repository with name '{name}' in the registry with id '{account}'"
        ),
    );
    let preview = state.find_mut(name)?.preview.as_mut().ok_or(missing)?;
    let head = |status: &str, text: &str| json!({"registryId": account, "repositoryName": name, "lifecyclePolicyText": text, "status": status});
    if preview.looks_left > 0 {
        preview.looks_left -= 1;
        return Ok(head("IN_PROGRESS", &preview.text));
    }
    preview.seen = true;
    let all = preview.rows.clone();
    let mut value = head("COMPLETE", &preview.text);
    let of_type = |kind: &str| {
        all.iter()
            .filter(|row| row["action"]["type"] == kind)
            .count()
    };
    let archived = of_type("TRANSITION");
    value["summary"] = json!({"expiringImageTotalCount": of_type("EXPIRE")});
    if archived > 0 {
        value["summary"]["transitioningImageTotalCounts"] =
            json!([{"targetStorageClass": "ARCHIVE", "imageTotalCount": archived}]);
    }
    let wanted = input.list("imageIds");
    let tag_status = input.nested("filter", "tagStatus").unwrap_or("ANY");
    let rows: Vec<Value> = all
        .into_iter()
        .filter(|row| {
            let tags = row["imageTags"].as_array().map_or(&[][..], Vec::as_slice);
            let tag_fits = match tag_status {
                "TAGGED" => !tags.is_empty(),
                "UNTAGGED" => tags.is_empty(),
                _ => true,
            };
            let is_wanted = wanted.iter().any(|id| {
                id.get("imageDigest")
                    .is_some_and(|digest| *digest == row["imageDigest"])
                    || id.get("imageTag").is_some_and(|tag| tags.contains(tag))
            });
            tag_fits && (wanted.is_empty() || is_wanted)
        })
        .collect();
    let (page, token) = input.page(rows, 100, 100)?;
    value["previewResults"] = Value::from(page);
    Ok(with_token(value, token))
}
