//! What the target holds is deployed again whether or not the upstream answers.

use std::time::{Duration, Instant};

use crate::registry::{Door, Trouble, Upstream};
use crate::support::{Case, Ran};
use crate::{agents, case, digest, promote, status};

/// A redeploy that writes nothing and succeeds soon.
fn redeploy(case: &Case) -> Ran {
    case.sandbox.clear_log();
    let began = Instant::now();
    let ran = promote(case, "7.50", &[]);
    ran.expect(0, &[]);
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    assert!(ran.out.contains("already there"), "{}", ran.out);
    assert!(case.writes().is_empty(), "{:?}", case.writes());
    ran
}

#[test]
fn an_upstream_that_does_not_answer_is_a_warning() {
    let upstream = Upstream::start(&agents(&["7.50"]), Door::Token);
    let case = case(&upstream);
    promote(&case, "7.50", &[]).expect(0, &[]);
    for code in [429, 401, 403, 500, 503] {
        upstream.trouble(Trouble {
            headers: vec![("retry-after", "3600")],
            ..status("/manifests/", 2, code)
        });
        let texts = [
            "warning",
            "could not be read",
            "read tag",
            "(source)",
            "stays sha256:",
        ];
        redeploy(&case).expect(0, &texts);
        upstream.forget_troubles();
    }
    drop(upstream);
    redeploy(&case).expect(0, &["warning", "unreachable", "stays sha256:"]);
}

#[test]
fn a_redeploy_asks_for_the_digest_alone() {
    let upstream = Upstream::start(&agents(&["7.50"]), Door::Open);
    let case = case(&upstream);
    promote(&case, "7.50", &[]).expect(0, &[]);
    upstream.take_asked();
    let ran = redeploy(&case);
    assert!(!ran.err.contains("warning"), "{}", ran.err);
    let asked = upstream.take_asked();
    let asked: Vec<&str> = asked.iter().map(|one| one.method.as_str()).collect();
    assert_eq!(asked, ["HEAD"], "which Docker Hub does not count as a pull");
}

#[test]
fn a_registry_that_does_not_say_the_digest_is_read_whole() {
    let upstream = Upstream::start(&agents(&["7.50"]), Door::Open);
    let case = case(&upstream);
    promote(&case, "7.50", &[]).expect(0, &[]);
    upstream.trouble(Trouble {
        path: "/manifests/",
        times: 2,
        status: None,
        headers: vec![("docker-content-digest", "")],
        body: None,
    });
    let ran = redeploy(&case);
    assert!(!ran.err.contains("warning"), "{}", ran.err);
}

#[test]
fn an_image_that_is_gone_stays() {
    let upstream = Upstream::start(&agents(&["7.50"]), Door::Token);
    let case = case(&upstream);
    promote(&case, "7.50", &[]).expect(0, &[]);
    upstream
        .sandbox()
        .with_state(|state| state.empty("datadog/agent"));
    let ran = redeploy(&case);
    assert!(ran.out.contains("no longer at its source"), "{}", ran.out);
}

#[test]
fn a_tag_that_moved_is_refused_unless_it_may_move() {
    let upstream = Upstream::start(&agents(&["7.50", "7.51"]), Door::Token);
    let case = case(&upstream);
    case.write(
        "moving.yml",
        &format!("{}moving_tags: ['7.50']\n", case.read("demitasse.yml")),
    );
    promote(&case, "7.50", &["--settings", "moving.yml"]).expect(0, &[]);
    let (old, new) = (digest(&upstream, "7.50"), digest(&upstream, "7.51"));
    upstream.sandbox().with_state(|state| {
        state.set_tag("datadog/agent", "7.50", &new).expect("a tag");
    });
    case.sandbox.clear_log();
    promote(&case, "7.50", &[]).expect(4, &["holds", &old, &new, "--allow-tag-move"]);
    assert!(case.writes().is_empty());
    promote(&case, "7.50", &["--settings", "moving.yml"]).expect(0, &[]);
    let tags = case.tags("datadog/agent/app");
    assert_eq!(tags["7.50"], new);
    assert_eq!(tags[&format!("inuse-{}", &old[7..19])], old, "pinned first");
    case.pull("datadog/agent/app", "7.50");
}
