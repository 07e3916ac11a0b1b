//! Reads a path of `/v2/` into what it asks for.

use std::collections::BTreeMap;

/// What a request to `/v2/` is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Ping,
    Catalog,
    Manifest {
        name: String,
        reference: String,
    },
    Blob {
        name: String,
        digest: String,
    },
    StartUpload {
        name: String,
        mount: Option<String>,
        from: Option<String>,
    },
    Upload {
        name: String,
        id: String,
        digest: Option<String>,
    },
    Tags {
        name: String,
        number: Option<usize>,
        last: Option<String>,
    },
    Referrers {
        name: String,
        digest: String,
        artifact_type: Option<String>,
    },
    Unknown,
}

impl Route {
    /// Reads path and query; `None` is not a path of the registry.
    pub(crate) fn parse(path: &str, query: Option<&str>) -> Option<Route> {
        let path = decode(path);
        let rest = path.strip_prefix("/v2")?;
        let mut query = parse_query(query.unwrap_or_default());
        let Some(rest) = rest.strip_prefix('/') else {
            return Some(if rest.is_empty() {
                Route::Ping
            } else {
                Route::Unknown
            });
        };
        if rest.is_empty() {
            return Some(Route::Ping);
        }
        if rest == "_catalog" {
            return Some(Route::Catalog);
        }
        if let Some(name) = rest
            .strip_suffix("/blobs/uploads/")
            .or_else(|| rest.strip_suffix("/blobs/uploads"))
        {
            let (mount, from) = (query.remove("mount"), query.remove("from"));
            return Some(Route::StartUpload {
                name: name.to_owned(),
                mount,
                from,
            });
        }
        if let Some(name) = rest.strip_suffix("/tags/list") {
            let number = query.get("n").and_then(|number| number.parse().ok());
            return Some(Route::Tags {
                name: name.to_owned(),
                number,
                last: query.remove("last"),
            });
        }
        if let Some((name, id)) = rest.rsplit_once("/blobs/uploads/") {
            return Some(Route::Upload {
                name: name.to_owned(),
                id: id.to_owned(),
                digest: query.remove("digest"),
            });
        }
        if let Some((name, reference)) = rest.rsplit_once("/manifests/") {
            return Some(Route::Manifest {
                name: name.to_owned(),
                reference: reference.to_owned(),
            });
        }
        if let Some((name, digest)) = rest.rsplit_once("/blobs/") {
            return Some(Route::Blob {
                name: name.to_owned(),
                digest: digest.to_owned(),
            });
        }
        if let Some((name, digest)) = rest.rsplit_once("/referrers/") {
            let artifact_type = query.remove("artifactType");
            return Some(Route::Referrers {
                name: name.to_owned(),
                digest: digest.to_owned(),
                artifact_type,
            });
        }
        Some(Route::Unknown)
    }

    /// The repository it is about.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Route::Manifest { name, .. }
            | Route::Blob { name, .. }
            | Route::StartUpload { name, .. }
            | Route::Upload { name, .. }
            | Route::Tags { name, .. }
            | Route::Referrers { name, .. } => Some(name),
            Route::Ping | Route::Catalog | Route::Unknown => None,
        }
    }

    /// The tag or digest it is about.
    pub(crate) fn reference(&self) -> Option<&str> {
        match self {
            Route::Manifest { reference, .. } => Some(reference),
            Route::Blob { digest, .. } | Route::Referrers { digest, .. } => Some(digest),
            Route::StartUpload { mount, .. } => mount.as_deref(),
            Route::Upload { digest, .. } => digest.as_deref(),
            Route::Ping | Route::Catalog | Route::Tags { .. } | Route::Unknown => None,
        }
    }

    /// The IAM action it needs on that repository.
    pub(crate) fn action(&self, method: &str) -> Option<&'static str> {
        Some(match (self, method) {
            (Route::Manifest { .. }, "PUT") => "ecr:PutImage",
            (Route::Manifest { .. } | Route::Referrers { .. }, _) => "ecr:BatchGetImage",
            (Route::Blob { .. }, "HEAD") => "ecr:BatchCheckLayerAvailability",
            (Route::Blob { .. }, _) => "ecr:GetDownloadUrlForLayer",
            (Route::StartUpload { .. }, _) => "ecr:InitiateLayerUpload",
            (Route::Upload { .. }, "PUT") => "ecr:CompleteLayerUpload",
            (Route::Upload { .. }, _) => "ecr:UploadLayerPart",
            (Route::Tags { .. }, _) => "ecr:ListImages",
            (Route::Ping | Route::Catalog | Route::Unknown, _) => return None,
        })
    }
}

/// Query parameters, decoded.
pub(crate) fn parse_query(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (
                decode(&key.replace('+', " ")),
                decode(&value.replace('+', " ")),
            )
        })
        .collect()
}

/// Percent-decoding.
pub(crate) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten();
        let value =
            escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match value {
            Some(value) => {
                bytes.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let owned = str::to_owned;
        for (path, query, expected) in [
            ("/v2/", None, Route::Ping),
            ("/v2", None, Route::Ping),
            ("/v2/_catalog", None, Route::Catalog),
            (
                "/v2/a/b/manifests/v1",
                None,
                Route::Manifest {
                    name: owned("a/b"),
                    reference: owned("v1"),
                },
            ),
            (
                "/v2/a/b/blobs/uploads/",
                Some("mount=sha256%3Aff&from=a%2Fcommon"),
                Route::StartUpload {
                    name: owned("a/b"),
                    mount: Some(owned("sha256:ff")),
                    from: Some(owned("a/common")),
                },
            ),
            (
                "/v2/a/blobs/uploads/id?",
                Some("digest=sha256:ff"),
                Route::Upload {
                    name: owned("a"),
                    id: owned("id?"),
                    digest: Some(owned("sha256:ff")),
                },
            ),
            (
                "/v2/a/blobs/sha256:ff",
                None,
                Route::Blob {
                    name: owned("a"),
                    digest: owned("sha256:ff"),
                },
            ),
            ("/v2/a/nonsense", None, Route::Unknown),
        ] {
            assert_eq!(Route::parse(path, query), Some(expected), "{path}");
        }
        assert_eq!(Route::parse("/", None), None);
    }
}
