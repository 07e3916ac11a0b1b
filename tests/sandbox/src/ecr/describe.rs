//! DescribeImages and ListImages.

use serde_json::Value;
use serde_json::json;

use crate::input::Input;
use crate::input::with_token;
use crate::refusal::Refusal;
use crate::state::Image;
use crate::state::Repository;
use crate::state::State;

pub(super) fn images(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = input.required("repositoryName")?;
    let repository = state.find(name)?;
    let ids = input.list("imageIds");
    if !ids.is_empty() {
        if input.number("maxResults").is_some() || input.text("nextToken").is_some() {
            return Err(Refusal::parameter(
                "maxResults",
                "cannot be used with imageIds",
            ));
        }
        input.limited("imageIds", 100)?;
        let mut details: Vec<&Image> = Vec::new();
        for id in ids {
            let image = named(repository, id).ok_or_else(|| image_not_found(state, name, id))?;
            if !details.iter().any(|known| known.digest == image.digest) {
                details.push(image);
            }
        }
        let details: Vec<Value> = details
            .into_iter()
            .map(|image| detail(state, repository, image))
            .collect();
        return Ok(json!({ "imageDetails": details }));
    }
    let (page, token) = input.page(filtered(repository, input)?, 100, 1000)?;
    let page: Vec<Value> = page
        .into_iter()
        .map(|image| detail(state, repository, image))
        .collect();
    Ok(with_token(json!({ "imageDetails": page }), token))
}

pub(super) fn list(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let repository = state.find(input.required("repositoryName")?)?;
    let mut ids: Vec<Value> = Vec::new();
    for image in filtered(repository, input)? {
        if image.tags.is_empty() {
            ids.push(json!({"imageDigest": image.digest}));
        }
        ids.extend(
            image
                .tags
                .iter()
                .map(|tag| json!({"imageDigest": image.digest, "imageTag": tag})),
        );
    }
    let (page, token) = input.page(ids, 100, 1000)?;
    Ok(with_token(json!({ "imageIds": page }), token))
}

/// The image an identifier names, if tag and digest agree.
pub(super) fn named<'a>(repository: &'a Repository, id: &Value) -> Option<&'a Image> {
    let tag = id.get("imageTag").and_then(Value::as_str);
    let digest = id.get("imageDigest").and_then(Value::as_str);
    let image = repository.image(digest.or(tag)?)?;
    tag.is_none_or(|tag| image.tags.contains(tag))
        .then_some(image)
}

pub(super) fn image_not_found(state: &State, name: &str, id: &Value) -> Refusal {
    let part = |key: &str| {
        id.get(key)
            .and_then(Value::as_str)
            .unwrap_or("null")
            .to_owned()
    };
    Refusal::new(
        "ImageNotFoundException",
        format!(
            "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with name '{name}' in the registry with id '{}'",
            part("imageDigest"),
            part("imageTag"),
            state.account
        ),
    )
}

/// `imageStatus` is ACTIVE where it is not given.
fn filtered<'a>(repository: &'a Repository, input: &Input) -> Result<Vec<&'a Image>, Refusal> {
    let chosen = |key: &str, default: &'static str, all: &[&str]| {
        let chosen = input.nested("filter", key).unwrap_or(default).to_owned();
        if all.contains(&chosen.as_str()) {
            return Ok(chosen);
        }
        let all = all.join(", ");
        Err(Refusal::parameter(
            &format!("filter.{key}"),
            format!("Member must satisfy enum value set: [{all}]"),
        ))
    };
    let statuses = ["ACTIVE", "ARCHIVED", "ACTIVATING", "ANY"];
    let status = chosen("imageStatus", "ACTIVE", &statuses)?;
    let tag_status = chosen("tagStatus", "ANY", &["TAGGED", "UNTAGGED", "ANY"])?;
    let images = repository
        .images
        .values()
        .filter(|image| status == "ANY" || image.storage.word() == status)
        .filter(|image| match tag_status.as_str() {
            "TAGGED" => !image.tags.is_empty(),
            "UNTAGGED" => image.tags.is_empty(),
            _ => true,
        });
    Ok(images.collect())
}

fn detail(state: &State, repository: &Repository, image: &Image) -> Value {
    let mut detail = json!({
        "registryId": state.account,
        "repositoryName": repository.name,
        "imageDigest": image.digest,
        "imageSizeInBytes": repository.size(image),
        "imagePushedAt": image.pushed_at.json(),
        "imageManifestMediaType": image.media_type,
        "imageStatus": image.storage.word(),
    });
    let mut set = |key: &str, value: Option<Value>| {
        if let (Some(object), Some(value)) = (detail.as_object_mut(), value) {
            object.insert(key.to_owned(), value);
        }
    };
    set(
        "imageTags",
        (!image.tags.is_empty()).then(|| json!(image.tags)),
    );
    set(
        "artifactMediaType",
        image.manifest.artifact_type.clone().map(Value::from),
    );
    set(
        "subjectManifestDigest",
        image.manifest.subject.clone().map(Value::from),
    );
    set(
        "lastRecordedPullTime",
        image.pulled_at.map(crate::clock::Time::json),
    );
    set(
        "lastArchivedAt",
        image.archived_at.map(crate::clock::Time::json),
    );
    set(
        "lastActivatedAt",
        image.activated_at.map(crate::clock::Time::json),
    );
    detail
}
