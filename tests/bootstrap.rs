//! `bootstrap` end to end: what should exist, what exists, and the difference; failing closed.

mod support;

use std::io::Write as _;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use demitasse_sandbox::{Denied, Options, Request};
use serde_json::{Value, json};
use support::{Case, HOST, common, our_policy, ran};

/// `fluentd/<name>` with so many tagged images, and further keys.
fn repository(name: &str, images: usize, further: Value) -> Value {
    let image = |number: usize| json!({"tags": [format!("v{number}")], "pushedDaysAgo": images - number, "layers": [{"size": 64, "seed": format!("v{number}")}]});
    let mut repository = json!({"name": format!("fluentd/{name}"), "images": (0..images).map(image).collect::<Vec<_>>()});
    for (key, value) in further.as_object().into_iter().flatten() {
        repository[key] = value.clone();
    }
    repository
}

fn case(repositories: Vec<Value>) -> Case {
    Case::new(&json!({"repositories": repositories}), Options::default())
}

fn keep(case: &Case, name: &str) -> Option<u64> {
    case.sandbox.with_state(|state| {
        let text = state.repository(name)?.lifecycle.clone()?;
        let policy: Value = serde_json::from_str(&text).expect("JSON");
        policy["rules"][1]["selection"]["countNumber"].as_u64()
    })
}

#[test]
fn configs_give_their_targets_and_a_rerun_has_nothing_to_do() {
    let case = Case::common(&["aaaa"]);
    case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.project("web", &["HOST/fluentd/web:not-built-yet"]);
    let dry = case.run(&[
        "bootstrap",
        "-c",
        "*/ecspresso.yml",
        "--dry-run",
        "--detailed-exitcode",
    ]);
    dry.expect(2, &[]);
    assert!(
        dry.out
            .contains("Plan: 2 repositories to create, 2 policies to install."),
        "{}",
        dry.out
    );
    assert!(case.writes().is_empty());
    let done = case.run(&["bootstrap", "-c", "*/ecspresso.yml", "--keep", "40"]);
    done.expect(0, &[]);
    for name in ["fluentd/app", "fluentd/web"] {
        assert_eq!(keep(&case, name), Some(40), "{name}");
    }
    case.sandbox.with_state(|state| {
        let web = state.repository("fluentd/web").expect("created");
        assert_eq!(web.tags["demitasse:family"], "web");
        assert_eq!(web.exclusions, ["inuse-*"]);
    });
    case.sandbox.clear_log();
    let again = case.run(&["bootstrap", "-c", "*/ecspresso.yml", "--keep", "40"]);
    again.expect(0, &[]);
    assert!(case.writes().is_empty());
    assert!(again.out.contains("2 policies fine"), "{}", again.out);
}

#[test]
fn what_marks_is_not_put_and_the_needed_keep_is_named() {
    let case = case(vec![
        repository("app", 12, json!({})),
        repository("web", 3, json!({})),
    ]);
    let ran = case.run(&["bootstrap", "--repository", "fluentd/*", "--keep", "10"]);
    ran.expect(
        4,
        &[
            "fluentd/app: the policy would expire 2 of its images (v1, v0), and not everything in use could be told (no service was found)",
            "keep at least 12",
        ],
    );
    assert_eq!(keep(&case, "fluentd/app"), None);
    assert_eq!(keep(&case, "fluentd/web"), Some(10), "the others are done");
    case.run(&["bootstrap", "--repository", "fluentd/*", "--keep", "12"])
        .expect(0, &[]);
    assert_eq!(keep(&case, "fluentd/app"), Some(12));
    assert!(case.sandbox.run_lifecycle().is_empty());
}

