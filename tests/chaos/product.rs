//! The product in this process: the same entry as the binary's, on a thread that is given up when it hangs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use demitasse::model::time::Timestamp;
use serde_json::Value;

/// No run may take longer, whatever its `--timeout`: it is far more than that, for machines that are busy.
const HANGS: Duration = Duration::from_secs(120);

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: u8,
    /// The JSON report; null where there is none.
    pub(crate) report: Value,
    pub(crate) told: String,
}

/// Runs it.
///
/// # Panics
/// Where it does not end.
pub(crate) fn run(now: Timestamp, arguments: &[&str], about: &str) -> Ran {
    let words = ["demitasse"].iter().chain(arguments);
    let words: Vec<OsString> = words.map(OsString::from).collect();
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    let (sender, ended) = channel();
    thread::spawn(move || {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = demitasse::run_at(now, words, environment, &mut out, &mut err);
        // Nobody waits any more where it took too long.
        drop(sender.send(Ran {
            code: exit.code(),
            report: serde_json::from_slice(&out).unwrap_or_default(),
            told: String::from_utf8_lossy(&err).into_owned(),
        }));
    });
    let ran = ended.recv_timeout(HANGS);
    ran.unwrap_or_else(|_| panic!("no end after {HANGS:?}, or a panic: {about}"))
}
