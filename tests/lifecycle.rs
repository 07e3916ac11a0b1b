//! `lifecycle lint` and `lifecycle simulate` with the real binary.

mod support;

use demitasse_sandbox::http::send;
use demitasse_sandbox::{Denied, Options};
use serde_json::{Value, json};
use support::{Case, HOST, our_policy};

fn rule(priority: u32, selection: &Value, limit: &Value) -> Value {
    let mut both = selection.clone();
    for (key, value) in limit.as_object().expect("an object") {
        both[key] = value.clone();
    }
    json!({"rulePriority": priority, "selection": both, "action": {"type": "expire"}})
}

fn tagged(patterns: &[&str]) -> Value {
    json!({"tagStatus": "tagged", "tagPatternList": patterns})
}

fn untagged() -> Value {
    json!({"tagStatus": "untagged"})
}

fn count(number: u32) -> Value {
    json!({"countType": "imageCountMoreThan", "countNumber": number})
}

fn days(number: u32) -> Value {
    json!({"countType": "sinceImagePushed", "countUnit": "days", "countNumber": number})
}

fn policy(rules: &[Value]) -> Value {
    json!({ "rules": rules })
}

fn empty() -> Case {
    Case::new(&json!({}), Options::default())
}

/// What `aws ecr describe-images --filter imageStatus=ANY` would print.
fn describe_images(case: &Case, repository: &str) -> Value {
    let headers = [
        ("authorization", "AWS4-HMAC-SHA256 none"),
        (
            "x-amz-target",
            "AmazonEC2ContainerRegistry_V20150921.DescribeImages",
        ),
    ];
    let input =
        json!({"repositoryName": repository, "maxResults": 1000, "filter": {"imageStatus": "ANY"}});
    let url = format!("{}/", case.sandbox.url());
    let answer = send("POST", &url, &headers, input.to_string()).expect("an answer");
    serde_json::from_slice(&answer.body).expect("JSON")
}

#[test]
fn a_file_is_linted() {
    let case = empty();
    let check = |policy: &Value, more: &[&str], code: i32, expected: &[&str]| {
        let text = serde_json::to_string_pretty(policy).expect("JSON");
        case.write("policy.json", &text);
        let mut arguments = vec!["lifecycle", "lint", "policy.json"];
        arguments.extend(more);
        let ran = case.run(&arguments);
        ran.expect(code, &[]);
        for text in expected {
            assert!(ran.out.contains(text), "`{text}` is not in:\n{}", ran.out);
        }
    };
    let clean = "Lint: 0 errors, 0 warnings, 0 infos in 1 policy.";
    check(&our_policy(30), &["--fail-on", "info"], 0, &[clean]);
    let and = policy(&[rule(1, &tagged(&["prod", "staging"]), &count(9))]);
    check(&and, &[], 0, &["warning  L1   11:27  rule 1"]);
    check(&and, &["--fail-on", "warning"], 2, &["L1"]);
    let by_age = policy(&[rule(1, &json!({"tagStatus": "any"}), &days(90))]);
    check(&by_age, &[], 2, &["error    L4"]);
    check(&by_age, &["--fail-on", "never"], 0, &["error    L4"]);
    check(&by_age, &["--output", "markdown"], 2, &["* **error** L4"]);
    check(
        &by_age,
        &["--output", "json"],
        2,
        &["demitasse.lint/v1", "\"exit_code\": 2"],
    );
    assert!(case.sandbox.log().is_empty());
}