/// `fluentd/app` with `v0` (newest) … `v39`, and services that run `v7`.
fn shared(services: &[&str], denied: &[&str]) -> Case {
    let definition = |family: &&str| {
        json!({
            "family": family,
            "containers": [{"name": "fluentd", "image": format!("{HOST}/fluentd/app:v7")}],
        })
    };
    let service = |name: &&str| json!({"name": name, "taskDefinition": format!("{name}:1")});
    let world = json!({
        "repositories": [repository("app", 40, json!({}))],
        "clusters": ["default"],
        "taskDefinitions": services.iter().map(definition).collect::<Vec<_>>(),
        "services": services.iter().map(service).collect::<Vec<_>>(),
    });
    let rules = denied.iter().map(|rule| rule.parse::<Denied>());
    let options = Options {
        denied: rules.map(|rule| rule.expect("a rule")).collect(),
        ..Options::default()
    };
    Case::new(&world, options)
}

fn bootstrap<'a>(further: &[&'a str]) -> Vec<&'a str> {
    [&["bootstrap", "--repository", "fluentd/app"], further].concat()
}

#[test]
fn a_policy_that_would_expire_what_runs_names_it_and_the_keep_it_needs() {
    let case = shared(&["app", "middleware"], &[]);
    let ran = case.run(&bootstrap(&["--keep", "30", "--yes"]));
    ran.expect(
        4,
        &[
            "the policy would expire fluentd/app:v7, which is set on service default/app (33rd of keep 30)",
            "keep at least 33",
        ],
    );
    assert!(case.writes().is_empty());
    let asked = case.run(&bootstrap(&["--keep", "33"]));
    asked.expect(4, &["7 images would expire", "pass --yes"]);
    assert!(case.writes().is_empty());
    let done = case.run(&bootstrap(&["--keep", "33", "--yes"]));
    done.expect(0, &["expires 7 images that nothing uses"]);
    assert_eq!(keep(&case, "fluentd/app"), Some(33));
    case.sandbox.run_lifecycle();
    case.pull("fluentd/app", "v7");
}

#[test]
fn what_is_pinned_first_is_not_marked() {
    let case = shared(&["app"], &[]);
    case.run(&bootstrap(&["--keep", "40"])).expect(0, &[]);
    case.run(&["pin", "--all"]).expect(0, &[]);
    let lower = case.run(&bootstrap(&["--keep", "5", "--overwrite", "--yes"]));
    lower.expect(0, &["expires 34 images that nothing uses"]);
    case.sandbox.run_lifecycle();
    case.pull("fluentd/app", "v7");
}

#[test]
fn usage_is_only_read_where_something_would_expire() {
    let case = shared(&["app"], &[]);
    case.run(&bootstrap(&["--keep", "40"])).expect(0, &[]);
    let of_ecs = |request: &Request| {
        let action = request.action.as_deref();
        action.is_some_and(|action| action.starts_with("ecs:"))
    };
    assert!(!case.sandbox.log().iter().any(of_ecs));
}

#[test]
fn usage_that_could_not_all_be_told_refuses_what_marks() {
    for action in [
        "ecs:ListTasks",
        "scheduler:ListSchedules",
        "ecs:DescribeServices",
    ] {
        let case = shared(&["app"], &[action]);
        let ran = case.run(&bootstrap(&["--keep", "39", "--yes"]));
        ran.expect(4, &["could be told", "access denied", "keep at least 40"]);
        assert!(case.writes().is_empty(), "{action}");
    }
}

#[test]
fn other_policies_stay_unless_they_are_to_be_replaced() {
    let by_age = json!({"rules": [{"rulePriority": 1, "selection": {"tagStatus": "any", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 90}, "action": {"type": "expire"}}]});
    let case = case(vec![
        repository("age", 3, json!({"lifecyclePolicy": by_age})),
        repository("equal", 3, json!({"lifecyclePolicy": our_policy(30)})),
        repository("more", 3, json!({"lifecyclePolicy": our_policy(60)})),
    ]);
    let arguments = ["bootstrap", "--repository", "fluentd/*"];
    let ran = case.run(&arguments);
    ran.expect(0, &["warning", "too weak"]);
    assert!(case.writes().is_empty());
    assert!(
        ran.out.contains("2 policies fine, 1 policy weaker"),
        "{}",
        ran.out
    );

    let mut overwrite = arguments.to_vec();
    overwrite.push("--overwrite");
    case.run(&overwrite)
        .expect(4, &["2 lifecycle policies would be replaced", "--yes"]);
    assert!(case.writes().is_empty());
    overwrite.push("--yes");
    case.run(&overwrite).expect(0, &[]);
    for name in ["age", "equal", "more"] {
        assert_eq!(keep(&case, &format!("fluentd/{name}")), Some(30), "{name}");
    }
}

