//! Faults are really made, permissions really refused, quotas really kept, and the log tells.
#![expect(clippy::disallowed_methods, reason = "the log file is read back")]

mod support;

use std::time::Duration;
use std::time::Instant;

use demitasse_sandbox::Options;
use demitasse_sandbox::Sandbox;
use demitasse_sandbox::http::send;
use serde_json::json;
use support::*;

const WORLD: &str = r#"{"repositories": [{"name": "a/app", "images": [{"tags": ["v1"]}]}]}"#;

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

fn create(sandbox: &Sandbox, name: &str) -> Option<u16> {
    let headers = [
        ("authorization", "AWS4"),
        (
            "x-amz-target",
            "AmazonEC2ContainerRegistry_V20150921.CreateRepository",
        ),
    ];
    let body = json!({"repositoryName": name}).to_string();
    send("POST", &format!("{}/", sandbox.url()), &headers, body)
        .ok()
        .map(|answer| answer.status)
}

fn exists(sandbox: &Sandbox, name: &str) -> bool {
    sandbox.with_state(|state| state.repository(name).is_some())
}

#[test]
fn cut_before_and_after() {
    let sandbox = with_faults(&["cut-before@1", "cut-after@2"]);
    assert_eq!(
        (create(&sandbox, "b1"), exists(&sandbox, "b1")),
        (None, false)
    );
    assert_eq!(
        (create(&sandbox, "b2"), exists(&sandbox, "b2")),
        (None, true)
    );
    assert_eq!(create(&sandbox, "b2"), Some(400));
    let statuses: Vec<u16> = sandbox.log().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [0, 0, 400]);
}

#[test]
fn cut_from_is_the_end() {
    for (fault, first) in [("cut-from@2", false), ("cut-from;carried-out@2", true)] {
        let sandbox = with_faults(&[fault]);
        assert_eq!(create(&sandbox, "b1"), Some(200));
        assert_eq!(
            (create(&sandbox, "b2"), exists(&sandbox, "b2")),
            (None, first),
            "{fault}"
        );
        assert_eq!(
            (create(&sandbox, "b3"), exists(&sandbox, "b3")),
            (None, false),
            "{fault}"
        );
        sandbox.set_faults(Vec::new());
        assert_eq!(create(&sandbox, "b3"), Some(200));
    }
}

#[test]
fn cut_body_is_cut() {
    let sandbox = with_faults(&["cut-body@ecr:BatchGetImage"]);
    let token = sandbox.password();
    let url = sandbox.url();
    let pulled = demitasse_sandbox::pull::pull(&url, &token, "a/app", "v1");
    assert!(pulled.is_err(), "{pulled:?}");
    assert!(demitasse_sandbox::pull::pull(&url, &token, "a/app", "v1").is_ok());
}

#[test]
fn altered_manifests_and_slow_bodies() {
    let sandbox = with_faults(&[
        "wrong-digest@ecr:BatchGetImage#1",
        "slow-body;200ms@ecr:BatchGetImage#2",
    ]);
    let digest = sandbox.with_state(|state| state.image("a/app", "v1").unwrap().digest.clone());
    assert!(
        sandbox
            .pull("a/app", &digest)
            .unwrap_err()
            .to_string()
            .contains("the bytes have the digest")
    );
    let start = Instant::now();
    assert!(sandbox.pull("a/app", &digest).is_ok());
    assert!(start.elapsed() >= Duration::from_millis(180));
}

#[test]
fn statuses_by_protocol() {
    let sandbox = with_faults(&[
        "429;retry-after=3@ecr:InitiateLayerUpload",
        "429@ecr:CreateRepository",
        "503@ecr:CreateRepository#2",
        "expired-token@ecr:CreateRepository#3",
        "expired-token@ecr:InitiateLayerUpload=a/app#2",
    ]);
    let answer = registry(&sandbox, "POST", "/v2/a/app/blobs/uploads/", &[], b"");
    assert_eq!(
        (answer.status, code(&answer), answer.header("retry-after")),
        (429, "TOOMANYREQUESTS".to_owned(), Some("3"))
    );
    let codes: Vec<(u16, String)> = (0..3)
        .map(|_| {
            ecr(
                &sandbox,
                "CreateRepository",
                &json!({"repositoryName": "bb"}),
            )
        })
        .map(|(status, answer)| (status, answer["__type"].as_str().unwrap().to_owned()))
        .collect();
    let expected = [
        (400, "ThrottlingException"),
        (503, "ServiceUnavailable"),
        (403, "ExpiredTokenException"),
    ];
    assert_eq!(
        codes,
        expected.map(|(status, code)| (status, code.to_owned()))
    );
    assert_eq!(
        registry(&sandbox, "POST", "/v2/a/app/blobs/uploads/", &[], b"").status,
        403
    );
    assert_eq!(sandbox.with_state(|state| state.open_uploads()), 0);
}

