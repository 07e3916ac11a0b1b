//! Sources in another account: read with a role of that account, while every call about a target carries the credentials
//! of the run.

mod support;

use demitasse_sandbox::{Denied, Options, Request};
use serde_json::{Value, json};
use support::{Case, Ran, common};

const HOME: &str = "123456789012";
const BUILDS: &str = "222222222222";
const ROLE: &str = "arn:aws:iam::222222222222:role/read-builds";
const SOURCE: &str = "222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/{name}/common";

/// Builds in another account, whose repository policy allows nobody.
fn world(tags: &[&str]) -> Value {
    let mut world = common(tags);
    world["repositories"][0]["account"] = json!(BUILDS);
    world
}

fn promote(case: &Case, more: &[&str]) -> Ran {
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    let arguments = ["promote", "-c", &config, "--source", SOURCE];
    case.run(&[&arguments, more].concat())
}

/// The requests about images, blobs and repositories; those that only say who asks left out.
fn about(case: &Case, repository: &str) -> Vec<Request> {
    let log = case.sandbox.log().into_iter();
    log.filter(|request| request.repository.as_deref() == Some(repository))
        .collect()
}

#[test]
fn the_source_is_read_with_its_role_and_the_target_never() {
    let case = Case::new(&world(&["aaaa"]), Options::default());
    let ran = promote(&case, &["--source-role-arn", ROLE, "--output", "json"]);
    ran.expect(0, &["source and target are in different registries"]);
    assert_eq!(ran.report()["summary"]["streamed"], 3);
    case.pull("fluentd/app", "aaaa");
    let check = |repository: &str, account: &str| {
        let requests = about(&case, repository);
        assert!(!requests.is_empty());
        for request in requests {
            // What the stand-in for S3 gives out takes no credentials.
            let expected = (request.action.as_deref() != Some("s3:GetObject")).then_some(account);
            assert_eq!(request.caller.as_deref(), expected, "{request:?}");
        }
    };
    check("fluentd/common", BUILDS);
    check("fluentd/app", HOME);
    let assumed = |request: &&Request| request.operation == "AssumeRole";
    let log = case.sandbox.log();
    assert_eq!(log.iter().filter(assumed).count(), 1, "assumed once");
    let created = case
        .sandbox
        .with_state(|state| state.account_of("fluentd/app").to_owned());
    assert_eq!(created, HOME);

    case.sandbox.clear_log();
    promote(&case, &["--source-role-arn", ROLE]).expect(0, &[]);
    assert!(
        case.writes()
            .iter()
            .all(|one| one.operation == "AssumeRole")
    );
}

#[test]
fn without_the_role_the_hint_says_both_ways() {
    let case = Case::new(&world(&["aaaa"]), Options::default());
    promote(&case, &[]).expect(
        1,
        &[
            "(source)",
            "allow ecr:BatchGetImage on arn:aws:ecr:ap-northeast-1:222222222222:repository/fluentd/common",
            "with a role of account 222222222222: --source-role-arn",
        ],
    );
    assert!(case.writes().is_empty());
}

#[test]
fn a_repository_policy_does_without_the_role() {
    let mut world = world(&["aaaa"]);
    world["repositories"][0]["policy"] = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
    }]});
    let case = Case::new(&world, Options::default());
    let ran = promote(&case, &[]);
    ran.expect(
        0,
        &["note: up to 5.4 kB cannot be mounted from 222222222222.dkr"],
    );
    assert!(!ran.err.contains("warning"), "{}", ran.err);
    case.pull("fluentd/app", "aaaa");
    let source = about(&case, "fluentd/common").into_iter();
    let mut callers = source.filter_map(|request| request.caller);
    assert!(callers.all(|caller| caller == HOME));
}

#[test]
fn a_role_that_may_not_be_assumed_and_one_that_may_not_read_are_named() {
    let case = Case::new(&world(&["aaaa"]), Options::default());
    case.sandbox.deny(vec![Denied {
        action: "sts:AssumeRole".to_owned(),
        repository: None,
    }]);
    let role = ["--source-role-arn", ROLE];
    promote(&case, &role).expect(
        1,
        &[
            "(source)",
            "not authorized to perform: sts:AssumeRole",
            "let the role in use assume arn:aws:iam::222222222222:role/read-builds",
        ],
    );
    case.sandbox.deny(vec![Denied {
        action: "ecr:BatchGetImage".to_owned(),
        repository: Some("fluentd/common".to_owned()),
    }]);
    promote(&case, &role).expect(
        1,
        &["allow ecr:BatchGetImage on arn:aws:ecr:ap-northeast-1:222222222222:repository/fluentd/common for arn:aws:iam::222222222222:role/read-builds (--source-role-arn)"],
    );
    assert!(case.tags("fluentd/app").is_empty());
}

#[test]
fn mount_only_and_max_upload_refuse_before_any_write() {
    let case = Case::new(&world(&["aaaa"]), Options::default());
    promote(&case, &["--source-role-arn", ROLE, "--mount-only"])
        .expect(4, &["--mount-only refuses", "different registries"]);
    promote(&case, &["--source-role-arn", ROLE, "--max-upload", "1kB"])
        .expect(4, &["--max-upload 1.0 kB refuses"]);
    assert!(!case.exists("fluentd/app"));
}

#[test]
fn within_the_account_of_the_targets_the_role_is_not_used() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    let ran = case.run(&[
        "promote",
        "-c",
        &config,
        "--source-role-arn",
        ROLE,
        "--output",
        "json",
    ]);
    ran.expect(0, &[]);
    assert_eq!(ran.report()["summary"]["transferred"], 0, "mounted");
    let assumed = |request: &Request| request.operation == "AssumeRole";
    assert!(!case.sandbox.log().iter().any(assumed));
}

#[test]
fn the_mounting_of_another_accounts_registry_is_unknown_and_not_off() {
    let policy = json!({"Statement": [{
        "Effect": "Allow", "Principal": {"AWS": HOME}, "Action": "ecr:*",
    }]});
    let mut world = world(&["aaaa"]);
    world["repositories"][0]["policy"] = policy.clone();
    let target = json!({"name": "fluentd/app", "account": BUILDS, "policy": policy});
    let repositories = world["repositories"].as_array_mut();
    repositories.expect("a list").push(target);
    world["blobMounting"] = json!(false);
    let case = Case::new(&world, Options::default());
    let image = "222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/fluentd/app:aaaa";
    let config = case.project("app", &[image]);
    let plan = case.run(&["plan", "-c", &config]);
    plan.expect(0, &["GetAccountSetting", "another account"]);
    assert!(!plan.err.contains("is not ENABLED"), "{}", plan.err);
}

#[test]
fn bootstrap_reads_the_source_with_its_role() {
    let case = Case::new(&world(&["aaaa"]), Options::default());
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    let arguments = ["bootstrap", "-c", &config, "--source", SOURCE];
    case.run(&[&arguments[..], &["--source-role-arn", ROLE]].concat())
        .expect(0, &[]);
    assert!(case.exists("fluentd/app"));
    for request in about(&case, "fluentd/common") {
        assert_eq!(request.caller.as_deref(), Some(BUILDS), "{request:?}");
    }
    for request in about(&case, "fluentd/app") {
        assert_eq!(request.caller.as_deref(), Some(HOME), "{request:?}");
    }
}
