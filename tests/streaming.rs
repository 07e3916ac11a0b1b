//! Blobs that cannot be mounted: streamed into the session the registry opened, with the reason and the bytes named, or
//! refused.

mod support;

use demitasse_sandbox::{Denied, Fault, Options, Undocumented};
use serde_json::{Value, json};
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

/// A common repository with an image of one layer of this size.
fn heavy(bytes: u64) -> Value {
    let image = json!({"tags": ["heavy"], "layers": [{"size": bytes, "seed": "heavy"}]});
    json!({"repositories": [{"name": "fluentd/common", "images": [image]}]})
}

#[test]
fn a_large_blob_that_broke_off_goes_on_in_parts() {
    let promoted = |faults: &[&str]| {
        let options = Options {
            mount: Some(false),
            ..Options::default()
        };
        let case = Case::new(&heavy(24 * 1024 * 1024), options);
        let config = case.project("app", &["HOST/fluentd/app:heavy"]);
        let read = |text: &&str| -> Fault { text.parse().expect(text) };
        case.sandbox.set_faults(faults.iter().map(read).collect());
        case.run(&["promote", "-c", &config]).expect(0, &[]);
        case.pull("fluentd/app", "heavy");
        let log = case.sandbox.log();
        let sent = log.iter().filter(|request| request.method == "PATCH");
        let sent: Vec<u16> = sent.map(|request| request.status).collect();
        let continued = log.iter().any(|request| request.status == 206);
        (sent, continued)
    };
    // The configuration and the layer, at the first try.
    let (first, second) = ("cut-body@s3:GetObject#1", "cut-body@s3:GetObject#2");
    assert_eq!(promoted(&[first, second]), (vec![201; 3], false));
    // The source breaks off again.
    let (third, fourth) = ("cut-body@s3:GetObject#3", "cut-body@s3:GetObject#4");
    let (sent, continued) = promoted(&[first, second, third, fourth]);
    assert_eq!((sent, continued), (vec![201; 3], true));
    // The answer to the first part is lost (the sessions of the first try were closed before), and another is refused once.
    let lost = "cut-after@ecr:UploadLayerPart#3";
    let refused = "503@ecr:UploadLayerPart#5";
    let (sent, _) = promoted(&[first, second, lost, refused]);
    assert_eq!(sent, [0, 503, 201, 201]);
    // The registry takes no parts: the blob goes as a whole.
    let never: Vec<String> = (3..9)
        .map(|nth| format!("405@ecr:UploadLayerPart#{nth}"))
        .collect();
    let never = never.iter().map(String::as_str);
    let faults: Vec<&str> = [first, second].into_iter().chain(never).collect();
    assert_eq!(promoted(&faults), (vec![405], false));
}