#[test]
fn unknown_is_refused() {
    let case = case(vec![repository("app", 3, json!({}))]);
    for action in ["ecr:GetLifecyclePolicy", "ecr:DescribeImages"] {
        let denied = action.parse().expect("a denial");
        case.sandbox.deny(vec![denied]);
        case.run(&["bootstrap", "--repository", "fluentd/app"])
            .expect(1, &[action]);
        assert!(case.writes().is_empty());
    }
}

#[test]
fn ecrs_own_preview_is_a_second_opinion() {
    let case = case(vec![repository("app", 3, json!({}))]);
    let ran = case.run(&["bootstrap", "--repository", "fluentd/app", "--preview"]);
    ran.expect(0, &[]);
    let said = "keep 30, ECR's preview expires nothing: done";
    assert!(ran.out.contains(said), "{}", ran.out);
    let asked = case
        .sandbox
        .log()
        .iter()
        .filter(|one| one.operation == "StartLifecyclePolicyPreview")
        .count();
    assert_eq!(asked, 1);
    assert_eq!(keep(&case, "fluentd/app"), Some(30));
}

#[test]
fn what_ecrs_preview_marks_is_shown_and_refused() {
    // By our clock nothing is old; by ECR's, which is years ahead, the untagged image is.
    let images = json!([
        {"tags": ["v1"], "pushedAt": "2089-12-31T00:00:00Z", "layers": [{"size": 64, "seed": "v1"}]},
        {"pushedAt": "2089-01-01T00:00:00Z", "layers": [{"size": 64, "seed": "old"}]},
    ]);
    let repository = json!({"name": "fluentd/app", "images": images});
    let world = json!({"now": "2090-01-01T00:00:00Z", "repositories": [repository]});
    let case = Case::new(&world, Options::default());
    let old = case.sandbox.with_state(|state| {
        let images = &state.repository("fluentd/app").expect("it exists").images;
        let untagged = images.iter().find(|(_, image)| image.tags.is_empty());
        untagged.expect("an image").0["sha256:".len()..][..12].to_owned()
    });
    let said = format!("ECR's preview says that the policy would expire 1 of its images ({old})");
    case.run(&["bootstrap", "--repository", "fluentd/app", "--preview"])
        .expect(4, &[&said]);
    assert_eq!(keep(&case, "fluentd/app"), None);
}

#[test]
fn common_repositories_get_a_policy_only_on_request_and_if_nothing_pulls_from_them() {
    let case = Case::common(&["aaaa"]);
    let app = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.run(&["bootstrap", "-c", &app]).expect(0, &[]);
    assert_eq!(keep(&case, "fluentd/common"), None);
    let web = case.project("web", &["HOST/fluentd/common:aaaa"]);
    case.run(&["bootstrap", "-c", &app, "-c", &web, "--common-keep"])
        .expect(4, &["a task definition still pulls from it"]);
    assert_eq!(keep(&case, "fluentd/common"), None);
    case.run(&["bootstrap", "-c", &app, "--common-keep"])
        .expect(
            0,
            &[
                "fluentd/common will keep the newest 200 images",
                "check 1 of docs/live-checks.md",
            ],
        );
    assert_eq!(keep(&case, "fluentd/common"), Some(200));
}

#[test]
fn blob_mounting_is_enabled_only_on_request() {
    let case = Case::new(
        &common(&["aaaa"]),
        Options {
            mount: Some(false),
            ..Options::default()
        },
    );
    let setting = || {
        case.sandbox
            .with_state(|state| state.settings["BLOB_MOUNTING"].clone())
    };
    case.run(&["bootstrap", "--repository", "fluentd/common"])
        .expect(0, &["BLOB_MOUNTING is off", "--enable-blob-mounting"]);
    assert_eq!(setting(), "DISABLED");
    case.run(&[
        "bootstrap",
        "--repository",
        "fluentd/common",
        "--enable-blob-mounting",
    ])
    .expect(0, &[]);
    assert_eq!(setting(), "ENABLED");
}

