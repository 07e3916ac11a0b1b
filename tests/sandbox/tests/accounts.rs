//! Repositories of another account: who may touch them, and where they are found.

mod support;

use demitasse_sandbox::Options;
use demitasse_sandbox::Sandbox;
use demitasse_sandbox::http::send;
use serde_json::Value;
use serde_json::json;
use support::*;

const WORLD: &str = r#"{"repositories": [
    {"name": "a/app"},
    {"name": "a/common", "account": "222222222222"},
    {"name": "b/common", "account": "222222222222", "policy": {"Statement": [
        {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::123456789012:root"]}, "Action": "ecr:Describe*"}]}}]}"#;

/// DescribeRepositories with this access key: the status, and the names or the code of the error.
fn describe(sandbox: &Sandbox, key: &str, input: &Value) -> (u16, String) {
    let credential =
        format!("AWS4-HMAC-SHA256 Credential={key}/20261120/ap-northeast-1/ecr/aws4_request");
    let target = "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories";
    let headers = [
        ("authorization", credential.as_str()),
        ("x-amz-target", target),
    ];
    let url = format!("{}/", sandbox.url());
    let response = send("POST", &url, &headers, input.to_string()).unwrap();
    let answer: Value = serde_json::from_slice(&response.body).unwrap();
    let names = answer["repositories"].as_array().map(|all| {
        let names = all.iter().map(|one| one["repositoryArn"].as_str().unwrap());
        names.map(|arn| arn.replace("arn:aws:ecr:ap-northeast-1:", ""))
    });
    let names = names.map(|names| names.collect::<Vec<_>>().join(" "));
    let code = answer["__type"].as_str().unwrap_or_default();
    (response.status, names.unwrap_or_else(|| code.to_owned()))
}

#[test]
fn a_repository_is_its_accounts() {
    let sandbox = start(WORLD, Options::default());
    let (own, other) = ("AKIASANDBOXSANDBOX00", "ASIA222222222222ROLE");
    let registry = |account: &str| json!({ "registryId": account });
    let named =
        |account: &str, name: &str| json!({"registryId": account, "repositoryNames": [name]});
    let all = "222222222222:repository/a/common 222222222222:repository/b/common";
    for (key, input, expected) in [
        (own, json!({}), "123456789012:repository/a/app"),
        (other, json!({}), all),
        (other, registry("222222222222"), all),
        (
            own,
            named("222222222222", "a/common"),
            "AccessDeniedException",
        ),
        (
            own,
            named("222222222222", "b/common"),
            "222222222222:repository/b/common",
        ),
        (
            own,
            named("123456789012", "b/common"),
            "RepositoryNotFoundException",
        ),
        (
            other,
            named("222222222222", "a/common"),
            "222222222222:repository/a/common",
        ),
        (
            other,
            named("123456789012", "a/app"),
            "AccessDeniedException",
        ),
    ] {
        let (_, found) = describe(&sandbox, key, &input);
        assert_eq!(found, expected, "{key} {input}");
    }
}

#[test]
fn a_registry_password_is_of_whoever_asked() {
    let sandbox = start(WORLD, Options::default());
    let read = |path: &str| registry(&sandbox, "GET", path, &[], b"");
    let answer = read("/v2/a/common/manifests/v1");
    assert_eq!((answer.status, code(&answer).as_str()), (403, "DENIED"));
    let answer = read("/v2/a/app/manifests/v1");
    assert_eq!(
        (answer.status, code(&answer).as_str()),
        (404, "MANIFEST_UNKNOWN")
    );
}
