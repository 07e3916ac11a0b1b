//! Random histories of promotions, deployments, rollbacks, schedules, pins and lifecycle runs, with the real product in between: whatever
//! happens, every task that should start can pull its image.
//!
//! `HISTORY_STEPS` says how many steps are played, `HISTORY_SEED` where the seeds begin, `HISTORY_WORKERS` in how many processes: the product
//! reads the endpoint of AWS from its process, and a sandbox has one.

#![expect(
    clippy::disallowed_methods,
    reason = "this test starts itself again with another environment"
)]

#[path = "history/chance.rs"]
mod chance;
#[path = "history/keeping.rs"]
mod keeping;
#[path = "history/needed.rs"]
mod needed;
#[path = "history/pipeline.rs"]
mod pipeline;
#[path = "history/play.rs"]
mod play;
#[path = "history/product.rs"]
mod product;
#[path = "history/shadow.rs"]
mod shadow;
#[path = "history/step.rs"]
mod step;
mod support;
#[path = "history/worker.rs"]
mod worker;

use std::net::TcpListener;
use std::process::{Command, Stdio};

use worker::Totals;

fn number(name: &str, otherwise: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.map_or(otherwise, |text| text.parse().expect(name))
}

#[test]
fn every_task_that_should_start_can_pull() {
    let steps = number("HISTORY_STEPS", 2_000);
    let first = number("HISTORY_SEED", 1);
    let workers = number("HISTORY_WORKERS", 2);
    let started: Vec<_> = (0..workers)
        .map(|at| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let port = listener.local_addr().expect("an address").port();
            drop(listener);
            let url = format!("http://127.0.0.1:{port}");
            let program = std::env::current_exe().expect("this test");
            Command::new(program)
                .args(["plays_its_share", "--exact", "--ignored", "--nocapture"])
                .env_clear()
                .envs([
                    ("HISTORY_PORT", port.to_string()),
                    ("HISTORY_STEPS", steps.div_ceil(workers).to_string()),
                    // Far apart: no worker plays the history of another.
                    ("HISTORY_SEED", (first + at * 1_000_000).to_string()),
                    ("AWS_ENDPOINT_URL", url.clone()),
                    ("DEMITASSE_REGISTRY_ENDPOINT", url),
                    ("AWS_ACCESS_KEY_ID", "AKIASANDBOXSANDBOX00".to_owned()),
                    ("AWS_SECRET_ACCESS_KEY", "sandbox".to_owned()),
                    ("AWS_REGION", "ap-northeast-1".to_owned()),
                    ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
                ])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("a worker")
        })
        .collect();
    let mut totals = Totals::default();
    for child in started {
        let output = child.wait_with_output().expect("a worker");
        let told = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}\n{errors}");
        totals.add(&Totals::read(&told).unwrap_or_else(|| panic!("{told}\n{errors}")));
    }
    assert!(totals.steps >= steps, "{totals:?}");
    totals.tell();
}

/// One process of the test above, which starts it.
#[test]
#[ignore = "needs the environment of the test above"]
fn plays_its_share() {
    let port = number("HISTORY_PORT", 0);
    let port = u16::try_from(port).expect("a port");
    let (steps, first) = (number("HISTORY_STEPS", 0), number("HISTORY_SEED", 1));
    worker::play_all(port, steps, first).write();
}
