//! Images that are not like others: copied as they are, or refused with their reason before any write.

mod support;

use demitasse_sandbox::{Options, http};
use serde_json::{Value, json};
use support::{Case, image};

const COMMON: &str = "fluentd/common";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn case() -> Case {
    Case::new(
        &json!({"repositories": [{"name": COMMON}]}),
        Options::default(),
    )
}

/// A single image under this tag, and its manifest.
fn push(case: &Case, layers: usize, tag: &str) -> Value {
    let pushed = case.sandbox.with_state(|state| {
        state.push(COMMON, &image(layers, tag), &[tag])?;
        Ok::<_, demitasse_sandbox::Error>(state.image(COMMON, tag).expect("pushed").bytes.clone())
    });
    serde_json::from_slice(&pushed.expect("pushed")).expect("a manifest")
}

/// Puts a manifest as somebody else would; gives its descriptor.
fn put(case: &Case, manifest: &Value, media_type: &str, tag: &str) -> Value {
    let text = manifest.to_string();
    let input = json!({
        "repositoryName": COMMON,
        "imageManifest": text,
        "imageManifestMediaType": media_type,
        "imageTag": tag,
    });
    let headers = [
        ("Content-Type", "application/x-amz-json-1.1"),
        (
            "X-Amz-Target",
            "AmazonEC2ContainerRegistry_V20150921.PutImage",
        ),
        ("Authorization", "AWS4-HMAC-SHA256 somebody"),
    ];
    let url = format!("{}/", case.sandbox.url());
    let answer = http::send("POST", &url, &headers, input.to_string()).expect("an answer");
    let told = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, 200, "{tag}: {told}");
    let digest = case.tags(COMMON)[tag].clone();
    json!({"mediaType": media_type, "digest": digest, "size": text.len()})
}

fn index(child: &Value) -> Value {
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]})
}

fn promote(case: &Case, tag: &str) -> support::Ran {
    let config = case.project("app", &[&format!("HOST/fluentd/app:{tag}")]);
    case.run(&["promote", "-c", &config, "--output", "json"])
}

#[test]
fn images_without_layers_and_with_the_same_layer_twice_are_copied() {
    let case = case();
    let mut twice = push(&case, 1, "once");
    let mut empty = twice.clone();
    empty["layers"] = json!([]);
    put(&case, &empty, MANIFEST, "empty");
    let layers = twice["layers"].as_array_mut().expect("layers");
    layers.push(layers[0].clone());
    put(&case, &twice, MANIFEST, "twice");
    for (tag, mounted) in [("empty", 1), ("twice", 2)] {
        let ran = promote(&case, tag);
        ran.expect(0, &[]);
        assert_eq!(ran.report()["summary"]["mounted"], mounted, "{tag}");
        case.pull("fluentd/app", tag);
    }
}

#[test]
fn a_foreign_layer_is_named_by_the_manifest_and_not_copied() {
    let case = case();
    let mut manifest = push(&case, 1, "ours");
    manifest["layers"]
        .as_array_mut()
        .expect("layers")
        .push(json!({
            "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            "digest": format!("sha256:{}", "f".repeat(64)),
            "size": 1_700_000_000_u64,
            "urls": ["https://example.com/layer"],
        }));
    let put = put(&case, &manifest, MANIFEST, "windows");
    let ran = promote(&case, "windows");
    ran.expect(0, &[]);
    assert_eq!(ran.report()["summary"]["mounted"], 2);
    assert_eq!(
        case.tags("fluentd/app")["windows"],
        put["digest"].as_str().expect("a digest")
    );
}

#[test]
fn indexes_of_indexes_are_copied_five_deep_and_refused_without_end() {
    let case = case();
    let manifest = push(&case, 1, "leaf");
    let mut child = put(&case, &manifest, MANIFEST, "0");
    for depth in 1..=9 {
        child = put(&case, &index(&child), INDEX, &depth.to_string());
    }
    let before = case.writes().len();
    promote(&case, "9").expect(1, &["deep", "fluentd/common"]);
    assert_eq!(case.writes().len(), before);
    promote(&case, "5").expect(0, &[]);
    case.pull("fluentd/app", "5");
}

#[test]
fn an_index_that_names_a_missing_child_is_refused() {
    let case = case();
    let manifest = push(&case, 1, "leaf");
    let child = put(&case, &manifest, MANIFEST, "child");
    put(&case, &index(&child), INDEX, "index");
    let digest = child["digest"].as_str().expect("a digest").to_owned();
    case.sandbox.with_state(|state| {
        let common = state.repositories.get_mut(COMMON).expect("common");
        common.images.remove(&digest);
    });
    let before = case.writes().len();
    let ran = promote(&case, "index");
    ran.expect(1, &[&digest, "fluentd/common"]);
    assert_eq!(ran.report()["problems"][0]["code"], "MISSING_CHILD");
    assert_eq!(case.writes().len(), before);
}
