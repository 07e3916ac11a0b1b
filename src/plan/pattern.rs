//! Patterns that say where builds are and where ECS pulls from: `{name}/common`, `{name}/{family}`.

use std::fmt;
use std::str::FromStr;

use crate::model::reference::{DOCKER_HUB, Registry};

/// A repository pattern. Placeholders: `{name}` (may contain `/`), `{family}`, `{container}`, `{service}`, `{cluster}`.
/// It may begin with a private ECR host; without one the registry of the image is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    registry: Option<Registry>,
    parts: Vec<Part>,
}

/// One piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Placeholder(Placeholder),
}

/// What a pattern can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// The image's own name: what source and target have in common.
    Name,
    /// The task definition's family, after `families:` of `demitasse.yml`.
    Family,
    /// The container's name.
    Container,
    /// The config's service.
    Service,
    /// The config's cluster.
    Cluster,
}

/// Why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A placeholder nobody fills.
    #[error(
        "`{{{0}}}` is not a placeholder: use {{name}}, {{family}}, {{container}}, {{service}} or {{cluster}}"
    )]
    UnknownPlaceholder(String),
    /// A `{` without its `}`.
    #[error("`{{` without `}}` in `{0}`")]
    Unclosed(String),
    /// More than one way to read an image.
    #[error("`{{{1}}}` stands twice in `{0}`")]
    Twice(String, Placeholder),
    /// Nothing.
    #[error("the pattern is empty")]
    Empty,
    /// A host that is not ECR's.
    #[error("`{0}` is not the host of a private ECR registry")]
    Host(String),
    /// No host at all, or ECR's, where an upstream is to be named.
    #[error("`{0}` does not begin with the host of a registry that is not a private one of ECR")]
    NotUpstream(String),
}

/// Values for the placeholders. `None` where there is none (a config without a service).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Values<'a> {
    /// `{name}`.
    pub name: Option<&'a str>,
    /// `{family}`.
    pub family: Option<&'a str>,
    /// `{container}`.
    pub container: Option<&'a str>,
    /// `{service}`.
    pub service: Option<&'a str>,
    /// `{cluster}`.
    pub cluster: Option<&'a str>,
}

impl<'a> Values<'a> {
    fn get(&self, placeholder: Placeholder) -> Option<&'a str> {
        match placeholder {
            Placeholder::Name => self.name,
            Placeholder::Family => self.family,
            Placeholder::Container => self.container,
            Placeholder::Service => self.service,
            Placeholder::Cluster => self.cluster,
        }
    }

    /// Whether the placeholder has a value.
    pub fn has(&self, placeholder: Placeholder) -> bool {
        self.get(placeholder).is_some()
    }

    fn with(mut self, placeholder: Placeholder, value: &'a str) -> Self {
        let slot = match placeholder {
            Placeholder::Name => &mut self.name,
            Placeholder::Family => &mut self.family,
            Placeholder::Container => &mut self.container,
            Placeholder::Service => &mut self.service,
            Placeholder::Cluster => &mut self.cluster,
        };
        *slot = Some(value);
        self
    }
}

impl Pattern {
    /// A pattern of repositories in an upstream registry, which it has to name: `public.ecr.aws/{name}`.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn upstream(text: &str) -> Result<Self, PatternError> {
        let not = || PatternError::NotUpstream(text.to_owned());
        let (host, path) = text.split_once('/').ok_or_else(not)?;
        let registry = Registry::upstream(host).ok_or_else(not)?;
        Ok(Self {
            text: text.to_owned(),
            registry: Some(registry),
            parts: parts(path, text)?,
        })
    }

    /// The registry the pattern names, if it names one.
    pub fn registry(&self) -> Option<&Registry> {
        self.registry.as_ref()
    }

    /// Whether the placeholder stands in it.
    pub fn asks_for(&self, placeholder: Placeholder) -> bool {
        self.parts.contains(&Part::Placeholder(placeholder))
    }

    /// The repository name with the placeholders filled, or the first placeholder that has no value.
    ///
    /// # Errors
    /// The placeholder without a value.
    pub fn fill(&self, values: &Values<'_>) -> Result<String, Placeholder> {
        let mut name = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => name.push_str(text),
                Part::Placeholder(placeholder) => {
                    name.push_str(values.get(*placeholder).ok_or(*placeholder)?);
                }
            }
        }
        let on_hub = self
            .registry
            .as_ref()
            .is_some_and(|one| one.host() == DOCKER_HUB);
        if on_hub && !name.contains('/') {
            // Where Docker Hub keeps what belongs to nobody.
            name.insert_str(0, "library/");
        }
        Ok(name)
    }

    /// Reads a repository name by the pattern: placeholders in `known` must stand for their values, the others are
    /// found. `{name}` takes as much as it can and may contain `/`; the others take no `/`. Nothing if it does not match.
    pub fn read<'a>(&self, name: &'a str, known: &Values<'a>) -> Option<Values<'a>> {
        read(&self.parts, name, *known)
    }
}

