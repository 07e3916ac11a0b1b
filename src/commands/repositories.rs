//! Repositories that are named on the command line or in a list: exactly or by a pattern with `*`, with or without the
//! host of the registry in use, as ECR itself prints them (`repositoryUri`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::clients::ecr::Ecr;
use crate::commands::surroundings::Surroundings;
use crate::commands::wrong::{self, Wrong};
use crate::model::failure::Failure;
use crate::model::inventory::RepositorySettings;
use crate::model::reference::{Registry, Repository, RepositoryName};
use crate::model::wildcard;

/// One call of `DescribeRepositories` answers for so many names (Amazon ECR API Reference); to list all takes fewer
/// requests where more are wanted.
const BATCH: usize = 100;

/// What was named, not looked up yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    exact: BTreeSet<RepositoryName>,
    patterns: BTreeSet<String>,
    /// Each registry that a name begins with, and that name.
    registries: BTreeMap<Registry, String>,
}

/// What is known of a named repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It exists, with these settings.
    Exists(RepositorySettings),
    /// It does not exist.
    Missing,
    /// Nobody looked.
    Unknown,
}

/// Why names could not be looked up.
#[derive(Debug)]
pub(super) enum Trouble {
    /// They are wrong.
    Wrong(Vec<Wrong>),
    /// ECR failed.
    World(Failure),
}

impl Trouble {
    /// What keeps the run from beginning.
    pub(super) fn into_wrong(self) -> Vec<Wrong> {
        match self {
            Self::Wrong(wrong) => wrong,
            Self::World(failure) => vec![wrong::of_world(&failure)],
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::World(failure)
    }
}

/// The names of `--repository` and of the lines of `--repositories-from`; nothing where neither is given.
///
/// # Errors
/// A list that cannot be read; an empty one, which is a mistake in whatever made it; every name that is none.
pub(super) fn given(
    repository: &[String],
    from: Option<&Path>,
    surroundings: &Surroundings<'_>,
) -> Result<Option<Names>, Vec<Wrong>> {
    if repository.is_empty() && from.is_none() {
        return Ok(None);
    }
    let mut texts: Vec<&str> = repository.iter().map(String::as_str).collect();
    let list = from.map(|path| surroundings.read(path)).transpose();
    let list = list.map_err(|error| vec![Wrong::from(error)])?;
    let lines = list.iter().flat_map(|text| text.lines().map(str::trim));
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let before = texts.len();
    texts.extend(lines);
    if let (Some(path), true) = (from, texts.len() == before) {
        let message = format!("{}: an empty list of repositories", path.display());
        return Err(vec![Wrong::from(message)]);
    }
    Names::read(texts).map(Some)
}

impl Names {
    /// Reads names and patterns.
    ///
    /// # Errors
    /// Every text that no repository's name can match.
    pub(super) fn read<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, Vec<Wrong>> {
        let (mut names, mut wrong) = (Self::default(), Vec::new());
        for text in texts {
            if let Err(message) = names.add(text.trim()) {
                wrong.push(unreadable(message));
            }
        }
        if wrong.is_empty() {
            Ok(names)
        } else {
            Err(wrong)
        }
    }

    fn add(&mut self, text: &str) -> Result<(), String> {
        let mut name = text;
        if let Some((first, rest)) = text.split_once('/') {
            if let Some(registry) = Registry::from_host(first) {
                self.registries
                    .entry(registry)
                    .or_insert_with(|| text.to_owned());
                name = rest;
            } else if is_host_of_ecr(first) {
                return Err(format!(
                    "`{text}`: {first} is not the host of a private ECR registry"
                ));
            }
        }
        if name.contains('*') && name.chars().all(|c| c == '*' || is_legal(c)) {
            self.patterns.insert(name.to_owned());
        } else {
            let name = name.parse::<RepositoryName>();
            self.exact.insert(name.map_err(|error| error.to_string())?);
        }
        Ok(())
    }

