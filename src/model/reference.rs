//! Names of registries, repositories and images. Each is parsed once into a value and compared as one: two
//! spellings of a host can name the same registry, and a string is not an image.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::model::digest::Digest;
use crate::model::time::Timestamp;

/// A registry. A private one of ECR is one account in one Region: hosts that differ only in spelling (FIPS, dual-stack,
/// capitals, a trailing dot) are the same registry, so account and Region decide equality and order. An upstream, which is
/// none of these, is its host.
#[derive(Clone, Debug)]
pub struct Registry {
    account: String,
    region: String,
    host: String,
}

/// Docker Hub, as images name it.
pub const DOCKER_HUB: &str = "docker.io";

/// What may follow the Region in a `dkr.ecr` host: the AWS partitions' domains.
const CLASSIC_DOMAINS: [&str; 6] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "csp.hci.ic.gov",
];
/// What may follow the Region in a dual-stack `dkr-ecr` host.
const DUAL_STACK_DOMAINS: [&str; 4] = [
    "on.aws",
    "on.amazonwebservices.com.cn",
    "amazonaws.com",
    "amazonaws.com.cn",
];

impl Registry {
    /// The registry behind an image host, or nothing if the host is not a private ECR registry
    /// (Amazon ECR User Guide, "Private registries" and "Making requests over IPv6").
    pub fn from_host(host: &str) -> Option<Self> {
        let host = host.strip_suffix(":443").unwrap_or(host);
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let (account, rest) = host.split_once('.')?;
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (rest, domains): (&str, &[&str]) = match rest.strip_prefix("dkr.ecr") {
            Some(rest) => (rest, &CLASSIC_DOMAINS),
            None => (rest.strip_prefix("dkr-ecr")?, &DUAL_STACK_DOMAINS),
        };
        let rest = rest.strip_prefix("-fips").unwrap_or(rest);
        let (region, domain) = rest.strip_prefix('.')?.split_once('.')?;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if region.is_empty() || !region.bytes().all(plain) || !domains.contains(&domain) {
            return None;
        }
        Some(Self {
            account: account.to_owned(),
            region: region.to_owned(),
            host: host.clone(),
        })
    }

    /// The upstream registry of this host, with its port if it has one; nothing if it is a private ECR registry, or no host
    /// at all. As in Docker, the first part of an image is a host if it has a dot or a port, or is `localhost`.
    pub fn upstream(host: &str) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        let (name, port) = match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host.as_str(), None),
        };
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let is_name = !name.is_empty() && !name.starts_with(['.', '-']) && name.chars().all(legal);
        let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
        let is_host = name.contains('.') || port.is_some() || name == "localhost";
        if !(is_name && is_port && is_host) || Self::from_host(&host).is_some() {
            return None;
        }
        let host = match host.as_str() {
            "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB.to_owned(),
            _ => host,
        };
        Some(Self {
            account: String::new(),
            region: String::new(),
            host,
        })
    }

    /// Whether it is a private one of ECR, and not an upstream.
    pub fn is_ecr(&self) -> bool {
        !self.account.is_empty()
    }

    /// The 12 digits of the account; empty for an upstream.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The Region, such as `ap-northeast-1`; empty for an upstream.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The host as it was written, in lower case.
    pub fn host(&self) -> &str {
        &self.host
    }

    fn key(&self) -> (&str, &str, &str) {
        let host = if self.is_ecr() { "" } else { &self.host };
        (&self.account, &self.region, host)
    }
}

impl PartialEq for Registry {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Registry {}

impl PartialOrd for Registry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Registry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// The name of an ECR repository, such as `fluentd/app`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(String);

impl RepositoryName {
    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for RepositoryName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not a repository name, a tag or an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// ECR would refuse the name.
    #[error(
        "`{0}` is not a legal ECR repository name (2 to 256 characters, lower-case letters and digits, single separators . _ - between them, parts joined by /)"
    )]
    RepositoryName(String),
    /// The registry would refuse the tag.
    #[error(
        "`{0}` is not a legal tag (up to 128 letters, digits, `_`, `.` and `-`, not starting with `.` or `-`)"
    )]
    Tag(String),
    /// The part after `@`.
    #[error(transparent)]
    Digest(#[from] crate::model::digest::DigestError),
    /// Nothing to pull.
    #[error("the image is empty")]
    Empty,
}

impl FromStr for RepositoryName {
    type Err = ReferenceError;

    /// The grammar of ECR's API model: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` joined by `/`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let legal = (2..=256).contains(&text.len()) && text.split('/').all(legal_part);
        if legal {
            Ok(Self(text.to_owned()))
        } else {
            Err(ReferenceError::RepositoryName(text.to_owned()))
        }
    }
}

