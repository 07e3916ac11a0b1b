//! The tour: the histories of the source document, played and checked.

use std::process::ExitCode;

use demitasse_sandbox::Error;

use crate::text::Colour;
use crate::text::paint;
use crate::text::say;

mod checks;
mod history;
mod prediction;
mod promoted;
mod shared;
mod table;
mod usage;

/// Plays S1, S2 and S3. The exit code says whether everything was as it should be; what was not is named at the end.
pub(crate) fn play() -> Result<ExitCode, Error> {
    say(&paint("demitasse: the tour", Colour::Bold));
    say(
        "An ECR and an ECS in this process, the real demitasse beside it. Nothing leaves this machine.",
    );
    let mut checks = checks::Checks::default();
    shared::play(&mut checks)?;
    promoted::play(&mut checks)?;
    usage::play(&mut checks)?;
    say("");
    if checks.failures.is_empty() {
        say(&paint("All of it held.", Colour::Green));
        return Ok(ExitCode::SUCCESS);
    }
    say(&paint("Not so:", Colour::Red));
    for failure in &checks.failures {
        say(&format!("  {failure}"));
    }
    Ok(ExitCode::FAILURE)
}

/// A heading and what it is about.
fn chapter(title: &str, about: &[&str]) {
    say("");
    say(&paint(title, Colour::Bold));
    for line in about {
        say(line);
    }
    say("");
}
