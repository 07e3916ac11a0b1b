//! `promote` and `plan` end to end: the real binary against the sandbox, where everything goes well or is refused on
//! purpose.

mod support;

use std::time::Duration;

use demitasse_sandbox::Options;
use serde_json::{Value, json};
use support::{Case, HOST, common, image, ran};

const APP: &str = "HOST/fluentd/app:{{ must_env `TAG` }}";

#[test]
fn a_first_promotion_creates_mounts_and_tags() {
    let case = Case::common(&["aaaa", "bbbb"]);
    let config = case.project("app", &["HOST/fluentd/app:bbbb", "nginx:1"]);
    let ran = case.run(&["promote", "-c", &config, "--output", "json"]);
    ran.expect(0, &[]);
    let report = ran.report();
    assert_eq!(report["schema"], "demitasse.report/v1");
    assert_eq!(report["changed"], true);
    assert_eq!(report["summary"]["promoted"], 1);
    assert_eq!(report["summary"]["left_alone"], 1);
    assert_eq!(report["summary"]["mounted"], 3);
    assert_eq!(report["summary"]["transferred"], 0);
    assert_eq!(
        case.tags("fluentd/app")["bbbb"],
        case.tags("fluentd/common")["bbbb"]
    );
    case.pull("fluentd/app", "bbbb");
    case.sandbox.with_state(|state| {
        let repository = state.repository("fluentd/app").expect("created");
        assert_eq!(repository.mutability, "IMMUTABLE_WITH_EXCLUSION");
        assert_eq!(repository.exclusions, ["inuse-*"]);
        assert_eq!(repository.tags["ManagedBy"], "demitasse");
        assert_eq!(repository.tags["demitasse:source"], "fluentd/common");
        assert_eq!(repository.tags["demitasse:family"], "app");
        let policy = repository.lifecycle.as_deref().expect("a policy");
        let policy: Value = serde_json::from_str(policy).expect("JSON");
        assert_eq!(policy["rules"][1]["selection"]["countNumber"], 30);
        assert_eq!(state.counters.uploaded_bytes, 0);
        assert_eq!(state.open_uploads(), 0);
    });
}

#[test]
fn a_second_promotion_writes_nothing() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.run(&["promote", "-c", &config]).expect(0, &[]);
    case.sandbox.clear_log();
    let ran = case.run(&["promote", "-c", &config]);
    ran.expect(0, &[]);
    assert!(ran.out.contains("already there"), "{}", ran.out);
    assert!(case.writes().is_empty(), "{:?}", case.writes());
}

#[test]
fn a_redeploy_works_after_common_was_emptied() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.run(&["promote", "-c", &config]).expect(0, &[]);
    case.sandbox
        .with_state(|state| state.empty("fluentd/common"));
    case.sandbox.clear_log();
    let ran = case.run(&["promote", "-c", &config]);
    ran.expect(0, &[]);
    assert!(ran.out.contains("no longer in common"), "{}", ran.out);
    assert!(case.writes().is_empty());
}

#[test]
fn a_fresh_single_image_needs_few_requests() {
    for layers in [1, 10, 40] {
        let mut world = common(&["aaaa"]);
        world["repositories"]
            .as_array_mut()
            .expect("a list")
            .push(json!({
                "name": "fluentd/app",
                "tagMutability": "IMMUTABLE_WITH_EXCLUSION",
                "exclusionFilters": ["inuse-*"],
            }));
        let case = Case::new(&world, Options::default());
        case.sandbox
            .with_state(|state| state.push("fluentd/common", &image(layers, "many"), &["many"]))
            .expect("pushed");
        let config = case.project("app", &["HOST/fluentd/app:many"]);
        case.run(&[
            "promote",
            "-c",
            &config,
            "--lifecycle",
            "verify",
            "--referrers",
            "skip",
        ])
        .expect(0, &[]);
        let requests = case.sandbox.log().len();
        assert!(
            requests <= layers + 9,
            "{layers} layers: {requests} requests"
        );
        let heads = case
            .sandbox
            .log()
            .iter()
            .filter(|request| request.method == "HEAD")
            .count();
        assert_eq!(heads, 0);
    }
}