fn read<'a>(parts: &[Part], text: &'a str, values: Values<'a>) -> Option<Values<'a>> {
    let Some((first, rest)) = parts.split_first() else {
        return text.is_empty().then_some(values);
    };
    let placeholder = match first {
        Part::Literal(literal) => return read(rest, text.strip_prefix(literal.as_str())?, values),
        Part::Placeholder(placeholder) => *placeholder,
    };
    if let Some(value) = values.get(placeholder) {
        return read(rest, text.strip_prefix(value)?, values);
    }
    let fits = |end: &usize| placeholder == Placeholder::Name || !text[..*end].contains('/');
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    let mut ends: Vec<usize> = ends.filter(fits).collect();
    ends.reverse();
    ends.into_iter().find_map(|end| {
        let (value, remainder) = text.split_at(end);
        read(rest, remainder, values.with(placeholder, value))
    })
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut registry = None;
        let mut rest = text;
        if let Some((host, path)) = text.split_once('/')
            && host.contains('.')
            && !host.contains('{')
        {
            let parsed = Registry::from_host(host);
            registry = Some(parsed.ok_or_else(|| PatternError::Host(host.to_owned()))?);
            rest = path;
        }
        Ok(Self {
            text: text.to_owned(),
            registry,
            parts: parts(rest, text)?,
        })
    }
}

/// The pieces of what follows the host in `text`.
fn parts(path: &str, text: &str) -> Result<Vec<Part>, PatternError> {
    if path.is_empty() {
        return Err(PatternError::Empty);
    }
    let mut rest = path;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let open = rest.find('{').unwrap_or(rest.len());
        let (literal, from_brace) = rest.split_at(open);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.to_owned()));
        }
        let Some(inside) = from_brace.strip_prefix('{') else {
            break;
        };
        let (word, after) = inside
            .split_once('}')
            .ok_or_else(|| PatternError::Unclosed(text.to_owned()))?;
        let placeholder: Placeholder = word.parse()?;
        let part = Part::Placeholder(placeholder);
        if parts.contains(&part) {
            return Err(PatternError::Twice(text.to_owned(), placeholder));
        }
        parts.push(part);
        rest = after;
    }
    Ok(parts)
}

impl FromStr for Placeholder {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "name" => Self::Name,
            "family" => Self::Family,
            "container" => Self::Container,
            "service" => Self::Service,
            "cluster" => Self::Cluster,
            other => return Err(PatternError::UnknownPlaceholder(other.to_owned())),
        })
    }
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name",
            Self::Family => "family",
            Self::Container => "container",
            Self::Service => "service",
            Self::Cluster => "cluster",
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse().expect(text)
    }

    #[test]
    fn names_are_read_back_by_the_pattern() {
        let check =
            |text: &str, family: Option<&str>, name: &str, expected: Option<(&str, &str)>| {
                let known = Values {
                    family,
                    ..Values::default()
                };
                let found = pattern(text).read(name, &known);
                let found = found.map(|v| (v.name.unwrap_or(""), v.family.unwrap_or("")));
                assert_eq!(found, expected, "{text} {name}");
            };
        let app = Some("app");
        check(
            "{name}/{family}",
            app,
            "fluentd/app",
            Some(("fluentd", "app")),
        );
        check(
            "{name}/{family}",
            app,
            "team/fluentd/app",
            Some(("team/fluentd", "app")),
        );
        check("{name}/{family}", app, "fluentd/other", None);
        check("{name}/{family}", app, "app", None);
        check(
            "{name}/{family}",
            None,
            "team/nginx",
            Some(("team", "nginx")),
        );
        check("{name}/{family}", None, "a/b/c", Some(("a/b", "c")));
        check(
            "{name}/common",
            app,
            "fluentd/common",
            Some(("fluentd", "app")),
        );
        check(
            "ecs/{family}/{name}",
            app,
            "ecs/app/x/y",
            Some(("x/y", "app")),
        );
        check("{family}-{name}", None, "a-b-c", Some(("c", "a-b")));
        check("deploy/{family}", app, "deploy/app", Some(("", "app")));
    }

    #[test]
    fn names_are_filled() {
        let values = Values {
            name: Some("a/b"),
            family: Some("app"),
            ..Values::default()
        };
        assert_eq!(
            pattern("x/{name}/{family}").fill(&values),
            Ok("x/a/b/app".into())
        );
        let missing = pattern("{name}/{service}").fill(&values);
        assert_eq!(missing, Err(Placeholder::Service));
    }

    #[test]
    fn a_pattern_may_name_a_registry() {
        let host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        let pattern = pattern(&format!("{host}/{{name}}/common"));
        assert_eq!(pattern.registry(), Registry::from_host(host).as_ref());
    }

    #[test]
    fn an_upstream_pattern_names_its_registry() {
        let values = Values {
            name: Some("datadog/agent"),
            ..Values::default()
        };
        let check = |text: &str, expected: Result<(&str, &str), PatternError>| {
            let read = Pattern::upstream(text).map(|pattern| {
                let host = pattern.registry().expect("a registry").host().to_owned();
                (host, pattern.fill(&values).expect("a name"))
            });
            let read = read
                .as_ref()
                .map(|(host, name)| (host.as_str(), name.as_str()));
            assert_eq!(read.map_err(Clone::clone), expected, "{text}");
        };
        check(
            "public.ecr.aws/{name}",
            Ok(("public.ecr.aws", "datadog/agent")),
        );
        check(
            "docker.io/fluent/fluent-bit",
            Ok(("docker.io", "fluent/fluent-bit")),
        );
        check("docker.io/nginx", Ok(("docker.io", "library/nginx")));
        check("127.0.0.1:5000/x/y", Ok(("127.0.0.1:5000", "x/y")));
        check("docker.io/{name}", Ok(("docker.io", "datadog/agent")));
        for text in [
            "nginx",
            "datadog/agent",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x",
        ] {
            check(text, Err(PatternError::NotUpstream(text.into())));
        }
        check("ghcr.io/", Err(PatternError::Empty));
    }

    #[test]
    fn wrong_patterns_are_refused() {
        for text in ["", "{nam}/x", "{name", "{name}/{name}", "ghcr.io/{name}"] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }
}