#[test]
fn names_come_from_a_pipe_and_an_empty_one_is_refused() {
    let case = case(vec![repository("app", 1, json!({}))]);
    let piped = |text: &str| {
        let mut command = case.command(&["bootstrap", "--repositories-from", "-"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("runs");
        child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(text.as_bytes())
            .expect("written");
        let output = child.wait_with_output().expect("ends");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    assert_eq!(piped("fluentd/app\n# new:\nfluentd/new\n").0, Some(0));
    assert_eq!(keep(&case, "fluentd/new"), Some(30));
    let (code, said) = piped("\n");
    assert_eq!(code, Some(3));
    assert!(said.contains("an empty list"), "{said}");
    case.write("empty", "# none\n");
    let mixed = [
        "bootstrap",
        "--repository",
        "fluentd/x",
        "--repositories-from",
        "empty",
    ];
    case.run(&mixed).expect(3, &["empty: an empty list"]);
    case.run(&["bootstrap", "--repository", "Fluentd/App"])
        .expect(3, &["not a legal ECR repository name"]);
    case.run(&["bootstrap", "--repository", "nobody/*"])
        .expect(3, &["no repository matches nobody/*"]);
    let two = "Fluentd/App,fluentd/Web*";
    case.run(&["bootstrap", "--repository", two]).expect(
        3,
        &[
            "`Fluentd/App` is not",
            "`fluentd/Web*` is not",
            "hint: write a name",
        ],
    );
}

#[test]
fn exceptions_by_repository() {
    let case = case(Vec::new());
    case.write("demitasse.yml", "keep: 20\nrepositories:\n- match: 'fluentd/a*'\n  keep: 100\n  scan_on_push: true\n  tags: {tier: sidecar}\n");
    case.run(&[
        "bootstrap",
        "--repository",
        "fluentd/app",
        "--repository",
        "fluentd/web",
    ])
    .expect(0, &[]);
    assert_eq!(keep(&case, "fluentd/app"), Some(100));
    assert_eq!(keep(&case, "fluentd/web"), Some(20));
    case.sandbox.with_state(|state| {
        assert_eq!(
            state.repository("fluentd/app").expect("created").tags["tier"],
            "sidecar"
        );
    });
}

#[test]
fn a_policy_with_fewer_days_than_the_settings_ask_for_is_weaker() {
    let case = case(vec![repository(
        "app",
        1,
        json!({"lifecyclePolicy": our_policy(30)}),
    )]);
    case.write(
        "demitasse.yml",
        "repositories:\n- match: '*'\n  untagged_days: 60\n",
    );
    let arguments = ["bootstrap", "--repository", "fluentd/app"];
    let ran = case.run(&arguments);
    ran.expect(0, &["too weak", "raise its countNumber to at least 60"]);
    assert!(ran.out.contains("1 policy weaker"), "{}", ran.out);
    let mut replacing = arguments.to_vec();
    replacing.extend(["--overwrite", "--yes"]);
    case.run(&replacing).expect(0, &[]);
    case.sandbox.clear_log();
    let ran = case.run(&arguments);
    assert!(ran.out.contains("1 policy fine"), "{}", ran.out);
    assert!(case.writes().is_empty());
}

#[test]
fn one_failure_does_not_stop_the_others_and_a_rerun_finishes() {
    let case = case(Vec::new());
    let fault = "500@ecr:CreateRepository=fluentd/web#*";
    case.sandbox
        .set_faults(vec![fault.parse().expect("a fault")]);
    let names = ["fluentd/app", "fluentd/web", "fluentd/job"];
    let mut arguments = vec!["bootstrap", "--output", "json"];
    for name in names {
        arguments.extend(["--repository", name]);
    }
    let first = case.run(&arguments);
    first.expect(1, &["fluentd/web"]);
    let report = first.report();
    assert_eq!(report["schema"], "demitasse.bootstrap/v1");
    assert_eq!(
        (&report["summary"]["done"], &report["summary"]["failed"]),
        (&json!(2), &json!(1))
    );
    case.sandbox.set_faults(Vec::new());
    case.run(&arguments).expect(0, &[]);
    assert_eq!(keep(&case, "fluentd/web"), Some(30));
}

#[test]
fn a_signal_ends_it_and_a_rerun_finishes_the_rest() {
    let rtt = Duration::from_millis(100);
    let case = Case::new(
        &json!({"repositories": []}),
        Options {
            rtt,
            ..Options::default()
        },
    );
    let names: Vec<String> = (0..300)
        .map(|number| format!("fluentd/n{number}"))
        .collect();
    case.write("names", &names.join("\n"));
    let arguments = ["bootstrap", "--repositories-from", "names"];
    let mut command = case.command(&arguments);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("runs");
    while case.sandbox.with_state(|state| state.repositories.len()) < 20 {
        thread::sleep(Duration::from_millis(10));
    }
    let mut kill = std::process::Command::new("kill");
    kill.args(["-INT", &child.id().to_string()]);
    assert_eq!(ran(kill).code, 0);
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(130));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.ends_with(" not done.\n"), "{said}");
    assert!(!said.contains(" failed"), "{said}");
    assert!(case.sandbox.with_state(|state| state.repositories.len()) < 300);
    case.run(&arguments).expect(0, &[]);
    case.sandbox.clear_log();
    let again = case.run(&arguments);
    again.expect(0, &["[INFO] reading [repositories:300]"]);
    assert!(case.writes().is_empty());
    assert_eq!(
        case.sandbox.with_state(|state| state.repositories.len()),
        300
    );
}

#[test]
fn what_the_services_of_a_cluster_use_gives_the_targets() {
    let definition = |family: &str, tag: &str| json!({"family": family, "containers": [{"name": "fluentd", "image": format!("{HOST}/fluentd/{family}:{tag}")}, {"name": "nginx", "image": "nginx:1"}]});
    let mut world = common(&["aaaa", "bbbb"]);
    world["taskDefinitions"] = json!([
        definition("app", "aaaa"),
        definition("app", "bbbb"),
        definition("web", "aaaa"),
        definition("job", "aaaa")
    ]);
    world["clusters"] = json!(["default", "other"]);
    world["services"] = json!([
        {"name": "app", "taskDefinition": "app:2"},
        {"name": "web", "cluster": "other", "taskDefinition": "web:1"},
    ]);
    let case = Case::new(&world, Options::default());
    case.run(&["bootstrap", "--from-ecs", "--cluster", "default"])
        .expect(0, &[]);
    assert_eq!(keep(&case, "fluentd/app"), Some(30));
    assert!(!case.exists("fluentd/web"), "another cluster");
    case.run(&["bootstrap", "--from-ecs"]).expect(0, &[]);
    assert_eq!(keep(&case, "fluentd/web"), Some(30));
    assert!(!case.exists("fluentd/job"), "no service uses it");
    case.sandbox
        .deny(vec!["ecs:DescribeServices".parse().expect("a denial")]);
    case.run(&["bootstrap", "--from-ecs"])
        .expect(1, &["ecs:DescribeServices"]);
    Case::common(&["aaaa"])
        .run(&["bootstrap", "--from-ecs"])
        .expect(
            3,
            &["no services in any cluster", "hint: look at AWS_REGION"],
        );
}

#[test]
fn configs_with_errors_write_nothing() {
    let case = Case::common(&["aaaa"]);
    case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.project("CfpApp", &["HOST/fluentd/common:aaaa"]);
    for further in [&[][..], &["--common-keep"]] {
        let mut arguments = vec!["bootstrap", "-c", "*/ecspresso.yml"];
        arguments.extend(further);
        case.run(&arguments).expect(
            4,
            &[
                "family CfpApp gives no target repository",
                "nothing was written",
            ],
        );
    }
    let foreign = case.project("web", &["HOST/fluentd/job:aaaa"]);
    case.run(&["bootstrap", "-c", &foreign])
        .expect(4, &["belongs to family job"]);
    assert!(case.writes().is_empty());
}

#[test]
fn a_preview_that_cannot_be_had_is_no_consent() {
    let case = case(vec![repository("app", 3, json!({}))]);
    let action = "ecr:StartLifecyclePolicyPreview";
    case.sandbox.deny(vec![action.parse().expect("a denial")]);
    case.run(&["bootstrap", "--repository", "fluentd/app", "--preview"])
        .expect(1, &[action]);
    assert_eq!(keep(&case, "fluentd/app"), None);
}

#[test]
fn common_repositories_are_no_targets_although_a_pattern_names_them() {
    let mut world = common(&["aaaa"]);
    world["repositories"]
        .as_array_mut()
        .expect("a list")
        .push(repository("app", 1, json!({})));
    let case = Case::new(&world, Options::default());
    case.run(&["bootstrap", "--repository", "fluentd/*"])
        .expect(0, &["fluentd/common is a common repository"]);
    assert_eq!(keep(&case, "fluentd/common"), None);
    assert_eq!(keep(&case, "fluentd/app"), Some(30));
    case.run(&["bootstrap", "--repository", "fluentd/*", "--common-keep"])
        .expect(3, &["--common-keep needs configs"]);
}

#[test]
fn typing_errors_create_nothing() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluntd/app:aaaa"]);
    case.run(&["bootstrap", "-c", &config, "--common-keep"])
        .expect(0, &["fluntd/common does not exist", "typing error"]);
    assert!(case.writes().is_empty());
}