fn legal_part(part: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut rest = part;
    loop {
        let separator = rest.find(|c| !word(c)).unwrap_or(rest.len());
        if separator == 0 {
            return false;
        }
        rest = &rest[separator..];
        if rest.is_empty() {
            return true;
        }
        let end = rest.find(word).unwrap_or(rest.len());
        let legal = match &rest[..end] {
            "." | "_" | "__" => true,
            dashes => dashes.bytes().all(|byte| byte == b'-'),
        };
        if !legal {
            return false;
        }
        rest = &rest[end..];
    }
}

/// One repository of one registry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repository {
    /// Where it is.
    pub registry: Registry,
    /// What it is called there.
    pub name: RepositoryName,
}

impl Repository {
    /// `<host>/<name>`, as an image of it begins.
    pub fn uri(&self) -> String {
        format!("{}/{}", self.registry.host, self.name)
    }

    /// The ARN, for messages about permissions.
    pub fn arn(&self) -> String {
        let region = self.registry.region();
        let partition = if region.starts_with("cn-") {
            "aws-cn"
        } else if region.starts_with("us-gov-") {
            "aws-us-gov"
        } else if region.starts_with("eusc-") {
            "aws-eusc"
        } else {
            "aws"
        };
        let account = self.registry.account();
        format!(
            "arn:{partition}:ecr:{region}:{account}:repository/{}",
            self.name
        )
    }
}

impl fmt::Display for Repository {
    /// Its name; of an upstream with the host, which nothing else would tell.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.registry.is_ecr() {
            self.name.fmt(f)
        } else {
            f.write_str(&self.uri())
        }
    }
}

/// An image tag (OCI distribution specification: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Tag(String);

impl Tag {
    /// The whole tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag that pins this digest: `inuse-<first 12 hex>`. It belongs to one digest, so it never has to move.
    pub fn pin(digest: &Digest) -> Self {
        Self(format!("inuse-{}", digest.short()))
    }

    /// The pin to use where the first one was removed and an immutable repository does not take it back: the same with `-2`.
    #[must_use]
    pub fn again(&self) -> Self {
        Self(format!("{}-2", self.0))
    }

    /// The mark of an image whose pin was found unneeded: `unused-<first 12 hex>-<seconds since 1970>`.
    pub fn unused(digest: &Digest, at: Timestamp) -> Self {
        Self(format!("{}-{}", Self::unused_stem(digest), at.0 / 1000))
    }

    /// What every such mark of an image begins with.
    pub fn unused_stem(digest: &Digest) -> Self {
        Self(format!("unused-{}", digest.short()))
    }

    /// The permanent tag of an image that the task definition names only by digest: `digest-<first 12 hex>`.
    pub fn permanent(digest: &Digest) -> Self {
        Self(format!("digest-{}", digest.short()))
    }

    /// The tag a reference without one means.
    pub fn latest() -> Self {
        Self("latest".to_owned())
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let first = text.chars().next().is_some_and(|c| c != '.' && c != '-');
        if first && text.len() <= 128 && text.chars().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ReferenceError::Tag(text.to_owned()))
        }
    }
}

