//! `cargo sandbox serve`: keeps a sandbox running until Ctrl-C and tells the environment that points to it.

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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime =
        runtime.map_err(|error| Error::new(format!("cannot start a runtime: {error}")))?;
    runtime
        .block_on(tokio::signal::ctrl_c())
        .map_err(|error| Error::new(format!("cannot wait for Ctrl-C: {error}")))?;
    Ok(ExitCode::SUCCESS)
}
