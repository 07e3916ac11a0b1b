//! In which order images go, and in which batches; and the archive in their place.

use serde_json::{Value, json};

use crate::support::HOST;
use crate::{case, count, image, old, sent, sweep, tags};

#[test]
fn indexes_go_before_what_they_list_and_referrers_before_their_image() {
    let index = |tag: &str| {
        json!({"tags": [tag], "pushedDaysAgo": 400, "platforms": ["linux/amd64", "linux/arm64"], "attestations": true, "nested": true,
            "layers": [{"size": 64, "seed": tag}], "referrers": [{"artifactType": "application/x-signature"}]})
    };
    let case = case(&[index("kept"), index("gone")]);
    let listed = json!([format!("{HOST}/fluentd/app:kept")]);
    case.write("in-use.json", &listed.to_string());
    let before = count(&case);
    let flags = ["--yes", "--in-use-file", "in-use.json", "--output", "json"];
    let done = sweep(&case, &flags);
    done.expect(0, &[]);
    let report = done.report();
    assert_eq!(report["summary"]["failed"], 0);
    // A nested index, the index in it, two images, two attestations, and a signature.
    assert_eq!(report["summary"]["deleted"], 7);
    assert_eq!(count(&case), before - 7);
    case.pull("fluentd/app", "kept");
    let kept = &report["repositories"][0]["kept"];
    assert_eq!(kept, &json!({"protected": 8}));
    assert_eq!(
        sent(&case, "BatchDeleteImage"),
        4,
        "signature, index, index, images"
    );
}

#[test]
fn more_than_100_images_go_in_several_calls() {
    let images: Vec<Value> = (0..230).map(|number| old(&format!("v{number}"))).collect();
    let case = case(&images);
    sweep(&case, &["--yes"]).expect(0, &[]);
    assert_eq!(tags(&case), ["used"]);
    assert_eq!(sent(&case, "BatchDeleteImage"), 3);
}

#[test]
fn the_archive_takes_images_instead_of_deleting_them() {
    let index = json!({"tags": ["v2"], "pushedDaysAgo": 400, "platforms": ["linux/amd64"], "layers": [{"size": 64, "seed": "v2"}]});
    let case = case(&[old("v1"), index]);
    let before = count(&case);
    let done = sweep(&case, &["--yes", "--archive", "--output", "json"]);
    done.expect(0, &["archived [repository:fluentd/app]"]);
    let report = done.report();
    assert_eq!(image(&report, "fluentd/app:v1")["ended"], "archived");
    assert_eq!(image(&report, "fluentd/app:v2")["ended"], "archived");
    assert_eq!(report["summary"]["with_index"], 1, "{report:#}");
    assert_eq!((count(&case), sent(&case, "BatchDeleteImage")), (before, 0));
    case.pull("fluentd/app", "used");
    let archived = case.sandbox.pull("fluentd/app", "v1");
    archived.expect_err("it is archived");
    case.sandbox.clear_log();
    sweep(&case, &["--yes", "--archive"]).expect(0, &[]);
    sweep(&case, &["--yes"]).expect(0, &[]);
    assert!(case.writes().is_empty(), "what is archived stays as it is");
}
