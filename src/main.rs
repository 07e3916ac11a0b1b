//! Hands arguments, environment and standard streams to [`demitasse::run`], and its exit code to the shell.

#![expect(
    clippy::disallowed_methods,
    reason = "the one place where the environment is read"
)]

use std::io::{stderr, stdout};
use std::process::ExitCode;

fn main() -> ExitCode {
    let environment = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        Some((name, value.to_string_lossy().into_owned()))
    });
    // Not locked: progress bars draw on stderr from a thread of their own.
    let exit = demitasse::run(
        std::env::args_os(),
        environment.collect(),
        &mut stdout(),
        &mut stderr(),
    );
    ExitCode::from(exit.code())
}
