//! Faults of bodies, and answers that say that something is not there: each does what `docs/sandbox.md` says.

mod support;

use demitasse_sandbox::Options;
use demitasse_sandbox::Sandbox;
use serde_json::Value;
use serde_json::json;
use support::*;

const WORLD: &str = r#"{"repositories": [
    {"name": "a/common", "images": [{"tags": ["v1"]}]},
    {"name": "a/app"}
]}"#;

fn with_faults(faults: &[&str]) -> Sandbox {
    let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    start(
        WORLD,
        Options {
            faults,
            ..Options::default()
        },
    )
}

/// The first blob of the image and its manifest.
fn content(sandbox: &Sandbox) -> (String, String) {
    sandbox.with_state(|state| {
        let image = state.image("a/common", "v1").unwrap();
        let manifest = String::from_utf8(image.bytes.to_vec()).unwrap();
        (image.manifest.blobs[0].digest.clone(), manifest)
    })
}

fn read(sandbox: &Sandbox, blob: &str) -> Option<Vec<u8>> {
    let path = format!("/v2/a/common/blobs/{blob}");
    let redirect = registry(sandbox, "GET", &path, &[], b"");
    let url = redirect.header("location").unwrap();
    let answer = demitasse_sandbox::http::send("GET", url, &[], Vec::new());
    Some(answer.ok()?.body.to_vec())
}

#[test]
fn bodies_that_are_not_what_they_were() {
    let sandbox = with_faults(&[
        "truncated-body@s3:GetObject#1",
        "long-length@s3:GetObject#2",
        "wrong-bytes@s3:GetObject#3",
    ]);
    let (blob, _) = content(&sandbox);
    let (half, cut, other, own) = (
        read(&sandbox, &blob).unwrap(),
        read(&sandbox, &blob),
        read(&sandbox, &blob).unwrap(),
        read(&sandbox, &blob).unwrap(),
    );
    assert_eq!(half, own[..own.len() / 2], "half of it, as if it were all");
    assert_eq!(cut, None, "more was promised than came");
    let differs = own.iter().zip(&other).filter(|(own, other)| own != other);
    assert_eq!((other.len(), differs.count()), (own.len(), 1));
}

#[test]
fn a_put_that_answers_with_another_digest_is_carried_out() {
    let sandbox = with_faults(&["wrong-digest@ecr:PutImage"]);
    let (_, manifest) = content(&sandbox);
    let input = json!({"repositoryName": "a/common", "imageManifest": manifest, "imageTag": "v2"});
    let (status, answer) = ecr(&sandbox, "PutImage", &input);
    let told = answer["image"]["imageId"]["imageDigest"].clone();
    assert_eq!(
        (status, told),
        (200, Value::from(format!("sha256:{}", "0".repeat(64))))
    );
    sandbox.with_state(|state| assert!(state.image("a/common", "v2").is_some()));
}

#[test]
fn blobs_are_lost_that_nothing_refers_to() {
    let sandbox = with_faults(&[
        "layers-not-found@ecr:PutImage#1",
        "lost-blobs@ecr:PutImage#2",
    ]);
    let (_, manifest) = content(&sandbox);
    let blobs = sandbox.with_state(|state| {
        let blobs = state
            .image("a/common", "v1")
            .unwrap()
            .manifest
            .blobs
            .clone();
        blobs
            .into_iter()
            .map(|blob| blob.digest)
            .collect::<Vec<_>>()
    });
    for blob in &blobs {
        let path = format!("/v2/a/app/blobs/uploads/?mount={blob}&from=a/common");
        assert_eq!(registry(&sandbox, "POST", &path, &[], b"").status, 201);
    }
    let input = json!({"repositoryName": "a/app", "imageManifest": manifest, "imageTag": "v1"});
    for is_named in [false, true] {
        let (_, answer) = ecr(&sandbox, "PutImage", &input);
        assert_eq!(answer["__type"], "LayersNotFoundException");
        let message = answer["message"].as_str().unwrap();
        assert_eq!(message.contains(&blobs[0]), is_named, "{message}");
    }
    sandbox.with_state(|state| state.check_whole("a/common", "v1").unwrap());
}

#[test]
fn a_repository_is_not_found_on_both_sides() {
    let sandbox = with_faults(&["repository-not-found@1", "repository-not-found@2"]);
    let (_, manifest) = content(&sandbox);
    let answer = registry(&sandbox, "POST", "/v2/a/app/blobs/uploads/", &[], b"");
    assert_eq!(
        (answer.status, code(&answer).as_str()),
        (404, "NAME_UNKNOWN")
    );
    let input = json!({"repositoryName": "a/common", "imageManifest": manifest, "imageTag": "v2"});
    let (_, answer) = ecr(&sandbox, "PutImage", &input);
    assert_eq!(answer["__type"], "RepositoryNotFoundException");
    sandbox.with_state(|state| assert!(state.image("a/common", "v2").is_none()));
}
