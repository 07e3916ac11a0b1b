//! Blobs that cannot be mounted: streamed into the session the registry opened, with the reason and the bytes named, or
//! refused.

mod support;

use demitasse_sandbox::{Denied, Options, Undocumented};
use serde_json::json;
use support::{Case, common};

fn bytes(case: &Case, tag: &str) -> u64 {
    case.sandbox.with_state(|state| {
        let image = state.image("fluentd/common", tag).expect("an image");
        let repository = state.repository("fluentd/common").expect("a repository");
        repository.size(image)
    })
}

#[test]
fn with_the_setting_off_blobs_are_streamed_and_the_reason_named() {
    let case = Case::new(
        &common(&["aaaa", "bbbb"]),
        Options {
            mount: Some(false),
            ..Options::default()
        },
    );
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    let plan = case.run(&["plan", "-c", &config]);
    plan.expect(
        0,
        &[
            "BLOB_MOUNTING is not ENABLED",
            "will be streamed",
            "put-account-setting",
        ],
    );
    let ran = case.run(&["promote", "-c", &config, "--output", "json"]);
    ran.expect(0, &["BLOB_MOUNTING is not ENABLED"]);
    let report = ran.report();
    assert_eq!(report["summary"]["streamed"], 3);
    assert_eq!(
        report["summary"]["transferred"],
        case.sandbox
            .with_state(|state| state.counters.uploaded_bytes)
    );
    assert!(bytes(&case, "aaaa") > 0);
    case.pull("fluentd/app", "aaaa");
    assert_eq!(case.sandbox.with_state(|state| state.open_uploads()), 0);

    let next = case.project("app", &["HOST/fluentd/app:bbbb"]);
    let ran = case.run(&["promote", "-c", &next, "--output", "json"]);
    ran.expect(0, &[]);
    assert_eq!(
        ran.report()["summary"]["streamed"],
        2,
        "the shared base layer is there already"
    );
    case.pull("fluentd/app", "bbbb");
}

#[test]
fn mount_only_and_max_upload_refuse_before_any_write() {
    let case = Case::new(
        &common(&["aaaa"]),
        Options {
            mount: Some(false),
            ..Options::default()
        },
    );
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.run(&["promote", "-c", &config, "--mount-only"])
        .expect(4, &["--mount-only refuses", "BLOB_MOUNTING"]);
    case.run(&["promote", "-c", &config, "--max-upload", "1kB"])
        .expect(4, &["--max-upload 1.0 kB refuses"]);
    assert!(case.writes().is_empty());
    case.run(&["promote", "-c", &config, "--max-upload", "1MB"])
        .expect(0, &[]);
}

#[test]
fn other_encryption_is_named() {
    let mut world = common(&["aaaa"]);
    world["repositories"].as_array_mut().expect("a list").push(json!({"name": "fluentd/app", "encryption": {"type": "KMS", "key": "arn:aws:kms:ap-northeast-1:123456789012:key/1"}}));
    let case = Case::new(&world, Options::default());
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.run(&["promote", "-c", &config, "--mount-only"])
        .expect(4, &["encryption differs (source AES256, target KMS"]);
    assert!(case.writes().is_empty());
    case.run(&["promote", "-c", &config])
        .expect(0, &["encryption differs"]);
    case.pull("fluentd/app", "aaaa");
}

#[test]
fn a_pull_through_source_is_named_and_mount_only_refuses_it_before_any_write() {
    let mut world = common(&["aaaa"]);
    world["repositories"][0]["pullThrough"] = json!(true);
    let case = Case::new(&world, Options::default());
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.run(&["promote", "-c", &config, "--mount-only"])
        .expect(4, &["the source is a pull-through cache repository"]);
    assert!(case.writes().is_empty());
    case.run(&["promote", "-c", &config])
        .expect(0, &["the source is a pull-through cache repository"]);
    case.pull("fluentd/app", "aaaa");
}

#[test]
fn a_missing_permission_on_the_source_is_named_whatever_the_registry_answers() {
    for denied in [false, true] {
        let undocumented = Undocumented {
            mount_without_permission_is_denied: denied,
            ..Undocumented::draw(0)
        };
        let options = Options {
            undocumented: Some(undocumented),
            ..Options::default()
        };
        let case = Case::new(&common(&["aaaa"]), options);
        let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
        let action = "ecr:GetDownloadUrlForLayer".to_owned();
        case.sandbox.deny(vec![Denied {
            action,
            repository: Some("fluentd/common".to_owned()),
        }]);
        let ran = case.run(&["promote", "-c", &config]);
        ran.expect(
            1,
            &[
                "ecr:GetDownloadUrlForLayer",
                "arn:aws:ecr:ap-northeast-1:123456789012:repository/fluentd/common",
            ],
        );
        assert!(case.tags("fluentd/app").is_empty());
        assert_eq!(case.sandbox.with_state(|state| state.open_uploads()), 0);
    }
}

#[test]
fn an_unreadable_setting_is_unknown_and_not_off() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.sandbox.deny(vec![Denied {
        action: "ecr:GetAccountSetting".to_owned(),
        repository: None,
    }]);
    let ran = case.run(&["promote", "-c", &config, "--mount-only", "--output", "json"]);
    ran.expect(0, &["unknown", "ecr:GetAccountSetting"]);
    assert_eq!(
        ran.report()["summary"]["transferred"],
        0,
        "mounted all the same"
    );
}
