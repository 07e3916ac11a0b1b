//! A client for the tests: raw requests to `/v2/` and to the JSON APIs.
#![allow(dead_code, reason = "each test file uses a part of it")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use demitasse_sandbox::Options;
use demitasse_sandbox::Sandbox;
use demitasse_sandbox::World;
use demitasse_sandbox::content::digest;
use demitasse_sandbox::http::Response;
use demitasse_sandbox::http::send;
use serde_json::Value;
use serde_json::json;

/// Starts a sandbox for a world given as JSON.
pub(crate) fn start(world: &str, options: Options) -> Sandbox {
    let world: World = world.parse().unwrap();
    Sandbox::start(world, options).unwrap()
}

/// A request to `/v2/` with a good token.
pub(crate) fn registry(
    sandbox: &Sandbox,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let token = STANDARD.encode(format!("AWS:{}", sandbox.password()));
    let authorization = format!("Basic {token}");
    let mut all = vec![("authorization", authorization.as_str())];
    all.extend(headers);
    let url = if path.starts_with("http") {
        path.to_owned()
    } else {
        format!("{}{path}", sandbox.url())
    };
    send(method, &url, &all, body.to_vec()).unwrap()
}

/// An ECR operation: its status and answer.
pub(crate) fn ecr(sandbox: &Sandbox, operation: &str, input: &Value) -> (u16, Value) {
    api(
        sandbox,
        "AmazonEC2ContainerRegistry_V20150921",
        operation,
        input,
    )
}

/// An ECS operation: its status and answer.
pub(crate) fn ecs(sandbox: &Sandbox, operation: &str, input: &Value) -> (u16, Value) {
    api(
        sandbox,
        "AmazonEC2ContainerServiceV20141113",
        operation,
        input,
    )
}

/// An EventBridge operation: its status and answer.
pub(crate) fn events(sandbox: &Sandbox, operation: &str, input: &Value) -> (u16, Value) {
    api(sandbox, "AWSEvents", operation, input)
}

/// A request to EventBridge Scheduler: status, answer, and the error's name from its header.
pub(crate) fn scheduler(sandbox: &Sandbox, path: &str) -> (u16, Value, Option<String>) {
    let scope = "AWS4-HMAC-SHA256 Credential=A/20261120/ap-northeast-1/scheduler/aws4_request";
    let url = format!("{}{path}", sandbox.url());
    let answer = send("GET", &url, &[("authorization", scope)], "").unwrap();
    let name = answer.header("x-amzn-errortype").map(str::to_owned);
    (
        answer.status,
        serde_json::from_slice(&answer.body).unwrap(),
        name,
    )
}

fn api(sandbox: &Sandbox, service: &str, operation: &str, input: &Value) -> (u16, Value) {
    let target = format!("{service}.{operation}");
    let headers = [
        ("authorization", "AWS4-HMAC-SHA256 none"),
        ("x-amz-target", target.as_str()),
    ];
    let response = send(
        "POST",
        &format!("{}/", sandbox.url()),
        &headers,
        input.to_string(),
    )
    .unwrap();
    (
        response.status,
        serde_json::from_slice(&response.body).unwrap(),
    )
}

/// The `code` of a `/v2/` error.
pub(crate) fn code(response: &Response) -> String {
    let value: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    value["errors"][0]["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Pushes a blob and a manifest under a tag, as a docker-style client does, and gives the manifest's digest.
pub(crate) fn push(sandbox: &Sandbox, repository: &str, tag: &str, content: &[u8]) -> String {
    let blob = upload(sandbox, repository, content);
    let config = upload(sandbox, repository, b"{}");
    let manifest = manifest(&[(&config, 2), (&blob, content.len())]);
    let path = format!("/v2/{repository}/manifests/{tag}");
    let answer = registry(
        sandbox,
        "PUT",
        &path,
        &[("content-type", OCI)],
        manifest.as_bytes(),
    );
    assert_eq!(answer.status, 201, "{answer:?}");
    digest(manifest.as_bytes())
}

/// The media type of an OCI manifest.
pub(crate) const OCI: &str = "application/vnd.oci.image.manifest.v1+json";

/// A manifest of a config and layers.
pub(crate) fn manifest(blobs: &[(&str, usize)]) -> String {
    let descriptors: Vec<Value> = blobs
        .iter()
        .map(|(digest, size)| json!({"mediaType": "application/octet-stream", "digest": digest, "size": size}))
        .collect();
    json!({"schemaVersion": 2, "mediaType": OCI, "config": descriptors[0], "layers": descriptors[1..]}).to_string()
}

/// Uploads a blob in one PUT and gives its digest.
pub(crate) fn upload(sandbox: &Sandbox, repository: &str, content: &[u8]) -> String {
    let opened = registry(
        sandbox,
        "POST",
        &format!("/v2/{repository}/blobs/uploads/"),
        &[],
        b"",
    );
    assert_eq!(opened.status, 202, "{opened:?}");
    let digest = digest(content);
    let location = format!("{}?digest={digest}", opened.header("location").unwrap());
    let answer = registry(sandbox, "PUT", &location, &[], content);
    assert_eq!(answer.status, 201, "{answer:?}");
    digest
}
