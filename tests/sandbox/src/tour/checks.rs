//! What the tour claims, each with whether it is so.

use crate::text::Colour;
use crate::text::paint;
use crate::text::say;

/// The claims that did not hold.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    pub(crate) failures: Vec<String>,
}

impl Checks {
    /// Says a claim, and remembers it if it is not so.
    pub(crate) fn claim(&mut self, claim: &str, holds: bool) {
        let mark = if holds {
            paint("✓", Colour::Green)
        } else {
            paint("✗", Colour::Red)
        };
        say(&format!("  {mark} {claim}"));
        if !holds {
            self.failures.push(claim.to_owned());
        }
    }
}
