//! What protects images from each other: lifecycle policies, tags that hold another digest, pins.

#![expect(
    clippy::disallowed_methods,
    reason = "ages are told against the real clock"
)]

mod support;

use demitasse_sandbox::{Denied, Options};
use serde_json::{Value, json};
use support::{Case, common, our_policy};

fn count_policy(keep: u32) -> Value {
    json!({"rules": [{
        "rulePriority": 1,
        "description": "keep the newest",
        "selection": {"tagStatus": "tagged", "tagPatternList": ["*"], "countType": "imageCountMoreThan", "countNumber": keep},
        "action": {"type": "expire"},
    }]})
}

/// A common repository and `fluentd/app` with images `v1` (oldest) … `vN`, one pushed every day until yesterday.
fn with_target(images: usize, settings: Value) -> Value {
    let mut world = common(&["aaaa"]);
    let image = |number: usize| json!({"tags": [format!("v{number}")], "pushedDaysAgo": images - number + 1, "layers": [{"size": 64, "seed": format!("v{number}")}]});
    let mut target =
        json!({"name": "fluentd/app", "images": (1..=images).map(image).collect::<Vec<_>>()});
    for (key, value) in settings.as_object().into_iter().flatten() {
        target[key] = value.clone();
    }
    world["repositories"]
        .as_array_mut()
        .expect("a list")
        .push(target);
    world
}

fn has_policy(case: &Case) -> bool {
    case.sandbox.with_state(|state| {
        state
            .repository("fluentd/app")
            .is_some_and(|one| one.lifecycle.is_some())
    })
}

#[test]
fn a_policy_is_installed_only_where_it_expires_nothing() {
    let check = |images: usize, installed: bool| {
        let case = Case::new(&with_target(images, json!({})), Options::default());
        let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
        let ran = case.run(&["promote", "-c", &config, "--keep", "5"]);
        let texts: &[&str] = if installed {
            &[]
        } else {
            &[
                "has no lifecycle policy",
                "keep 5 would expire",
                "docs/lifecycle-policy.md",
            ]
        };
        ran.expect(0, texts);
        assert_eq!(has_policy(&case), installed, "{images} images");
    };
    check(4, true);
    check(5, false);
    check(9, false);
}

fn sent(case: &Case, operation: &str) -> usize {
    let log = case.sandbox.log();
    log.iter()
        .filter(|request| request.operation == operation)
        .count()
}

#[test]
fn a_policy_is_not_installed_where_somebody_else_declares_the_repository() {
    let check = |tags: Value, installed: bool, texts: &[&str]| {
        let world = with_target(2, json!({"tags": tags}));
        let case = Case::new(&world, Options::default());
        let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
        let ran = case.run(&["promote", "-c", &config]);
        ran.expect(0, texts);
        assert_eq!(has_policy(&case), installed, "{tags}");
        assert_eq!(
            sent(&case, "PutLifecyclePolicy"),
            usize::from(installed),
            "{tags}"
        );
        assert_eq!(sent(&case, "ListTagsForResource"), 1, "{tags}");
        case.pull("fluentd/app", "aaaa");
        case.sandbox.clear_log();
        case.run(&["promote", "-c", &config]).expect(0, &[]);
        assert_eq!(sent(&case, "PutLifecyclePolicy"), 0, "{tags}");
    };
    check(json!({}), true, &[]);
    check(json!({"ManagedBy": "demitasse"}), true, &[]);
    check(
        json!({"ManagedBy": "terraform"}),
        false,
        &[
            "note",
            "belongs to Terraform (tag ManagedBy=terraform)",
            "only verified",
            "hint: declare an aws_ecr_lifecycle_policy",
        ],
    );
    check(
        json!({"aws:cloudformation:stack-name": "repositories"}),
        false,
        &[
            "the CloudFormation stack repositories",
            "hint: set LifecyclePolicy",
        ],
    );
}

#[test]
fn a_policy_that_terraform_owns_is_never_touched() {
    for (policy, texts) in [
        (our_policy(30), [].as_slice()),
        (count_policy(500), &["inuse-*"]),
        (our_policy(2), &["too weak"]),
    ] {
        let settings = json!({"lifecyclePolicy": policy, "tags": {"ManagedBy": "terraform"}});
        let case = Case::new(&with_target(2, settings), Options::default());
        let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
        case.run(&["promote", "-c", &config]).expect(0, texts);
        assert_eq!(
            sent(&case, "PutLifecyclePolicy") + sent(&case, "DeleteLifecyclePolicy"),
            0
        );
        assert_eq!(
            sent(&case, "ListTagsForResource"),
            0,
            "who owns it does not matter"
        );
    }
}

