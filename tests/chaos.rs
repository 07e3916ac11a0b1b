//! Everything that can go wrong, at every request: whatever happens to a promotion, nothing half-done is visible, its report is true, it
//! ends, and the run after it completes it.
//!
//! `DEMITASSE_CHAOS` says how many injections are run, `DEMITASSE_CHAOS_SEED` which are drawn, `DEMITASSE_CHAOS_WORKERS` in how many
//! processes (the product reads the endpoint of AWS from its process, and a sandbox has one), and `DEMITASSE_CHAOS_ONLY` the number of the
//! only one, to look at it.

#![expect(
    clippy::disallowed_methods,
    reason = "this test starts itself again with another environment, and writes projects"
)]

#[path = "history/chance.rs"]
mod chance;
#[path = "chaos/check.rs"]
mod check;
#[path = "chaos/injection.rs"]
mod injection;
#[path = "chaos/product.rs"]
mod product;
#[path = "chaos/stage.rs"]
mod stage;
mod support;
#[path = "chaos/totals.rs"]
mod totals;
#[path = "chaos/worker.rs"]
mod worker;

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use totals::Totals;
use worker::{REQUESTS, Share};

/// How many injections a plain `cargo test` runs.
const FEW: usize = 200;
/// How many processes: they mostly wait for pauses before retries, so more than a machine has cores.
const WORKERS: usize = 16;
/// How many problems are told.
const TOLD: usize = 12;

fn number(name: &str) -> Option<usize> {
    let set = std::env::var(name).ok()?;
    Some(set.parse().unwrap_or_else(|_| panic!("{name} is {set}")))
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are for people")]
fn whatever_goes_wrong_the_run_after_completes_it() {
    let count = number("DEMITASSE_CHAOS").unwrap_or(FEW);
    let workers = number("DEMITASSE_CHAOS_WORKERS").unwrap_or(WORKERS);
    let started: Vec<Child> = (0..workers)
        .map(|worker| start(worker, workers, count))
        .collect();
    let mut totals = Totals::default();
    let mut problems = Vec::new();
    for child in started {
        let output = child.wait_with_output().expect("a worker");
        let told = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        let lines = told.lines().filter(|line| line.starts_with("problem: "));
        problems.extend(lines.map(|line| line.replace("\\n", "\n")));
        let own = Totals::read(&told).filter(|_| output.status.success());
        totals.add(&own.unwrap_or_else(|| panic!("{told}\n{errors}")));
    }
    println!("{totals:#?}");
    let some = problems.get(..TOLD).unwrap_or(&problems).join("\n\n");
    assert!(problems.is_empty(), "{} problems\n{some}", problems.len());
    if number("DEMITASSE_CHAOS_ONLY").is_none() {
        assert_eq!(totals.injections, u64::try_from(count).expect("a count"));
        assert!(totals.factor > 1.0 && totals.factor <= REQUESTS);
    }
    if totals.injections > 2 * u64::try_from(totals.singles).expect("a count") {
        let missed = |action: &&String| !totals.met.contains_key(*action);
        let missed: Vec<_> = totals.needed.iter().filter(missed).collect();
        assert!(missed.is_empty(), "{missed:?} never met a fault");
    }
}

fn start(worker: usize, workers: usize, count: usize) -> Child {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let url = format!("http://127.0.0.1:{port}");
    let passed = ["DEMITASSE_CHAOS_SEED", "DEMITASSE_CHAOS_ONLY"];
    let passed = passed.map(|name| (name, std::env::var(name).ok()));
    let passed = passed
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    let authority = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chaos/authority.pem");
    Command::new(std::env::current_exe().expect("this test"))
        .args(["runs_its_share", "--exact", "--ignored", "--nocapture"])
        .env_clear()
        .envs(passed)
        .envs([
            ("DEMITASSE_CHAOS_PORT", port.to_string()),
            ("DEMITASSE_CHAOS", count.to_string()),
            ("DEMITASSE_CHAOS_WORKER", worker.to_string()),
            ("DEMITASSE_CHAOS_WORKERS", workers.to_string()),
            ("AWS_ENDPOINT_URL", url.clone()),
            ("DEMITASSE_REGISTRY_ENDPOINT", url),
            ("AWS_ACCESS_KEY_ID", "AKIASANDBOXSANDBOX00".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "sandbox".to_owned()),
            ("AWS_REGION", "ap-northeast-1".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            // The sandbox speaks no TLS: reading the system's authorities in every run would be a third of the test.
            ("SSL_CERT_FILE", authority.to_owned()),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a worker")
}

/// One process of the test above, which starts it.
#[test]
#[ignore = "needs the environment of the test above"]
fn runs_its_share() {
    let needed = |name: &str| number(name).unwrap_or_else(|| panic!("{name} is not set"));
    let share = Share {
        count: needed("DEMITASSE_CHAOS"),
        seed: u64::try_from(number("DEMITASSE_CHAOS_SEED").unwrap_or(1)).expect("a seed"),
        worker: needed("DEMITASSE_CHAOS_WORKER"),
        workers: needed("DEMITASSE_CHAOS_WORKERS"),
        only: number("DEMITASSE_CHAOS_ONLY"),
    };
    let port = u16::try_from(needed("DEMITASSE_CHAOS_PORT")).expect("a port");
    worker::work(port, &share);
}