#[test]
fn creating_the_repository_costs_three_requests_more() {
    let rtt = Duration::from_millis(200);
    for layers in [1, 10] {
        let options = Options {
            rtt,
            ..Options::default()
        };
        let case = Case::new(&common(&["aaaa"]), options);
        case.sandbox
            .with_state(|state| state.push("fluentd/common", &image(layers, "many"), &["many"]))
            .expect("pushed");
        let config = case.project("app", &["HOST/fluentd/app:many"]);
        case.run(&["promote", "-c", &config, "--referrers", "skip"])
            .expect(0, &[]);
        let log = case.sandbox.log();
        let requests = log.len();
        assert!(
            requests <= layers + 9 + 3,
            "{layers} layers: {requests} requests"
        );
        let at = |operation: &str, nth: usize| {
            let mut found = log.iter().filter(|one| one.operation == operation);
            found.nth(nth).expect(operation).at
        };
        let apart = at("GetRepositoryPolicy", 0) - at("DescribeRepositories", 1);
        assert!(
            apart.abs() < rtt.as_secs_f64() * 900.0,
            "one round: {apart} ms"
        );
    }
}

#[test]
fn the_mounts_of_a_large_image_take_one_round_trip() {
    let rtt = Duration::from_millis(300);
    let options = Options {
        rtt,
        ..Options::default()
    };
    let case = Case::new(&common(&["aaaa"]), options);
    case.sandbox
        .with_state(|state| state.push("fluentd/common", &image(40, "many"), &["many"]))
        .expect("pushed");
    let config = case.project("app", &["HOST/fluentd/app:many"]);
    case.run(&["promote", "-c", &config]).expect(0, &[]);
    let log = case.sandbox.log();
    let mounts = log
        .iter()
        .filter(|request| request.action.as_deref() == Some("ecr:InitiateLayerUpload"));
    let mut at: Vec<f64> = mounts.map(|request| request.at).collect();
    at.sort_by(f64::total_cmp);
    // The first finds a connection that was opened while the plan was read; the others open theirs, all at once.
    let [first, second, .., last] = at[..] else {
        panic!("{at:?}")
    };
    let rtt = rtt.as_secs_f64() * 1000.0;
    assert!(second - first > rtt / 2.0, "{at:?}");
    assert!(last - second < rtt, "{at:?}");
}

#[test]
fn every_kind_of_image_arrives_whole() {
    let text = include_str!("../fixtures/worlds/multi-arch.json");
    let world: Value = serde_json::from_str(text).expect("a world");
    for seed in 0..3 {
        let options = Options {
            seed,
            ..Options::default()
        };
        let case = Case::new(&world, options);
        let tags: Vec<String> = case.tags("fluentd/common").into_keys().collect();
        let images: Vec<String> = tags
            .iter()
            .map(|tag| format!("HOST/fluentd/app:{tag}"))
            .collect();
        let images: Vec<&str> = images.iter().map(String::as_str).collect();
        let config = case.project("app", &images);
        let ran = case.run(&["promote", "-c", &config, "--output", "json"]);
        ran.expect(0, &[]);
        for tag in &tags {
            assert_eq!(
                case.tags("fluentd/app")[tag],
                case.tags("fluentd/common")[tag],
                "{tag}"
            );
            case.pull("fluentd/app", tag);
        }
        assert_eq!(ran.report()["summary"]["transferred"], 0, "seed {seed}");
        case.sandbox.with_state(|state| {
            let (source, target) = (
                state.repository("fluentd/common"),
                state.repository("fluentd/app"),
            );
            let (source, target) = (source.expect("source"), target.expect("target"));
            for (digest, image) in &source.images {
                let copied = target.images.get(digest).map(|image| &image.bytes);
                assert_eq!(copied, Some(&image.bytes), "{digest}, referrers included");
            }
        });
        case.sandbox.clear_log();
        case.run(&["promote", "-c", &config]).expect(0, &[]);
        assert!(case.writes().is_empty(), "seed {seed}: {:?}", case.writes());
    }
}

