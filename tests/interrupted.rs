//! Interrupted, throttled, cut and raced: a promotion ends after a re-run with the right digest, nothing half-done is
//! ever visible, and nobody hangs.

mod support;

use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use demitasse_sandbox::{Fault, Kind, Options};
use serde_json::{Value, json};
use support::{Case, common, ran};

/// An index with attestations and a signed image, into a repository that does not exist yet.
fn world() -> Value {
    let image = |tag: &str| json!({"tags": [tag], "layers": [{"size": 256, "seed": "base"}, {"size": 128, "seed": tag}]});
    let mut index = image("index");
    index["platforms"] = json!(["linux/amd64", "linux/arm64"]);
    index["attestations"] = json!(true);
    let mut signed = image("signed");
    signed["referrers"] = json!([{"artifactType": "application/vnd.cncf.notary.signature"}]);
    json!({"repositories": [{"name": "fluentd/common", "policy": pullers(), "images": [index, signed]}]})
}

/// A repository policy, which targets get when they are created.
fn pullers() -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Sid": "pull"}]})
}

const IMAGES: [&str; 2] = ["HOST/fluentd/app:index", "HOST/fluentd/app:signed"];

fn fault(text: &str) -> Fault {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The target lets the same accounts pull as its source.
#[track_caller]
fn assert_access(case: &Case, when: &str) {
    let access = case.sandbox.with_state(|state| {
        let target = state.repository("fluentd/app");
        target.and_then(|one| one.policy.clone())
    });
    let access = access.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    assert_eq!(access, Some(pullers()), "{when}: the repository policy");
}

/// What is visible is whole.
#[track_caller]
fn assert_nothing_half_done(case: &Case, when: &str) {
    let common = case.tags("fluentd/common");
    for (tag, digest) in case.tags("fluentd/app") {
        assert_eq!(common.get(&tag), Some(&digest), "{tag}, {when}");
        case.pull("fluentd/app", &tag);
    }
}

#[test]
fn cut_after_any_request_a_rerun_completes_it() {
    let whole = Case::new(&world(), Options::default());
    let config = whole.project("app", &IMAGES);
    whole.run(&["promote", "-c", &config]).expect(0, &[]);
    let requests = u64::try_from(whole.sandbox.log().len()).expect("a count");
    assert!(requests > 20, "{requests}");
    let next = AtomicU64::new(0);
    let one = |number: u64| {
        let case = Case::new(&world(), Options::default());
        let config = case.project("app", &IMAGES);
        let carried_out = number.is_multiple_of(2);
        let at = format!("{}", number / 2 + 1);
        let word = if carried_out {
            "cut-from;carried-out"
        } else {
            "cut-from"
        };
        case.sandbox
            .set_faults(vec![fault(&format!("{word}@{at}"))]);
        let when = format!("{word} at request {at} of {requests}");
        let cut = case.run(&["promote", "-c", &config, "--timeout", "1s"]);
        case.sandbox.set_faults(Vec::new());
        assert_nothing_half_done(&case, &when);
        if cut.code == 0 {
            assert_eq!(
                case.tags("fluentd/app").len(),
                2,
                "{when}: said done and is not"
            );
        }
        let again = case.run(&["promote", "-c", &config]);
        assert_eq!(again.code, 0, "{when}: {}", again.err);
        assert_eq!(case.tags("fluentd/app").len(), 2, "{when}");
        assert_nothing_half_done(&case, &when);
        assert!(
            case.sandbox.with_state(|state| state
                .repository("fluentd/app")
                .is_some_and(|one| one.lifecycle.is_some())),
            "{when}: the policy is healed too"
        );
        assert_access(&case, &when);
    };
    thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= 2 * requests {
                        break;
                    }
                    one(number);
                }
            });
        }
    });
}

#[test]
fn passing_trouble_is_survived_and_never_becomes_an_upload() {
    let actions = [
        "ecr:PutImage",
        "ecr:InitiateLayerUpload",
        "ecr:BatchGetImage",
        "ecr:CreateRepository",
        "ecr:GetAuthorizationToken",
        "ecr:DescribeRepositories",
        "ecr:SetRepositoryPolicy",
        "ecr:PutLifecyclePolicy",
    ];
    for kind in [
        "429",
        "429;retry-after=1",
        "500",
        "503",
        "cut-before",
        "cut-after",
        "cut-body",
    ] {
        let case = Case::new(&world(), Options::default());
        let config = case.project("app", &IMAGES);
        case.sandbox.set_faults(
            actions
                .iter()
                .map(|action| fault(&format!("{kind}@{action}")))
                .collect(),
        );
        let ran = case.run(&["promote", "-c", &config, "--output", "json"]);
        assert_eq!(ran.code, 0, "{kind}: {}", ran.err);
        assert_access(&case, kind);
        assert_eq!(ran.report()["summary"]["transferred"], 0, "{kind}");
        assert_nothing_half_done(&case, kind);
        assert_eq!(case.tags("fluentd/app").len(), 2, "{kind}");
    }
}

