//! The stand-in for S3: what a blob's redirect points to. It refuses a request that carries the registry's
//! Authorization, as S3 refuses two ways to authenticate at once.

use crate::answer::Answer;
use crate::registry::Asked;
use crate::registry::route::parse_query;
use crate::state::State;

/// Repository and digest of a path `/storage/<repository>/<digest>`.
pub(crate) fn parse(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("/storage/")?.rsplit_once('/')
}

/// Answers a read of a blob, whole or a range.
pub(crate) fn answer(
    state: &mut State,
    name: &str,
    digest: &str,
    query: Option<&str>,
    asked: &Asked<'_>,
) -> Answer {
    let error = |status: u16, code: &str, message: &str| {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        );
        let answer = Answer::new(status)
            .header("content-type", "application/xml")
            .body(body);
        Answer {
            error: Some(code.to_owned()),
            ..answer
        }
    };
    if asked.header("authorization").is_some() {
        return error(400, "InvalidArgument", "Only one auth mechanism allowed");
    }
    let signature = parse_query(query.unwrap_or_default()).remove("X-Amz-Signature");
    if signature.as_deref() != Some(state.signature(name, digest).as_str()) {
        return error(
            403,
            "SignatureDoesNotMatch",
            "The request signature does not match",
        );
    }
    let Ok(bytes) = state.blob(name, digest) else {
        return error(404, "NoSuchKey", "The specified key does not exist.");
    };
    let total = bytes.len();
    let answer = |status: u16| {
        Answer::new(status)
            .header("content-type", "binary/octet-stream")
            .header("accept-ranges", "bytes")
    };
    let Some(range) = asked.header("range") else {
        state.counters.downloaded_bytes += total as u64;
        return answer(200).body(bytes);
    };
    match parse_range(range, total) {
        Some((first, last)) => {
            let part = bytes.slice(first..=last);
            state.counters.downloaded_bytes += part.len() as u64;
            answer(206)
                .header("content-range", format!("bytes {first}-{last}/{total}"))
                .body(part)
        }
        None => Answer {
            headers: vec![("content-range", format!("bytes */{total}"))],
            ..error(
                416,
                "InvalidRange",
                "The requested range is not satisfiable",
            )
        },
    }
}

fn parse_range(range: &str, total: usize) -> Option<(usize, usize)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let end = total.checked_sub(1)?;
    let (first, last) = match (first.trim(), last.trim()) {
        ("", suffix) => (total.saturating_sub(suffix.parse().ok()?), end),
        (first, "") => (first.parse().ok()?, end),
        (first, last) => (first.parse().ok()?, last.parse::<usize>().ok()?.min(end)),
    };
    (first <= last && last <= end).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (range, expected) in [
            ("bytes=0-9", Some((0, 9))),
            ("bytes=90-200", Some((90, 99))),
            ("bytes=-10", Some((90, 99))),
            ("bytes=95-", Some((95, 99))),
            ("bytes=100-", None),
            ("lines=1-2", None),
        ] {
            assert_eq!(parse_range(range, 100), expected, "{range}");
        }
    }
}