#[test]
fn children_come_before_parents_and_the_tag_last() {
    let text = include_str!("../fixtures/worlds/multi-arch.json");
    let world: Value = serde_json::from_str(text).expect("a world");
    let case = Case::new(&world, Options::default());
    let config = case.project(
        "app",
        &["HOST/fluentd/app:nested", "HOST/fluentd/app:signed"],
    );
    case.run(&["promote", "-c", &config]).expect(0, &[]);
    let log = case.sandbox.log();
    let puts: Vec<_> = log
        .iter()
        .filter(|request| request.operation == "PutImage")
        .collect();
    let by_tag = |tag: &str| {
        puts.iter()
            .position(|put| put.reference.as_deref() == Some(tag))
            .expect(tag)
    };
    assert!(
        puts.iter().all(|put| put.status == 200),
        "nothing was put before what it refers to"
    );
    assert!(by_tag("nested") > 0 && by_tag("signed") > 0);
}

#[test]
fn digests_and_tags_are_understood_alone_and_together() {
    let case = Case::common(&["aaaa", "bbbb"]);
    let digest = case.tags("fluentd/common")["aaaa"].clone();
    let short = &digest["sha256:".len()..][..12];

    let by_digest = case.project("app", &[&format!("HOST/fluentd/app@{digest}")]);
    case.run(&["promote", "-c", &by_digest]).expect(0, &[]);
    assert_eq!(
        case.tags("fluentd/app")[&format!("digest-{short}")],
        digest,
        "a permanent tag"
    );

    let both = case.project("web", &[&format!("HOST/fluentd/web:aaaa@{digest}")]);
    case.run(&["promote", "-c", &both]).expect(0, &[]);
    assert_eq!(case.tags("fluentd/web")["aaaa"], digest);

    let disagree = case.project("job", &[&format!("HOST/fluentd/job:bbbb@{digest}")]);
    case.run(&["promote", "-c", &disagree]).expect(
        4,
        &["fluentd/common:bbbb is sha256:", "the task definition says"],
    );
    assert!(!case.exists("fluentd/job"), "nothing was written");
}

#[test]
fn one_image_for_many_families_is_read_once() {
    let case = Case::common(&["aaaa"]);
    for family in ["app", "web", "job"] {
        case.project(family, &[&format!("HOST/fluentd/{family}:aaaa")]);
    }
    let ran = case.run(&["promote", "-c", "*/ecspresso.yml"]);
    ran.expect(0, &[]);
    for family in ["app", "web", "job"] {
        case.pull(&format!("fluentd/{family}"), "aaaa");
    }
    let source_reads = |request: &&demitasse_sandbox::Request| {
        request.operation == "BatchGetImage"
            && request.repository.as_deref() == Some("fluentd/common")
    };
    // The image, and whether tags belong to it.
    assert_eq!(case.sandbox.log().iter().filter(source_reads).count(), 2);
}

#[test]
fn a_plan_reads_and_writes_nothing() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:aaaa", "public.ecr.aws/x/y:1"]);
    for arguments in [&["plan"][..], &["promote", "--dry-run"]] {
        let mut arguments = arguments.to_vec();
        arguments.extend(["-c", &config]);
        let ran = case.run(&arguments);
        ran.expect(0, &[]);
        assert!(ran.out.contains("+ app"), "{}", ran.out);
        assert!(
            ran.out.contains("fluentd/common:aaaa -> fluentd/app:aaaa"),
            "{}",
            ran.out
        );
        let last = ran.out.lines().last().unwrap_or_default();
        let expected = "Plan: 1 to promote, 0 already there, 1 left alone; 1 repository to create, 1 lifecycle policy to install.";
        assert_eq!(last, expected);
        arguments.push("--detailed-exitcode");
        case.run(&arguments).expect(2, &[]);
    }
    assert!(case.writes().is_empty());
    case.run(&["promote", "-c", &config]).expect(0, &[]);
    case.run(&["plan", "-c", &config, "--detailed-exitcode"])
        .expect(0, &[]);
}

