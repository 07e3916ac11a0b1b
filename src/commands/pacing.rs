//! How fast, and how long.

use std::time::Duration;

const LONGEST_RUN: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The flags that bound a run.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Run")]
pub(super) struct Pacing {
    /// How many requests at once
    #[arg(long, env = "DEMITASSE_JOBS", value_name = "N", default_value = "64")]
    pub(super) jobs: usize,

    /// How long the run may take
    #[arg(long, env = "DEMITASSE_TIMEOUT", value_name = "DURATION", default_value = "15m", value_parser = duration)]
    pub(super) timeout: Duration,
}

/// A duration such as `15m` or `90s`.
fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if duration > LONGEST_RUN {
        return Err("a run ends within 7 days".to_owned());
    }
    Ok(duration)
}
