//! The `/v2/` endpoint: authorization, push, pull, uploads, tags, referrers.

mod support;

use std::time::Duration;

use demitasse_sandbox::ImageSpec;
use demitasse_sandbox::Options;
use demitasse_sandbox::content::digest;
use demitasse_sandbox::http::send;
use serde_json::Value;
use serde_json::json;
use support::*;

const WORLD: &str = r#"{"repositories": [{"name": "a/common"}, {"name": "a/app"}]}"#;

#[test]
fn only_a_minted_basic_token_is_let_in() {
    let sandbox = start(WORLD, Options::default());
    let url = format!("{}/v2/", sandbox.url());
    let without = send("GET", &url, &[], "").unwrap();
    assert_eq!(without.status, 401);
    assert_eq!(without.body, "Not Authorized\n");
    assert_eq!(
        without.header("www-authenticate").unwrap(),
        "Basic realm=\"https://123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/\",service=\"ecr.amazonaws.com\""
    );
    for wrong in ["Bearer abc", "Basic QVdTOndyb25n", "Basic %%%"] {
        assert_eq!(
            send("GET", &url, &[("authorization", wrong)], "")
                .unwrap()
                .status,
            401,
            "{wrong}"
        );
    }
    let (_, answer) = ecr(&sandbox, "GetAuthorizationToken", &json!({}));
    let data = &answer["authorizationData"][0];
    assert_eq!(
        data["proxyEndpoint"],
        "https://123456789012.dkr.ecr.ap-northeast-1.amazonaws.com"
    );
    let header = format!("Basic {}", data["authorizationToken"].as_str().unwrap());
    let ping = || send("GET", &url, &[("authorization", &header)], "").unwrap();
    assert_eq!(ping().status, 200);
    sandbox.advance(Duration::from_secs(12 * 3600 - 60));
    assert_eq!(ping().status, 200);
    sandbox.advance(Duration::from_secs(61));
    assert_eq!((ping().status, code(&ping())), (403, "DENIED".to_owned()));
}

#[test]
fn what_was_pushed_is_pulled() {
    let sandbox = start(WORLD, Options::default());
    let pushed = push(&sandbox, "a/common", "v1", b"a layer");
    let pulled = sandbox.pull("a/common", "v1").unwrap();
    assert_eq!(
        (pulled.digest.as_str(), pulled.manifests, pulled.blobs),
        (pushed.as_str(), 1, 2)
    );
    assert!(sandbox.pull("a/common", &pushed).is_ok());
    assert!(
        sandbox
            .pull("a/app", "v1")
            .unwrap_err()
            .to_string()
            .contains("404")
    );
    assert!(
        sandbox
            .pull("a/none", "v1")
            .unwrap_err()
            .to_string()
            .contains("NAME_UNKNOWN")
    );
    let head = registry(&sandbox, "HEAD", "/v2/a/common/manifests/v1", &[], b"");
    assert_eq!(
        (
            head.status,
            head.header("docker-content-digest"),
            head.body.len()
        ),
        (200, Some(pushed.as_str()), 0)
    );
    assert_eq!(
        registry(&sandbox, "GET", "/v2/_catalog", &[], b"").status,
        404
    );
    assert_eq!(
        registry(&sandbox, "DELETE", "/v2/a/common/manifests/v1", &[], b"").status,
        405
    );
    assert_eq!(sandbox.with_state(|state| state.open_uploads()), 0);
}

#[test]
fn blobs_are_read_from_storage_without_the_token() {
    let sandbox = start(WORLD, Options::default());
    let blob = upload(&sandbox, "a/common", b"0123456789");
    let path = format!("/v2/a/common/blobs/{blob}");
    let head = registry(&sandbox, "HEAD", &path, &[], b"");
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, Some("10"))
    );
    let redirect = registry(&sandbox, "GET", &path, &[], b"");
    assert_eq!(redirect.status, 307);
    let location = redirect.header("location").unwrap();
    assert_eq!(send("GET", location, &[], "").unwrap().body, "0123456789");
    let part = send("GET", location, &[("range", "bytes=2-4")], "").unwrap();
    assert_eq!(
        (part.status, &part.body[..], part.header("content-range")),
        (206, &b"234"[..], Some("bytes 2-4/10"))
    );
    assert_eq!(
        send("GET", location, &[("range", "bytes=10-")], "")
            .unwrap()
            .status,
        416
    );
    assert_eq!(registry(&sandbox, "GET", location, &[], b"").status, 400);
    let forged = location.replace("X-Amz-Signature=", "X-Amz-Signature=0");
    assert_eq!(send("GET", &forged, &[], "").unwrap().status, 403);
}

#[test]
fn uploads_in_chunks() {
    let sandbox = start(WORLD, Options::default());
    let open = || {
        let opened = registry(&sandbox, "POST", "/v2/a/app/blobs/uploads/", &[], b"");
        opened.header("location").unwrap().to_owned()
    };
    let location = open();
    let chunk = vec![7u8; 5 * 1024 * 1024];
    let first = registry(
        &sandbox,
        "PATCH",
        &location,
        &[("content-range", "0-5242879")],
        &chunk,
    );
    assert_eq!(
        (first.status, first.header("range")),
        (201, Some("0-5242879"))
    );
    assert_eq!(
        registry(
            &sandbox,
            "PATCH",
            &location,
            &[("content-range", "0-2")],
            b"abc"
        )
        .status,
        416
    );
    assert_eq!(registry(&sandbox, "GET", &location, &[], b"").status, 204);
    let whole = digest(&[&chunk[..], b"tail"].concat());
    let wrong = registry(
        &sandbox,
        "PUT",
        &format!("{location}?digest={}", digest(b"")),
        &[],
        b"",
    );
    assert_eq!(
        (wrong.status, code(&wrong)),
        (400, "DIGEST_INVALID".to_owned())
    );
    assert_eq!(
        registry(
            &sandbox,
            "PUT",
            &format!("{location}?digest={whole}"),
            &[],
            b"tail"
        )
        .status,
        201
    );
    assert_eq!(
        registry(
            &sandbox,
            "PUT",
            &format!("{location}?digest={whole}"),
            &[],
            b""
        )
        .status,
        404
    );

    let location = open();
    assert_eq!(
        registry(&sandbox, "PATCH", &location, &[], b"small").status,
        201
    );
    assert_eq!(
        registry(&sandbox, "PATCH", &location, &[], b"more").status,
        400
    );
    assert_eq!(sandbox.with_state(|state| state.open_uploads()), 1);
    assert_eq!(
        registry(&sandbox, "DELETE", &location, &[], b"").status,
        204
    );
    assert_eq!(sandbox.with_state(|state| state.open_uploads()), 0);
}

