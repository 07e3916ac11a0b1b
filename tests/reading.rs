//! Usage is read for minutes in a large account: what is seen meanwhile, what ends it early, and what is said where it cannot begin.

mod support;

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use demitasse_sandbox::Options;
use serde_json::{Value, json};
use support::{Case, HOST, our_policy, ran};

/// Two clusters of twelve services each, over one family.
fn world() -> Value {
    let service = |number: u32| {
        let cluster = if number.is_multiple_of(2) {
            "even"
        } else {
            "odd"
        };
        json!({"name": format!("app-{number}"), "cluster": cluster, "taskDefinition": "app:2"})
    };
    let definition = |number: u32| {
        let image = format!("{HOST}/fluentd/app:v{number}");
        json!({"family": "app", "containers": [{"name": "fluentd", "image": image}]})
    };
    json!({
        "repositories": [{
            "name": "fluentd/app",
            "lifecyclePolicy": our_policy(30),
            "images": [{"tags": ["v1"]}, {"tags": ["v2"]}],
        }],
        "clusters": ["even", "odd"],
        "taskDefinitions": [definition(1), definition(2)],
        "services": (0..24).map(service).collect::<Vec<_>>(),
    })
}

fn case() -> Case {
    Case::new(&world(), Options::default())
}

#[test]
fn the_end_of_the_time_says_how_far_it_came_and_what_to_do() {
    let case = case();
    let command = ["--in-use-command", "touch began; echo []"];
    let slow = ["audit", "--all", "--rate", "4", "--timeout", "3s"];
    let ran = case.run(&[&slow[..], &command[..]].concat());
    ran.expect(
        1,
        &[
            "longer than --timeout (step 1 of 3: ",
            " of 24 services",
            "nothing was written",
            "hint: a longer --timeout",
        ],
    );
    assert!(ran.out.is_empty(), "{}", ran.out);
    assert!(
        case.path("began").exists(),
        "commands run while ECS is read"
    );
}

#[test]
fn a_signal_while_usage_is_read_ends_it_at_once_and_nothing_is_written() {
    let runs: [(&str, i32, &[&str]); 4] = [
        ("-INT", 130, &["audit", "--all"]),
        ("-TERM", 143, &["audit", "--all"]),
        ("-INT", 130, &["pin", "--all"]),
        ("-TERM", 143, &["pin", "--all", "--remove"]),
    ];
    for (signal, code, arguments) in runs {
        let case = case();
        let mut command = case.command(&[arguments, &["--rate", "2"]].concat());
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("runs");
        let start = Instant::now();
        while case.sandbox.log().len() < 6 {
            let waited = start.elapsed();
            assert!(waited < Duration::from_secs(10), "it never began to read");
            thread::sleep(Duration::from_millis(20));
        }
        let mut kill = Command::new("kill");
        kill.args([signal, &child.id().to_string()]);
        assert_eq!(ran(kill).code, 0);
        let asked = Instant::now();
        let output = child.wait_with_output().expect("ends");
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(5), "{arguments:?}: {took:?}");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("interrupted; nothing was written"), "{told}");
        assert!(case.writes().is_empty(), "{arguments:?}");
    }
}

/// What every source fails for is said once, with its own next step, and not that nothing was found.
#[test]
fn what_keeps_everything_from_being_read_is_said_once() {
    let case = case();
    for arguments in [&["audit", "--all"][..], &["pin", "--all"]] {
        let mut command = case.command(arguments);
        command
            .env_remove("AWS_REGION")
            .env_remove("AWS_DEFAULT_REGION");
        let without_region = ran(command);
        without_region.expect(3, &["error: no Region is set", "hint: set AWS_REGION"]);
        assert!(case.sandbox.log().is_empty(), "nothing was asked");

        let mut command = case.command(arguments);
        command
            .env_remove("AWS_ACCESS_KEY_ID")
            .env_remove("AWS_SECRET_ACCESS_KEY")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        let stranger = ran(command);
        stranger.expect(
            1,
            &[
                "services, task-definitions, eventbridge, scheduler could not be read",
                "no valid credentials",
                "hint: set AWS_PROFILE",
            ],
        );
        assert_eq!(
            stranger.err.matches("credentials:").count(),
            1,
            "{}",
            stranger.err
        );
        for noise in ["--without", "no service and no task"] {
            assert!(!stranger.err.contains(noise), "{}", stranger.err);
        }
    }
}
