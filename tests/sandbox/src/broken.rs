//! Answers in the place of what was asked for: throttled, broken, or what a scripted fault says.

use crate::answer::Answer;
use crate::call::Call;
use crate::faults::Kind;
use crate::refusal::Refusal;
use crate::registry;
use crate::state::State;

/// The answer of a fault that keeps its request from being carried out.
pub(crate) fn instead(
    state: &State,
    call: &Call,
    fault: &Kind,
    on_registry: bool,
) -> Option<Answer> {
    let refusal = match fault {
        Kind::Status {
            status,
            retry_after,
        } => return Some(failed(*status, *retry_after, on_registry)),
        Kind::ExpiredToken if on_registry => return Some(registry::token::expired(state)),
        Kind::ExpiredToken => Refusal::new(
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ),
        Kind::RepositoryNotFound => state.not_found(call.repository.as_deref().unwrap_or_default()),
        Kind::LayersNotFound => Refusal::new("LayersNotFoundException", "Layers were not found"),
        _ => return None,
    };
    Some(if on_registry {
        registry::refused(state, &refusal, call)
    } else {
        Answer::json(Err(refusal))
    })
}

/// An answer that is not about the request: throttled, or broken.
pub(crate) fn failed(status: u16, retry_after: Option<u64>, on_registry: bool) -> Answer {
    let answer = match (status, on_registry) {
        (429, true) => Answer::registry_error(429, "TOOMANYREQUESTS", "Rate exceeded"),
        (429, false) => Answer::json(Err(Refusal::new("ThrottlingException", "Rate exceeded"))),
        (503, true) => Answer::registry_error(503, "UNAVAILABLE", "Slow Down"),
        (503, false) => Answer::json(Err(Refusal::new(
            "ServiceUnavailable",
            "Service Unavailable",
        ))),
        (status, true) => Answer::registry_error(status, "UNKNOWN", "Internal Server Error"),
        (status, false) => {
            let answer = Answer::json(Err(Refusal::new("ServerException", "Server Error")));
            Answer { status, ..answer }
        }
    };
    match retry_after {
        Some(seconds) => answer.header("retry-after", seconds.to_string()),
        None => answer,
    }
}
