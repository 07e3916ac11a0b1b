//! Whatever AWS does not document: the sandbox draws the answers by seed, and under each of them all that runs can be started again.

use demitasse_sandbox::Options;
use demitasse_sandbox::state::Repository;
use serde_json::{Value, json};

use crate::now;
use crate::support::Case;

const SEEDS: u64 = 6;

/// A world in which everything that can use an image does, with an unused index in each repository.
fn everything(seed: u64) -> Case {
    let text = include_str!("../../fixtures/worlds/usage.json");
    let mut world: Value = serde_json::from_str(text).expect("a world");
    world["now"] = json!(now());
    let index = json!({"tags": ["gone"], "platforms": ["linux/amd64", "linux/arm64"], "attestations": true, "nested": true,
        "referrers": [{"artifactType": "application/x-signature"}]});
    for repository in world["repositories"].as_array_mut().expect("repositories") {
        let images = repository["images"].as_array_mut().expect("images");
        images.push(index.clone());
    }
    let options = Options {
        seed,
        ..Options::default()
    };
    Case::new(&world, options)
}

/// The services that cannot start their tasks.
fn unstarted(case: &Case) -> Vec<String> {
    let unstarted = case.sandbox.with_state(|state| state.restart_all());
    unstarted.iter().map(|one| format!("{one:?}")).collect()
}

/// How many images can be pulled.
fn pullable(case: &Case) -> usize {
    let count = |repository: &Repository| {
        let images = repository.images.values();
        images
            .filter(|image| image.storage.word() == "ACTIVE")
            .count()
    };
    case.sandbox
        .with_state(|state| state.repositories.values().map(count).sum())
}

#[test]
fn everything_that_runs_can_be_started_again_after_a_sweep() {
    let mut swept = 0;
    for seed in 0..SEEDS {
        let before = unstarted(&everything(seed));
        let case = everything(seed);
        let all = pullable(&case);
        let mut command = case.command(&["sweep", "--repository", "*", "--yes"]);
        command.args(["--keep", "0", "--older-than", "0s", "--max-ratio", "1"]);
        command.args(["--rate", "1000"]);
        if seed % 3 == 2 {
            command.arg("--archive");
        }
        let ran = crate::support::ran(command);
        let about = format!("seed {seed}: {}", ran.err);
        assert_eq!(unstarted(&case), before, "{about}");
        if ran.code == 1 && case.writes().is_empty() {
            // What ECS does not tell in full is no reason to delete anything.
            continue;
        }
        assert_eq!(ran.code, 0, "{about}");
        swept += 1;
        // Of each unused index everything: two indexes, two images, two attestations, a signature. Where it is archived, its
        // children may have to stay.
        let gone = if seed % 3 == 2 { 2 * 11 } else { 7 * 11 };
        assert!(pullable(&case) <= all - gone, "{about}");
    }
    assert!(swept * 2 > SEEDS, "only {swept} of {SEEDS} were swept");
}
