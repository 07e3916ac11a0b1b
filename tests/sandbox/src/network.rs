//! `cargo sandbox relay`: the sandbox's network before another server, until Ctrl-C or SIGTERM.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use demitasse_sandbox::Error;
use demitasse_sandbox::Relay;

use crate::serve::asked_to_end;
use crate::serve::runtime;
use crate::text::say;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The server behind, such as 127.0.0.1:5000
    #[arg(long, value_name = "ADDRESS")]
    to: SocketAddr,
    /// Round-trip time of the network in between; a new connection takes one more
    #[arg(long, default_value = "0ms", value_parser = humantime::parse_duration)]
    rtt: Duration,
    /// Speak TLS; the server behind does not see it
    #[arg(long)]
    tls: bool,
    /// The port; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    let Arguments { to, rtt, tls, port } = arguments;
    runtime()?.block_on(async {
        let relay = Relay::listen(to, rtt, tls, port).await?;
        say(&format!("export SANDBOX_RELAY={}", relay.url()));
        if let Some(file) = relay.certificate() {
            say(&format!("export SSL_CERT_FILE={}", file.display()));
        }
        tokio::select! {
            () = relay.run() => Ok(()),
            asked = asked_to_end() => asked,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}