    /// The repositories that are meant, in the registry of the credentials.
    ///
    /// # Errors
    /// Names of another registry; patterns that match nothing; what ECR answers.
    pub(super) async fn find(&self, ecr: &Ecr) -> Result<BTreeMap<Repository, Seen>, Trouble> {
        if !ecr.has_region() {
            let hint = "set AWS_REGION, or `region` in the profile";
            return Err(Trouble::Wrong(vec![Wrong::no_region(hint)]));
        }
        let home = ecr.home().await?;
        self.check_registries(&home)?;
        let in_home = |name: &RepositoryName| Repository {
            registry: home.clone(),
            name: name.clone(),
        };
        let exact = self.exact.iter().map(in_home);
        if self.patterns.is_empty() && self.exact.len() <= BATCH {
            return Ok(exact.map(|one| (one, Seen::Unknown)).collect());
        }
        let mut found: BTreeMap<_, _> = exact.map(|one| (one, Seen::Missing)).collect();
        let mut unmatched: BTreeSet<&String> = self.patterns.iter().collect();
        for (repository, settings) in ecr.all(&home).await? {
            let name = repository.name.as_str();
            let matches = |pattern: &&String| wildcard::matches(pattern, name);
            unmatched.retain(|pattern| !matches(pattern));
            if found.contains_key(&repository) || self.patterns.iter().any(|one| matches(&one)) {
                found.insert(repository, Seen::Exists(settings));
            }
        }
        if unmatched.is_empty() {
            return Ok(found);
        }
        let nothing = |pattern: &String| Wrong::from(format!("no repository matches {pattern}"));
        Err(Trouble::Wrong(unmatched.into_iter().map(nothing).collect()))
    }

    fn check_registries(&self, home: &Registry) -> Result<(), Trouble> {
        let others = self.registries.iter().filter(|(other, _)| *other != home);
        let refuse = |(other, text): (&Registry, &String)| {
            let hint = if other.account() == home.account() {
                format!(
                    "set AWS_REGION={}, and run once for each Region",
                    other.region()
                )
            } else {
                format!(
                    "use credentials of account {}, and run once for each registry",
                    other.account()
                )
            };
            let message = format!("{text} is not in the registry in use, {}", home.host());
            Wrong::from(message).with_hint(hint)
        };
        let wrong: Vec<Wrong> = others.map(refuse).collect();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(Trouble::Wrong(wrong))
        }
    }
}

fn is_legal(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c)
}

/// Whether it was meant as a host: `public.ecr.aws`, or a mistyped one. It is a legal beginning of a repository's name too,
/// but nobody wants a repository of that name.
fn is_host_of_ecr(first: &str) -> bool {
    first.contains(".ecr.") || first.contains(".dkr")
}

fn unreadable(message: String) -> Wrong {
    let hint = "write a name such as fluentd/app, or a pattern such as 'fluentd/*'";
    Wrong::from(message).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com";

    fn read(texts: &[&str]) -> Names {
        Names::read(texts.iter().copied()).expect("names")
    }

    #[test]
    fn names_patterns_and_hosts_are_told_apart() {
        let uri = format!("{HOST}/fluentd/web");
        let names = read(&["fluentd/app", " fluentd/app\n", &uri, "fluentd/*", "*"]);
        let exact: Vec<&str> = names.exact.iter().map(RepositoryName::as_str).collect();
        assert_eq!(exact, ["fluentd/app", "fluentd/web"]);
        assert_eq!(
            names.patterns,
            BTreeSet::from(["*".into(), "fluentd/*".into()])
        );
        assert_eq!(names.registries.into_values().collect::<Vec<_>>(), [uri]);
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let texts = [
            "public.ecr.aws/x/y",
            "12345678901.dkr.ecr.us-east-1.amazonaws.com/x",
            "",
            "Fluentd/App",
            "fluentd/app",
            "Fluentd/*",
            "fluentd/app:v1",
            "a b*",
        ];
        let wrong = Names::read(texts).expect_err("names");
        assert_eq!(wrong.len(), 7, "{wrong:?}");
        assert!(wrong.iter().all(|one| one.hint.is_some()));
        assert!(
            wrong[3].message.contains("`Fluentd/App` is not a legal"),
            "{wrong:?}"
        );
    }

    #[test]
    fn another_registry_is_refused_and_another_host_of_this_one_is_not() {
        let home = Registry::from_host(HOST).expect("a host");
        let refused = |host: &str| {
            let names = read(&[&format!("{host}/fluentd/app")]);
            match names.check_registries(&home) {
                Err(Trouble::Wrong(wrong)) => wrong[0].hint.clone().unwrap_or_default(),
                other => format!("{other:?}"),
            }
        };
        let fips = "123456789012.dkr.ecr-fips.ap-northeast-1.amazonaws.com";
        for host in [HOST, fips] {
            assert_eq!(refused(host), "Ok(())", "{host}");
        }
        let region = refused("123456789012.dkr.ecr.us-east-1.amazonaws.com");
        assert!(region.contains("AWS_REGION=us-east-1"), "{region}");
        let account = refused("999999999999.dkr.ecr.ap-northeast-1.amazonaws.com");
        assert!(account.contains("account 999999999999"), "{account}");
    }
}
