//! `cargo sandbox exec`: starts a sandbox, runs a command against it, passes its exit code on.

use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::process::ExitStatus;

use demitasse_sandbox::Error;
use demitasse_sandbox::Sandbox;
use demitasse_sandbox::files;
use demitasse_sandbox::state::dump;

use crate::WorldArguments;
use crate::product;
use crate::serve::runtime;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    world: WorldArguments,
    /// Write what the repositories hold at the end to this file, JSON
    #[arg(long, value_name = "FILE")]
    dump: Option<PathBuf>,
    /// The command; `demitasse` is built first
    #[arg(trailing_var_arg = true, required = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    let sandbox = arguments.world.start(0)?;
    let mut words = arguments.command.into_iter();
    let program = words.next().unwrap_or_default();
    let path = if program == "demitasse" {
        product::build()?
    } else {
        PathBuf::from(&program)
    };
    let mut command = product::against(&sandbox, Path::new(&path));
    command.args(words).envs(docker_environment(&sandbox));
    ignore_interrupts()?;
    let status = command.status().map_err(|error| {
        Error::new(format!(
            "cannot run {}: {error}",
            Path::new(&program).display()
        ))
    })?;
    if let Some(file) = arguments.dump {
        let value = sandbox.with_state(|state| dump::repositories(state));
        files::write(&file, &format!("{value:#}\n"))?;
    }
    Ok(ExitCode::from(code(status)))
}

/// What docker-style clients need, which do not ask AWS for a password.
pub(crate) fn docker_environment(sandbox: &Sandbox) -> [(&'static str, String); 3] {
    [
        ("SANDBOX_REGISTRY", host(&sandbox.url()).to_owned()),
        ("SANDBOX_USER", "AWS".to_owned()),
        ("SANDBOX_PASSWORD", sandbox.password()),
    ]
}

/// Host and port of a URL without a path.
pub(crate) fn host(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, host)| host)
}

/// Ctrl-C goes to the command too, which decides what it means; the sandbox must outlive it.
fn ignore_interrupts() -> Result<(), Error> {
    let runtime = runtime()?;
    std::thread::spawn(move || {
        runtime.block_on(async { while tokio::signal::ctrl_c().await.is_ok() {} })
    });
    Ok(())
}

#[cfg(unix)]
fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

#[cfg(not(unix))]
fn code(status: ExitStatus) -> u8 {
    status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1)
}