#[test]
fn the_owner_is_asked_for_only_where_a_policy_would_be_installed() {
    let check = |settings: Value, arguments: &[&str]| {
        let case = Case::new(&with_target(5, settings), Options::default());
        let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
        let mut all = vec!["promote", "-c", &config];
        all.extend(arguments);
        case.run(&all).expect(0, &[]);
        assert_eq!(sent(&case, "ListTagsForResource"), 0, "{arguments:?}");
    };
    check(json!({"lifecyclePolicy": our_policy(30)}), &[]);
    check(json!({}), &["--keep", "5"]);
    check(json!({}), &["--lifecycle", "verify"]);
    check(json!({}), &["--lifecycle", "off"]);
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.run(&["promote", "-c", &config]).expect(0, &[]);
    assert_eq!(sent(&case, "ListTagsForResource"), 0, "this run created it");
}

#[test]
fn a_service_control_policy_is_named() {
    let forbidden = |action: &str| {
        vec![Denied {
            action: action.to_owned(),
            repository: None,
        }]
    };
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.sandbox.forbid(forbidden("ecr:CreateRepository"));
    case.run(&["promote", "-c", &config]).expect(
        1,
        &["hint: an explicit deny in a service control policy forbids ecr:CreateRepository on arn:aws:ecr:", "--create-repository never"],
    );
    case.sandbox.forbid(forbidden("ecr:PutLifecyclePolicy"));
    let ran = case.run(&["promote", "-c", &config]);
    ran.expect(
        0,
        &["an explicit deny in a service control policy forbids ecr:PutLifecyclePolicy"],
    );
    assert!(!ran.err.contains("hint: allow"), "{}", ran.err);
}

#[test]
fn verify_refuses_a_weak_policy_before_any_write() {
    let check = |settings: Value, code: i32, texts: &[&str]| {
        let case = Case::new(&with_target(2, settings), Options::default());
        let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
        case.run(&["promote", "-c", &config, "--lifecycle", "verify"])
            .expect(code, texts);
        assert_eq!(case.tags("fluentd/app").contains_key("aaaa"), code == 0);
        if code != 0 {
            assert!(case.writes().is_empty());
        }
    };
    check(json!({"lifecyclePolicy": our_policy(30)}), 0, &[]);
    check(json!({"lifecyclePolicy": our_policy(31)}), 0, &[]);
    check(
        json!({"lifecyclePolicy": our_policy(29)}),
        4,
        &["too weak", "29"],
    );
    check(
        json!({"lifecyclePolicy": count_policy(30)}),
        0,
        &["warning", "inuse-*"],
    );
    check(json!({}), 0, &["note"]);
    let by_age = json!({"rules": [{"rulePriority": 1, "description": "by age", "selection": {"tagStatus": "any", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 90}, "action": {"type": "expire"}}]});
    check(json!({"lifecyclePolicy": by_age.clone()}), 4, &["too weak"]);

    let case = Case::new(
        &with_target(2, json!({"lifecyclePolicy": by_age})),
        Options::default(),
    );
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.run(&["promote", "-c", &config])
        .expect(0, &["warning", "too weak"]);
    case.run(&["promote", "-c", &config, "--lifecycle", "off"])
        .expect(0, &[]);
}

#[test]
fn verify_asks_for_the_days_that_the_settings_ask_for() {
    let days = |days: u32| {
        let mut policy = our_policy(30);
        policy["rules"][2]["selection"]["countNumber"] = json!(days);
        json!({ "lifecyclePolicy": policy })
    };
    let settings = "repositories:\n- match: 'fluentd/*'\n  untagged_days: 60\n";
    for (present, code, texts) in [
        (days(30), 4, ["after 30 days", "at least 60"].as_slice()),
        (days(60), 0, &[]),
        (days(61), 0, &[]),
    ] {
        let case = Case::new(&with_target(2, present), Options::default());
        let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
        let arguments = ["promote", "-c", &config, "--lifecycle", "verify"];
        case.write("demitasse.yml", settings);
        case.run(&arguments).expect(code, texts);
        assert_eq!(case.writes().is_empty(), code == 4);
    }
}

#[test]
fn a_tag_that_holds_another_digest_is_refused() {
    let mut world = with_target(1, json!({"lifecyclePolicy": our_policy(30)}));
    world["repositories"][1]["images"][0]["tags"] = json!(["aaaa"]);
    let case = Case::new(&world, Options::default());
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    let before = case.tags("fluentd/app");
    case.run(&["promote", "-c", &config])
        .expect(4, &["fluentd/app:aaaa holds sha256:", "--allow-tag-move"]);
    assert_eq!(case.tags("fluentd/app"), before);
    assert!(case.writes().is_empty());
}

