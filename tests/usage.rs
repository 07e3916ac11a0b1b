//! What is in use, over the real binary: every directory of `fixtures/usage` is a world, a question and the exact answer.

#![expect(
    clippy::disallowed_methods,
    reason = "tests read fixtures and what the binary wrote"
)]

#[path = "usage/fixture.rs"]
mod fixture;
mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use demitasse_sandbox::Undocumented;
use fixture::{Fixture, entries};

fn directories() -> Vec<PathBuf> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/usage");
    let mut directories = entries(&all);
    // One case by its name, while one works on it.
    if let Ok(wanted) = std::env::var("USAGE_CASE") {
        directories.retain(|directory| directory.ends_with(&wanted));
    }
    assert!(!directories.is_empty(), "there are no fixtures");
    directories
}

#[test]
fn every_case_is_answered_exactly() {
    let waiting = Mutex::new(directories().into_iter());
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().expect("a lock").next();
                    let Some(directory) = next else { return };
                    let found = Fixture::read(&directory).check();
                    wrong.lock().expect("a lock").extend(found);
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().expect("a lock");
    wrong.sort();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One of the undocumented answers.
type Answer = fn(&Undocumented) -> bool;

/// What AWS does not document must not matter: the seeds of the cases draw each of these answers both ways.
#[test]
fn every_undocumented_answer_is_drawn_both_ways() {
    let directories = directories().into_iter();
    let seeds: BTreeSet<u64> = directories
        .flat_map(|directory| Fixture::read(&directory).seeds().to_vec())
        .collect();
    let drawn = |read: Answer| -> usize {
        let answers = seeds.iter().map(|&seed| read(&Undocumented::draw(seed)));
        answers.collect::<BTreeSet<bool>>().len()
    };
    let answers: [(&str, Answer); 9] = [
        ("old_revision_is_an_error", |one| {
            one.old_revision_is_an_error
        }),
        ("old_revision_is_listed", |one| one.old_revision_is_listed),
        ("unreferenced_inactive_is_described", |one| {
            one.unreferenced_inactive_is_described
        }),
        ("task_digest_is_child", |one| one.task_digest_is_child),
        ("pending_task_has_digest", |one| one.pending_task_has_digest),
        ("rolled_back_deployment_is_current", |one| {
            one.rolled_back_deployment_is_current
        }),
        ("archived_is_not_found", |one| one.archived_is_not_found),
        ("universal_input_is_camel_case", |one| {
            one.universal_input_is_camel_case
        }),
        ("schedules_page", |one| one.schedules_page < 100),
    ];
    for (name, read) in answers {
        assert_eq!(drawn(read), 2, "{name}");
    }
}
