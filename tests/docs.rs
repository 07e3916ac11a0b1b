//! The documents are true: what they show is what the program does.

#![expect(clippy::disallowed_methods, reason = "this test reads the documents")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use demitasse::model::lifecycle::Policy;
use demitasse::model::settings::Settings;
use demitasse::model::usage::Source;
use demitasse::plan::lint::Code;
use demitasse::plan::policy;
use demitasse::plan::reason::Why;
use demitasse_sandbox::{ImageSpec, Options};
use serde_json::Value;
use support::{Case, ran};

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The fenced blocks of one language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let after = text.split(&fence).skip(1);
    after
        .filter_map(|block| Some(block.split_once("```")?.0.to_owned()))
        .collect()
}

#[test]
fn the_first_example_of_the_readme_is_what_is_printed() {
    let shown = blocks(&document("README.md"), "console").remove(0);
    let (command, expected) = shown.split_once('\n').expect("a command and its output");
    let arguments: Vec<&str> = command.split(' ').skip(3).collect();
    let case = Case::common(&["3f2c1ab"]);
    case.project(
        "app",
        &[
            "HOST/fluentd/app:{{ must_env `TAG` }}",
            "public.ecr.aws/x/y:1",
        ],
    );
    let mut command = case.command(&arguments);
    command.env("TAG", "3f2c1ab");
    let ran = ran(command);
    ran.expect(0, &[]);
    assert_eq!(ran.out, expected);
}

#[test]
fn the_readme_has_exactly_two_set_up_commands() {
    let readme = document("README.md");
    let section = readme.split("## Try it").nth(1).expect("a section");
    let section = section.split("\n## ").next().expect("its text");
    assert_eq!(
        blocks(section, "console"),
        ["$ cargo sandbox\n$ cargo test\n"]
    );
}

#[test]
fn the_documented_policy_is_the_installed_one() {
    let text = blocks(&document("docs/lifecycle-policy.md"), "json").remove(0);
    let policy: Policy = text.parse().expect("a policy");
    assert!(policy.same_meaning(&policy::installed(30)));
}

#[test]
fn every_lint_is_documented_once() {
    let text = document("docs/lifecycle-policy.md");
    let name = |line: &str| Some(line.strip_prefix("| L")?.split_once(" |")?.0.to_owned());
    let documented: Vec<String> = text.lines().filter_map(name).collect();
    let numbers: Vec<String> = (1..=Code::ALL.len())
        .map(|number| number.to_string())
        .collect();
    assert_eq!(documented, numbers);
    let names = Code::ALL.map(|code| code.name()[1..].to_owned());
    assert_eq!(names.as_slice(), numbers);
}

#[test]
fn the_documented_simulation_is_what_is_printed() {
    let text = document("docs/lifecycle-policy.md");
    let case = Case::common(&["aaaa"]);
    let files = blocks(&text, "json");
    case.write("policy.json", &files[0]);
    case.write("images.json", &files[1]);
    let shown = blocks(&text, "console").pop().expect("an example");
    let (command, expected) = shown.split_once('\n').expect("a command and its output");
    let arguments: Vec<&str> = command.split(' ').skip(2).collect();
    let ran = case.run(&arguments);
    ran.expect(0, &[]);
    assert_eq!(ran.out, expected);
}

#[test]
fn the_documented_template_begins_as_it_is_printed() {
    let text = document("docs/lifecycle-policy.md");
    let shown = blocks(&text, "console");
    let mut shown = shown
        .iter()
        .filter_map(|one| one.strip_prefix("$ demitasse lifecycle template "));
    let (arguments, expected) = shown
        .next()
        .and_then(|one| one.split_once('\n'))
        .expect("an example");
    let mut command = vec!["lifecycle", "template"];
    command.extend(arguments.split(' '));
    let ran = Case::common(&["aaaa"]).run(&command);
    ran.expect(0, &[]);
    let expected = expected.trim_end_matches("…\n");
    assert!(ran.out.starts_with(expected), "{}", ran.out);
    assert!(expected.lines().count() > 5, "{expected}");
}

#[test]
fn the_documented_settings_are_read() {
    let text = document("docs/settings.md");
    let examples = blocks(&text, "yaml").concat();
    let settings = Settings::read(&examples).expect("settings");
    assert_eq!(settings.keep, Some(50));
    assert_eq!(settings.repositories[0].keep, Some(100));
    let row = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    for key in text.lines().filter_map(row) {
        let value = match key.as_str() {
            "families" | "quotas" | "tags" => "{}",
            "moving_tags" | "repositories" | "sources" | "without" => "[]",
            "keep" | "min_pushes" => "3",
            "lifecycle" => "verify",
            "create_repository" => "never",
            "mutability" => "inherit",
            _ => "'{name}/x'",
        };
        let read = Settings::read(&format!("{key}: {value}\n"));
        assert!(read.is_ok(), "{key} is documented and not read: {read:?}");
    }
}

/// The words between backticks at the beginning of each row of a section's table.
fn rows(text: &str, section: &str) -> Vec<String> {
    let section = text.split(&format!("\n## {section}\n")).nth(1);
    let section = section.and_then(|rest| rest.split("\n## ").next());
    let lines = section.expect("a section").lines();
    let cells = lines.filter_map(|line| line.strip_prefix("| `")?.split_once('|'));
    let words = cells.flat_map(|(cell, _)| cell.split('`').step_by(2));
    words.map(str::to_owned).collect()
}

