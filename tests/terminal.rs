//! On a real terminal: progress bars are drawn and taken away, colours are on, and the run ends.

#![cfg(target_os = "linux")]

mod support;

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use demitasse_sandbox::Options;
use support::{Case, common};

/// Runs the binary on a pseudo-terminal (`script`, which every Debian has); gives everything that was written to it.
fn on_a_terminal(case: &Case, arguments: &str, variables: &[(&str, &str)]) -> String {
    let binary = env!("CARGO_BIN_EXE_demitasse");
    let mut command = Command::new("script");
    command
        .args(["--quiet", "--return", "--command"])
        .arg(format!("stty cols 140 rows 40; {binary} {arguments}"))
        .arg("typescript")
        .current_dir(case.directory.path())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("TERM", "xterm-256color")
        .envs(case.sandbox.environment())
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let mut child = command.spawn().expect("script runs");
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a status") {
            assert!(status.success(), "{}", case.read("typescript"));
            return case.read("typescript");
        }
        if start.elapsed() > Duration::from_secs(20) {
            child.kill().expect("killed");
            panic!("it hangs on a terminal:\n{}", case.read("typescript"));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn bars_are_drawn_and_the_run_ends() {
    let options = Options {
        rtt: Duration::from_millis(300),
        ..Options::default()
    };
    let case = Case::new(&common(&["aaaa"]), options);
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    let seen = on_a_terminal(&case, &format!("promote -c {config}"), &[]);
    assert!(seen.contains("/3 blobs"), "a bar: {seen}");
    assert!(seen.contains("\u{1b}[32m"), "colours: {seen}");
    assert!(seen.contains("Done: 1 promoted"), "{seen}");
    assert!(!seen.contains("[INFO]"), "no log lines beside bars: {seen}");
}

#[test]
fn a_bootstrap_has_one_bar_and_takes_it_away() {
    let options = Options {
        rtt: Duration::from_millis(300),
        ..Options::default()
    };
    let case = Case::new(&common(&["aaaa"]), options);
    let arguments = "bootstrap --repository fluentd/app,fluentd/web";
    let seen = on_a_terminal(&case, arguments, &[]);
    assert!(seen.contains("reading repositories"), "a spinner: {seen}");
    assert!(seen.contains("repositories and policies"), "a bar: {seen}");
    assert!(seen.contains("2/4"), "it moves: {seen}");
    assert!(!seen.contains("[INFO]"), "no log lines beside bars: {seen}");
    let told = seen.rsplit("\u{1b}[2K").next().unwrap_or_default();
    assert!(told.contains("Done: 2 repositories created"), "{seen}");
    assert!(!told.contains("2/4"), "it is taken away: {seen}");
}

/// Clusters are read at once; what is drawn is their sum.
#[test]
fn reading_usage_is_a_spinner_and_then_a_bar_for_all_clusters() {
    let definition =
        serde_json::json!({"family": "app", "containers": [{"name": "app", "image": "nginx"}]});
    let service = |number: u32| {
        let cluster = if number.is_multiple_of(2) {
            "even"
        } else {
            "odd"
        };
        serde_json::json!({"name": format!("app-{number}"), "cluster": cluster, "taskDefinition": "app:1"})
    };
    let world = serde_json::json!({
        "clusters": ["even", "odd"],
        "taskDefinitions": [definition],
        "services": (0..12).map(service).collect::<Vec<_>>(),
    });
    let options = Options {
        rtt: Duration::from_millis(300),
        ..Options::default()
    };
    let case = Case::new(&world, options);
    let arguments = "audit --all --rate 1000 --fail-on never";
    let seen = on_a_terminal(&case, arguments, &[]);
    assert!(seen.contains("reading what is in use"), "a spinner: {seen}");
    assert!(seen.contains("of 12 services"), "a bar: {seen}");
    assert!(
        !seen.contains("reading: step"),
        "no lines beside it: {seen}"
    );
    let told = seen.rsplit("\u{1b}[2K").next().unwrap_or_default();
    assert!(!told.contains("step 1 of 3"), "it is taken away: {seen}");
}

#[test]
fn continuous_integration_and_no_color_are_obeyed() {
    let case = Case::common(&["aaaa"]);
    let config = case.project("app", &["HOST/fluentd/app:aaaa"]);
    let variables = [("CI", "true"), ("NO_COLOR", "1")];
    let seen = on_a_terminal(&case, &format!("promote -c {config}"), &variables);
    assert!(seen.contains("[INFO] [app] promoted"), "{seen}");
    assert!(!seen.contains('\u{1b}'), "{seen}");
}