#[test]
fn a_manifest_needs_what_it_refers_to() {
    let sandbox = start(WORLD, Options::default());
    let absent = digest(b"absent");
    let config = upload(&sandbox, "a/app", b"{}");
    let body = manifest(&[(&config, 2), (&absent, 6)]);
    let put = |path: &str, body: &str| {
        registry(
            &sandbox,
            "PUT",
            path,
            &[("content-type", OCI)],
            body.as_bytes(),
        )
    };
    let refused = put("/v2/a/app/manifests/v1", &body);
    assert_eq!(
        (refused.status, code(&refused)),
        (404, "MANIFEST_BLOB_UNKNOWN".to_owned())
    );
    assert!(String::from_utf8_lossy(&refused.body).contains(&absent));
    let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{"mediaType": OCI, "digest": absent, "size": 6}]})
    .to_string();
    let (status, answer) = ecr(
        &sandbox,
        "PutImage",
        &json!({"repositoryName": "a/app", "imageManifest": index, "imageTag": "v1"}),
    );
    assert_eq!(
        (status, answer["__type"].as_str()),
        (400, Some("ReferencedImagesNotFoundException"))
    );
    assert!(answer["message"].as_str().unwrap().contains(&absent));
    let whole = manifest(&[(&config, 2)]);
    let wrong = put(&format!("/v2/a/app/manifests/{absent}"), &whole);
    assert_eq!(
        (wrong.status, code(&wrong)),
        (400, "DIGEST_INVALID".to_owned())
    );
    assert_eq!(
        put(
            &format!("/v2/a/app/manifests/{}", digest(whole.as_bytes())),
            &whole
        )
        .status,
        201
    );
    assert_eq!(put("/v2/a/app/manifests/v1", "{").status, 400);
}

#[test]
fn tags_and_referrers_are_listed() {
    let sandbox = start(
        r#"{"repositories": [{"name": "a/app", "images": [
            {"tags": ["v1", "v2"], "referrers": [{"artifactType": "application/spdx+json"}]}, {"tags": ["v3"]}]}]}"#,
        Options::default(),
    );
    let list = |path: &str| registry(&sandbox, "GET", path, &[], b"");
    let first = list("/v2/a/app/tags/list?n=2");
    assert_eq!(
        first.header("link").unwrap(),
        "</v2/a/app/tags/list?n=2&last=v2>; rel=\"next\""
    );
    let next: Value =
        serde_json::from_slice(&list("/v2/a/app/tags/list?n=2&last=v2").body).unwrap();
    assert_eq!(next["tags"], json!(["v3"]));
    let digest = sandbox.with_state(|state| state.image("a/app", "v1").unwrap().digest.clone());
    let found: Value =
        serde_json::from_slice(&list(&format!("/v2/a/app/referrers/{digest}")).body).unwrap();
    assert_eq!(
        found["manifests"][0]["artifactType"],
        "application/spdx+json"
    );
    let (_, answer) = ecr(
        &sandbox,
        "ListImageReferrers",
        &json!({"repositoryName": "a/app", "subjectId": {"imageDigest": digest}}),
    );
    assert_eq!(
        answer["referrers"][0]["digest"],
        found["manifests"][0]["digest"]
    );
}

#[test]
fn an_archived_image_cannot_be_pulled_until_it_is_pushed_again() {
    let sandbox = start(WORLD, Options::default());
    sandbox
        .with_state(|state| state.push("a/app", &ImageSpec::default(), &["v1"]))
        .unwrap();
    let archive = |class: &str| {
        ecr(
            &sandbox,
            "UpdateImageStorageClass",
            &json!({"repositoryName": "a/app", "imageId": {"imageTag": "v1"}, "targetStorageClass": class}),
        )
    };
    assert_eq!(archive("ARCHIVE").1["imageStatus"], "ARCHIVED");
    assert!(sandbox.pull("a/app", "v1").is_err());
    let (_, all) = ecr(
        &sandbox,
        "DescribeImages",
        &json!({"repositoryName": "a/app"}),
    );
    assert_eq!(all["imageDetails"], json!([]));
    let (_, all) = ecr(
        &sandbox,
        "DescribeImages",
        &json!({"repositoryName": "a/app", "filter": {"imageStatus": "ANY"}}),
    );
    assert_eq!(all["imageDetails"][0]["imageStatus"], "ARCHIVED");
    assert_eq!(archive("STANDARD").1["imageStatus"], "ACTIVATING");
    assert!(sandbox.pull("a/app", "v1").is_err());
    sandbox.with_state(|state| state.finish_restores());
    assert!(sandbox.pull("a/app", "v1").is_ok());
    let activated = sandbox.with_state(|state| state.image("a/app", "v1").unwrap().activated_at);
    assert!(activated.is_some());
}
