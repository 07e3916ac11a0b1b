//! What is known of the outside world while something is rendered, and tokens for what is not.
//!
//! A template function whose look-up has not been made returns a token: digits that no file holds by chance, valid in
//! a JSON string and as a JSON number. Whatever would look at the text of a token asks for the look-up instead. A
//! plugin's function that fails yields a token too, where only images count: it may not matter.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ecspresso::error::Cause;
use crate::ecspresso::functions::Failure;
use crate::model::lookup::{Answers, Found, Lookup};

/// What every token begins with.
const MARK: &str = "7702519938416203847791";

/// The digits of a token after the mark.
const DIGITS: usize = 6;

/// How many look-ups one definition may make.
const MAX_LOOKUPS: usize = 10_000;

/// Which look-ups are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Those that reach the family, a container's name or an image.
    Images,
    /// Those that ecspresso makes.
    Everything,
}

/// What stands behind a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// A look-up that was not made yet.
    Lookup(Lookup),
    /// A call that failed; where it matters it is made again, to fail where it stands.
    Failure(Call),
}

/// A function and its arguments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call(String);

impl Call {
    pub(super) fn new(name: &str, arguments: &[serde_json::Value]) -> Call {
        let arguments = arguments.iter().map(ToString::to_string);
        Call(format!(
            "{name} {}",
            arguments.collect::<Vec<_>>().join(" ")
        ))
    }
}

/// The look-ups of one rendering.
#[derive(Debug)]
pub(super) struct Lookups {
    pub(super) depth: Depth,
    answers: Arc<Answers>,
    /// Calls whose failure matters.
    exposed: BTreeSet<Call>,
    /// What tokens stand for, by their number.
    pending: Mutex<Vec<Want>>,
    warnings: Mutex<Vec<String>>,
}

impl Lookups {
    pub(super) fn new(depth: Depth, answers: Arc<Answers>, exposed: BTreeSet<Call>) -> Lookups {
        Lookups {
            depth,
            answers,
            exposed,
            pending: Mutex::default(),
            warnings: Mutex::default(),
        }
    }

    /// What was found; a failure with [`Cause::Wanted`] if nobody looked yet.
    pub(super) fn find(&self, lookup: Lookup) -> Result<&Found, Failure> {
        match self.answers.get(&lookup) {
            Some(Ok(found)) => Ok(found),
            Some(Err(failure)) => Err(Failure {
                message: failure.to_string(),
                hint: failure.hint(),
                cause: Some(Cause::World),
            }),
            None => Err(Failure::wanted(lookup)),
        }
    }

    /// Whether a call that failed may turn out not to matter.
    pub(super) fn is_deferred(&self, call: &Call) -> bool {
        self.depth == Depth::Images && !self.exposed.contains(call)
    }

    /// A token for something that is not known.
    pub(super) fn token(&self, want: Want) -> Result<String, Failure> {
        let mut pending = held(&self.pending);
        let known = pending.iter().position(|other| *other == want);
        let number = known.unwrap_or(pending.len());
        if number >= MAX_LOOKUPS {
            return Err(Failure::new(format!("more than {MAX_LOOKUPS} look-ups")));
        }
        if known.is_none() {
            pending.push(want);
        }
        Ok(format!("{MARK}{number:0DIGITS$}"))
    }

    /// What stands behind the first token in a text.
    pub(super) fn token_in(&self, text: &str) -> Option<Want> {
        let pending = held(&self.pending);
        let numbers = text.match_indices(MARK).filter_map(|(at, _)| {
            let start = at + MARK.len();
            text.get(start..start + DIGITS)?.parse::<usize>().ok()
        });
        numbers
            .filter_map(|number| pending.get(number).cloned())
            .next()
    }

    /// What stands behind the first token outside the strings of a JSON text.
    pub(super) fn bare_token_in(&self, text: &str) -> Option<Want> {
        let mut quoted = false;
        let mut escaped = false;
        for (at, c) in text.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                _ if !quoted && text[at..].starts_with(MARK) => {
                    let end = (at + MARK.len() + DIGITS).min(text.len());
                    return self.token_in(&text[at..end]);
                }
                _ => {}
            }
        }
        None
    }

    /// Every look-up that a token stands for.
    pub(super) fn pending(&self) -> Vec<Lookup> {
        let pending = held(&self.pending);
        let lookup = |want: &Want| match want {
            Want::Lookup(lookup) => Some(lookup.clone()),
            Want::Failure(_) => None,
        };
        pending.iter().filter_map(lookup).collect()
    }

    pub(super) fn warn(&self, warning: String) {
        let mut warnings = held(&self.warnings);
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        held(&self.warnings).clone()
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens() {
        let lookups = Lookups::new(Depth::Images, Arc::default(), BTreeSet::new());
        let exports = |name: &str| Lookup::Exports {
            region: Some(name.to_owned()),
        };
        let lookup = |name: &str| Want::Lookup(exports(name));
        let a = lookups.token(lookup("a")).expect("a token");
        let b = lookups.token(lookup("b")).expect("a token");
        assert_eq!(lookups.token(lookup("a")).expect("a token"), a);
        assert_ne!(a, b);
        assert_eq!(lookups.token_in(&format!("1{b}{a}2")), Some(lookup("b")));
        assert_eq!(lookups.token_in("7702519938416203847791999999"), None);
        let text = format!("{{\"x\\\"{a}\": \"{a}\", \"é\": -{b}}}");
        assert_eq!(lookups.bare_token_in(&text), Some(lookup("b")));
        assert_eq!(lookups.bare_token_in(&format!("[\"{a}\"]")), None);
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        assert_eq!(lookups.pending(), [exports("a"), exports("b")]);
    }
}
