//! PutImage, tags and their mutability, BatchDeleteImage, reads and paging.

mod support;

use demitasse_sandbox::ImageSpec;
use demitasse_sandbox::Options;
use demitasse_sandbox::Sandbox;
use demitasse_sandbox::Undocumented;
use serde_json::Value;
use serde_json::json;
use support::*;

fn manifest_of(sandbox: &Sandbox, reference: &str) -> String {
    sandbox.with_state(|state| {
        String::from_utf8(state.image("a/app", reference).unwrap().bytes.to_vec()).unwrap()
    })
}

fn put(sandbox: &Sandbox, manifest: &str, tag: Option<&str>) -> String {
    let mut input = json!({"repositoryName": "a/app", "imageManifest": manifest});
    if let Some(tag) = tag {
        input["imageTag"] = Value::from(tag);
    }
    let (status, answer) = ecr(sandbox, "PutImage", &input);
    if status == 200 {
        "ok".to_owned()
    } else {
        answer["__type"].as_str().unwrap().to_owned()
    }
}

#[test]
fn mutability() {
    let exists = "ImageAlreadyExistsException";
    let tag_exists = "ImageTagAlreadyExistsException";
    // mutability, tag, what the seed draws, same digest, other digest
    for (mutability, tag, drawn, same, other) in [
        ("MUTABLE", "v1", false, exists, "ok"),
        ("IMMUTABLE", "v1", false, tag_exists, tag_exists),
        ("IMMUTABLE", "v1", true, tag_exists, tag_exists),
        (
            "IMMUTABLE_WITH_EXCLUSION",
            "v1",
            false,
            tag_exists,
            tag_exists,
        ),
        ("IMMUTABLE_WITH_EXCLUSION", "v1", true, exists, tag_exists),
        ("IMMUTABLE_WITH_EXCLUSION", "inuse-1", false, exists, "ok"),
        ("MUTABLE_WITH_EXCLUSION", "v1", false, exists, "ok"),
        (
            "MUTABLE_WITH_EXCLUSION",
            "inuse-1",
            false,
            tag_exists,
            tag_exists,
        ),
    ] {
        let filters = if mutability.ends_with("EXCLUSION") {
            r#"["inuse-*"]"#
        } else {
            "[]"
        };
        let world = format!(
            r#"{{"repositories": [{{"name": "a/app", "tagMutability": "{mutability}", "exclusionFilters": {filters},
                "images": [{{"tags": ["{tag}"]}}, {{"tags": ["other"]}}]}}]}}"#
        );
        let undocumented = Undocumented {
            exclusion_same_digest_is_image_exists: drawn,
            ..Undocumented::draw(0)
        };
        let sandbox = start(
            &world,
            Options {
                undocumented: Some(undocumented),
                ..Options::default()
            },
        );
        let (mine, others) = (manifest_of(&sandbox, tag), manifest_of(&sandbox, "other"));
        assert_eq!(
            put(&sandbox, &mine, Some(tag)),
            same,
            "{mutability} {tag} same digest"
        );
        assert_eq!(
            put(&sandbox, &mine, None),
            exists,
            "{mutability} {tag} no tag"
        );
        assert_eq!(
            put(&sandbox, &mine, Some("new")),
            "ok",
            "{mutability} {tag} new tag"
        );
        let path = format!("/v2/a/app/manifests/{tag}");
        let status = registry(
            &sandbox,
            "PUT",
            &path,
            &[("content-type", OCI)],
            mine.as_bytes(),
        )
        .status;
        assert_eq!(
            status,
            if same == tag_exists { 400 } else { 201 },
            "{mutability} {tag} on /v2/"
        );
        assert_eq!(
            put(&sandbox, &others, Some(tag)),
            other,
            "{mutability} {tag} other digest"
        );
    }
}

#[test]
fn the_push_date_is_of_the_digest() {
    let sandbox = start(
        r#"{"repositories": [{"name": "a/app", "images": [{"tags": ["v1"], "pushedDaysAgo": 41}]}]}"#,
        Options::default(),
    );
    let date = || sandbox.with_state(|state| state.image("a/app", "v1").unwrap().pushed_at);
    let before = date();
    let manifest = manifest_of(&sandbox, "v1");
    assert_eq!(put(&sandbox, &manifest, Some("v2")), "ok");
    assert_eq!(date(), before);
    let (_, answer) = ecr(
        &sandbox,
        "DescribeImages",
        &json!({"repositoryName": "a/app"}),
    );
    assert_eq!(answer["imageDetails"][0]["imageTags"], json!(["v1", "v2"]));
    assert_eq!(
        answer["imageDetails"][0]["imagePushedAt"]
            .as_f64()
            .unwrap()
            .to_string(),
        "1791622800"
    );
}

#[test]
fn what_put_image_checks() {
    let sandbox = start(
        r#"{"repositories": [{"name": "a/app", "images": [{"tags": ["v1"]}, {"tags": ["bare"], "bare": true}]}]}"#,
        Options::default(),
    );
    let (plain, bare) = (manifest_of(&sandbox, "v1"), manifest_of(&sandbox, "bare"));
    let invalid = "InvalidParameterException";
    for (input, expected) in [
        (
            json!({"imageManifest": plain, "imageDigest": "sha256:00"}),
            "ImageDigestDoesNotMatchException",
        ),
        (json!({"imageManifest": bare, "imageTag": "v2"}), invalid),
        (
            json!({"imageManifest": bare, "imageTag": "v2", "imageManifestMediaType": OCI}),
            "ok",
        ),
        (
            json!({"imageManifest": plain, "imageTag": "v2", "imageManifestMediaType": "text/plain"}),
            invalid,
        ),
        (json!({"imageManifest": "{", "imageTag": "v2"}), invalid),
        (
            json!({"imageManifest": plain, "imageTag": "no spaces"}),
            invalid,
        ),
        (
            json!({"imageManifest": format!("{plain}{}", " ".repeat(4 * 1024 * 1024)), "imageTag": "v3"}),
            invalid,
        ),
    ] {
        let mut input = input;
        input["repositoryName"] = Value::from("a/app");
        let (status, answer) = ecr(&sandbox, "PutImage", &input);
        let found = if status == 200 {
            "ok"
        } else {
            answer["__type"].as_str().unwrap()
        };
        assert_eq!(found, expected, "{answer}");
    }
}

