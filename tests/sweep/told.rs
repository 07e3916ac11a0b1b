//! What is told, and that nothing but what is told is done.

use serde_json::json;

use crate::support::ran;
use crate::{SWEEP, case, image, old, sweep, tags, untagged, untagged_digests};

#[test]
fn without_yes_nothing_is_written_and_everything_is_told() {
    let case = case(&[old("v1"), old("v2")]);
    let dry = sweep(&case, &["--detailed-exitcode", "--output", "json"]);
    dry.expect(2, &[]);
    assert!(case.writes().is_empty());
    let report = dry.report();
    assert_eq!(report["schema"], "demitasse.sweep/v1");
    assert_eq!(
        (&report["mode"], &report["complete"]),
        (&json!("plan"), &json!(true))
    );
    assert_eq!(image(&report, "fluentd/app:v1")["action"], "delete");
    let used = image(&report, "fluentd/app:used");
    assert_eq!(
        (&used["action"], &used["reason"]),
        (&json!("keep"), &json!("protected"))
    );
    assert_eq!(used["protected_by"][0]["kind"], "service");
    assert_eq!(report["summary"]["going"], 2);
    let table = sweep(&case, &[]);
    table.expect(0, &[]);
    assert!(table.out.contains("- fluentd/app:v1"), "{}", table.out);
    assert!(!table.out.contains("fluentd/app:used"), "{}", table.out);
    assert!(
        table
            .out
            .ends_with("Plan: 2 images to delete, 1 image stays.\n"),
        "{}",
        table.out
    );
    let markdown = sweep(&case, &["--output", "markdown"]);
    markdown.expect(0, &[]);
    assert!(
        markdown
            .out
            .contains("| fluentd/app | 3 | 2 | 1 protected |"),
        "{}",
        markdown.out
    );
    assert!(case.writes().is_empty());
}

#[test]
fn a_variable_that_says_no_is_no_yes() {
    let case = case(&[old("v1")]);
    for value in ["false", "0", "no", ""] {
        let mut command = case.command(&[&SWEEP[..], &["--keep", "0"]].concat());
        command.env("DEMITASSE_YES", value);
        ran(command).expect(0, &[]);
        assert!(case.writes().is_empty(), "DEMITASSE_YES={value}");
    }
    let mut command = case.command(&[&SWEEP[..], &["--keep", "0"]].concat());
    command.env("DEMITASSE_YES", "true");
    ran(command).expect(0, &[]);
    assert_eq!(tags(&case), ["used"]);
}

#[test]
fn exactly_what_nothing_protects_is_deleted_by_digest_and_a_rerun_has_nothing_to_do() {
    let mut twice = old("v1");
    twice["tags"] = json!(["v1", "also-v1"]);
    let case = case(&[twice, old("v2"), untagged("pinned")]);
    let digest = untagged_digests(&case).remove(0);
    let pin = format!("inuse-{}", &digest[7..19]);
    case.sandbox
        .with_state(|state| state.set_tag("fluentd/app", &pin, &digest))
        .expect("a pin");
    let done = sweep(&case, &["--yes", "--output", "json"]);
    done.expect(0, &["deleted [repository:fluentd/app] [images:2]"]);
    let report = done.report();
    assert_eq!(report["mode"], "sweep");
    assert_eq!(report["summary"]["deleted"], 2);
    assert_eq!(image(&report, "fluentd/app:v2")["ended"], "deleted");
    assert_eq!(tags(&case), [pin.as_str(), "used"]);
    case.pull("fluentd/app", "used");
    let writes = case.writes();
    assert_eq!(writes.len(), 1, "two tags of one image are one id");
    let reference = writes[0].reference.clone().unwrap_or_default();
    assert!(reference.starts_with("sha256:"), "{reference}");
    case.sandbox.clear_log();
    sweep(&case, &["--yes"]).expect(0, &[]);
    assert!(case.writes().is_empty());
}

#[test]
fn what_an_audit_lists_is_protected_by_it() {
    let case = case(&[old("v1")]);
    let listed = case.run(&["audit", "--all", "--output", "ecrm"]);
    listed.expect(0, &[]);
    case.write("in-use.json", &listed.out);
    // Nothing runs any more, so only the list speaks for it.
    case.sandbox.with_state(|state| {
        state.delete_service("default", "app").expect("deleted");
        state.finish_draining("default", "app");
        state.deregister("app:1").expect("deregistered");
        state.advance(std::time::Duration::from_secs(2 * 60 * 60));
    });
    let flags = ["--yes", "--allow-empty", "--in-use-file", "in-use.json"];
    let done = sweep(&case, &[&flags[..], &["--output", "json"]].concat());
    done.expect(0, &[]);
    assert_eq!(tags(&case), ["used"]);
    let report = done.report();
    let reasons = &image(&report, "fluentd/app:used")["protected_by"];
    assert_eq!(
        reasons,
        &json!([{"kind": "in-use-file", "by": "in-use.json"}])
    );
    sweep(&case, &["--yes", "--allow-empty"]).expect(0, &[]);
    assert!(tags(&case).is_empty(), "nothing else protected it");
}

#[test]
fn repositories_must_be_named_and_exist() {
    let case = case(&[old("v1")]);
    case.run(&["sweep", "--yes"]).expect(3, &["--repository"]);
    case.run(&["sweep", "--yes", "--repository", "fluentd/nope"])
        .expect(3, &["repository fluentd/nope does not exist"]);
    case.run(&["sweep", "--yes", "--repository", "other/*"])
        .expect(3, &["no repository matches other/*"]);
    for wrong in ["--older-than=soon", "--max-ratio=2", "--keep=-1"] {
        case.run(&[&SWEEP[..], &[wrong]].concat())
            .expect(3, &["invalid value"]);
    }
    case.write("names", "# swept weekly\nfluentd/app\n");
    let named = case.run(&["sweep", "--repositories-from", "names", "--keep", "0"]);
    named.expect(0, &[]);
    assert!(named.out.contains("- fluentd/app:v1"), "{}", named.out);
    assert!(case.writes().is_empty());
}
