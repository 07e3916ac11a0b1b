//! Images as `aws ecr describe-images` prints them, and the children of indexes from their manifests.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::model::digest::Digest;
use crate::model::lifecycle::Image;
use crate::model::lifecycle::StorageClass;
use crate::model::time::Timestamp;

/// What is wrong with a listing or with manifests.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListingError {
    /// Not JSON, or other JSON than expected.
    #[error("{0}")]
    Shape(String),
    /// The CLI was stopped before the last page, so ranks would be wrong.
    #[error("the listing is not complete: it ends with a nextToken")]
    Incomplete,
    /// A policy sees the images of one repository only.
    #[error("the images are of several repositories: {one} and {other}")]
    SeveralRepositories {
        /// One of them.
        one: String,
        /// Another.
        other: String,
    },
    /// A digest stands in it twice, which DescribeImages never answers.
    #[error("{0} occurs twice")]
    Twice(Digest),
    /// A value that cannot be read.
    #[error("image {position}: {key}: {reason}")]
    Value {
        /// Which image, from 1.
        position: usize,
        /// Which key.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// The parts of `ImageDetail` (Amazon ECR API Reference) that lifecycle rules look at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    repository_name: Option<String>,
    image_digest: Option<String>,
    #[serde(default)]
    image_tags: Vec<String>,
    image_pushed_at: Option<Value>,
    last_activated_at: Option<Value>,
    last_recorded_pull_time: Option<Value>,
    last_archived_at: Option<Value>,
    image_status: Option<String>,
    subject_manifest_digest: Option<String>,
}

/// The images of `{"imageDetails": […]}` or of the list alone (`--query imageDetails`). Dates are RFC 3339 or seconds since 1970; other keys are not
/// looked at. Children are not in a listing; see [`add_children`].
///
/// # Errors
/// The first thing that is wrong.
pub fn read_images(text: &str) -> Result<Vec<Image>, ListingError> {
    let shape = |error: serde_json::Error| ListingError::Shape(error.to_string());
    let value: Value = serde_json::from_str(text).map_err(shape)?;
    let details = match value {
        Value::Array(details) => details,
        Value::Object(mut answer) => {
            if answer
                .get("nextToken")
                .is_some_and(|token| !token.is_null())
            {
                return Err(ListingError::Incomplete);
            }
            match answer.remove("imageDetails") {
                Some(Value::Array(details)) => details,
                _ => return Err(unexpected()),
            }
        }
        _ => return Err(unexpected()),
    };
    let mut images = Vec::with_capacity(details.len());
    let mut seen = BTreeSet::new();
    let mut repository: Option<String> = None;
    for (index, detail) in details.into_iter().enumerate() {
        let position = index + 1;
        let detail: Detail = serde_json::from_value(detail)
            .map_err(|error| ListingError::Shape(format!("image {position}: {error}")))?;
        if let Some(name) = &detail.repository_name {
            let first = repository.get_or_insert_with(|| name.clone());
            if first != name {
                return Err(ListingError::SeveralRepositories {
                    one: first.clone(),
                    other: name.clone(),
                });
            }
        }
        let image = image(position, detail)?;
        if !seen.insert(image.digest.clone()) {
            return Err(ListingError::Twice(image.digest));
        }
        images.push(image);
    }
    Ok(images)
}

fn unexpected() -> ListingError {
    ListingError::Shape("neither {\"imageDetails\": […]} nor a list of images".to_owned())
}

fn image(position: usize, detail: Detail) -> Result<Image, ListingError> {
    let wrong = |key, reason: String| ListingError::Value {
        position,
        key,
        reason,
    };
    let digest = |key, text: Option<String>| {
        let parsed = text.map(|text| text.parse::<Digest>()).transpose();
        parsed.map_err(|error| wrong(key, error.to_string()))
    };
    let time = |key, value: Option<Value>| moment(value).map_err(|reason| wrong(key, reason));
    let missing = |key| wrong(key, "is missing".to_owned());
    let storage_class = match detail.image_status.as_deref() {
        Some("ARCHIVED") => StorageClass::Archive,
        Some("ACTIVE" | "ACTIVATING") | None => StorageClass::Standard,
        Some(other) => {
            let reason = format!("{other:?} is not ACTIVE, ACTIVATING or ARCHIVED");
            return Err(wrong("imageStatus", reason));
        }
    };
    Ok(Image {
        digest: digest("imageDigest", detail.image_digest)?
            .ok_or_else(|| missing("imageDigest"))?,
        tags: detail.image_tags,
        pushed_at: time("imagePushedAt", detail.image_pushed_at)?
            .ok_or_else(|| missing("imagePushedAt"))?,
        activated_at: time("lastActivatedAt", detail.last_activated_at)?,
        pulled_at: time("lastRecordedPullTime", detail.last_recorded_pull_time)?,
        archived_at: time("lastArchivedAt", detail.last_archived_at)?,
        storage_class,
        restoring: detail.image_status.as_deref() == Some("ACTIVATING"),
        children: Vec::new(),
        subject: digest("subjectManifestDigest", detail.subject_manifest_digest)?,
    })
}

