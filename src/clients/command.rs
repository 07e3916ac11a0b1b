//! Runs a command and takes what it prints, as ecspresso's `external` plugin does (ecspresso v2.5 `external/external.go`):
//! no shell, no input; after the timeout SIGTERM, and SIGKILL when that does not help.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use crate::model::failure::{Failure, FailureKind};

/// The most that a command may print, in bytes.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// How much of its complaint is shown, in characters.
const SHOWN: usize = 2000;

/// How long a command has after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);

/// How a command ended: its status, what it printed, and its complaint.
struct Ended {
    status: ExitStatus,
    out: String,
    complaint: String,
}

/// Runs a command in a directory, with this environment and no other.
///
/// # Errors
/// It cannot be started, ends with another status than 0, runs too long, prints too much or no UTF-8.
pub async fn run(
    argv: &[String],
    timeout: Option<Duration>,
    environment: &BTreeMap<String, String>,
    directory: &Path,
) -> Result<String, Failure> {
    let ended = execute(argv, None, timeout, environment, directory).await?;
    if ended.status.success() {
        return Ok(ended.out);
    }
    let program = argv.first().map_or("", String::as_str);
    let message = format!("{}: {}", ended.status, ended.complaint);
    Err(failure(program, message))
}

/// Gives a command its input, and takes what it prints; `Err` inside where its status is another than 0. Nothing of what it
/// prints is in a failure: it may be secret.
///
/// # Errors
/// It cannot be started, runs too long, prints too much or no UTF-8.
pub(crate) async fn ask(
    argv: &[String],
    input: &str,
    timeout: Duration,
    environment: &BTreeMap<String, String>,
    directory: &Path,
) -> Result<Result<String, String>, Failure> {
    let input = Some(input);
    let ended = execute(argv, input, Some(timeout), environment, directory).await?;
    let succeeded = ended.status.success();
    Ok(if succeeded {
        Ok(ended.out)
    } else {
        Err(ended.out)
    })
}

async fn execute(
    argv: &[String],
    input: Option<&str>,
    timeout: Option<Duration>,
    environment: &BTreeMap<String, String>,
    directory: &Path,
) -> Result<Ended, Failure> {
    let (program, arguments) = argv
        .split_first()
        .ok_or_else(|| failure("", "no command"))?;
    let failed = |message: String| failure(program, message);
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .current_dir(directory)
        .stdin(input.map_or_else(Stdio::null, |_| Stdio::piped()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let pipe = child.stdin.take();
    let give = async {
        if let (Some(mut pipe), Some(input)) = (pipe, input) {
            // A command that reads nothing may close it; its status tells.
            drop(pipe.write_all(input.as_bytes()).await);
        }
    };
    let ended = async {
        let ((), out, err) = tokio::join!(give, all(out), all(err));
        (child.wait().await, out, err)
    };
    let ended = match timeout {
        None => Ok(ended.await),
        Some(timeout) => tokio::time::timeout(timeout, ended).await,
    };
    let Ok((status, out, err)) = ended else {
        end(&mut child).await;
        let seconds = timeout.unwrap_or_default().as_secs();
        return Err(failed(format!(
            "it ran longer than its timeout of {seconds} s"
        )));
    };
    // A command that nobody reads any more ends with a signal: that is not the reason.
    let out = out.ok_or_else(|| failed(format!("it printed more than {} MiB", MAX_BYTES >> 20)))?;
    let status = status.map_err(|error| failed(error.to_string()))?;
    let complaint: String = String::from_utf8_lossy(&err.unwrap_or_default())
        .trim()
        .chars()
        .take(SHOWN)
        .collect();
    let out = String::from_utf8(out);
    if out.is_err() && status.success() {
        return Err(failed("it printed something else than UTF-8".to_owned()));
    }
    Ok(Ended {
        status,
        out: out.unwrap_or_default(),
        complaint,
    })
}

fn failure(program: &str, message: impl Into<String>) -> Failure {
    Failure::new("run", program, FailureKind::Other, message)
}

/// All that a pipe gives, or `None` where it is too much.
async fn all(pipe: Option<impl AsyncRead + Unpin>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        let mut pipe = pipe.take(MAX_BYTES as u64 + 1);
        // A pipe that breaks has given all it will; the status tells why.
        drop(pipe.read_to_end(&mut bytes).await);
    }
    (bytes.len() <= MAX_BYTES).then_some(bytes)
}

async fn end(child: &mut Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(pid) = pid.and_then(Pid::from_raw) {
        // It may have ended by itself in between.
        let _ = kill_process(pid, Signal::TERM);
        if tokio::time::timeout(GRACE, child.wait()).await.is_ok() {
            return;
        }
    }
    drop(child.kill().await);
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn runs(argv: &[&str], timeout: Option<Duration>) -> Result<String, Failure> {
        let argv: Vec<String> = argv.iter().map(|part| (*part).to_owned()).collect();
        let environment = BTreeMap::from([
            ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
            ("TAG".to_owned(), "aaaa".to_owned()),
        ]);
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().expect("a runtime");
        runtime.block_on(run(&argv, timeout, &environment, Path::new("/")))
    }

    #[test]
    fn a_command_has_arguments_environment_directory_and_no_input() {
        let script = "cat; printf '%s|%s|%s\\n' \"$1\" \"$TAG\" \"$PWD\"";
        let text = runs(&["sh", "-c", script, "sh", "a b"], None).expect("runs");
        assert_eq!(text, "a b|aaaa|/\n");
    }

    #[test]
    fn a_failure_says_why() {
        let failure = runs(&["sh", "-c", "echo no such image >&2; exit 3"], None).expect_err("3");
        assert_eq!(
            failure.to_string(),
            "run sh: failed: exit status: 3: no such image"
        );
        let failure = runs(&["/nowhere/tool"], None).expect_err("is not there");
        assert!(failure.to_string().contains("No such file"), "{failure}");
        let failure = runs(&["sh", "-c", "printf '\\377'"], None).expect_err("no UTF-8");
        assert!(failure.to_string().contains("UTF-8"), "{failure}");
    }

    #[test]
    fn endless_output_and_endless_time_end() {
        let started = Instant::now();
        let failure =
            runs(&["sh", "-c", "exec yes"], Some(Duration::from_secs(20))).expect_err("too much");
        assert!(failure.message.contains("more than 16 MiB"), "{failure}");
        let failure = runs(&["sleep", "30"], Some(Duration::from_secs(1))).expect_err("too long");
        assert!(failure.message.contains("timeout of 1 s"), "{failure}");
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}
