//! `sweep` end to end: what it deletes and what it never does, and everything that makes it stop.

#[path = "../support/mod.rs"]
mod support;

mod kept;
mod meanwhile;
mod order;
mod refused;
mod told;
mod trouble;
mod undocumented;

use demitasse_sandbox::Options;
use serde_json::{Value, json};
use support::{Case, HOST, Ran};

const SWEEP: [&str; 3] = ["sweep", "--repository", "fluentd/app"];

/// An image of `fluentd/app`, old enough to go.
fn old(tag: &str) -> Value {
    json!({"tags": [tag], "pushedDaysAgo": 400, "layers": [{"size": 64, "seed": tag}]})
}

/// The same without a tag.
fn untagged(seed: &str) -> Value {
    json!({"tags": [], "pushedDaysAgo": 400, "layers": [{"size": 64, "seed": seed}]})
}

/// Ages are told against the real clock, so worlds are of today.
#[expect(
    clippy::disallowed_methods,
    reason = "ages are told against the real clock"
)]
fn now() -> String {
    humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string()
}

fn definition(revision: u32, image: &str) -> Value {
    let image = format!("{HOST}/fluentd/{image}");
    json!({"family": "app", "revision": revision, "containers": [{"name": "app", "image": image}]})
}

/// `fluentd/app` with `used` and these images; the service `app` runs `fluentd/app:used`.
fn world(images: &[Value]) -> Value {
    let mut all = vec![old("used")];
    all.extend(images.iter().cloned());
    json!({
        "now": now(),
        "repositories": [{"name": "fluentd/app", "images": all}],
        "taskDefinitions": [definition(1, "app:used")],
        "services": [{"name": "app", "taskDefinition": "app:1"}],
    })
}

fn case(images: &[Value]) -> Case {
    Case::new(&world(images), Options::default())
}

/// Runs a sweep of `fluentd/app` that keeps none for being new, with further flags.
fn sweep(case: &Case, flags: &[&str]) -> Ran {
    let mut arguments = SWEEP.to_vec();
    arguments.extend(["--keep", "0", "--max-ratio", "1"]);
    arguments.extend(flags);
    case.run(&arguments)
}

/// The tags of `fluentd/app`.
fn tags(case: &Case) -> Vec<String> {
    case.tags("fluentd/app").into_keys().collect()
}

/// The digests of `fluentd/app`'s untagged images.
fn untagged_digests(case: &Case) -> Vec<String> {
    case.sandbox.with_state(|state| {
        let repository = state.repository("fluentd/app").expect("a repository");
        let images = repository.images.values();
        let images = images.filter(|image| image.tags.is_empty());
        images.map(|image| image.digest.clone()).collect()
    })
}

/// How many images `fluentd/app` has.
fn count(case: &Case) -> usize {
    case.sandbox.with_state(|state| {
        let repository = state.repository("fluentd/app").expect("a repository");
        repository.images.len()
    })
}

fn sent(case: &Case, operation: &str) -> usize {
    let log = case.sandbox.log();
    log.iter().filter(|one| one.operation == operation).count()
}

fn image<'r>(report: &'r Value, name: &str) -> &'r Value {
    let all = report["repositories"].as_array().expect("repositories");
    let mut images = all
        .iter()
        .flat_map(|one| one["images"].as_array().expect("images"));
    let found = images.find(|one| one["name"] == name);
    found.unwrap_or_else(|| panic!("{name} is not in {report:#}"))
}