fn moment(value: Option<Value>) -> Result<Option<Timestamp>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            let parsed = text.parse::<Timestamp>();
            parsed.map(Some).map_err(|error| error.to_string())
        }
        Some(value) => {
            let seconds = value.as_f64().and_then(Timestamp::from_seconds);
            let wrong = || format!("{value} is not a time");
            seconds.map(Some).ok_or_else(wrong)
        }
    }
}

/// Gives each index its children, from manifests in one of three forms: what `aws ecr batch-get-image` prints (`{"images": [{"imageId":
/// {"imageDigest"}, "imageManifest"}]}`); an object of digest → manifest, or digest → list of the children's digests; or one index or manifest list
/// as it is, byte for byte, which is told by its own digest. What is said of images that are not listed is not looked at.
///
/// # Errors
/// What is wrong with the text; an index by itself that is not in the listing.
pub fn add_children(images: &mut [Image], text: &str) -> Result<(), ListingError> {
    let shape = |reason: &str| ListingError::Shape(reason.to_owned());
    let value: Value =
        serde_json::from_str(text).map_err(|error| ListingError::Shape(error.to_string()))?;
    let mut found: BTreeMap<Digest, Vec<Digest>> = BTreeMap::new();
    if value.get("manifests").is_some() {
        let whole = Digest::of(text.as_bytes());
        let trimmed = Digest::of(text.trim_end().as_bytes());
        let listed = |digest: &Digest| images.iter().any(|image| image.digest == *digest);
        let digest = [whole, trimmed].into_iter().find(listed);
        let unknown =
            || shape("the index is not among the images: its bytes must be those in the registry");
        found.insert(digest.ok_or_else(unknown)?, children(&value)?);
    } else if let Some(answer) = value.get("images").and_then(Value::as_array) {
        for image in answer {
            let digest = image
                .pointer("/imageId/imageDigest")
                .and_then(Value::as_str);
            let manifest = image.get("imageManifest").and_then(Value::as_str);
            let (Some(digest), Some(manifest)) = (digest, manifest) else {
                return Err(shape(
                    "an image without imageId.imageDigest or imageManifest",
                ));
            };
            let manifest: Value = serde_json::from_str(manifest)
                .map_err(|error| ListingError::Shape(format!("{digest}: {error}")))?;
            found.insert(parse(digest)?, children(&manifest)?);
        }
    } else if let Some(map) = value.as_object() {
        for (digest, value) in map {
            found.insert(parse(digest)?, children(value)?);
        }
    } else {
        return Err(shape(
            "neither the answer of batch-get-image, nor digest → manifest, nor an index",
        ));
    }
    for image in images {
        if let Some(children) = found.remove(&image.digest) {
            image.children = children;
        }
    }
    Ok(())
}

fn parse(digest: &str) -> Result<Digest, ListingError> {
    digest
        .parse()
        .map_err(|error: crate::model::digest::DigestError| ListingError::Shape(error.to_string()))
}