#[test]
fn a_name_may_begin_with_the_registry_in_use_and_with_no_other() {
    let case = case(vec![repository("app", 1, json!({}))]);
    let run = |host: &str, name: &str| {
        let uri = format!("{host}/{name}");
        case.run(&["bootstrap", "--repository", &uri])
    };
    let other_region = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
    let other_account = "999999999999.dkr.ecr.ap-northeast-1.amazonaws.com";
    for name in ["fluentd/new", "fluentd/*"] {
        run(other_region, name).expect(3, &["not in the registry in use", "AWS_REGION=us-east-1"]);
        run(other_account, name).expect(3, &[HOST, "credentials of account 999999999999"]);
    }
    run("public.ecr.aws", "x/new").expect(3, &["not the host of a private ECR registry"]);
    run("nginx.example", "new").expect(0, &[]);
    assert!(case.exists("nginx.example/new"), "that is a legal name");
    run(HOST, "fluentd/new").expect(0, &[]);
    run(HOST, "fluentd/*").expect(0, &[]);
    assert_eq!(keep(&case, "fluentd/new"), Some(30));
    assert_eq!(keep(&case, "fluentd/app"), Some(30));
}

#[test]
fn many_that_do_not_exist_are_not_asked_for_one_by_one() {
    let case = case(vec![
        json!({"name": "n0/common"}),
        json!({"name": "n1/common"}),
    ]);
    let images: Vec<String> = (0..150)
        .map(|number| format!("HOST/n{number}/app:v1"))
        .collect();
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let config = case.project("app", &images);
    let looks = || {
        let log = case.sandbox.log();
        let looks = log
            .iter()
            .filter(|one| one.operation == "DescribeRepositories");
        looks.count()
    };
    let arguments = ["bootstrap", "-c", &config, "--dry-run"];
    let listed = case.run(&arguments);
    listed.expect(0, &["n149/common does not exist"]);
    assert!(
        listed.out.contains("2 repositories to create"),
        "{}",
        listed.out
    );
    assert!(looks() <= 5, "{}", looks());
}

