//! What is archived, what refers to what, and tags that were removed.

mod support;

use std::time::Duration;

use demitasse_sandbox::Options;
use demitasse_sandbox::Sandbox;
use demitasse_sandbox::Undocumented;
use serde_json::Value;
use serde_json::json;
use support::*;

const WORLD: &str = r#"{"repositories": [{"name": "a/app", "tagMutability": "IMMUTABLE", "images": [
    {"tags": ["v1"], "referrers": [{"artifactType": "application/x-sbom"}, {"artifactType": "application/x-signature"}]},
    {"tags": ["list"], "platforms": ["linux/amd64", "linux/arm64"]},
    {"tags": ["old"], "archivedDaysAgo": 10}]}]}"#;

fn drawn(change: impl FnOnce(&mut Undocumented)) -> Sandbox {
    let mut undocumented = Undocumented::draw(0);
    change(&mut undocumented);
    let options = Options {
        undocumented: Some(undocumented),
        ..Options::default()
    };
    start(WORLD, options)
}

/// An ECR operation on the repository: `ok`, or the error's name, and the answer.
fn call(sandbox: &Sandbox, operation: &str, mut input: Value) -> (String, Value) {
    input["repositoryName"] = Value::from("a/app");
    let (status, answer) = ecr(sandbox, operation, &input);
    let name = match status {
        200 => "ok",
        _ => answer["__type"].as_str().unwrap(),
    };
    (name.to_owned(), answer)
}

fn digest(sandbox: &Sandbox, reference: &str) -> String {
    sandbox.with_state(|state| state.image("a/app", reference).unwrap().digest.clone())
}

fn archive(sandbox: &Sandbox, id: Value, class: &str) -> (String, Value) {
    let input = json!({"imageId": id, "targetStorageClass": class});
    call(sandbox, "UpdateImageStorageClass", input)
}

