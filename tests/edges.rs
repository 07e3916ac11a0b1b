//! Edges where a tool of this kind loses an image, waits for ever or says the wrong thing.

mod support;

use std::thread;
use std::time::{Duration, Instant};

use demitasse_sandbox::{Fault, Options, http};
use serde_json::{Value, json};
use support::{Case, common, image, ran};

fn fault(text: &str) -> Fault {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn pin(digest: &str) -> String {
    format!("inuse-{}", &digest["sha256:".len()..][..12])
}

fn policy(keep: u32) -> Value {
    json!({"rules": [
        {"rulePriority": 1, "selection": {"tagStatus": "tagged", "tagPatternList": ["inuse-*"], "countType": "imageCountMoreThan", "countNumber": 9999}, "action": {"type": "expire"}},
        {"rulePriority": 2, "selection": {"tagStatus": "tagged", "tagPatternList": ["*"], "countType": "imageCountMoreThan", "countNumber": keep}, "action": {"type": "expire"}},
    ]})
}

/// A layer that only images of this name have.
fn layers(name: &str) -> Value {
    json!([{"size": 64, "seed": name}])
}

/// `fluentd/app` beside a common repository with these images.
fn world(common: Value, app: Value) -> Value {
    let mut target = json!({"name": "fluentd/app"});
    for (key, value) in app.as_object().into_iter().flatten() {
        target[key] = value.clone();
    }
    json!({"repositories": [{"name": "fluentd/common", "images": common}, target]})
}

/// Calls ECR's JSON API, as somebody else would.
fn call(case: &Case, operation: &str, input: &Value) {
    let target = format!("AmazonEC2ContainerRegistry_V20150921.{operation}");
    let headers = [
        ("Content-Type", "application/x-amz-json-1.1"),
        ("X-Amz-Target", &*target),
        ("Authorization", "AWS4-HMAC-SHA256 somebody"),
    ];
    let body = input.to_string();
    let answer = http::send("POST", &format!("{}/", case.sandbox.url()), &headers, body);
    assert_eq!(answer.expect("an answer").status, 200, "{operation}");
}

#[test]
fn a_repository_that_somebody_else_created_meanwhile_keeps_its_policies() {
    let rtt = Duration::from_millis(400);
    let mut world = common(&["aaaa"]);
    world["repositories"][0]["policy"] = json!({"Version": "2012-10-17", "Statement": []});
    let case = Case::new(
        &world,
        Options {
            rtt,
            ..Options::default()
        },
    );
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    let theirs = policy(100).to_string();
    thread::scope(|scope| {
        let run = scope.spawn(|| case.run(&["promote", "-c", &config, "--keep", "5"]));
        let asked = |operation: &str| {
            case.sandbox
                .log()
                .iter()
                .any(|one| one.operation == operation)
        };
        while !asked("DescribeImages") {
            thread::sleep(Duration::from_millis(5));
        }
        call(
            &case,
            "CreateRepository",
            &json!({"repositoryName": "fluentd/app"}),
        );
        let put = json!({"repositoryName": "fluentd/app", "lifecyclePolicyText": theirs});
        call(&case, "PutLifecyclePolicy", &put);
        run.join().expect("no panic").expect(0, &[]);
    });
    case.pull("fluentd/app", "aaaa");
    case.sandbox.with_state(|state| {
        let repository = state.repository("fluentd/app").expect("there");
        assert_eq!(repository.lifecycle.as_deref(), Some(theirs.as_str()));
        assert_eq!(
            repository.policy, None,
            "whose access it is, is theirs to say"
        );
    });
}

#[test]
fn a_digest_that_is_there_under_another_tag_is_as_old_as_it_is() {
    let old = |number: usize| json!({"tags": [format!("v{number}")], "pushedDaysAgo": 11 - number, "layers": layers(&format!("v{number}"))});
    let images: Vec<Value> = (1..=10).map(old).collect();
    let rebuilt = json!([{"tags": ["rebuilt"], "layers": layers("v1")}]);
    for keep in [10, 5] {
        let app = json!({"images": images.clone(), "lifecyclePolicy": policy(keep)});
        let case = Case::new(&world(rebuilt.clone(), app), Options::default());
        let config = case.project("app", &["HOST/fluentd/app:rebuilt"]);
        let digest = case.tags("fluentd/common")["rebuilt"].clone();
        assert_eq!(
            case.tags("fluentd/app")["v1"],
            digest,
            "the world is as meant"
        );
        let ran = case.run(&["promote", "-c", &config]);
        ran.expect(0, &[]);
        assert_eq!(
            case.tags("fluentd/app")[&pin(&digest)],
            digest,
            "keep {keep}: {}",
            ran.out
        );
        case.sandbox.run_lifecycle();
        case.pull("fluentd/app", "rebuilt");
    }
}

#[test]
fn an_image_that_is_about_to_go_by_its_age_is_pinned() {
    let by_age = json!({"rules": [
        {"rulePriority": 1, "selection": {"tagStatus": "tagged", "tagPatternList": ["inuse-*"], "countType": "imageCountMoreThan", "countNumber": 9999}, "action": {"type": "expire"}},
        {"rulePriority": 2, "selection": {"tagStatus": "tagged", "tagPatternList": ["*"], "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 5}, "action": {"type": "expire"}},
    ]});
    let images = json!([{"tags": ["v1"], "pushedDaysAgo": 10, "layers": layers("v1")}]);
    let case = Case::new(
        &world(
            images.clone(),
            json!({"images": images, "lifecyclePolicy": by_age}),
        ),
        Options::default(),
    );
    let config = case.project("app", &["HOST/fluentd/app:v1"]);
    case.run(&["promote", "-c", &config])
        .expect(0, &["too weak"]);
    let tags = case.tags("fluentd/app");
    assert!(tags.contains_key(&pin(&tags["v1"])));
    case.sandbox.run_lifecycle();
    case.pull("fluentd/app", "v1");
}

#[test]
fn a_policy_is_not_installed_where_this_very_run_would_overflow_it() {
    let case = Case::common(&["aaaa", "bbbb"]);
    let config = case.project("app", &["HOST/fluentd/app:aaaa", "HOST/fluentd/app:bbbb"]);
    case.run(&["promote", "-c", &config, "--keep", "1"])
        .expect(0, &["keep 1 would expire"]);
    case.sandbox.run_lifecycle();
    case.pull("fluentd/app", "aaaa");

    let running = json!([{"tags": ["v1"], "layers": layers("v1")}]);
    let new = json!([{"tags": ["aaaa"], "layers": layers("aaaa")}]);
    let case = Case::new(&world(new, json!({"images": running})), Options::default());
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.run(&["promote", "-c", &config, "--keep", "1"])
        .expect(0, &["keep 1 would expire"]);
    case.sandbox.run_lifecycle();
    case.pull("fluentd/app", "v1");
}

#[test]
fn children_of_a_living_index_are_no_leftovers() {
    let index = json!([{"tags": ["v1"], "pushedDaysAgo": 60, "layers": layers("v1"), "platforms": ["linux/amd64", "linux/arm64"]}]);
    let new = json!([{"tags": ["aaaa"], "layers": layers("aaaa")}]);
    let case = Case::new(&world(new, json!({"images": index})), Options::default());
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.run(&["promote", "-c", &config]).expect(0, &[]);
    let installed = case.sandbox.with_state(|state| {
        state
            .repository("fluentd/app")
            .is_some_and(|one| one.lifecycle.is_some())
    });
    assert!(installed);
    assert!(case.sandbox.run_lifecycle().is_empty());
}

#[test]
fn only_what_is_there_is_handed_over() {
    let case = Case::common(&["aaaa", "bbbb"]);
    let app = case.project("app", &["HOST/fluentd/common:aaaa"]);
    let web = case.project("web", &["HOST/fluentd/common:bbbb"]);
    case.run(&["promote", "-c", &app, "--env-out", "out.env"])
        .expect(0, &[]);
    assert!(case.read("out.env").contains("IMAGE_APP="));

    case.sandbox
        .set_faults(vec![fault("500@ecr:PutImage=fluentd/web#*")]);
    case.run(&[
        "promote",
        "-c",
        &web,
        "--env-out",
        "out.env",
        "--keep-going",
    ])
    .expect(1, &[]);
    assert_eq!(
        case.read("out.env"),
        "",
        "neither the failed image nor the older run's"
    );
    case.sandbox.set_faults(Vec::new());

    let both = ["promote", "-c", &app, "-c", &web, "--env-out", "out.env"];
    case.run(&both)
        .expect(3, &["two containers want different images in IMAGE_APP"]);
    let mut going = both.to_vec();
    going.push("--keep-going");
    case.run(&going).expect(3, &[]);
    assert_eq!(case.read("out.env"), "", "a name that two want is nobody's");

    case.sandbox.clear_log();
    let job = case.project("job", &["HOST/fluentd/common:aaaa"]);
    case.run(&[
        "promote",
        "-c",
        &job,
        "--env-out",
        "no/such/directory/out.env",
    ])
    .expect(3, &["--env-out"]);
    assert!(
        case.writes().is_empty(),
        "exit 3 means that nothing was written"
    );
}

#[test]
fn families_are_compared_with_those_of_other_runs() {
    let case = Case::common(&["aaaa"]);
    case.write("demitasse.yml", "families: {CfpApp: app}\n");
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.run(&["promote", "-c", &config])
        .expect(3, &["CfpApp and app would share"]);
    let public = case.project("CfpApp", &["nginx:1"]);
    case.run(&["promote", "-c", &public]).expect(0, &[]);
}

#[test]
fn a_tag_that_somebody_set_meanwhile_does_not_move() {
    for mutability in ["MUTABLE", "IMMUTABLE_WITH_EXCLUSION"] {
        let app = json!({"tagMutability": mutability, "exclusionFilters": if mutability == "MUTABLE" { json!([]) } else { json!(["inuse-*"]) }, "lifecyclePolicy": policy(30)});
        let new = json!([{"tags": ["aaaa"], "layers": layers("aaaa")}]);
        let rtt = Duration::from_millis(700);
        let case = Case::new(
            &world(new, app),
            Options {
                rtt,
                ..Options::default()
            },
        );
        let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
        let other = thread::scope(|scope| {
            let run = scope.spawn(|| case.run(&["promote", "-c", &config]));
            while case.sandbox.with_state(|state| state.counters.mounted) == 0 {
                thread::sleep(Duration::from_millis(5));
            }
            let other = case
                .sandbox
                .with_state(|state| state.push("fluentd/app", &image(1, "other"), &["aaaa"]));
            run.join().expect("no panic").expect(4, &["holds sha256:"]);
            other.expect("pushed")
        });
        assert_eq!(case.tags("fluentd/app")["aaaa"], other, "{mutability}");
    }
}

#[test]
fn many_expired_tokens_at_once_do_not_wait_for_each_other() {
    for jobs in ["1", "32"] {
        let case = Case::common(&["aaaa"]);
        case.sandbox
            .with_state(|state| state.push("fluentd/common", &image(60, "many"), &["many"]))
            .expect("pushed");
        let config = case.project("app", &["HOST/fluentd/app:many"]);
        let expired =
            (1..=40).map(|nth| fault(&format!("expired-token@ecr:InitiateLayerUpload#{nth}")));
        case.sandbox.set_faults(expired.collect());
        let start = Instant::now();
        case.run(&["promote", "-c", &config, "--jobs", jobs, "--timeout", "20s"])
            .expect(0, &[]);
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{:?}",
            start.elapsed()
        );
    }
}

#[test]
fn a_throttled_upload_is_waited_for_and_an_endless_retry_after_is_no_panic() {
    let options = || Options {
        mount: Some(false),
        ..Options::default()
    };
    for faults in [
        "429@ecr:CompleteLayerUpload",
        "429;retry-after=4294967296@ecr:CompleteLayerUpload",
    ] {
        let case = Case::new(&common(&["aaaa"]), options());
        let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
        case.sandbox.set_faults(vec![fault(faults)]);
        case.run(&["promote", "-c", &config]).expect(0, &[]);
        case.pull("fluentd/app", "aaaa");
    }
}

#[test]
fn a_broken_referrer_stays_behind_and_the_image_goes() {
    let signed = json!([{"tags": ["aaaa"], "layers": layers("aaaa"), "referrers": [{"artifactType": "application/vnd.cncf.notary.signature", "size": 77}]}]);
    let case = Case::new(
        &world(signed, json!({"lifecyclePolicy": policy(30)})),
        Options::default(),
    );
    case.sandbox.with_state(|state| {
        let common = state
            .repositories
            .get_mut("fluentd/common")
            .expect("common");
        common.blobs.retain(|_, blob| blob.bytes.len() != 77);
    });
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.run(&["promote", "-c", &config, "--mount-only"])
        .expect(0, &["warning"]);
    case.pull("fluentd/app", "aaaa");
}

#[test]
fn max_upload_is_for_the_whole_run() {
    let case = Case::new(
        &common(&["aaaa", "bbbb"]),
        Options {
            mount: Some(false),
            ..Options::default()
        },
    );
    case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.project("web", &["HOST/fluentd/web:bbbb"]);
    case.run(&["promote", "-c", "*/ecspresso.yml", "--max-upload", "8kB"])
        .expect(4, &["--max-upload"]);
    assert!(case.writes().is_empty(), "each alone would fit");
}

#[test]
fn tags_move_without_a_look_at_the_policy_only_if_the_old_digest_is_safe() {
    let app = |settings: Value| {
        let mut app = json!({"images": [{"tags": ["aaaa"], "layers": layers("old")}]});
        for (key, value) in settings.as_object().into_iter().flatten() {
            app[key] = value.clone();
        }
        let new = json!([{"tags": ["aaaa"], "layers": layers("aaaa")}]);
        let case = Case::new(&world(new, app), Options::default());
        let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
        case.run(&[
            "promote",
            "-c",
            &config,
            "--lifecycle",
            "off",
            "--allow-tag-move",
        ])
    };
    app(json!({"lifecyclePolicy": policy(30)})).expect(0, &[]);
    app(json!({})).expect(0, &[]);
}

#[test]
fn a_config_that_cannot_be_read_does_not_stop_the_others_when_told_so() {
    let case = Case::common(&["aaaa"]);
    case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.project("web", &["HOST/fluentd/web:{{ must_env `NOPE` }}"]);
    case.run(&["promote", "-c", "*/ecspresso.yml", "--keep-going"])
        .expect(3, &["NOPE is not set"]);
    case.pull("fluentd/app", "aaaa");
}

#[test]
fn variables_are_read_as_people_write_them() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    let mut command = case.command(&["promote", "-c", &config]);
    for name in [
        "KEEP",
        "CONFIG",
        "ENVFILE",
        "ENV_OUT",
        "TIMEOUT",
        "LIFECYCLE",
        "MOUNT_ONLY",
        "TASK_DEFINITION",
    ] {
        command.env(format!("DEMITASSE_{name}"), "");
    }
    command.env("DEMITASSE_DRY_RUN", "1");
    ran(command).expect(0, &[]);
    assert!(case.writes().is_empty());
    let comma = case.project("a,b", &["HOST/fluentd/app:aaaa"]);
    case.run(&["plan", "-c", &comma]).expect(4, &["family a,b"]);
}

#[test]
fn an_archived_image_is_restored_or_named() {
    let archived = json!({"images": [{"tags": ["aaaa"], "pushedDaysAgo": 100, "archivedDaysAgo": 10, "layers": layers("aaaa")}], "lifecyclePolicy": policy(30)});
    let same = json!([{"tags": ["aaaa"], "layers": layers("aaaa")}]);
    let case = Case::new(&world(same, archived.clone()), Options::default());
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.run(&["promote", "-c", &config]).expect(0, &[]);
    case.pull("fluentd/app", "aaaa");

    let case = Case::new(&world(json!([]), archived.clone()), Options::default());
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.run(&["promote", "-c", &config])
        .expect(4, &["in the archive", "update-image-storage-class"]);

    let other = json!([{"tags": ["aaaa"], "layers": layers("other")}]);
    let case = Case::new(&world(other, archived), Options::default());
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    case.run(&["promote", "-c", &config])
        .expect(4, &["holds sha256:"]);
}

#[test]
fn a_listed_digest_that_gets_a_tag_takes_a_place() {
    for old in [
        json!({"pushedDaysAgo": 20}),
        json!({"tags": ["x"], "pushedDaysAgo": 200, "archivedDaysAgo": 100}),
    ] {
        let mut old = old;
        old["layers"] = layers("again");
        let tagged = |number: usize| json!({"tags": [format!("v{number}")], "pushedDaysAgo": 10, "layers": layers(&format!("v{number}"))});
        let mut images: Vec<Value> = (0..30).map(tagged).collect();
        images.push(old);
        let again = json!([{"tags": ["again"], "layers": layers("again")}]);
        let case = Case::new(&world(again, json!({"images": images})), Options::default());
        let config = case.project("app", &["HOST/fluentd/app:again"]);
        case.run(&["promote", "-c", &config])
            .expect(0, &["keep 30 would expire"]);
        assert!(case.sandbox.run_lifecycle().is_empty());
    }
}

#[test]
fn what_is_redeployed_in_the_run_that_installs_the_policy_is_pinned() {
    let tagged = |number: usize| json!({"tags": [format!("v{number}")], "pushedDaysAgo": 40 - number, "layers": layers(&format!("v{number}"))});
    let images: Vec<Value> = (0..30).map(tagged).collect();
    let common = json!([{"tags": ["v0"], "layers": layers("v0")}]);
    let case = Case::new(
        &world(common, json!({"images": images})),
        Options::default(),
    );
    let config = case.project("app", &["HOST/fluentd/app:v0"]);
    case.run(&["promote", "-c", &config]).expect(0, &[]);
    let tags = case.tags("fluentd/app");
    assert!(tags.contains_key(&pin(&tags["v0"])), "30th of 30");
}

#[test]
fn an_ordinary_repository_that_looks_like_a_target_gets_no_policy() {
    let image = json!({"tags": ["v1"], "layers": layers("v1")});
    let world = json!({"repositories": [{"name": "team/app", "images": [image]}]});
    let case = Case::new(&world, Options::default());
    let config = case.project("app", &["HOST/team/app:v1"]);
    case.run(&["promote", "-c", &config]).expect(0, &[]);
    assert!(case.writes().is_empty());
}

#[test]
fn two_allowed_moves_of_one_tag_lose_no_digest() {
    let common = json!([{"tags": ["one"], "layers": layers("one")}, {"tags": ["two"], "layers": layers("two")}]);
    let app = json!({"images": [{"tags": ["latest"], "layers": layers("old")}], "lifecyclePolicy": policy(30)});
    let rtt = Duration::from_millis(700);
    let case = Case::new(
        &world(common, app),
        Options {
            rtt,
            ..Options::default()
        },
    );
    case.sandbox.with_state(|state| {
        let one = state.tags("fluentd/common")["one"].clone();
        state
            .set_tag("fluentd/common", "latest", &one)
            .expect("tagged");
    });
    let config = case.project("app", &["HOST/fluentd/app:latest"]);
    thread::scope(|scope| {
        let run = scope.spawn(|| case.run(&["promote", "-c", &config, "--allow-tag-move"]));
        while case.sandbox.with_state(|state| state.counters.mounted) == 0 {
            thread::sleep(Duration::from_millis(5));
        }
        case.sandbox.with_state(|state| {
            state
                .push("fluentd/app", &image(1, "theirs"), &["latest"])
                .expect("pushed");
        });
        run.join().expect("no panic").expect(4, &["holds sha256:"]);
    });
}

#[test]
fn redeploys_alone_bring_nothing_new() {
    let tagged = |number: usize| json!({"tags": [format!("v{number}")], "pushedDaysAgo": 40 - number, "layers": layers(&format!("v{number}"))});
    let images: Vec<Value> = (0..30).map(tagged).collect();
    let case = Case::new(
        &world(
            json!([]),
            json!({"images": images, "lifecyclePolicy": policy(30)}),
        ),
        Options::default(),
    );
    let config = case.project(
        "app",
        &[
            "HOST/fluentd/app:v3",
            "HOST/fluentd/app:v4",
            "HOST/fluentd/app:v5",
        ],
    );
    case.run(&["promote", "-c", &config]).expect(0, &[]);
    assert!(case.writes().is_empty(), "27th, 26th and 25th of 30");
}