#[test]
fn denied_actions() {
    let sandbox = start(WORLD, Options::default());
    sandbox.deny(vec![
        "ecr:CreateRepository".parse().unwrap(),
        "ecr:BatchGetImage=a/*".parse().unwrap(),
    ]);
    let (status, answer) = ecr(
        &sandbox,
        "CreateRepository",
        &json!({"repositoryName": "b/app"}),
    );
    assert_eq!(
        (status, answer["__type"].as_str()),
        (400, Some("AccessDeniedException"))
    );
    assert_eq!(
        answer["message"].as_str().unwrap(),
        "User: arn:aws:sts::123456789012:assumed-role/deploy/ci is not authorized to perform: ecr:CreateRepository on resource: arn:aws:ecr:ap-northeast-1:123456789012:repository/b/app because no identity-based policy allows the ecr:CreateRepository action"
    );
    let answer = registry(&sandbox, "GET", "/v2/a/app/manifests/v1", &[], b"");
    assert_eq!((answer.status, code(&answer)), (403, "DENIED".to_owned()));
}

#[test]
fn quotas_and_latency() {
    let sandbox = start(
        WORLD,
        Options {
            quotas: true,
            ..Options::default()
        },
    );
    let manifest = sandbox.with_state(|state| state.image("a/app", "v1").unwrap().bytes.clone());
    let statuses: Vec<u16> = (0..14)
        .map(|at| {
            let path = format!("/v2/a/app/manifests/t{at}");
            registry(&sandbox, "PUT", &path, &[("content-type", OCI)], &manifest).status
        })
        .collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(&statuses[..10], &[201; 10]);

    let sandbox = start(
        WORLD,
        Options {
            rtt: Duration::from_millis(30),
            ..Options::default()
        },
    );
    let start = Instant::now();
    registry(&sandbox, "GET", "/v2/", &[], b"");
    assert!(
        start.elapsed() >= Duration::from_millis(60),
        "one for the connection, one for the request"
    );
}

#[test]
fn the_log_says_what_was_asked() {
    let file = std::env::temp_dir().join(format!("sandbox-log-{}", std::process::id()));
    let sandbox = start(
        WORLD,
        Options {
            log: Some(file.clone()),
            ..Options::default()
        },
    );
    registry(&sandbox, "GET", "/v2/a/app/manifests/v1", &[], b"");
    ecr(
        &sandbox,
        "PutImage",
        &json!({"repositoryName": "a/app", "imageManifest": "{", "imageTag": "v9"}),
    );
    let log = sandbox.log();
    let rows: Vec<_> = log
        .iter()
        .map(|row| {
            (
                row.number,
                row.action.as_deref(),
                row.repository.as_deref(),
                row.reference.as_deref(),
                row.write,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (
                1,
                Some("ecr:BatchGetImage"),
                Some("a/app"),
                Some("v1"),
                false
            ),
            (2, Some("ecr:PutImage"), Some("a/app"), Some("v9"), true)
        ]
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 2);
    std::fs::remove_file(file).unwrap();
    sandbox.clear_log();
    registry(&sandbox, "GET", "/v2/", &[], b"");
    assert_eq!(sandbox.log()[0].number, 1);
}

#[test]
fn a_created_repository_may_take_a_while_to_appear() {
    let sandbox = start(
        WORLD,
        Options {
            creation_delay: true,
            ..Options::default()
        },
    );
    assert_eq!(create(&sandbox, "b/app"), Some(200));
    let answers: Vec<u16> = (0..4)
        .map(|_| registry(&sandbox, "GET", "/v2/b/app/tags/list", &[], b"").status)
        .collect();
    assert_eq!(answers, [404, 404, 200, 200]);
}