/// The digests that an index lists, or that a plain list names. An image lists none.
fn children(manifest: &Value) -> Result<Vec<Digest>, ListingError> {
    let entries = match manifest {
        Value::Array(entries) => entries,
        Value::Object(manifest) => match manifest.get("manifests") {
            Some(Value::Array(entries)) => entries,
            _ => return Ok(Vec::new()),
        },
        _ => {
            return Err(ListingError::Shape(
                "neither a manifest nor a list of digests".to_owned(),
            ));
        }
    };
    let digest = |entry: &Value| {
        let text = entry.as_str().or_else(|| entry.get("digest")?.as_str());
        parse(text.unwrap_or_default())
    };
    entries.iter().map(digest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    #[test]
    fn both_forms_of_dates_and_every_key() {
        let text = format!(
            r#"{{"imageDetails": [
              {{"registryId": "1", "repositoryName": "a", "imageDigest": "{A}", "imageTags": ["v1"], "imagePushedAt": "2026-11-20T18:00:00.123000+09:00",
                "imageStatus": "ARCHIVED", "lastArchivedAt": 1795165201.0, "lastRecordedPullTime": 1795165202.5, "lastActivatedAt": null}},
              {{"imageDigest": "{B}", "imagePushedAt": 1795165200, "subjectManifestDigest": "{A}"}}]}}"#
        );
        let images = read_images(&text).unwrap();
        assert_eq!(images[0].pushed_at, Timestamp(1_795_165_200_123));
        assert_eq!(images[0].storage_class, StorageClass::Archive);
        assert_eq!(images[0].archived_at, Some(Timestamp(1_795_165_201_000)));
        assert_eq!(images[0].pulled_at, Some(Timestamp(1_795_165_202_500)));
        assert_eq!(images[0].activated_at, None);
        assert_eq!(
            (
                &images[1].tags,
                images[1].subject.as_ref().map(Digest::as_str)
            ),
            (&Vec::new(), Some(A))
        );
        let list = &text[text.find('[').unwrap()..text.len() - 1];
        assert_eq!(read_images(list).unwrap(), images);
    }

    #[test]
    fn what_is_wrong_is_told() {
        let check = |text: &str, expected: &str| {
            let text = text
                .replace("\"A\"", &format!("\"{A}\""))
                .replace("\"B\"", &format!("\"{B}\""));
            let error = read_images(&text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("{", "EOF while parsing");
        check("3", "neither");
        check("{}", "neither");
        check(r#"{"imageDetails": [], "nextToken": "x"}"#, "not complete");
        check(
            r#"[{"imageDigest": "A"}]"#,
            "image 1: imagePushedAt: is missing",
        );
        check(
            r#"[{"imagePushedAt": 1}]"#,
            "image 1: imageDigest: is missing",
        );
        check(
            r#"[{"imageDigest": "sha256:1", "imagePushedAt": 1}]"#,
            "image 1: imageDigest",
        );
        check(
            r#"[{"imageDigest": "A", "imagePushedAt": "soon"}]"#,
            "is not a time",
        );
        check(
            r#"[{"imageDigest": "A", "imagePushedAt": true}]"#,
            "is not a time",
        );
        check(
            r#"[{"imageDigest": "A", "imagePushedAt": 1, "imageStatus": "GONE"}]"#,
            "\"GONE\"",
        );
        check(
            r#"[{"imageDigest": "A", "imagePushedAt": 1}, {"imageDigest": "A", "imagePushedAt": 1}]"#,
            "occurs twice",
        );
        check(
            r#"[{"imageDigest": "A", "imagePushedAt": 1, "repositoryName": "x"}, {"imageDigest": "B", "imagePushedAt": 1, "repositoryName": "y"}]"#,
            "several repositories: x and y",
        );
    }

    #[test]
    fn children_come_in_three_forms() {
        let index = format!(
            r#"{{"schemaVersion": 2, "manifests": [{{"digest": "{A}", "size": 1}}, {{"digest": "{B}"}}]}}"#
        );
        let digest = Digest::of(index.as_bytes());
        let escaped = serde_json::to_string(&index).unwrap();
        let listing = format!(
            r#"[{{"imageDigest": "{digest}", "imagePushedAt": 1}}, {{"imageDigest": "{A}", "imagePushedAt": 1}}]"#
        );
        for text in [
            format!(
                r#"{{"images": [{{"imageId": {{"imageDigest": "{digest}", "imageTag": "v1"}}, "imageManifest": {escaped}}}], "failures": []}}"#
            ),
            format!(r#"{{"{digest}": {index}, "{A}": {{"layers": []}}}}"#),
            format!(r#"{{"{digest}": ["{A}", "{B}"]}}"#),
            index.clone(),
            format!("{index}\n"),
        ] {
            let mut images = read_images(&listing).unwrap();
            add_children(&mut images, &text).unwrap();
            let children: Vec<&str> = images[0].children.iter().map(Digest::as_str).collect();
            assert_eq!(
                (children, images[1].children.len()),
                (vec![A, B], 0),
                "{text}"
            );
        }
        for wrong in [
            "[]",
            "{",
            r#"{"manifests": []}"#,
            r#"{"x": []}"#,
            r#"{"images": [{}]}"#,
        ] {
            let mut images = read_images(&listing).unwrap();
            assert!(add_children(&mut images, wrong).is_err(), "{wrong}");
        }
    }
}
