//! When a blob is mounted, and what happens when it is not.

mod support;

use demitasse_sandbox::Options;
use demitasse_sandbox::Sandbox;
use demitasse_sandbox::Undocumented;
use support::*;

const WORLD: &str = r#"{"repositories": [
    {"name": "a/common", "images": [{"tags": ["v1"], "layers": [{"size": 1000, "seed": "shared"}]}]},
    {"name": "a/cached", "pullThrough": true, "images": [{"tags": ["v1"], "layers": [{"size": 1000, "seed": "shared"}]}]},
    {"name": "a/app"},
    {"name": "a/secret", "encryption": {"type": "KMS", "key": "arn:aws:kms:k"}}]}"#;

fn blob() -> String {
    demitasse_sandbox::content::digest(&demitasse_sandbox::content::layer("shared", 1000))
}

fn mount(sandbox: &Sandbox, target: &str, digest: &str, from: &str) -> u16 {
    let path = format!(
        "/v2/{target}/blobs/uploads/?mount={digest}&from={}",
        from.replace('/', "%2F")
    );
    let answer = registry(sandbox, "POST", &path, &[], b"");
    if answer.status == 202 {
        let location = answer.header("location").unwrap();
        assert_eq!(registry(sandbox, "DELETE", location, &[], b"").status, 204);
    }
    answer.status
}

#[test]
fn conditions() {
    let sandbox = start(WORLD, Options::default());
    let unreferenced = upload(&sandbox, "a/common", b"nothing refers to this");
    for (target, digest, from, expected) in [
        ("a/app", blob(), "a/cached", 202),
        ("a/app", blob(), "a/app", 202),
        ("a/app", blob(), "a/nowhere", 202),
        ("a/app", unreferenced, "a/common", 202),
        ("a/secret", blob(), "a/common", 202),
        ("a/nowhere", blob(), "a/common", 404),
        ("a/app", blob(), "a/common", 201),
        ("a/app", blob(), "a/nowhere", 201),
    ] {
        assert_eq!(
            mount(&sandbox, target, &digest, from),
            expected,
            "{digest} from {from} into {target}"
        );
    }
    sandbox.with_state(|state| {
        assert_eq!(
            (
                state.counters.mounted,
                state.counters.declined,
                state.counters.uploaded_bytes
            ),
            (1, 5, 22)
        );
    });
}

#[test]
fn the_setting_must_be_on() {
    for (world, mount_option, expected) in [
        (r#""blobMounting": true,"#, None, 201),
        (r#""blobMounting": false,"#, None, 202),
        (r#""blobMounting": null,"#, None, 202),
        (r#""blobMounting": true,"#, Some(false), 202),
        (r#""blobMounting": false,"#, Some(true), 201),
    ] {
        let sandbox = start(
            &WORLD.replacen('{', &format!("{{{world}"), 1),
            Options {
                mount: mount_option,
                ..Options::default()
            },
        );
        assert_eq!(
            mount(&sandbox, "a/app", &blob(), "a/common"),
            expected,
            "{world} {mount_option:?}"
        );
    }
}

#[test]
fn without_permission_on_the_source() {
    for (denied, expected) in [(false, 202), (true, 403)] {
        let undocumented = Undocumented {
            mount_without_permission_is_denied: denied,
            ..Undocumented::draw(0)
        };
        let options = Options {
            denied: vec!["ecr:GetDownloadUrlForLayer=a/common".parse().unwrap()],
            undocumented: Some(undocumented),
            ..Options::default()
        };
        let sandbox = start(WORLD, options);
        assert_eq!(mount(&sandbox, "a/app", &blob(), "a/common"), expected);
    }
}

#[test]
fn mounted_bytes_are_stored_once_and_outlive_their_source() {
    let sandbox = start(WORLD, Options::default());
    let before = sandbox.with_state(|state| (state.stored_bytes(), state.copied_bytes()));
    assert_eq!(mount(&sandbox, "a/app", &blob(), "a/common"), 201);
    let after = sandbox.with_state(|state| (state.stored_bytes(), state.copied_bytes()));
    assert_eq!(after, (before.0, before.1 + 1000));
    sandbox.with_state(|state| {
        state.empty("a/common");
        assert!(
            state
                .repository("a/app")
                .unwrap()
                .blobs
                .contains_key(&blob())
        );
        state.drop_unreferenced("a/app");
        assert!(state.repository("a/app").unwrap().blobs.is_empty());
    });
}
