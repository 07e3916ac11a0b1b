//! Access denied on each call: the hint names action and ARN, a denied read that is needed writes nothing, an optional
//! one only warns, a denied write leaves no tag visible and the report says what was written.

mod support;

use demitasse_sandbox::{Denied, Options};
use serde_json::{Value, json};
use support::{Case, common};

const SOURCE: Option<&str> = Some("fluentd/common");
const TARGET: Option<&str> = Some("fluentd/app");

/// What a denial leads to.
enum Then {
    /// Exit 1, no write at all.
    NothingWritten,
    /// Exit 1, no tag visible.
    NoTag,
    /// Exit 0 with a warning, promoted.
    Warned,
}

fn check(action: &str, repository: Option<&str>, exists: bool, then: &Then) {
    let mut world = common(&["aaaa"]);
    world["repositories"][0]["policy"] = json!({"Version": "2012-10-17", "Statement": []});
    if exists {
        world["repositories"]
            .as_array_mut()
            .expect("a list")
            .push(json!({"name": "fluentd/app"}));
    }
    let case = Case::new(&world, Options::default());
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.sandbox.deny(vec![Denied {
        action: action.to_owned(),
        repository: repository.map(str::to_owned),
    }]);
    let ran = case.run(&["promote", "-c", &config, "--output", "json"]);
    let about = format!(
        "{action} {repository:?}, target exists: {exists}\n{}",
        ran.err
    );
    assert!(
        ran.err.contains(action),
        "the hint names the action: {about}"
    );
    if let Some(repository) = repository {
        let arn = format!("arn:aws:ecr:ap-northeast-1:123456789012:repository/{repository}");
        assert!(ran.err.contains(&arn), "the hint names the ARN: {about}");
    }
    let visible = case.tags("fluentd/app").contains_key("aaaa");
    match then {
        Then::NothingWritten => {
            assert_eq!(ran.code, 1, "{about}");
            assert!(case.writes().is_empty(), "{about}");
        }
        Then::NoTag => {
            assert_eq!(ran.code, 1, "{about}");
            assert!(!visible, "{about}");
            let report = ran.report();
            assert_eq!(report["summary"]["failed"], 1, "{about}");
            let created = |one: &Value| one["created"] == true;
            let said = report["repositories"]
                .as_array()
                .is_some_and(|all| all.iter().any(created));
            assert_eq!(
                said,
                case.exists("fluentd/app") && !exists,
                "the report says what was written: {about}"
            );
        }
        Then::Warned => {
            assert_eq!(ran.code, 0, "{about}");
            assert!(visible, "{about}");
            assert!(ran.err.contains("warning"), "{about}");
        }
    }
}

#[test]
fn needed_reads() {
    check("ecr:BatchGetImage", SOURCE, false, &Then::NothingWritten);
    // A repository is created like its source, or not at all.
    check(
        "ecr:DescribeRepositories",
        SOURCE,
        false,
        &Then::NothingWritten,
    );
    check(
        "ecr:GetRepositoryPolicy",
        SOURCE,
        false,
        &Then::NothingWritten,
    );
    check(
        "ecr:GetAuthorizationToken",
        None,
        true,
        &Then::NothingWritten,
    );
}

#[test]
fn optional_reads() {
    check("ecr:GetAccountSetting", None, true, &Then::Warned);
    check("ecr:DescribeRepositories", SOURCE, true, &Then::Warned);
    check("ecr:DescribeRepositories", TARGET, true, &Then::Warned);
    check("ecr:DescribeImages", TARGET, true, &Then::Warned);
    check("ecr:GetLifecyclePolicy", TARGET, true, &Then::Warned);
    check("ecr:ListTagsForResource", TARGET, true, &Then::Warned);
    check("ecr:BatchGetImage", TARGET, true, &Then::Warned);
}