/// An image as a container definition names it (Amazon ECS API Reference, `ContainerDefinition.image`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The ECR registry, or nothing where the image comes from elsewhere.
    pub registry: Option<Registry>,
    /// The path below the host; for images from elsewhere everything before tag and digest.
    pub name: String,
    /// The tag, if written.
    pub tag: Option<Tag>,
    /// The digest, if written. Where both stand the digest decides.
    pub digest: Option<Digest>,
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        let last_part = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (rest, tag) = match rest[last_part..].find(':') {
            Some(colon) => {
                let (rest, tag) = rest.split_at(last_part + colon);
                (rest, Some(tag.trim_start_matches(':').parse()?))
            }
            None => (rest, None),
        };
        if rest.is_empty() {
            return Err(ReferenceError::Empty);
        }
        let ecr = rest
            .split_once('/')
            .and_then(|(host, name)| Some((Registry::from_host(host)?, name)));
        Ok(match ecr {
            Some((registry, name)) => Self {
                name: name.parse::<RepositoryName>()?.to_string(),
                registry: Some(registry),
                tag,
                digest,
            },
            None => Self {
                registry: None,
                name: rest.to_owned(),
                tag,
                digest,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com";

    #[test]
    fn every_spelling_of_a_host_is_one_registry() {
        let standard = Registry::from_host(HOST);
        assert!(standard.is_some());
        for host in [
            "123456789012.dkr.ecr-fips.ap-northeast-1.amazonaws.com",
            "123456789012.dkr-ecr.ap-northeast-1.on.aws",
            "123456789012.dkr-ecr-fips.ap-northeast-1.on.aws",
            "123456789012.DKR.ecr.ap-northeast-1.amazonaws.com.",
            "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com:443",
        ] {
            assert_eq!(Registry::from_host(host), standard, "{host}");
        }
        let china = Registry::from_host("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn");
        assert_eq!(china.map(|china| china.region), Some("cn-north-1".into()));
        for host in [
            "public.ecr.aws",
            "123456789012.dkr.ecr.ap-northeast-1.example.com",
            "12345678901.dkr.ecr.ap-northeast-1.amazonaws.com",
            "api.ecr.ap-northeast-1.amazonaws.com",
            "ghcr.io",
            "",
        ] {
            assert_eq!(Registry::from_host(host), None, "{host}");
        }
    }

    #[test]
    fn an_upstream_is_its_host() {
        let host = |text: &str| Registry::upstream(text).map(|one| one.host().to_owned());
        for (text, expected) in [
            ("public.ecr.aws", Some("public.ecr.aws")),
            ("GHCR.io", Some("ghcr.io")),
            ("index.docker.io", Some("docker.io")),
            ("registry-1.docker.io", Some("docker.io")),
            ("localhost", Some("localhost")),
            ("registry:5000", Some("registry:5000")),
            ("127.0.0.1:5000", Some("127.0.0.1:5000")),
            (HOST, None),
            ("datadog", None),
            ("registry:port", None),
            ("user@ghcr.io", None),
            ("ghcr.io/x", None),
            ("-x.io", None),
            ("", None),
        ] {
            assert_eq!(host(text).as_deref(), expected, "{text}");
        }
        let one = Registry::upstream("ghcr.io").expect("a host");
        assert_ne!(Some(&one), Registry::upstream("quay.io").as_ref());
        assert!(!one.is_ecr());
        let name = "datadog/agent".parse().expect("a name");
        let repository = Repository {
            registry: one,
            name,
        };
        assert_eq!(repository.to_string(), "ghcr.io/datadog/agent");
    }

    #[test]
    fn repository_names_follow_ecr() {
        for name in ["ab", "fluentd/app", "a-b/c__d/e.f", "a--b/cc", "0/1"] {
            assert!(name.parse::<RepositoryName>().is_ok(), "{name}");
        }
        let long = "a".repeat(257);
        for name in [
            "", "a", "App/x", "a//b", "/ab", "ab/", "a___b", "a_-b", "-ab", "ab-", "a..b", "a b",
            &long,
        ] {
            assert!(name.parse::<RepositoryName>().is_err(), "{name}");
        }
    }

    #[test]
    fn images_are_read_with_tag_digest_both_or_neither() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let check = |text: &str, name: &str, tag: Option<&str>, with_digest: bool, ecr: bool| {
            let reference: Reference = text.parse().expect(text);
            assert_eq!(reference.name, name, "{text}");
            assert_eq!(reference.tag.as_ref().map(Tag::as_str), tag, "{text}");
            assert_eq!(reference.digest.is_some(), with_digest, "{text}");
            assert_eq!(reference.registry.is_some(), ecr, "{text}");
        };
        check(
            &format!("{HOST}/fluentd/app:3f2c1ab"),
            "fluentd/app",
            Some("3f2c1ab"),
            false,
            true,
        );
        check(
            &format!("{HOST}/fluentd/app"),
            "fluentd/app",
            None,
            false,
            true,
        );
        check(
            &format!("{HOST}/fluentd/app@{digest}"),
            "fluentd/app",
            None,
            true,
            true,
        );
        check(
            &format!("{HOST}/fluentd/app:v1@{digest}"),
            "fluentd/app",
            Some("v1"),
            true,
            true,
        );
        check("nginx:1.27", "nginx", Some("1.27"), false, false);
        check("nginx", "nginx", None, false, false);
        check(
            "localhost:5000/app",
            "localhost:5000/app",
            None,
            false,
            false,
        );
        check(
            "localhost:5000/app:x",
            "localhost:5000/app",
            Some("x"),
            false,
            false,
        );
        check(
            "public.ecr.aws/a/b:stable",
            "public.ecr.aws/a/b",
            Some("stable"),
            false,
            false,
        );
        for text in [
            "",
            ":tag",
            &format!("{HOST}/App:x"),
            &format!("{HOST}/app:x:y"),
            &format!("{HOST}/app:"),
            &format!("{HOST}/app@sha256:short"),
            &format!("{HOST}/app:-x"),
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }
}