#[test]
fn deleting() {
    let sandbox = start(
        r#"{"repositories": [{"name": "a/app", "images": [
            {"tags": ["v1", "v2"]}, {"tags": ["list"], "platforms": ["linux/amd64", "linux/arm64"]}]}]}"#,
        Options::default(),
    );
    let delete = |ids: Value| {
        ecr(
            &sandbox,
            "BatchDeleteImage",
            &json!({"repositoryName": "a/app", "imageIds": ids}),
        )
        .1
    };
    let image =
        |reference: &str| sandbox.with_state(|state| state.image("a/app", reference).cloned());
    let v1 = image("v1").unwrap();
    let child = image("list").unwrap().manifest.children[0].clone();

    let answer =
        delete(json!([{"imageTag": "v1"}, {"imageTag": "never"}, {"imageDigest": child}, {}]));
    let codes: Vec<&str> = answer["failures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|failure| failure["failureCode"].as_str().unwrap())
        .collect();
    assert_eq!(
        codes,
        [
            "ImageNotFound",
            "ImageReferencedByManifestList",
            "MissingDigestAndTag"
        ]
    );
    assert_eq!(
        answer["imageIds"],
        json!([{"imageDigest": v1.digest, "imageTag": "v1"}])
    );
    assert!(image("v1").is_none() && image("v2").is_some());

    delete(json!([{"imageTag": "v2"}]));
    assert!(
        image(&v1.digest).is_none(),
        "the last tag takes the image along"
    );
    let layer = &v1.manifest.blobs[1].digest;
    assert!(
        sandbox.with_state(|state| !state.repository("a/app").unwrap().blobs.contains_key(layer))
    );

    let list = image("list").unwrap().digest;
    assert_eq!(
        delete(json!([{"imageDigest": list}]))["failures"],
        json!([])
    );
    assert!(image(&child).is_some(), "children stay behind");
    assert_eq!(
        delete(json!([{"imageDigest": child}]))["failures"],
        json!([])
    );
}

#[test]
fn reads_that_miss() {
    let sandbox = start(
        r#"{"repositories": [{"name": "a/app", "images": [{"tags": ["v1"]}]}]}"#,
        Options::default(),
    );
    let ids =
        json!({"repositoryName": "a/app", "imageIds": [{"imageTag": "v1"}, {"imageTag": "v2"}]});
    let (status, answer) = ecr(&sandbox, "BatchGetImage", &ids);
    assert_eq!(
        (status, answer["images"].as_array().unwrap().len()),
        (200, 1)
    );
    assert_eq!(answer["failures"][0]["failureCode"], "ImageNotFound");
    let (status, answer) = ecr(&sandbox, "DescribeImages", &ids);
    assert_eq!(
        (status, answer["__type"].as_str()),
        (400, Some("ImageNotFoundException"))
    );
    let (status, answer) = ecr(&sandbox, "Nonsense", &json!({}));
    assert_eq!(
        (status, answer["__type"].as_str()),
        (400, Some("UnknownOperationException"))
    );
    let url = format!("{}/", sandbox.url());
    let anonymous = demitasse_sandbox::http::send(
        "POST",
        &url,
        &[("x-amz-target", "AmazonEC2ContainerRegistry_V20150921.X")],
        "{}",
    );
    assert_eq!(anonymous.unwrap().status, 403);
}

#[test]
fn paging() {
    let sandbox = start(
        r#"{"repositories": [{"name": "a/app"}]}"#,
        Options::default(),
    );
    sandbox.with_state(|state| {
        for at in 0..7 {
            state
                .push("a/app", &ImageSpec::default(), &[&format!("v{at}")])
                .unwrap();
        }
    });
    let mut tags = Vec::new();
    let mut token = Value::Null;
    loop {
        let input = json!({"repositoryName": "a/app", "maxResults": 3, "nextToken": token});
        let (_, answer) = ecr(&sandbox, "DescribeImages", &input);
        tags.extend(
            answer["imageDetails"]
                .as_array()
                .unwrap()
                .iter()
                .map(|image| image["imageTags"][0].to_string()),
        );
        token = answer["nextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    tags.sort();
    assert_eq!(tags.len(), 7);
    tags.dedup();
    assert_eq!(tags.len(), 7);
}

#[test]
fn a_manifest_asked_for_by_tag_is_converted_where_its_format_is_not_accepted() {
    let sandbox = start(
        r#"{"repositories": [{"name": "a/app", "images": [{"tags": ["v1"], "mediaType": "docker"}]}]}"#,
        Options::default(),
    );
    let digest = sandbox.with_state(|state| state.image("a/app", "v1").unwrap().digest.clone());
    let get = |id: Value| {
        let input =
            json!({"repositoryName": "a/app", "imageIds": [id], "acceptedMediaTypes": [OCI]});
        ecr(&sandbox, "BatchGetImage", &input).1["images"][0]["imageId"]["imageDigest"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(get(json!({"imageDigest": digest})), digest);
    assert_ne!(get(json!({"imageTag": "v1"})), digest);
}