#[test]
fn a_rendered_definition_comes_from_a_pipe() {
    use std::io::Write as _;
    use std::process::Stdio;
    let case = Case::common(&["aaaa"]);
    let definition = json!({"taskDefinition": {"family": "app", "containerDefinitions": [
        {"name": "app", "image": format!("{HOST}/fluentd/app:aaaa")}]}});
    let mut command = case.command(&["promote", "--task-definition", "-"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin
        .write_all(definition.to_string().as_bytes())
        .expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("ends");
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    case.pull("fluentd/app", "aaaa");
}

#[test]
fn the_environment_that_deploys_is_enough() {
    let case = Case::common(&["aaaa", "bbbb"]);
    case.project("app", &[APP]);
    case.write(
        "one.env",
        "TAG=aaaa\nDEMITASSE_KEEP=7\nAWS_ENDPOINT_URL=http://127.0.0.1:1\n",
    );
    case.write("two.env", "TAG=bbbb\n");
    let mut command = case.command(&["promote"]);
    command
        .env("ECSPRESSO_CONFIG", "app/ecspresso.yml")
        .env("ECSPRESSO_ENVFILE", "one.env,two.env");
    ran(command).expect(0, &[]);
    assert!(
        case.tags("fluentd/app").contains_key("bbbb"),
        "the later envfile wins"
    );
    case.sandbox.with_state(|state| {
        let policy = state
            .repository("fluentd/app")
            .and_then(|one| one.lifecycle.clone());
        assert!(
            policy.expect("a policy").contains("30"),
            "an envfile sets no flag"
        );
    });
}

#[test]
fn new_references_are_handed_over() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/common:aaaa"]);
    let refused = case.run(&["promote", "-c", &config]);
    refused.expect(4, &["the image is in the common repository", "--env-out"]);
    assert!(!case.exists("fluentd/app"));
    case.run(&["promote", "-c", &config, "--env-out", "promoted.env"])
        .expect(0, &[]);
    assert_eq!(
        case.read("promoted.env"),
        format!("IMAGE_APP={HOST}/fluentd/app:aaaa\n")
    );
    case.pull("fluentd/app", "aaaa");
    let other = case.project("web", &["HOST/fluentd/common:aaaa"]);
    case.run(&["promote", "-c", &other, "--from-common", "warn"])
        .expect(0, &["warning"]);
    case.pull("fluentd/web", "aaaa");
}

#[test]
fn another_familys_repository_is_refused_and_an_ordinary_one_left_alone() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/web:aaaa", "HOST/team/nginx:1"]);
    let ran = case.run(&["promote", "-c", &config]);
    ran.expect(
        4,
        &[
            "belongs to family web",
            "fluentd/app:aaaa",
            "container app of app/ecspresso.yml",
        ],
    );
    assert!(!ran.err.contains("team/nginx"), "{}", ran.err);
    assert!(case.writes().is_empty());
    case.run(&["promote", "-c", &config, "--foreign-target", "warn"])
        .expect(0, &["warning"]);
    let unmatched = case.project("job", &["nginx:1"]);
    case.run(&["promote", "-c", &unmatched, "--unmatched", "error"])
        .expect(4, &["matches neither"]);
}

