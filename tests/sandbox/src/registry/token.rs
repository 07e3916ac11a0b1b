//! The registry's authorization: Basic, with a password that GetAuthorizationToken minted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::answer::Answer;
use crate::state::State;

/// Refuses a request without a good token. Gives the account it was minted for.
pub(crate) fn check(state: &State, authorization: Option<&str>) -> Result<String, Answer> {
    let password = authorization.and_then(password);
    match password.and_then(|password| state.passwords.get(&password)) {
        Some(minted) if state.clock.now() < minted.expires => Ok(minted.account.clone()),
        Some(_) => Err(expired(state)),
        None => Err(unauthorized(state)),
    }
}

/// The answer to an expired token.
pub(crate) fn expired(state: &State) -> Answer {
    if state.undocumented.expired_token_is_401 {
        return unauthorized(state);
    }
    Answer::registry_error(
        403,
        "DENIED",
        "Your authorization token has expired. Reauthenticate and try again.",
    )
}

/// ECR's challenge, as clients have recorded it.
fn unauthorized(state: &State) -> Answer {
    let answer = Answer::new(401)
        .header(
            "www-authenticate",
            format!(
                "Basic realm=\"https://{}/\",service=\"ecr.amazonaws.com\"",
                state.host()
            ),
        )
        .header("content-type", "text/plain; charset=utf-8")
        .header("docker-distribution-api-version", "registry/2.0")
        .body("Not Authorized\n");
    Answer {
        error: Some("UNAUTHORIZED".to_owned()),
        ..answer
    }
}

fn password(header: &str) -> Option<String> {
    let (scheme, token) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(token.trim()).ok()?).ok()?;
    text.strip_prefix("AWS:").map(str::to_owned)
}
