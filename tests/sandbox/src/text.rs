//! Writing to the terminal: lines on stdout, complaints on stderr, colour only where it is wanted.
#![expect(
    clippy::disallowed_methods,
    reason = "NO_COLOR is looked up where text is written"
)]

use std::io::IsTerminal as _;
use std::io::Write as _;

/// Writes a line. Where stdout is gone there is nobody to tell.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Writes an error for people.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "sandbox: {line}");
}

/// The few colours of the tour.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Colour {
    Bold,
    Dim,
    Green,
    Red,
}

/// A text in colour, where stdout is a terminal and NO_COLOR is not set.
pub(crate) fn paint(text: &str, colour: Colour) -> String {
    let wanted = std::io::stdout().is_terminal()
        && std::env::var("NO_COLOR").map_or(true, |value| value.is_empty());
    let code = match colour {
        Colour::Bold => "1",
        Colour::Dim => "2",
        Colour::Green => "32",
        Colour::Red => "31",
    };
    if wanted {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}