#[test]
fn settings_say_what_flags_do_not() {
    let case = Case::common(&["aaaa"]);
    case.write(
        "demitasse.yml",
        "keep: 7\nfamilies:\n  CfpApp: cfp-app\ntags:\n  team: sre\n",
    );
    let config = case.project("CfpApp", &["HOST/fluentd/cfp-app:aaaa"]);
    case.run(&["promote", "-c", &config]).expect(0, &[]);
    case.sandbox.with_state(|state| {
        let repository = state.repository("fluentd/cfp-app").expect("created");
        assert_eq!(repository.tags["team"], "sre");
        assert_eq!(repository.tags["demitasse:family"], "CfpApp");
        let policy: Value =
            serde_json::from_str(repository.lifecycle.as_deref().expect("a policy")).expect("JSON");
        assert_eq!(policy["rules"][1]["selection"]["countNumber"], 7);
    });
    case.write("demitasse.yml", "kepe: 7\n");
    case.run(&["promote", "-c", &config])
        .expect(3, &["demitasse.yml", "kepe", "docs/settings.md"]);
}

#[test]
fn a_created_repository_is_like_its_source() {
    let key = "arn:aws:kms:ap-northeast-1:123456789012:key/1";
    let access = json!({"Version": "2012-10-17", "Statement": []});
    let mut world = common(&["aaaa"]);
    world["repositories"][0]["encryption"] = json!({"type": "KMS", "key": key});
    world["repositories"][0]["policy"] = access.clone();
    world["repositories"][0]["tagMutability"] = json!("MUTABLE");
    let case = Case::new(
        &world,
        Options {
            creation_delay: true,
            seed: 3,
            ..Options::default()
        },
    );
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    let ran = case.run(&[
        "promote",
        "-c",
        &config,
        "--mutability",
        "inherit",
        "--output",
        "json",
    ]);
    ran.expect(0, &[]);
    assert_eq!(ran.report()["summary"]["transferred"], 0);
    case.sandbox.with_state(|state| {
        let repository = state.repository("fluentd/app").expect("created");
        assert_eq!(
            repository.encryption,
            ("KMS".to_owned(), Some(key.to_owned()))
        );
        assert_eq!(repository.mutability, "MUTABLE");
        let policy: Value =
            serde_json::from_str(repository.policy.as_deref().expect("copied")).expect("JSON");
        assert_eq!(policy, access);
    });
}

#[test]
fn a_collision_is_refused_before_any_write() {
    let mut world = common(&["aaaa"]);
    world["repositories"].as_array_mut().expect("a list").push(json!({"name": "nginx/common", "images": [{"tags": ["aaaa"], "layers": [{"size": 9, "seed": "n"}]}]}));
    let case = Case::new(&world, Options::default());
    let config = case.project(
        "app",
        &["HOST/fluentd/common:aaaa", "HOST/nginx/common:aaaa"],
    );
    let arguments = [
        "promote",
        "-c",
        &config,
        "--target",
        "{family}",
        "--source",
        "{name}/common",
    ];
    case.run(&arguments)
        .expect(3, &["{name} must stand in both"]);
    case.write("demitasse.yml", "target: '{family}/{name}'\n");
    case.run(&["promote", "-c", &config, "--env-out", "out.env"])
        .expect(0, &[]);
    let both = case.project(
        "web",
        &[
            "HOST/fluentd/web:aaaa",
            &format!(
                "HOST/fluentd/web:aaaa@{}",
                case.tags("nginx/common")["aaaa"]
            ),
        ],
    );
    case.write("demitasse.yml", "");
    case.run(&["promote", "-c", &both]).expect(4, &[]);
    assert!(!case.exists("fluentd/web"));
}

