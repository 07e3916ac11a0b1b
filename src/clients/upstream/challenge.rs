//! What a registry answers to somebody it does not know: how it wants to be asked (RFC 9110, section 11.6.1; "Token
//! Authentication Specification" of the Distribution project).

use std::collections::BTreeMap;

use reqwest::Url;

use crate::clients::http::is_loopback;

/// How a registry wants to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// With user and password.
    Basic,
    /// With a token, which is got there.
    Bearer {
        /// Where.
        realm: String,
        /// For which service.
        service: Option<String>,
    },
}

/// Reads the values of `WWW-Authenticate`; a token is preferred.
pub(super) fn read<'a>(values: impl Iterator<Item = &'a str>) -> Option<Challenge> {
    let found: Vec<Challenge> = values.filter_map(read_one).collect();
    let bearer = found
        .iter()
        .find(|one| matches!(one, Challenge::Bearer { .. }));
    bearer.or(found.first()).cloned()
}

fn read_one(value: &str) -> Option<Challenge> {
    let (scheme, rest) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let mut parameters = parameters(rest);
    Some(Challenge::Bearer {
        realm: parameters.remove("realm")?,
        service: parameters.remove("service"),
    })
}

/// `key="value",key=value`: a comma inside quotes separates nothing.
fn parameters(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text;
    while let Some((key, after)) = rest.split_once('=') {
        let key = key.trim_matches([' ', ',']).to_ascii_lowercase();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        found.insert(key, value.trim().to_owned());
        rest = after;
    }
    found
}

/// Where a token for reading a repository is got. Whoever names the place gets to see a password there, so it must be https;
/// only a registry on loopback, which itself is reached in the clear, may name another such place.
pub(super) fn token_url(
    realm: &str,
    service: Option<&str>,
    scope: &str,
    registry: &Url,
) -> Option<Url> {
    let mut url: Url = realm.parse().ok()?;
    let clear = url.scheme() == "http" && registry.scheme() == "http" && is_loopback(&url);
    if url.scheme() != "https" && !clear {
        return None;
    }
    if let Some(service) = service {
        url.query_pairs_mut().append_pair("service", service);
    }
    url.query_pairs_mut().append_pair("scope", scope);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        let bearer = |realm: &str, service: Option<&str>| Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
        };
        for (values, expected) in [
            (vec!["Basic realm=\"x\""], Some(Challenge::Basic)),
            (vec!["basic"], Some(Challenge::Basic)),
            (
                vec![
                    "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"repository:a/b:pull,push\"",
                ],
                Some(bearer(
                    "https://auth.docker.io/token",
                    Some("registry.docker.io"),
                )),
            ),
            (
                vec!["Bearer service=s, realm=https://x/t"],
                Some(bearer("https://x/t", Some("s"))),
            ),
            (vec!["Bearer service=\"s\""], None),
            (
                vec!["Bearer realm=\"https://x"],
                Some(bearer("https://x", None)),
            ),
            (
                vec!["Basic realm=\"x\"", "Bearer realm=\"https://x/t\""],
                Some(bearer("https://x/t", None)),
            ),
            (vec!["Negotiate"], None),
            (vec![""], None),
            (vec![], None),
        ] {
            assert_eq!(read(values.iter().copied()), expected, "{values:?}");
        }
    }

    #[test]
    fn a_token_is_got_over_https_or_on_loopback() {
        let check = |realm: &str, registry: &str, expected: Option<&str>| {
            let registry: Url = registry.parse().expect("a URL");
            let url = token_url(realm, Some("a b"), "repository:x/y:pull", &registry);
            assert_eq!(url.as_ref().map(Url::as_str), expected, "{realm}");
        };
        let query = "service=a+b&scope=repository%3Ax%2Fy%3Apull";
        let hub = "https://registry-1.docker.io/v2/";
        let local = "http://127.0.0.1:5000/v2/";
        check(
            "https://a.io/token",
            hub,
            Some(&format!("https://a.io/token?{query}")),
        );
        check(
            "https://a.io/token?x=1",
            hub,
            Some(&format!("https://a.io/token?x=1&{query}")),
        );
        check(
            "http://127.0.0.1:5001/t",
            local,
            Some(&format!("http://127.0.0.1:5001/t?{query}")),
        );
        check("http://127.0.0.1:5001/t", hub, None);
        check("http://a.io/token", hub, None);
        check("http://a.io/token", local, None);
        check("ftp://a.io/token", hub, None);
        check("token", hub, None);
    }
}
