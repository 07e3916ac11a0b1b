//! Sources that are not in ECR: a registry that is somebody else's, in front of which the real binary promotes.

#[path = "../support/mod.rs"]
mod support;

mod credentials;
mod promote;
mod redeploy;
mod registry;
mod strangers;

use demitasse_sandbox::Options;
use registry::{Door, Trouble, Upstream};
use serde_json::{Value, json};
use support::{Case, Ran};

/// Single images with these tags, in the repository that the tests promote from.
fn agents(tags: &[&str]) -> Value {
    let image = |tag: &&str| json!({"tags": [tag], "layers": [{"size": 4096, "seed": "base"}, {"size": 1024, "seed": tag}]});
    let images: Vec<Value> = tags.iter().map(image).collect();
    json!([{"name": "datadog/agent", "images": images}])
}

/// An account without any repository, and settings that say where the agent comes from.
fn case(upstream: &Upstream) -> Case {
    let case = Case::new(&json!({ "repositories": [] }), Options::default());
    let host = upstream.host();
    case.write(
        "demitasse.yml",
        &format!("sources:\n  - name: datadog/*\n    from: {host}/{{name}}\n"),
    );
    case
}

/// Promotes the agent with this tag for the family `app`.
fn promote(case: &Case, tag: &str, more: &[&str]) -> Ran {
    let config = case.project("app", &[&format!("HOST/datadog/agent/app:{tag}")]);
    let arguments = ["promote", "-c", &config];
    case.run(&[&arguments, more].concat())
}

/// The digest of a tag in what the upstream holds.
fn digest(upstream: &Upstream, tag: &str) -> String {
    let tags = upstream
        .sandbox()
        .with_state(|state| state.tags("datadog/agent"));
    tags[tag].clone()
}

/// Answers with this status instead, so often.
fn status(path: &'static str, times: usize, status: u16) -> Trouble {
    Trouble {
        path,
        times,
        status: Some(status),
        headers: Vec::new(),
        body: None,
    }
}

#[test]
fn a_registry_that_asks_nobody_gets_no_authorization() {
    let upstream = Upstream::start(&agents(&["7.50"]), Door::Open);
    let case = case(&upstream);
    promote(&case, "7.50", &[]).expect(0, &[]);
    assert!(
        upstream
            .take_asked()
            .iter()
            .all(|asked| asked.authorization.is_none())
    );
}