#[test]
fn what_ecr_refuses_is_wrong_input() {
    let case = empty();
    let check = |text: &str, code: &str, expected: &str| {
        case.write("policy.json", text);
        let ran = case.run(&["lifecycle", "lint", "policy.json"]);
        ran.expect(3, &[]);
        let found = ran.out.contains(code) && ran.out.contains(expected);
        assert!(found, "`{code}`, `{expected}` are not in:\n{}", ran.out);
        case.write("images.json", r#"{"imageDetails": []}"#);
        let arguments = [
            "lifecycle",
            "simulate",
            "--policy",
            "policy.json",
            "--images",
            "images.json",
        ];
        let ran = case.run(&arguments);
        ran.expect(3, &["error: policy.json:", expected]);
        assert!(ran.out.is_empty());
    };
    let text = |rules: &[Value]| policy(rules).to_string();
    let good = rule(1, &tagged(&["*"]), &count(9));
    let mut unknown = good.clone();
    unknown["selection"]["retain"] = json!(true);
    check(
        &text(&[unknown]),
        "L10",
        "selection.retain is not a key of a lifecycle policy here",
    );
    let commented =
        serde_json::to_string_pretty(&policy(std::slice::from_ref(&good))).expect("JSON");
    check(
        &commented.replacen('[', "[ // keep\n", 1),
        "L10",
        "expected value",
    );
    let many: Vec<Value> = (1..=51)
        .map(|at| rule(at, &tagged(&[&format!("p{at}-*")]), &count(1)))
        .collect();
    check(
        &text(&many),
        "L10",
        "has 51 rules, more than the 50 allowed",
    );
    let long = format!("{:30721}", text(std::slice::from_ref(&good)));
    check(&long, "L10", "the text has 30721 characters");
    let zero = rule(1, &tagged(&["*"]), &count(0));
    check(
        &text(&[zero]),
        "L10",
        "selection.countNumber must be a whole number from 1 to 4294967295, not 0",
    );
    let twice = [
        rule(1, &untagged(), &count(1)),
        rule(2, &untagged(), &days(9)),
    ];
    check(
        &text(&twice),
        "L10",
        "\"untagged\" is allowed once per storage class, and rule 1 has it already",
    );
    let mut both = good.clone();
    both["selection"]["tagPrefixList"] = json!(["v"]);
    check(
        &text(&[both]),
        "L9",
        "cannot be combined with tagPatternList in one rule",
    );
    let first = [
        rule(1, &json!({"tagStatus": "any"}), &count(1)),
        rule(2, &untagged(), &days(9)),
    ];
    check(
        &text(&first),
        "L8",
        "\"any\" must have the highest rulePriority",
    );
    check("", "L10", "EOF");
    case.run(&["lifecycle", "lint", "nowhere.json"])
        .expect(3, &["nowhere.json"]);
    case.run(&["lifecycle", "lint"]).expect(3, &["POLICY"]);
}

#[test]
fn live_repositories_are_linted() {
    let image = |tags: &[&str], age: u32| json!({"tags": tags, "pushedDaysAgo": age, "layers": [{"size": 64, "seed": format!("{tags:?} {age}")}]});
    let signature = format!("sha256-{}.sig", "a".repeat(64));
    let world = json!({"repositories": [
        {"name": "fluentd/app", "tagMutability": "IMMUTABLE_WITH_EXCLUSION", "exclusionFilters": ["inuse-*"], "lifecyclePolicy": our_policy(30),
         "images": [image(&["v1"], 2), image(&["v2"], 1)]},
        {"name": "fluentd/common", "lifecyclePolicy": policy(&[rule(1, &tagged(&["*"]), &count(30)), rule(2, &untagged(), &days(30))]),
         "images": [image(&["v1"], 2), image(&[&signature], 1)]},
        {"name": "fluentd/none"},
        {"name": "nginx", "lifecyclePolicy": policy(&[rule(1, &tagged(&["release-.*"]), &count(30))]), "images": [image(&["release-1"], 1)]},
    ]});
    let case = Case::new(&world, Options::default());
    let ran = case.run(&[
        "lifecycle",
        "lint",
        "--repository",
        "fluentd/*",
        "--output",
        "json",
    ]);
    ran.expect(2, &[]);
    let report = ran.report();
    let found = |at: usize| {
        let linted = &report["policies"][at];
        let findings = linted["findings"].as_array().expect("a list").iter();
        let codes: Vec<&str> = findings
            .map(|finding| finding["code"].as_str().expect("a code"))
            .collect();
        (
            linted["repository"].as_str().expect("a name").to_owned(),
            linted["rules"].clone(),
            codes,
        )
    };
    assert_eq!(found(0), ("fluentd/app".to_owned(), json!(3), vec![]));
    assert_eq!(
        found(1),
        (
            "fluentd/common".to_owned(),
            json!(2),
            vec!["L5", "L12", "L3"]
        )
    );
    assert_eq!(found(2), ("fluentd/none".to_owned(), Value::Null, vec![]));
    assert_eq!(report["summary"]["without_policy"], 1);
    assert!(case.writes().is_empty());
    let listed = |request: &demitasse_sandbox::Request| {
        request.operation == "DescribeImages"
            && request.repository.as_deref() == Some("fluentd/none")
    };
    assert!(
        !case.sandbox.log().iter().any(listed),
        "nothing to judge, nothing to list"
    );

    let ran = case.run(&[
        "lifecycle",
        "lint",
        "--repository",
        &format!("{HOST}/nginx"),
    ]);
    ran.expect(0, &[]);
    assert!(
        ran.out
            .contains("warning  L2   rule 1 selects none of the images"),
        "{}",
        ran.out
    );

    case.write("keep-1.json", &our_policy(1).to_string());
    let ran = case.run(&[
        "lifecycle",
        "lint",
        "keep-1.json",
        "--repository",
        "fluentd/app,fluentd/none",
    ]);
    ran.expect(0, &[]);
    for text in [
        "keep-1.json on fluentd/app",
        "L17",
        "act on 1 images",
        "keep-1.json on fluentd/none  (3 rules)",
    ] {
        assert!(ran.out.contains(text), "`{text}` is not in:\n{}", ran.out);
    }
    assert!(case.writes().is_empty());
}

#[test]
fn what_cannot_be_linted_is_told() {
    let world = json!({"repositories": [{"name": "aa", "lifecyclePolicy": our_policy(30)}, {"name": "bb", "lifecyclePolicy": our_policy(30)}]});
    let case = Case::new(&world, Options::default());
    let lint = |pattern: &str| case.run(&["lifecycle", "lint", "--repository", pattern]);
    lint("cc*").expect(3, &["no repository matches cc*"]);
    lint("cc,aa").expect(3, &["repository cc does not exist"]);
    lint("cc,a*").expect(3, &["repository cc does not exist"]);
    lint("Fluentd/App").expect(3, &["lower-case", "hint:"]);
    lint("").expect(3, &["`` is not a legal ECR repository name"]);
    lint("123456789012.dkr.ecr.us-east-1.amazonaws.com/aa").expect(
        3,
        &[
            "not in the registry in use",
            "hint: set AWS_REGION=us-east-1",
        ],
    );
    let deny = |action: &str, repository: Option<&str>| {
        case.sandbox.deny(vec![Denied {
            action: action.to_owned(),
            repository: repository.map(str::to_owned),
        }]);
    };
    deny("ecr:GetLifecyclePolicy", Some("bb"));
    let ran = lint("*");
    ran.expect(
        1,
        &[
            "GetLifecyclePolicy",
            "access denied",
            "hint: allow ecr:GetLifecyclePolicy",
        ],
    );
    assert!(
        ran.out.contains("in 1 policy; 1 could not be read."),
        "{}",
        ran.out
    );
    deny("ecr:DescribeImages", None);
    lint("*").expect(1, &["ecr:DescribeImages"]);
    deny("ecr:DescribeRepositories", None);
    lint("*").expect(1, &["ecr:DescribeRepositories"]);
}

#[test]
fn the_shared_repository_is_predicted_before_the_clock_runs() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/worlds/shared-repository.json");
    let world = demitasse_sandbox::World::read(&path).expect("a world");
    let policy = world.repositories[0]
        .lifecycle_policy
        .clone()
        .expect("a policy");
    let at = world.now.clone();
    let case = Case {
        sandbox: demitasse_sandbox::Sandbox::start(world, Options::default()).expect("a sandbox"),
        directory: tempfile::TempDir::new().expect("a directory"),
    };
    case.write("policy.json", &policy.to_string());
    case.write(
        "images.json",
        &describe_images(&case, "fluentd").to_string(),
    );
    let ran = case.run(&[
        "lifecycle",
        "simulate",
        "--policy",
        "policy.json",
        "--images",
        "images.json",
        "--at",
        &at,
        "--output",
        "json",
    ]);
    ran.expect(0, &[]);
    let report = ran.report();
    assert_eq!(report["schema"], "demitasse.simulate/v1");
    let images = report["images"].as_array().expect("a list");
    let keys: Vec<&String> = images[0].as_object().expect("an object").keys().collect();
    assert_eq!(keys.len(), 7, "{keys:?}");
    let by_tag = |tag: &str| {
        images
            .iter()
            .find(|image| image["tags"] == json!([tag]))
            .expect(tag)
    };
    for (tag, rank, left) in [
        ("aaaa", 4, 0),
        ("bbbb", 3, 0),
        ("cccc", 2, 1),
        ("dddd", 1, 2),
        ("eeee", 0, 3),
    ] {
        let image = by_tag(tag);
        assert_eq!(image["rank"], rank, "{image}");
        assert_eq!(
            image["pushes_left"],
            json!({"min": left, "max": left}),
            "{image}"
        );
        assert_eq!(
            image["action"],
            if left == 0 {
                json!("expire")
            } else {
                Value::Null
            },
            "{image}"
        );
        assert_eq!(image["rule"], 1);
    }
    let mut expired: Vec<String> = case
        .sandbox
        .run_lifecycle()
        .into_iter()
        .map(|done| done.digest)
        .collect();
    let predicted = images.iter().filter(|image| image["action"] == "expire");
    let mut predicted: Vec<String> = predicted
        .map(|image| image["digest"].as_str().expect("a digest").to_owned())
        .collect();
    expired.sort();
    predicted.sort();
    assert_eq!(predicted, expired);
}

