//! `cargo sandbox`: the tour; `exec` runs a command against a world; `serve` keeps one running;
//! `relay` puts its network before another server.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use demitasse_sandbox::Denied;
use demitasse_sandbox::Error;
use demitasse_sandbox::Fault;
use demitasse_sandbox::Options;
use demitasse_sandbox::Sandbox;
use demitasse_sandbox::Tls;
use demitasse_sandbox::World;

mod exec;
mod network;
mod product;
mod serve;
mod text;
mod tour;

/// An embedded ECR and ECS on a loopback port. Without a command it plays the tour.
#[derive(Parser)]
#[command(name = "cargo sandbox")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run a command against a world, and pass its exit code on
    Exec(exec::Arguments),
    /// Keep a world running until Ctrl-C
    Serve(serve::Arguments),
    /// Put a round-trip time, and TLS, before another server until Ctrl-C
    Relay(network::Arguments),
}

/// What `exec` and `serve` have in common.
#[derive(Args)]
struct WorldArguments {
    /// A world file, or the name of one in fixtures/worlds
    #[arg(long, value_name = "FILE")]
    world: PathBuf,
    /// Round-trip time of the network in between; a new connection takes one more
    #[arg(long, default_value = "0ms", value_parser = humantime::parse_duration)]
    rtt: std::time::Duration,
    /// Speak TLS, HTTP/2 or HTTP/1.1, or HTTP/1.1 alone
    #[arg(long, value_name = "h2|http/1.1", num_args = 0..=1, require_equals = true, default_missing_value = "h2")]
    tls: Option<Tls>,
    /// Request quotas: ECR's and ECS's defaults, or none
    #[arg(long, default_value = "off", value_parser = ["ecr", "off"])]
    quotas: String,
    /// Seconds in the Retry-After of a throttled request
    #[arg(long, value_name = "SECONDS")]
    retry_after: Option<u64>,
    /// Blob mounting, whatever the world says
    #[arg(long, value_parser = ["on", "off"])]
    mount: Option<String>,
    /// Draws what AWS does not document; 0 is the most plausible
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// A created repository is not found for a drawn number of requests
    #[arg(long)]
    creation_delay: bool,
    /// An IAM action the caller may not do, such as ecr:PutImage or ecr:PutImage=fluentd/app
    #[arg(long, value_name = "ACTION[=REPOSITORY]")]
    deny: Vec<Denied>,
    /// A scripted fault, such as 429@ecr:PutImage or cut-after@7
    #[arg(long, value_name = "KIND@WHEN")]
    fault: Vec<Fault>,
    /// Write every request to this file, JSON lines
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

impl WorldArguments {
    fn start(self, port: u16) -> Result<Sandbox, Error> {
        let world = World::read(&find_world(self.world))?;
        let options = Options {
            rtt: self.rtt,
            tls: self.tls,
            seed: self.seed,
            mount: self.mount.map(|mount| mount == "on"),
            quotas: self.quotas == "ecr",
            retry_after: self.retry_after.map(std::time::Duration::from_secs),
            creation_delay: self.creation_delay,
            log: self.log,
            faults: self.fault,
            denied: self.deny,
            port,
            ..Options::default()
        };
        Sandbox::start(world, options)
    }
}

/// A bare name stands for a world that comes with the sandbox.
fn find_world(given: PathBuf) -> PathBuf {
    if given.exists() {
        return given;
    }
    let name = given
        .file_name()
        .map(PathBuf::from)
        .unwrap_or_default()
        .with_extension("json");
    let shipped = product::fixtures().join("worlds").join(name);
    if shipped.exists() { shipped } else { given }
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        None => tour::play(),
        Some(Command::Exec(arguments)) => exec::run(arguments),
        Some(Command::Serve(arguments)) => serve::run(arguments),
        Some(Command::Relay(arguments)) => network::run(arguments),
    };
    result.unwrap_or_else(|error| {
        text::complain(&error.to_string());
        ExitCode::FAILURE
    })
}