#[test]
fn referrers_are_read_beside_the_mounts_and_shown_in_a_plan() {
    let mut world = common(&["aaaa"]);
    world["repositories"][0]["images"][0]["referrers"] =
        json!([{"artifactType": "application/vnd.cncf.notary.signature"}]);
    let rtt = Duration::from_millis(200);
    let options = Options {
        rtt,
        ..Options::default()
    };
    let case = Case::new(&world, options);
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    let manifests =
        |report: &Value| report["configs"][0]["images"][0]["content"]["manifests"].clone();
    let plan = case.run(&["plan", "-c", &config, "--output", "json"]);
    plan.expect(0, &[]);
    assert_eq!(manifests(&plan.report()), 2);
    case.sandbox.clear_log();
    let ran = case.run(&["promote", "-c", &config, "--output", "json"]);
    ran.expect(0, &[]);
    assert_eq!(manifests(&ran.report()), 2);
    let log = case.sandbox.log();
    let at = |operation: &str| {
        let mut found = log.iter().filter(|one| one.operation == operation);
        found.next().expect(operation).at
    };
    let (mounts, listed) = (at("POST"), at("ListImageReferrers"));
    assert!(
        (mounts - listed).abs() < 0.9 * rtt.as_secs_f64() * 1000.0,
        "{mounts}, {listed}"
    );
}

#[test]
fn what_cosign_keeps_under_tags_stays_in_common_and_is_told() {
    let case = Case::common(&["aaaa"]);
    let digest = case.tags("fluentd/common")["aaaa"].replace(':', "-");
    let signature = format!("{digest}.sig");
    case.sandbox
        .with_state(|state| state.push("fluentd/common", &image(1, "signature"), &[&signature]))
        .expect("pushed");
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    let told = |arguments: &[&str]| {
        let ran = case.run(&[arguments, &["-c", &config, "--output", "json"]].concat());
        ran.expect(0, &[]);
        let report = ran.report();
        let problems = report["problems"].as_array().expect("a list").clone();
        let mut told = problems
            .iter()
            .filter(|one| one["code"] == "COMPANIONS_LEFT");
        told.next().map(|one| {
            assert_eq!(one["severity"], "note");
            one["message"]
                .as_str()
                .expect("a text")
                .contains(&signature)
        })
    };
    assert_eq!(told(&["plan"]), Some(true));
    assert_eq!(told(&["plan", "--referrers", "skip"]), None);
    assert_eq!(told(&["promote"]), Some(true));
    assert_eq!(case.tags("fluentd/app").len(), 1);
    assert_eq!(
        told(&["promote"]),
        None,
        "nothing is copied, nothing is asked"
    );
}

#[test]
fn a_large_run_mounts_only_what_its_targets_lack() {
    let families = ["a", "b", "c", "d", "e", "f"];
    let image = |tag: &str| {
        let base = (0..20).map(|at| json!({"size": 32, "seed": format!("base-{at}")}));
        let layers: Vec<Value> = base.chain([json!({"size": 32, "seed": tag})]).collect();
        json!({"tags": [tag], "layers": layers})
    };
    let common = json!({"name": "fluentd/common", "images": [image("v1"), image("v2")]});
    let case = Case::new(&json!({"repositories": [common]}), Options::default());
    let promote = |tag: &str, which: &[&str]| {
        for family in which {
            case.project(family, &[&format!("HOST/fluentd/{family}:{tag}")]);
        }
        case.sandbox.clear_log();
        let patterns = which
            .iter()
            .flat_map(|family| ["-c".to_owned(), format!("{family}/ecspresso.yml")]);
        let arguments: Vec<String> = [
            "promote".to_owned(),
            "--referrers".to_owned(),
            "skip".to_owned(),
        ]
        .into_iter()
        .chain(patterns)
        .collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        case.run(&arguments).expect(0, &[]);
        for family in which {
            case.pull(&format!("fluentd/{family}"), tag);
        }
        let count = |operation: &str| {
            let log = case.sandbox.log();
            log.iter()
                .filter(|request| request.operation == operation)
                .count()
        };
        (count("POST"), count("BatchCheckLayerAvailability"))
    };
    assert_eq!(
        promote("v1", &families),
        (6 * 22, 0),
        "nothing is there yet"
    );
    assert_eq!(promote("v2", &["a"]), (22, 0), "they go out at once");
    assert_eq!(
        promote("v2", &families),
        (5 * 2, 5),
        "the layer and the configuration that are new"
    );
}
