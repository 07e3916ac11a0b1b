//! `cargo sandbox serve`: keeps a sandbox running until Ctrl-C or SIGTERM and tells the environment that points to it.

use std::process::ExitCode;

use demitasse_sandbox::Error;

use crate::WorldArguments;
use crate::exec::docker_environment;
use crate::text::say;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    world: WorldArguments,
    /// The port; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    let sandbox = arguments.world.start(arguments.port)?;
    for (name, value) in sandbox.environment() {
        say(&format!("export {name}={value}"));
    }
    for (name, value) in docker_environment(&sandbox) {
        say(&format!("export {name}={value}"));
    }
    runtime()?.block_on(asked_to_end())?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new(format!("cannot start a runtime: {error}")))
}

/// Ctrl-C or SIGTERM: ended in order, nothing of it stays behind.
#[cfg(unix)]
pub(crate) async fn asked_to_end() -> Result<(), Error> {
    use tokio::signal::unix::SignalKind;
    use tokio::signal::unix::signal;
    let failed = |error| Error::new(format!("cannot wait for a signal: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(failed),
    }
}

#[cfg(not(unix))]
pub(crate) async fn asked_to_end() -> Result<(), Error> {
    tokio::signal::ctrl_c()
        .await
        .map_err(|error| Error::new(format!("cannot wait for Ctrl-C: {error}")))
}