#[test]
fn simulate_tells_what_is_wrong_with_its_input() {
    let case = empty();
    let digest = format!("sha256:{}", "a".repeat(64));
    case.write("policy.json", &our_policy(30).to_string());
    case.write("images.json", &json!({"imageDetails": [{"imageDigest": digest, "imagePushedAt": "2026-11-20T18:00:00+09:00"}]}).to_string());
    case.write("more.json", r#"{"imageDetails": [], "nextToken": "x"}"#);
    let simulate = |policy: &str, images: &str, more: &[&str]| {
        let mut arguments = vec![
            "lifecycle",
            "simulate",
            "--policy",
            policy,
            "--images",
            images,
        ];
        arguments.extend(more);
        case.run(&arguments)
    };
    let ran = simulate(
        "policy.json",
        "images.json",
        &["--at", "2026-11-21T09:00:00Z"],
    );
    ran.expect(0, &[]);
    assert!(
        ran.out.contains("after 2026-12-20T09:00:00Z"),
        "{}",
        ran.out
    );
    simulate("policy.json", "more.json", &[]).expect(3, &["more.json", "not complete", "hint:"]);
    simulate("policy.json", "nowhere.json", &[]).expect(3, &["nowhere.json"]);
    simulate("images.json", "nowhere.json", &[]).expect(3, &["images.json:1:", "nowhere.json"]);
    simulate(
        "policy.json",
        "images.json",
        &["--manifests", "policy.json"],
    )
    .expect(3, &["policy.json"]);
    simulate("policy.json", "images.json", &["--at", "soon"])
        .expect(3, &["\"soon\" is not a time"]);
    simulate("-", "-", &[]).expect(3, &["only one"]);
    let manifests = json!({ digest.clone(): [format!("sha256:{}", "b".repeat(64))] }).to_string();
    case.write("manifests.json", &manifests);
    simulate(
        "policy.json",
        "images.json",
        &["--manifests", "manifests.json"],
    )
    .expect(0, &[]);
    assert!(case.sandbox.log().is_empty());
}

#[test]
fn a_template_for_repositories_that_ecr_creates() {
    let case = empty();
    let template = |more: &[&str]| {
        let mut arguments = vec!["lifecycle", "template", "--prefix", "fluentd/"];
        arguments.extend(more);
        case.run(&arguments)
    };
    let ran = template(&[]);
    ran.expect(0, &[]);
    for line in [
        "resource \"aws_ecr_repository_creation_template\" \"fluentd\" {",
        "  prefix               = \"fluentd\"",
        "  applied_for          = [\"REPLICATION\"]",
        "  image_tag_mutability = \"IMMUTABLE_WITH_EXCLUSION\"",
        "  lifecycle_policy = jsonencode({",
        "          countNumber    = 30",
    ] {
        assert!(
            ran.out.lines().any(|one| one == line),
            "{line}: {}",
            ran.out
        );
    }

    case.write(
        "demitasse.yml",
        "moving_tags: [latest]\nrepositories:\n- {match: 'fluentd/*', keep: 100, untagged_days: 60, encryption: {type: KMS}, tags: {team: sre}}\n",
    );
    template(&[]).expect(3, &["resource tags", "hint: pass --custom-role-arn"]);
    let role = "arn:aws:iam::123456789012:role/ecr-template";
    let ran = template(&[
        "--custom-role-arn",
        role,
        "--applied-for",
        "replication,create-on-push",
        "-o",
        "json",
    ]);
    ran.expect(0, &[]);
    let mut input = ran.report();
    let policy = input["lifecyclePolicy"].take();
    let policy: Value = serde_json::from_str(policy.as_str().expect("a text")).expect("JSON");
    let numbers = |at: usize| policy["rules"][at]["selection"]["countNumber"].clone();
    assert_eq!([numbers(1), numbers(2)], [json!(100), json!(60)]);
    let filter = |filter: &str| json!({"filterType": "WILDCARD", "filter": filter});
    let expected = json!({
        "prefix": "fluentd",
        "description": "demitasse: the newest 100 images and the pinned ones stay",
        "appliedFor": ["REPLICATION", "CREATE_ON_PUSH"],
        "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters": [filter("inuse-*"), filter("latest")],
        "encryptionConfiguration": {"encryptionType": "KMS"},
        "resourceTags": [{"Key": "team", "Value": "sre"}],
        "lifecyclePolicy": null,
        "customRoleArn": role,
    });
    assert_eq!(input, expected);

    case.run(&["lifecycle", "template", "--prefix", "Fluentd"])
        .expect(3, &["--prefix", "not a legal ECR repository name"]);
    case.run(&["lifecycle", "template", "--prefix", "ROOT", "--keep", "7"])
        .expect(0, &[]);
    assert!(case.sandbox.log().is_empty());
}