#[test]
fn the_numbers_are_those_of_what_was_done() {
    let case = case(vec![repository("old", 1, json!({}))]);
    case.sandbox
        .deny(vec!["ecr:CreateRepository".parse().expect("a denial")]);
    let arguments = [
        "bootstrap",
        "--repository",
        "fluentd/old",
        "--repository",
        "fluentd/new",
    ];
    let ran = case.run(&arguments);
    ran.expect(1, &["ecr:CreateRepository"]);
    assert!(
        ran.out.ends_with("Done: 1 policy installed, 1 failed.\n"),
        "{}",
        ran.out
    );
    case.sandbox
        .deny(vec!["ecr:PutLifecyclePolicy".parse().expect("a denial")]);
    let ran = case.run(&arguments);
    ran.expect(1, &["ecr:PutLifecyclePolicy"]);
    assert!(
        ran.out
            .ends_with("Done: 1 repository created, 1 policy fine, 1 failed.\n"),
        "{}",
        ran.out
    );
}

#[test]
fn what_somebody_else_declares_gets_no_policy() {
    let owned = |tags: Value, policy: Value| json!({"tags": tags, "lifecyclePolicy": policy});
    let terraform = json!({"ManagedBy": "terraform"});
    let stack = json!({"aws:cloudformation:stack-name": "repositories"});
    let case = case(vec![
        repository("bare", 1, json!({"tags": terraform})),
        repository("weak", 1, owned(terraform.clone(), our_policy(20))),
        repository("stack", 1, owned(stack, our_policy(20))),
        repository("equal", 1, owned(terraform.clone(), our_policy(30))),
        repository("free", 1, json!({})),
    ]);
    let arguments = [
        "bootstrap",
        "--repository",
        "fluentd/*",
        "--overwrite",
        "--yes",
    ];
    let ran = case.run(&arguments);
    ran.expect(
        0,
        &[
            "fluentd/bare has no lifecycle policy and belongs to Terraform (tag ManagedBy=terraform)",
            "fluentd/weak belongs to Terraform (tag ManagedBy=terraform), so its lifecycle policy was not replaced",
            "fluentd/stack belongs to the CloudFormation stack repositories",
        ],
    );
    assert!(
        ran.out
            .ends_with("Done: 1 policy installed, 1 policy fine, 3 left.\n"),
        "{}",
        ran.out
    );
    let keeps = ["bare", "weak", "stack", "equal", "free"]
        .map(|name| keep(&case, &format!("fluentd/{name}")));
    assert_eq!(keeps, [None, Some(20), Some(20), Some(30), Some(30)]);
    assert_eq!(case.writes().len(), 1);
}

