//! `action.yml` itself: what a reader of it and a linter would ask.

use std::collections::BTreeSet;

use crate::runner::{Action, ROOT};

#[test]
fn nothing_is_pasted_into_a_script() {
    let action = Action::read();
    assert!(!action.runs.steps.is_empty());
    for step in &action.runs.steps {
        assert!(!step.run.contains("${{"), "step {}: {}", step.id, step.run);
    }
}

#[test]
fn every_input_is_used_and_every_used_one_is_declared() {
    let action = Action::read();
    let mut used = BTreeSet::new();
    for step in &action.runs.steps {
        for (name, value) in &step.env {
            let Some(input) = value.strip_prefix("${{ inputs.") else {
                continue;
            };
            let input = input.strip_suffix(" }}").expect(value);
            let variable = format!("INPUT_{}", input.to_uppercase().replace('-', "_"));
            assert_eq!(*name, variable, "step {}", step.id);
            assert!(used.insert(input.to_owned()), "{input} is used twice");
        }
    }
    let declared: BTreeSet<String> = action.inputs.keys().cloned().collect();
    assert_eq!(used, declared);
}

#[test]
fn every_variable_is_read_by_the_script_of_its_step() {
    for step in Action::read().runs.steps {
        let (_, script) = step
            .run
            .split_once("$GITHUB_ACTION_PATH/")
            .expect("a script");
        let script = std::fs::read_to_string(format!("{ROOT}/{}", script.trim_matches('"')));
        let script = script.expect(&step.run);
        // The one that only the binary reads.
        for name in step.env.keys().filter(|name| *name != "FORCE_COLOR") {
            assert!(script.contains(&format!("${{{name}:")), "{name}");
        }
    }
}

#[test]
fn the_outputs_are_those_of_the_binary() {
    let action = Action::read();
    let outputs: Vec<(String, String)> = action
        .outputs
        .into_iter()
        .map(|(name, output)| (name, output.value))
        .collect();
    let expected = ["changed", "digests", "images", "images-relative"];
    let expected = expected.map(|name| {
        (
            name.to_owned(),
            format!("${{{{ steps.promote.outputs.{name} }}}}"),
        )
    });
    assert_eq!(outputs, expected);
}

#[test]
fn the_action_installs_the_version_it_is_released_with() {
    let version =
        std::fs::read_to_string(format!("{ROOT}/action/version")).expect("action/version");
    assert_eq!(version.trim_end(), env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_document_lists_every_input_and_output() {
    let document = std::fs::read_to_string(format!("{ROOT}/docs/github-action.md"));
    let document = document.expect("docs/github-action.md");
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `"));
    let listed: BTreeSet<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    let action = Action::read();
    let declared = action.inputs.keys().chain(action.outputs.keys());
    assert_eq!(listed, declared.map(String::as_str).collect());
}