/// The statuses of the images a filter finds.
fn statuses(sandbox: &Sandbox, filter: &Value) -> Vec<String> {
    let input = json!({"filter": filter});
    let (_, answer) = call(sandbox, "DescribeImages", input);
    let rows = answer["imageDetails"].as_array().unwrap().iter();
    rows.map(|row| row["imageStatus"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_filters_of_describe_images() {
    let sandbox = start(WORLD, Options::default());
    archive(&sandbox, json!({"imageTag": "old"}), "STANDARD");
    archive(&sandbox, json!({"imageTag": "v1"}), "ARCHIVE");
    let count = |filter: Value| statuses(&sandbox, &filter).len();
    // v1, two that refer to it, the list and its two children, old.
    assert_eq!(count(json!({})), 5);
    assert_eq!(
        statuses(&sandbox, &json!({"imageStatus": "ARCHIVED"})),
        ["ARCHIVED"]
    );
    assert_eq!(
        statuses(&sandbox, &json!({"imageStatus": "ACTIVATING"})),
        ["ACTIVATING"]
    );
    assert_eq!(count(json!({"imageStatus": "ANY"})), 7);
    assert_eq!(
        count(json!({"imageStatus": "ANY", "tagStatus": "UNTAGGED"})),
        4
    );
    let wrong = json!({"filter": {"imageStatus": "GONE"}});
    assert_eq!(
        call(&sandbox, "DescribeImages", wrong).0,
        "InvalidParameterException"
    );
}

#[test]
fn a_restore_takes_its_time() {
    let sandbox = drawn(|drawn| drawn.restore_minutes = 20);
    let (_, answer) = archive(&sandbox, json!({"imageTag": "old"}), "STANDARD");
    assert_eq!(answer["imageStatus"], "ACTIVATING");
    sandbox.advance(Duration::from_secs(19 * 60));
    assert!(sandbox.pull("a/app", "old").is_err());
    sandbox.advance(Duration::from_secs(2 * 60));
    assert!(sandbox.pull("a/app", "old").is_ok());
    let row = call(
        &sandbox,
        "DescribeImages",
        json!({"imageIds": [{"imageTag": "old"}]}),
    )
    .1;
    assert!(row["imageDetails"][0]["lastActivatedAt"].is_f64());
}

#[test]
fn what_is_not_said_about_archived_images() {
    for (is_not_found, code) in [(false, "ImageInaccessible"), (true, "ImageNotFound")] {
        let sandbox = drawn(|drawn| drawn.archived_is_not_found = is_not_found);
        let (_, answer) = call(
            &sandbox,
            "BatchGetImage",
            json!({"imageIds": [{"imageTag": "old"}]}),
        );
        assert_eq!(answer["failures"][0]["failureCode"], code);
    }
    for (is_refused, expected) in [
        (true, "ImageStorageClassUpdateNotSupportedException"),
        (false, "ok"),
    ] {
        let sandbox = drawn(|drawn| drawn.child_archive_is_refused = is_refused);
        let child = sandbox
            .with_state(|state| state.image("a/app", "list").unwrap().manifest.children[0].clone());
        let (result, _) = archive(&sandbox, json!({"imageDigest": child}), "ARCHIVE");
        assert_eq!(result, expected);
        assert_eq!(sandbox.pull("a/app", "list").is_ok(), is_refused);
        assert_eq!(
            archive(&sandbox, json!({"imageTag": "list"}), "ARCHIVE").0,
            "ok"
        );
        assert_eq!(
            archive(&sandbox, json!({"imageTag": "no"}), "ARCHIVE").0,
            "ImageNotFoundException"
        );
    }
}

fn referrers(sandbox: &Sandbox, subject: &str, filter: &Value) -> (String, Vec<Value>) {
    let input = json!({"subjectId": {"imageDigest": subject}, "filter": filter});
    let (result, answer) = call(sandbox, "ListImageReferrers", input);
    (
        result,
        answer["referrers"].as_array().cloned().unwrap_or_default(),
    )
}

#[test]
fn what_refers_to_an_image() {
    let sandbox = start(WORLD, Options::default());
    let v1 = digest(&sandbox, "v1");
    let (_, all) = referrers(&sandbox, &v1, &json!({}));
    assert_eq!(all.len(), 2);
    let row = &all[0];
    assert!(row["digest"].is_string() && row["mediaType"] == OCI && row["size"].is_u64());
    assert_eq!(row["artifactStatus"], "ACTIVE");
    let (_, sboms) = referrers(
        &sandbox,
        &v1,
        &json!({"artifactTypes": ["application/x-sbom"]}),
    );
    assert_eq!(sboms[0]["artifactType"], "application/x-sbom");
    archive(
        &sandbox,
        json!({"imageDigest": sboms[0]["digest"]}),
        "ARCHIVE",
    );
    let count = |status: &str| {
        referrers(&sandbox, &v1, &json!({"artifactStatus": status}))
            .1
            .len()
    };
    assert_eq!(
        (count("ACTIVE"), count("ARCHIVED"), count("ANY")),
        (1, 1, 2)
    );
    let six = json!({"artifactTypes": ["a", "b", "c", "d", "e", "f"]});
    assert_eq!(
        referrers(&sandbox, &v1, &six).0,
        "InvalidParameterException"
    );
    assert_eq!(
        referrers(&sandbox, &v1, &json!({"artifactStatus": "X"})).0,
        "InvalidParameterException"
    );
    let (_, described) = call(
        &sandbox,
        "DescribeImages",
        json!({"imageIds": [{"imageDigest": sboms[0]["digest"]}]}),
    );
    let described = &described["imageDetails"][0];
    assert_eq!(described["subjectManifestDigest"], v1);
    assert_eq!(described["artifactMediaType"], "application/x-sbom");
    // The caller needs the right to read manifests.
    sandbox.deny(vec!["ecr:BatchGetImage".parse().unwrap()]);
    assert_eq!(
        referrers(&sandbox, &v1, &json!({})).0,
        "AccessDeniedException"
    );
}

#[test]
fn referrers_follow_a_deleted_subject() {
    for at_once in [true, false] {
        let sandbox = drawn(|drawn| drawn.referrers_go_at_once = at_once);
        let v1 = digest(&sandbox, "v1");
        call(
            &sandbox,
            "BatchDeleteImage",
            json!({"imageIds": [{"imageDigest": v1}]}),
        );
        let left = || referrers(&sandbox, &v1, &json!({})).1.len();
        assert_eq!(left(), if at_once { 0 } else { 2 });
        // Within 24 hours, although the repository has no policy.
        sandbox.run_lifecycle();
        assert_eq!(left(), 0);
    }
}

#[test]
fn tags_of_an_immutable_repository() {
    for is_reserved in [false, true] {
        let sandbox = drawn(|drawn| drawn.removed_tag_is_reserved = is_reserved);
        let manifest = |reference: &str| {
            sandbox.with_state(|state| {
                String::from_utf8(state.image("a/app", reference).unwrap().bytes.to_vec()).unwrap()
            })
        };
        let put = |manifest: &str, tag: &str| {
            let input = json!({"imageManifest": manifest, "imageTag": tag});
            call(&sandbox, "PutImage", input).0
        };
        let (v1, list) = (manifest("v1"), manifest("list"));
        assert_eq!(put(&v1, "inuse-1"), "ok", "a new tag may be added");
        let removed = json!({"imageIds": [{"imageTag": "inuse-1"}]});
        assert_eq!(
            call(&sandbox, "BatchDeleteImage", removed).1["failures"],
            json!([])
        );
        assert!(sandbox.with_state(|state| state.image("a/app", "v1").is_some()));
        assert_eq!(
            put(&v1, "inuse-1"),
            "ok",
            "the same digest may have it again"
        );
        call(
            &sandbox,
            "BatchDeleteImage",
            json!({"imageIds": [{"imageTag": "inuse-1"}]}),
        );
        let expected = if is_reserved {
            "ImageTagAlreadyExistsException"
        } else {
            "ok"
        };
        assert_eq!(put(&list, "inuse-1"), expected);
    }
}
