//! What ECR does not know yet, and what does not arrive whole: asked again, and nothing is left behind. Found by `tests/chaos.rs`.

mod support;

use demitasse_sandbox::{Fault, Options};
use serde_json::{Value, json};
use support::{Case, common};

fn faults(case: &Case, texts: &[&str]) {
    let read = |text: &&str| -> Fault {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    };
    case.sandbox.set_faults(texts.iter().map(read).collect());
}

fn streaming() -> Options {
    Options {
        mount: Some(false),
        ..Options::default()
    }
}

#[test]
fn half_an_answer_is_asked_for_again() {
    for action in [
        "ecr:GetAuthorizationToken",
        "ecr:DescribeRepositories",
        "ecr:BatchGetImage=fluentd/common",
        "ecr:BatchGetImage=fluentd/app",
        "ecr:CreateRepository",
        "ecr:PutImage",
    ] {
        let case = Case::common(&["aaaa"]);
        let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
        faults(&case, &[&format!("truncated-body@{action}")]);
        let ran = case.run(&["promote", "-c", &config]);
        assert_eq!(ran.code, 0, "{action}: {}", ran.err);
        case.sandbox.set_faults(Vec::new());
        case.pull("fluentd/app", "aaaa");
    }
}

#[test]
fn an_upload_into_a_repository_that_is_not_known_yet_is_begun_anew() {
    let case = Case::new(&common(&["aaaa"]), streaming());
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    faults(
        &case,
        &["repository-not-found@ecr:CompleteLayerUpload=fluentd/app"],
    );
    case.run(&["promote", "-c", &config]).expect(0, &[]);
    case.pull("fluentd/app", "aaaa");
    assert_eq!(case.sandbox.with_state(|state| state.open_uploads()), 0);
}

#[test]
fn a_mount_that_fails_leaves_no_session_of_another_open() {
    let case = Case::new(&common(&["aaaa"]), streaming());
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    faults(&case, &["400@ecr:InitiateLayerUpload"]);
    case.run(&["promote", "-c", &config])
        .expect(1, &["mount blob"]);
    let sessions = case.sandbox.with_state(|state| state.counters.sessions);
    assert!(sessions > 0, "others were opened");
    assert_eq!(case.sandbox.with_state(|state| state.open_uploads()), 0);
}

/// The run that created the repository was killed before it got its policies, and the next one comes so early that only some of ECR knows
/// the repository. An image in it would hide for ever that the repository policy is missing.
#[test]
fn a_repository_that_only_some_calls_know_is_waited_for() {
    let mut world = common(&["aaaa"]);
    world["repositories"][0]["policy"] =
        json!({"Version": "2012-10-17", "Statement": [{"Sid": "pull"}]});
    let case = Case::new(&world, Options::default());
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    faults(&case, &["cut-from@ecr:SetRepositoryPolicy"]);
    case.run(&["promote", "-c", &config, "--timeout", "1s"])
        .expect(1, &[]);
    let unknown = [
        "repository-not-found@ecr:GetLifecyclePolicy=fluentd/app",
        "repository-not-found@ecr:DescribeImages=fluentd/app",
        "repository-not-found@ecr:GetRepositoryPolicy=fluentd/app",
        "repository-not-found@ecr:ListTagsForResource=fluentd/app",
    ];
    faults(&case, &unknown);
    case.run(&["promote", "-c", &config]).expect(0, &[]);
    case.pull("fluentd/app", "aaaa");
    let (access, policy) = case.sandbox.with_state(|state| {
        let app = state.repository("fluentd/app").expect("it was created");
        (app.policy.clone(), app.lifecycle.is_some())
    });
    let access: Option<Value> = access.and_then(|text| serde_json::from_str(&text).ok());
    assert_eq!(access.as_ref(), Some(&world["repositories"][0]["policy"]));
    assert!(policy, "the lifecycle policy");
}