#[test]
fn an_owner_that_cannot_be_read_is_refused() {
    let case = case(vec![repository("app", 1, json!({}))]);
    case.sandbox
        .deny(vec!["ecr:ListTagsForResource".parse().expect("a denial")]);
    case.run(&["bootstrap", "--repository", "fluentd/app"])
        .expect(1, &["owns it is not known", "ecr:ListTagsForResource"]);
    assert!(case.writes().is_empty());
}

#[test]
fn resources_for_terraform_are_printed_and_nothing_is_written() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    let arguments = ["bootstrap", "-c", &config, "--output", "terraform"];
    let ran = case.run(&arguments);
    ran.expect(0, &[]);
    for text in [
        "resource \"aws_ecr_repository\" \"fluentd_app\" {",
        "\"ManagedBy\"        = \"terraform\"",
        "resource \"aws_ecr_lifecycle_policy\" \"fluentd_app\" {",
        "repository = aws_ecr_repository.fluentd_app.name",
    ] {
        assert!(ran.out.contains(text), "{text}: {}", ran.out);
    }
    assert!(ran.out.starts_with("resource "), "only HCL: {}", ran.out);
    assert!(case.writes().is_empty());
    let mut all = arguments.to_vec();
    all.push("--detailed-exitcode");
    case.run(&all).expect(2, &[]);
    let owned = repository("old", 1, json!({"tags": {"ManagedBy": "terraform"}}));
    let case = self::case(vec![owned]);
    let ran = case.run(&["bootstrap", "--repository", "fluentd/*", "-o", "terraform"]);
    ran.expect(0, &["belongs to Terraform"]);
    assert!(
        ran.out.contains("repository = \"fluentd/old\""),
        "{}",
        ran.out
    );
    assert!(
        !ran.out.contains("\"aws_ecr_repository\""),
        "it exists already"
    );
}