#[test]
fn writes() {
    check("ecr:CreateRepository", TARGET, false, &Then::NoTag);
    check("ecr:InitiateLayerUpload", TARGET, false, &Then::NoTag);
    check("ecr:InitiateLayerUpload", TARGET, true, &Then::NoTag);
    check("ecr:PutImage", TARGET, false, &Then::NoTag);
    check("ecr:PutImage", TARGET, true, &Then::NoTag);
    check("ecr:SetRepositoryPolicy", TARGET, false, &Then::NoTag);
    check("ecr:PutLifecyclePolicy", TARGET, false, &Then::Warned);
}

#[test]
fn a_target_that_cannot_be_read_at_all() {
    let mut world = common(&["aaaa"]);
    let repositories = world["repositories"].as_array_mut().expect("a list");
    repositories.push(json!({"name": "fluentd/app"}));
    let case = Case::new(&world, Options::default());
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    let denied = ["ecr:DescribeImages", "ecr:BatchGetImage"].map(|action| Denied {
        action: action.to_owned(),
        repository: TARGET.map(str::to_owned),
    });
    case.sandbox.deny(denied.into());
    let ran = case.run(&["promote", "-c", &config]);
    ran.expect(1, &["ecr:BatchGetImage", "nothing was written"]);
    assert!(case.writes().is_empty());
}

#[test]
fn a_repository_policy_that_could_not_be_set_is_set_by_the_next_run() {
    let access = json!({"Version": "2012-10-17", "Statement": [{"Sid": "pull"}]});
    let mut world = common(&["aaaa"]);
    world["repositories"][0]["policy"] = access.clone();
    let has_access = |case: &Case| {
        let text = case.sandbox.with_state(|state| {
            let target = state.repository("fluentd/app").expect("created");
            target.policy.clone()
        });
        text.is_some_and(|text| serde_json::from_str::<Value>(&text).expect("JSON") == access)
    };
    for command in ["promote", "bootstrap"] {
        let case = Case::new(&world, Options::default());
        let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
        let run = || case.run(&[command, "-c", &config]);
        case.sandbox
            .deny(vec!["ecr:SetRepositoryPolicy".parse().expect("a denial")]);
        for _ in 0..2 {
            run().expect(
                1,
                &["SetRepositoryPolicy", "hint: allow ecr:SetRepositoryPolicy"],
            );
            assert!(!has_access(&case) && case.tags("fluentd/app").is_empty());
        }
        case.sandbox.deny(vec![
            "ecr:GetRepositoryPolicy=fluentd/app"
                .parse()
                .expect("a denial"),
        ]);
        run().expect(1, &["hint: allow ecr:GetRepositoryPolicy"]);
        assert!(
            case.tags("fluentd/app").is_empty(),
            "it would hide what is missing"
        );
        case.sandbox.deny(Vec::new());
        let ran = run();
        ran.expect(0, &[]);
        let said =
            "set the repository policy of its source, install lifecycle policy, keep 30: done";
        assert!(ran.out.contains(said), "{}", ran.out);
        assert!(has_access(&case), "{command}");
        case.sandbox.clear_log();
        run().expect(0, &[]);
        assert!(case.writes().is_empty());
    }
}

#[test]
fn a_repository_that_somebody_else_made_is_not_given_a_repository_policy() {
    let mut world = common(&["aaaa"]);
    world["repositories"][0]["policy"] = json!({"Version": "2012-10-17", "Statement": []});
    let repositories = world["repositories"].as_array_mut().expect("a list");
    repositories.push(json!({"name": "fluentd/app", "tags": {"team": "sre"}}));
    let case = Case::new(&world, Options::default());
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    for command in ["bootstrap", "promote"] {
        case.run(&[command, "-c", &config]).expect(0, &[]);
        let access = case.sandbox.with_state(|state| {
            let target = state.repository("fluentd/app").expect("it exists");
            target.policy.clone()
        });
        assert_eq!(access, None, "{command}");
    }
}