#[test]
fn every_reason_and_every_source_of_usage_is_documented() {
    let text = document("docs/usage.md");
    let reasons = Why::ALL.map(|why| why.name().to_owned());
    let documented: Vec<String> = rows(&text, "Reasons")
        .into_iter()
        .filter(|word| !word.trim().is_empty())
        .collect();
    assert_eq!(documented, reasons);
    assert!(
        Why::ALL.is_sorted(),
        "the documented order is that of reports"
    );
    let documented: BTreeSet<String> = rows(&text, "Coverage").into_iter().collect();
    for source in [
        Source::Services,
        Source::ServiceRevisions,
        Source::Tasks,
        Source::TaskDefinitions,
        Source::Daemons,
        Source::EventBridge,
        Source::Scheduler,
        Source::InUseFile,
        Source::InUseCommand,
    ] {
        assert!(documented.contains(source.name()), "{source}");
    }
}

#[test]
fn every_flag_that_a_document_names_exists() {
    let case = Case::common(&["aaaa"]);
    let commands: [&[&str]; 9] = [
        &["promote"],
        &["bootstrap"],
        &["audit"],
        &["pin"],
        &["render"],
        &["lifecycle", "lint"],
        &["lifecycle", "simulate"],
        &["lifecycle", "template"],
        &["sweep"],
    ];
    let help = commands.map(|command| case.run(&[command, &["--help"]].concat()).out);
    let help = help.concat();
    for name in [
        "README.md",
        "docs/settings.md",
        "docs/lifecycle-policy.md",
        "docs/sweep.md",
        "docs/live-checks.md",
        "docs/ecspresso.md",
        "docs/audit-and-pin.md",
        "docs/usage.md",
    ] {
        let text = document(name);
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        let flags = words.filter(|word| word.starts_with("--") && word.len() > 3);
        for flag in flags {
            let others = [
                "--name",
                "--cli-input-json",
                "--value",
                "--path",
                "--world",
                "--force",
                "--filter",
                "--repository-name",
                "--test",
                "--release",
                "--nocapture",
            ];
            assert!(
                others.contains(&flag) || help.contains(flag),
                "{name} names {flag}"
            );
        }
    }
}

/// Every key of a JSON value, at any depth.
fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                found.insert(key.clone());
                keys(value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

#[test]
fn every_key_of_a_report_is_documented() {
    let text = document("docs/report.md");
    let case = Case::common(&["aaaa", "bbbb"]);
    let app = case.project("app", &["HOST/fluentd/app:aaaa", "nginx:1"]);
    case.project("web", &["HOST/fluentd/web:missing"]);
    let mut found = BTreeSet::new();
    for arguments in [
        &["plan", "-c", "*/ecspresso.yml", "-o", "json"][..],
        &["promote", "-c", &app, "-o", "json"],
        &["promote", "-c", &app, "-o", "json"],
        &["bootstrap", "-c", &app, "-o", "json"],
        &[
            "sweep",
            "--repository",
            "fluentd/common",
            "--keep",
            "0",
            "--allow-empty",
            "--max-ratio",
            "1",
            "--older-than",
            "0s",
            "--yes",
            "-o",
            "json",
        ],
    ] {
        keys(&case.run(arguments).report(), &mut found);
    }
    assert!(found.len() > 40, "{found:?}");
    for key in found {
        assert!(
            text.contains(&format!("`{key}`")),
            "docs/report.md lacks `{key}`"
        );
    }
}

/// A world of the sandbox.
fn fixture(name: &str) -> Value {
    let text = document(&format!("fixtures/worlds/{name}.json"));
    serde_json::from_str(&text).expect("a world")
}

#[test]
fn the_first_example_of_sweep_is_what_is_printed() {
    let shown = blocks(&document("docs/sweep.md"), "console").remove(0);
    let (command, expected) = shown.split_once('\n').expect("a command and its output");
    let arguments: Vec<&str> = command.split(' ').skip(2).collect();
    let case = Case::new(&fixture("revisions"), Options::default());
    let ran = case.run(&arguments);
    ran.expect(0, &[]);
    assert_eq!(ran.out, expected);
}

#[test]
fn the_documented_permissions_of_sweep_are_those_it_needs() {
    let policy = blocks(&document("docs/sweep.md"), "json").remove(0);
    let policy: Value = serde_json::from_str(&policy).expect("a policy");
    let statements = policy["Statement"].as_array().expect("statements");
    let actions = statements
        .iter()
        .flat_map(|one| one["Action"].as_array().expect("actions"));
    let documented: BTreeSet<String> = actions
        .map(|action| action.as_str().expect("a text").to_owned())
        .collect();
    // A world in which there is something of everything.
    let case = Case::new(&fixture("usage"), Options::default());
    let arguments = [
        "sweep",
        "--repository",
        "unus*",
        "--keep",
        "0",
        "--older-than",
        "1s",
        "--max-ratio",
        "1",
        "--rate",
        "1000",
        "--yes",
    ];
    case.run(&[&arguments[..], &["--archive"]].concat())
        .expect(0, &[]);
    case.sandbox
        .with_state(|state| state.push("unused", &ImageSpec::default(), &["v2"]))
        .expect("pushed");
    case.run(&arguments).expect(0, &[]);
    let log = case.sandbox.log();
    let used: BTreeSet<String> = log.into_iter().filter_map(|one| one.action).collect();
    assert_eq!(used, documented);
}
