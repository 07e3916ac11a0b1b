//! What goes wrong while deleting.

use std::process::Stdio;
use std::time::{Duration, Instant};

use demitasse_sandbox::state::Storage;
use demitasse_sandbox::{Fault, Options};
use serde_json::{Value, json};

use crate::support::{Case, Ran, ran};
use crate::{SWEEP, case, count, image, old, sent, sweep, tags, untagged_digests, world};

fn fault(text: &str) -> Fault {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_denied_deletion_is_told_with_action_and_arn_and_other_repositories_are_swept() {
    let mut world = world(&[old("v1"), old("v2")]);
    let repositories = world["repositories"].as_array_mut().expect("repositories");
    repositories.push(json!({"name": "fluentd/web", "images": [old("w1")]}));
    let case = Case::new(&world, Options::default());
    let denied = "ecr:BatchDeleteImage=fluentd/app"
        .parse()
        .expect("a denial");
    case.sandbox.deny(vec![denied]);
    let arguments = [
        "sweep",
        "--repository",
        "fluentd/*",
        "--keep",
        "0",
        "--max-ratio",
        "1",
        "--yes",
        "--output",
        "json",
    ];
    let ran = case.run(&arguments);
    ran.expect(1, &["allow ecr:BatchDeleteImage", "repository/fluentd/app"]);
    let report = ran.report();
    assert_eq!(report["summary"]["failed"], 2);
    assert_eq!(report["summary"]["deleted"], 1);
    assert_eq!(count(&case), 3);
    assert!(case.tags("fluentd/web").is_empty());
}

#[test]
fn an_archive_that_is_denied_is_told_and_stops_at_once() {
    let images: Vec<Value> = (0..30).map(|number| old(&format!("v{number}"))).collect();
    let case = case(&images);
    let denied = "ecr:UpdateImageStorageClass".parse().expect("a denial");
    case.sandbox.deny(vec![denied]);
    let ran = sweep(&case, &["--yes", "--archive", "--output", "json"]);
    ran.expect(1, &["allow ecr:UpdateImageStorageClass"]);
    let summary = ran.report()["summary"].clone();
    assert_eq!(
        (&summary["archived"], &summary["going"]),
        (&json!(0), &json!(30))
    );
    assert!(
        sent(&case, "UpdateImageStorageClass") <= 8,
        "no use in trying 30 times"
    );
}

#[test]
fn each_failure_of_a_batch_is_told_although_the_call_succeeded() {
    // An archived index cannot be read, so nobody knows that it lists v1; ECR does.
    let index = json!({"tags": ["index"], "pushedDaysAgo": 400, "platforms": ["linux/amd64"], "layers": [{"size": 64, "seed": "index"}]});
    let case = case(&[index, old("v2")]);
    let child = untagged_digests(&case).remove(0);
    case.sandbox.with_state(|state| {
        let tagged = state.set_tag("fluentd/app", "v1", &child);
        tagged.expect("a tag");
        let repository = state.repositories.get_mut("fluentd/app");
        let mut images = repository.expect("there").images.values_mut();
        let index = images.find(|image| image.tags.contains("index"));
        index.expect("there").storage = Storage::Archived;
    });
    let ran = sweep(&case, &["--yes", "--output", "json"]);
    ran.expect(
        1,
        &[&child, "an index lists it", "referenced by manifest list"],
    );
    let report = ran.report();
    assert_eq!(image(&report, "fluentd/app:v1")["ended"], "failed");
    assert_eq!(image(&report, "fluentd/app:v2")["ended"], "deleted");
    assert_eq!(tags(&case), ["index", "used", "v1"]);
    assert_eq!(sent(&case, "BatchDeleteImage"), 2, "tried once more");
}

#[test]
fn a_lost_answer_is_no_failure() {
    let case = case(&[old("v1"), old("v2")]);
    case.sandbox
        .set_faults(vec![fault("cut-after@ecr:BatchDeleteImage")]);
    let ran = sweep(&case, &["--yes", "--output", "json"]);
    ran.expect(0, &[]);
    assert_eq!(
        ran.report()["summary"]["absent"],
        2,
        "the second answer says so"
    );
    assert_eq!(tags(&case), ["used"]);
}

#[test]
fn throttles_are_waited_for() {
    for text in [
        "429@ecr:BatchDeleteImage",
        "429;retry-after=1@ecr:BatchDeleteImage",
        "503@ecr:BatchDeleteImage",
        "429@ecs:ListServices",
        "cut-before@ecs:DescribeTasks",
    ] {
        let case = case(&[old("v1")]);
        case.sandbox.set_faults(vec![fault(text)]);
        sweep(&case, &["--yes"]).expect(0, &[]);
        assert_eq!(tags(&case), ["used"], "{text}");
    }
    let case = case(&[old("v1")]);
    case.sandbox
        .set_faults(vec![fault("429@ecr:BatchDeleteImage#*")]);
    sweep(&case, &["--yes", "--timeout", "3s"]).expect(1, &["throttled"]);
    assert_eq!(tags(&case), ["used", "v1"]);
}

#[test]
fn reads_stay_below_the_quotas_of_ecs() {
    let mut world = world(&[old("v1")]);
    let definitions = world["taskDefinitions"]
        .as_array_mut()
        .expect("definitions");
    for number in 0..25 {
        let mut one = definitions[0].clone();
        one["family"] = json!(format!("family-{number}"));
        definitions.push(one);
    }
    let options = Options {
        quotas: true,
        ..Options::default()
    };
    let case = Case::new(&world, options);
    sweep(&case, &["--yes"]).expect(0, &[]);
    let log = case.sandbox.log();
    let refused: Vec<_> = log.iter().filter(|one| one.error.is_some()).collect();
    assert!(refused.is_empty(), "{refused:?}");
    let reads = log.iter().filter(|one| {
        let action = one.action.as_deref().unwrap_or_default();
        action.starts_with("ecs:")
    });
    let times: Vec<f64> = reads.map(|one| one.at).collect();
    let busiest = times.iter().map(|from| {
        let within = times
            .iter()
            .filter(|at| (*from..from + 1000.0).contains(*at));
        within.count()
    });
    // A burst of 10, and 10 in the second after it.
    assert!(busiest.max().unwrap_or(0) <= 21, "{times:?}");
}

#[test]
fn a_signal_stops_it_after_the_batch_that_is_under_way() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let images: Vec<Value> = (0..230).map(|number| old(&format!("v{number}"))).collect();
        let case = case(&images);
        case.sandbox
            .set_faults(vec![fault("slow-body;1s@ecr:BatchDeleteImage")]);
        let flags = [
            "--keep",
            "0",
            "--max-ratio",
            "1",
            "--yes",
            "--output",
            "json",
        ];
        let mut command = case.command(&[&SWEEP[..], &flags].concat());
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("runs");
        let began = Instant::now();
        while sent(&case, "BatchDeleteImage") == 0 {
            assert!(began.elapsed() < Duration::from_secs(60), "it never came");
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut kill = std::process::Command::new("kill");
        kill.args([signal, &child.id().to_string()]);
        assert_eq!(ran(kill).code, 0);
        let killed = Instant::now();
        let output = child.wait_with_output().expect("it ends");
        assert!(killed.elapsed() < Duration::from_secs(5));
        let ran = Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        ran.expect(code, &["stopped: interrupted", "run it again"]);
        let summary = ran.report()["summary"].clone();
        assert_eq!(
            (&summary["deleted"], &summary["not_done"]),
            (&json!(100), &json!(130))
        );
        assert_eq!(count(&case), 131);
        assert_eq!(sent(&case, "BatchDeleteImage"), 1);
        sweep(&case, &["--yes"]).expect(0, &[]);
        assert_eq!(tags(&case), ["used"]);
    }
}