#[test]
fn an_expired_token_is_renewed() {
    let case = Case::new(&world(), Options::default());
    let config = case.project("app", &IMAGES);
    case.sandbox
        .set_faults(vec![fault("expired-token@ecr:InitiateLayerUpload#3")]);
    let ran = case.run(&["promote", "-c", &config, "--output", "json"]);
    ran.expect(0, &[]);
    assert_eq!(
        ran.report()["summary"]["transferred"],
        0,
        "mounted after all"
    );
    assert_eq!(case.tags("fluentd/app").len(), 2);
}

#[test]
fn a_broken_stream_is_begun_anew() {
    let case = Case::new(
        &common(&["aaaa"]),
        Options {
            mount: Some(false),
            ..Options::default()
        },
    );
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.sandbox.set_faults(vec![
        fault("cut-body@s3:GetObject"),
        fault("cut-before@ecr:CompleteLayerUpload"),
    ]);
    case.run(&["promote", "-c", &config]).expect(0, &[]);
    case.pull("fluentd/app", "aaaa");
    assert_eq!(case.sandbox.with_state(|state| state.open_uploads()), 0);
}

#[test]
fn a_throttle_that_lasts_fails_at_the_deadline_and_not_before() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.sandbox.set_faults(vec![fault("429@ecr:PutImage#*")]);
    let start = Instant::now();
    case.run(&["promote", "-c", &config, "--timeout", "2s"])
        .expect(1, &["throttled", "--timeout"]);
    let took = start.elapsed();
    assert!(
        took > Duration::from_millis(900) && took < Duration::from_secs(5),
        "{took:?}"
    );
    assert!(case.tags("fluentd/app").is_empty());
}

#[test]
fn bytes_that_are_not_their_digest_are_never_put() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.sandbox.set_faults(vec![fault(
        "wrong-digest@ecr:BatchGetImage=fluentd/common#*",
    )]);
    case.run(&["promote", "-c", &config])
        .expect(1, &["the manifest's bytes have the digest", "source"]);
    assert!(case.writes().is_empty());
}

#[test]
fn two_processes_with_the_same_new_image_both_succeed() {
    for seed in 0..4 {
        let options = Options {
            seed,
            rtt: Duration::from_millis(5),
            creation_delay: true,
            ..Options::default()
        };
        let case = Case::new(&world(), options);
        let config = case.project("app", &IMAGES);
        thread::scope(|scope| {
            let runs = [(); 2].map(|()| scope.spawn(|| case.run(&["promote", "-c", &config])));
            for run in runs {
                run.join().expect("no panic").expect(0, &[]);
            }
        });
        assert_nothing_half_done(&case, "two at once");
        assert_eq!(case.tags("fluentd/app").len(), 2);
    }
}

#[test]
fn a_signal_ends_it_quickly_with_a_report_and_no_open_session() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let case = Case::new(
            &common(&["aaaa"]),
            Options {
                mount: Some(false),
                ..Options::default()
            },
        );
        let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
        case.sandbox
            .set_faults(vec![fault("slow-body;20s@s3:GetObject#*")]);
        let mut command = case.command(&["promote", "-c", &config, "--output", "json"]);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("runs");
        let start = Instant::now();
        while case.sandbox.with_state(|state| state.open_uploads()) == 0 {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "it never began to stream"
            );
            thread::sleep(Duration::from_millis(20));
        }
        thread::sleep(Duration::from_millis(200));
        let mut kill = std::process::Command::new("kill");
        kill.args([signal, &child.id().to_string()]);
        assert_eq!(ran(kill).code, 0);
        let asked = Instant::now();
        let output = child.wait_with_output().expect("ends");
        assert!(
            asked.elapsed() < Duration::from_secs(5),
            "{:?}",
            asked.elapsed()
        );
        assert_eq!(output.status.code(), Some(code));
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        assert_eq!(report["exit_code"], code);
        assert_eq!(report["summary"]["not_done"], 1);
        assert!(case.tags("fluentd/app").is_empty());
        assert_eq!(
            case.sandbox.with_state(|state| state.open_uploads()),
            0,
            "sessions are closed"
        );
        case.sandbox.set_faults(Vec::new());
        case.run(&["promote", "-c", &config]).expect(0, &[]);
        case.pull("fluentd/app", "aaaa");
    }
}

#[test]
fn the_script_of_faults_is_read_as_documented() {
    assert!(matches!(
        fault("cut-from;carried-out@9").kind,
        Kind::CutFrom { carried_out: true }
    ));
}