#[test]
fn a_tag_moves_only_after_the_old_digest_is_pinned() {
    let moving = |settings: Value| {
        let mut world = with_target(1, settings);
        world["repositories"][1]["images"][0]["tags"] = json!(["aaaa"]);
        let case = Case::new(&world, Options::default());
        let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
        (case, config)
    };
    let pin = |digest: &str| format!("inuse-{}", &digest["sha256:".len()..][..12]);

    let (case, config) = moving(json!({"lifecyclePolicy": our_policy(30)}));
    let old = case.tags("fluentd/app")["aaaa"].clone();
    let ran = case.run(&["promote", "-c", &config, "--allow-tag-move"]);
    ran.expect(0, &[]);
    let tags = case.tags("fluentd/app");
    assert_eq!(tags[&pin(&old)], old);
    assert_eq!(tags["aaaa"], case.tags("fluentd/common")["aaaa"]);
    assert!(ran.out.contains("~ app"), "{}", ran.out);
    let puts: Vec<_> = case
        .writes()
        .into_iter()
        .filter(|request| request.operation == "PutImage")
        .collect();
    assert_eq!(
        puts.iter()
            .map(|put| put.reference.clone().unwrap_or_default())
            .collect::<Vec<_>>(),
        [pin(&old), "aaaa".to_owned()]
    );

    let (case, config) = moving(json!({"lifecyclePolicy": our_policy(30)}));
    case.write("demitasse.yml", "moving_tags: ['aa*']\n");
    case.run(&["promote", "-c", &config]).expect(0, &[]);

    let (case, config) = moving(json!({"lifecyclePolicy": count_policy(30)}));
    case.run(&["promote", "-c", &config, "--allow-tag-move"])
        .expect(4, &["a pin would not protect"]);
    assert!(case.writes().is_empty());

    let (case, config) =
        moving(json!({"tagMutability": "IMMUTABLE", "lifecyclePolicy": our_policy(30)}));
    case.run(&["promote", "-c", &config, "--allow-tag-move"])
        .expect(4, &["immutable"]);
    assert!(case.writes().is_empty());
}

#[test]
fn a_redeployed_old_image_is_shown_and_pinned_in_time() {
    let now = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    let check = |tag: &str, place: &str, pinned: bool| {
        let mut world = with_target(
            10,
            json!({"lifecyclePolicy": our_policy(10), "tagMutability": "IMMUTABLE_WITH_EXCLUSION", "exclusionFilters": ["inuse-*"]}),
        );
        world["now"] = json!(now);
        let case = Case::new(&world, Options::default());
        let config = case.project("app", &[&format!("HOST/fluentd/app:{tag}")]);
        let ran = case.run(&["promote", "-c", &config]);
        ran.expect(0, &[]);
        assert!(ran.out.contains(place), "{}", ran.out);
        let tags = case.tags("fluentd/app");
        let digest = &tags[tag];
        let pin = format!("inuse-{}", &digest["sha256:".len()..][..12]);
        assert_eq!(tags.get(&pin) == Some(digest), pinned, "{tag}");
        case.sandbox.clear_log();
        case.run(&["promote", "-c", &config]).expect(0, &[]);
        assert!(
            case.writes().is_empty(),
            "the second time there is nothing to do"
        );
    };
    check("v4", "pushed 7 days ago, 7th of keep 10", false);
    check("v8", "3rd of keep 10", false);
    check("v3", "8th of keep 10", false);
    check("v2", "9th of keep 10", true);
    check("v1", "pushed 10 days ago, 10th of keep 10", true);
}

#[test]
fn what_is_missing_everywhere_is_named_with_the_newest_tags() {
    let case = Case::common(&["aaaa", "bbbb", "cccc", "dddd"]);
    let config = case.project("app", &["HOST/fluentd/app:zzzz"]);
    case.run(&["promote", "-c", &config]).expect(
        4,
        &[
            "fluentd/common:zzzz does not exist",
            "dddd, cccc, bbbb",
            "container app",
        ],
    );
    let other = case.project("web", &["HOST/nobody/web:zzzz"]);
    case.run(&["promote", "-c", &other])
        .expect(4, &["the repository nobody/common does not exist"]);
    assert!(case.writes().is_empty());
}

#[test]
fn a_problem_in_one_config_stops_all_unless_told_to_go_on() {
    let case = Case::common(&["aaaa"]);
    case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.project("web", &["HOST/fluentd/web:zzzz"]);
    case.run(&["promote", "-c", "*/ecspresso.yml"])
        .expect(4, &["nothing was written"]);
    assert!(case.writes().is_empty());
    case.run(&["promote", "-c", "*/ecspresso.yml", "--keep-going"])
        .expect(4, &[]);
    case.pull("fluentd/app", "aaaa");
    assert!(!case.exists("fluentd/web"));
}

#[test]
fn a_repository_is_not_created_where_that_is_forbidden() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.run(&["promote", "-c", &config, "--create-repository", "never"])
        .expect(4, &["fluentd/app does not exist"]);
    assert!(case.writes().is_empty());
    case.run(&[
        "promote",
        "-c",
        &config,
        "--create-repository",
        "never",
        "--keep-going",
    ])
    .expect(4, &[]);
    assert!(case.writes().is_empty());
}
