//! Which image goes where: from the images of task definitions, by two patterns, to promotions that are wanted
//! (DESIGN: "Which image goes where").

use std::collections::{BTreeMap, BTreeSet};

use crate::model::digest::Digest;
use crate::model::inventory::ImageId;
use crate::model::project::{Project, Use};
use crate::model::reference::{Reference, Registry, Repository, RepositoryName, Tag};
use crate::model::task_definition::Container;
use crate::model::usage::Deployed;
use crate::model::wildcard;
use crate::plan::pattern::{Pattern, Placeholder, Values};
use crate::plan::problem::{Kind, Problem};

/// How images are mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Where builds are: `{name}/common`.
    pub source: Pattern,
    /// Where ECS pulls from: `{name}/{family}`.
    pub target: Pattern,
    /// Family → the word to use for `{family}`; others stand for themselves.
    pub families: BTreeMap<String, String>,
    /// Names whose source is an upstream; the first that matches counts.
    pub upstreams: Vec<Upstream>,
}

/// The upstream of some names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// What `{name}` is for them; `*` stands for any run of characters.
    pub name: String,
    /// Their repository, with the host of its registry.
    pub from: Pattern,
}

/// Why a pair of patterns cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{{name}} must stand in both patterns or in neither (source `{source_pattern}`, target `{target}`)"
)]
pub struct RulesError {
    source_pattern: String,
    target: String,
}

impl Rules {
    /// Checks that either pattern can be derived from the other.
    ///
    /// # Errors
    /// [`RulesError`], where only one has `{name}`.
    pub fn new(
        source: Pattern,
        target: Pattern,
        families: BTreeMap<String, String>,
    ) -> Result<Self, RulesError> {
        if source.asks_for(Placeholder::Name) == target.asks_for(Placeholder::Name) {
            Ok(Self {
                source,
                target,
                families,
                upstreams: Vec::new(),
            })
        } else {
            Err(RulesError {
                source_pattern: source.to_string(),
                target: target.to_string(),
            })
        }
    }

    /// The same with upstreams.
    #[must_use]
    pub fn with_upstreams(self, upstreams: Vec<Upstream>) -> Self {
        Self { upstreams, ..self }
    }

    /// The pattern of the source of this name.
    fn source_of(&self, name: Option<&str>) -> &Pattern {
        let named = |rule: &&Upstream| wildcard::matches(&rule.name, name.unwrap_or_default());
        let upstream = self.upstreams.iter().find(named);
        upstream.map_or(&self.source, |rule| &rule.from)
    }

    fn word<'a>(&'a self, family: &'a str) -> &'a str {
        self.families.get(family).map_or(family, String::as_str)
    }
}

/// A promotion that is wanted: one source image, one target, however many containers use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The common repository.
    pub source: Repository,
    /// The task-definition repository.
    pub target: Repository,
    /// The tag as written, or `latest` where neither tag nor digest is written.
    pub tag: Option<Tag>,
    /// The digest as written.
    pub digest: Option<Digest>,
    /// The task definition's family.
    pub family: String,
    /// Who uses it.
    pub uses: Vec<Use>,
    /// What is deployed with it.
    pub deployed: Vec<Deployed>,
    /// The task definition names the common repository: the new reference has to be handed over.
    pub from_common: bool,
}

impl Wanted {
    /// How the source is asked for: the digest decides where there is one.
    pub fn asked(&self) -> ImageId {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => ImageId::Digest(digest.clone()),
            (None, Some(tag)) => ImageId::Tag(tag.clone()),
            (None, None) => ImageId::Tag(Tag::latest()),
        }
    }

    /// The tag the target gets. A digest-only reference gets a permanent one, since no promoted image is ever untagged.
    pub fn target_tag(&self) -> Tag {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => tag.clone(),
            (None, Some(digest)) => Tag::permanent(digest),
            (None, None) => Tag::latest(),
        }
    }

    /// The reference that ECS pulls after the promotion, in the form the task definition uses.
    pub fn promoted(&self) -> String {
        let mut text = self.target.uri();
        if let Some(tag) = &self.tag {
            text.push(':');
            text.push_str(tag.as_str());
        }
        if let Some(digest) = &self.digest {
            text.push('@');
            text.push_str(digest.as_str());
        }
        text
    }
}

/// An image that the target pattern would give to another family, or to nobody it can name. Whether that matters depends
/// on whether a common repository stands behind it: otherwise it is an ordinary repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The common repository that would stand behind it.
    pub source: Repository,
    /// What speaks against it then.
    pub kind: Kind,
    /// Who uses it.
    pub usage: Use,
}

/// What mapping found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// To be promoted.
    pub wanted: Vec<Wanted>,
    /// Perhaps another family's.
    pub foreign: Vec<Foreign>,
    /// Left alone: public images and other repositories.
    pub others: Vec<Use>,
    /// Images that cannot be mapped.
    pub problems: Vec<Problem>,
}

impl Mapping {
    /// Whether any source is not in ECR.
    pub fn has_upstreams(&self) -> bool {
        let mut sources = self.wanted.iter().map(|wanted| &wanted.source);
        sources.any(|source| !source.registry.is_ecr())
    }

    /// The registries that images are promoted into.
    pub fn targets(&self) -> BTreeSet<&Registry> {
        let wanted = self.wanted.iter();
        wanted.map(|wanted| &wanted.target.registry).collect()
    }

    /// The accounts of the registries that these images are pulled from, now or once promoted.
    pub fn accounts(&self) -> BTreeSet<String> {
        let targets = self.wanted.iter();
        let targets = targets.map(|wanted| wanted.target.registry.clone());
        let foreign = self.foreign.iter();
        let foreign = foreign.filter_map(|one| one.usage.image.parse::<Reference>().ok()?.registry);
        let all = targets.chain(foreign);
        all.map(|registry| registry.account().to_owned()).collect()
    }
}

/// Maps every image of every project. The same source to the same target in several projects is wanted once.
pub fn map(projects: &[Project], rules: &Rules) -> Mapping {
    let mut mapping = Mapping::default();
    for project in projects {
        for container in &project.task_definition.containers {
            map_container(project, container, rules, &mut mapping);
        }
    }
    refuse_shared_families(rules, &mut mapping);
    mapping
}

fn map_container(project: &Project, container: &Container, rules: &Rules, mapping: &mut Mapping) {
    let family = &project.task_definition.family;
    let usage = Use {
        config: project.config.clone(),
        family: family.clone(),
        container: container.name.clone(),
        image: container.image.clone(),
        location: container.location.clone(),
    };
    let reference: Reference = match container.image.parse() {
        Ok(reference) => reference,
        Err(error) => {
            let reason = error.to_string();
            let kind = Kind::InvalidImage { reason };
            mapping.problems.push(Problem::error(kind, &[usage]));
            return;
        }
    };
    let Some(image) = own(&reference) else {
        mapping.others.push(usage);
        return;
    };
    let values = Values {
        name: None,
        family: Some(rules.word(family)),
        container: Some(&container.name),
        service: project.service.as_deref(),
        cluster: Some(&project.cluster),
    };
    let own_target = read_whole(&rules.target, &image, &values);
    let common = || read_whole(&rules.source, &image, &values);
    let outcome = match own_target
        .map(|found| (found, false))
        .or_else(|| Some((common()?, true)))
    {
        Some((found, from_common)) => {
            want(rules, &image, &reference, &found, &usage, from_common).map(Mapped::Wanted)
        }
        None => Ok(foreign(rules, &image, &reference, &values, &usage)),
    };
    match outcome {
        Ok(Mapped::Wanted(mut wanted)) => {
            wanted.deployed.push(project.deployed());
            add(&mut mapping.wanted, *wanted);
        }
        Ok(Mapped::Foreign(foreign)) => mapping.foreign.push(*foreign),
        Ok(Mapped::Other) => mapping.others.push(usage),
        Err(kind) => mapping.problems.push(Problem::error(kind, &[usage])),
    }
}

enum Mapped {
    Wanted(Box<Wanted>),
    Foreign(Box<Foreign>),
    Other,
}

/// The image's repository, where it is in a private ECR registry.
fn own(reference: &Reference) -> Option<Repository> {
    let registry = reference.registry.clone()?;
    let name: RepositoryName = reference.name.parse().ok()?;
    Some(Repository { registry, name })
}

fn read<'a>(pattern: &Pattern, image: &'a Repository, values: &Values<'a>) -> Option<Values<'a>> {
    let elsewhere = |registry: &Registry| *registry != image.registry;
    if pattern.registry().is_some_and(elsewhere) {
        return None;
    }
    pattern.read(image.name.as_str(), values)
}

/// The same, where every placeholder but `{name}` has a value: an unknown one would match anything.
fn read_whole<'a>(
    pattern: &Pattern,
    image: &'a Repository,
    values: &Values<'a>,
) -> Option<Values<'a>> {
    let known = |placeholder| !pattern.asks_for(placeholder) || values.has(placeholder);
    let all = [
        Placeholder::Family,
        Placeholder::Container,
        Placeholder::Service,
        Placeholder::Cluster,
    ];
    if all.into_iter().all(known) {
        read(pattern, image, values)
    } else {
        None
    }
}

/// A pattern filled: the repository, or why there is none.
fn repository(
    pattern: &Pattern,
    image: &Repository,
    values: &Values<'_>,
    family: &str,
) -> Result<Repository, Kind> {
    let name = pattern.fill(values).map_err(|placeholder| Kind::NoValue {
        placeholder,
        pattern: pattern.to_string(),
    })?;
    let name = name
        .parse::<RepositoryName>()
        .map_err(|error| Kind::Unmappable {
            family: family.to_owned(),
            reason: error.to_string(),
        })?;
    let registry = pattern.registry().unwrap_or(&image.registry).clone();
    Ok(Repository { registry, name })
}

fn want(
    rules: &Rules,
    image: &Repository,
    reference: &Reference,
    values: &Values<'_>,
    usage: &Use,
    from_common: bool,
) -> Result<Box<Wanted>, Kind> {
    // An image that stands in the common repository comes from there.
    let source = match from_common {
        true => &rules.source,
        false => rules.source_of(values.name),
    };
    let source = repository(source, image, values, &usage.family)?;
    let target = repository(&rules.target, image, values, &usage.family)?;
    if source == target {
        return Err(Kind::Unmappable {
            family: usage.family.clone(),
            reason: format!("{target} would be source and target"),
        });
    }
    let tag = match (&reference.tag, &reference.digest) {
        (None, None) => Some(Tag::latest()),
        (tag, _) => tag.clone(),
    };
    Ok(Box::new(Wanted {
        source,
        target,
        tag,
        digest: reference.digest.clone(),
        family: usage.family.clone(),
        uses: vec![usage.clone()],
        deployed: Vec::new(),
        from_common,
    }))
}

/// Reads the image by the target pattern as anybody's. A family that is no legal part of a repository name, and a
/// placeholder without a value, can only come out here.
fn foreign(
    rules: &Rules,
    image: &Repository,
    reference: &Reference,
    values: &Values<'_>,
    usage: &Use,
) -> Mapped {
    let Some(found) = read(&rules.target, image, &Values::default()) else {
        return Mapped::Other;
    };
    let source = rules.source_of(found.name);
    let Ok(source) = repository(source, image, &found, &usage.family) else {
        return Mapped::Other;
    };
    let mut ours = *values;
    ours.name = found.name;
    let kind = match want(rules, image, reference, &ours, usage, false) {
        Ok(wanted) => Kind::ForeignTarget {
            repository: image.clone(),
            owner: owner(&found),
            family: usage.family.clone(),
            instead: wanted.promoted(),
        },
        Err(kind) => kind,
    };
    Mapped::Foreign(Box::new(Foreign {
        source,
        kind,
        usage: usage.clone(),
    }))
}

/// Whose repository it is, by what the pattern finds in its name.
fn owner(found: &Values<'_>) -> String {
    let parts = [
        (Placeholder::Family, found.family),
        (Placeholder::Service, found.service),
        (Placeholder::Cluster, found.cluster),
        (Placeholder::Container, found.container),
    ];
    let said = parts
        .iter()
        .filter_map(|(what, value)| Some(format!("{what} {}", (*value)?)));
    said.collect::<Vec<_>>().join(", ")
}

fn add(all: &mut Vec<Wanted>, new: Wanted) {
    let same = |known: &&mut Wanted| {
        known.source == new.source
            && known.target == new.target
            && known.tag == new.tag
            && known.digest == new.digest
    };
    match all.iter_mut().find(same) {
        Some(known) => {
            known.from_common |= new.from_common;
            known.uses.extend(new.uses);
            for deployed in new.deployed {
                if !known.deployed.contains(&deployed) {
                    known.deployed.push(deployed);
                }
            }
        }
        None => all.push(new),
    }
}

/// Two families that share a word would share repositories, and age each other's images. Families of `demitasse.yml`
/// count although their configs are not part of this run.
fn refuse_shared_families(rules: &Rules, mapping: &mut Mapping) {
    let mut words: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (family, word) in &rules.families {
        words.entry(word).or_default().insert(family);
    }
    for wanted in &mapping.wanted {
        let family = &wanted.family;
        words.entry(rules.word(family)).or_default().insert(family);
    }
    let mut problems = Vec::new();
    for (word, families) in words {
        let wanted = mapping.wanted.iter();
        let ours = wanted.filter(|wanted| families.contains(wanted.family.as_str()));
        let uses: Vec<Use> = ours.flat_map(|wanted| wanted.uses.clone()).collect();
        if families.len() > 1 && !uses.is_empty() {
            let kind = Kind::SharedFamily {
                word: word.to_owned(),
                families: families.into_iter().map(str::to_owned).collect(),
            };
            problems.push(Problem::error(kind, &uses));
        }
    }
    mapping.problems.extend(problems);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::task_definition::TaskDefinition;

    const HOST: &str = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com";

    fn project(family: &str, images: &[&str]) -> Project {
        let container = |(number, image): (usize, &&str)| Container {
            name: format!("c{number}"),
            image: image.replace("HOST", HOST),
            location: None,
        };
        Project {
            config: format!("{family}.yml").into(),
            region: None,
            cluster: "default".into(),
            service: None,
            task_definition: TaskDefinition {
                family: family.into(),
                containers: images.iter().enumerate().map(container).collect(),
                document: serde_json::Value::Null,
            },
            warnings: Vec::new(),
        }
    }

    fn rules(families: &[(&str, &str)]) -> Rules {
        let families = families
            .iter()
            .map(|&(family, word)| (family.into(), word.into()));
        let source = "{name}/common".parse().expect("source");
        let target = "{name}/{family}".parse().expect("target");
        Rules::new(source, target, families.collect()).expect("rules")
    }

    /// One line for each thing found.
    fn found(projects: &[Project], rules: &Rules) -> Vec<String> {
        let mapping = map(projects, rules);
        let mut lines = Vec::new();
        for wanted in &mapping.wanted {
            let from = if wanted.from_common {
                " from common"
            } else {
                ""
            };
            lines.push(format!(
                "{}{} -> {}:{}{from} x{}",
                wanted.source,
                wanted.asked(),
                wanted.target,
                wanted.target_tag(),
                wanted.uses.len()
            ));
        }
        for foreign in &mapping.foreign {
            let kind = match &foreign.kind {
                Kind::ForeignTarget {
                    repository, owner, ..
                } => format!("{repository} of {owner}"),
                kind => kind.code().to_owned(),
            };
            lines.push(format!("{kind}, {}", foreign.source));
        }
        lines.extend(
            mapping
                .others
                .iter()
                .map(|usage| format!("left alone {}", usage.image)),
        );
        lines.extend(
            mapping
                .problems
                .iter()
                .map(|problem| problem.kind.code().to_owned()),
        );
        lines
    }

    #[test]
    fn each_kind_of_image_goes_where_the_design_says() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let check = |image: &str, expected: &str| {
            let lines = found(&[project("app", &[image])], &rules(&[]));
            assert_eq!(lines, [expected], "{image}");
        };
        check(
            "HOST/fluentd/app:c1",
            "fluentd/common:c1 -> fluentd/app:c1 x1",
        );
        check(
            "HOST/fluentd/app",
            "fluentd/common:latest -> fluentd/app:latest x1",
        );
        check("HOST/a/b/app:c1", "a/b/common:c1 -> a/b/app:c1 x1");
        check(
            &format!("HOST/fluentd/app@{digest}"),
            &format!("fluentd/common@{digest} -> fluentd/app:digest-abababababab x1"),
        );
        check(
            &format!("HOST/fluentd/app:c1@{digest}"),
            &format!("fluentd/common@{digest} -> fluentd/app:c1 x1"),
        );
        check(
            "HOST/fluentd/common:c1",
            "fluentd/common:c1 -> fluentd/app:c1 from common x1",
        );
        check(
            "HOST/fluentd/web:c1",
            "fluentd/web of family web, fluentd/common",
        );
        check("HOST/single:c1", &format!("left alone {HOST}/single:c1"));
        check("nginx:1", "left alone nginx:1");
        check(
            "public.ecr.aws/x/app:1",
            "left alone public.ecr.aws/x/app:1",
        );
        check("", "INVALID_IMAGE");
        check("HOST/fluentd/App:c1", "INVALID_IMAGE");
    }

    #[test]
    fn families_that_give_no_repository_are_refused() {
        let capital = found(
            &[project("CfpApp", &["HOST/fluentd/cfp-app:c1"])],
            &rules(&[]),
        );
        assert_eq!(capital, ["UNMAPPABLE, fluentd/common"]);
        let mapped = rules(&[("CfpApp", "cfp-app")]);
        let lines = found(&[project("CfpApp", &["HOST/fluentd/cfp-app:c1"])], &mapped);
        assert_eq!(lines, ["fluentd/common:c1 -> fluentd/cfp-app:c1 x1"]);
        let common = found(
            &[project("common", &["HOST/fluentd/common:c1"])],
            &rules(&[]),
        );
        assert_eq!(common, ["UNMAPPABLE"]);
        let public = found(&[project("CfpApp", &["nginx:1"])], &rules(&[]));
        assert_eq!(public, ["left alone nginx:1"]);
    }

    #[test]
    fn names_with_an_upstream_come_from_there() {
        let upstream = |name: &str, from: &str| Upstream {
            name: name.to_owned(),
            from: Pattern::upstream(from).expect(from),
        };
        let rules = rules(&[]).with_upstreams(vec![
            upstream("datadog/agent", "public.ecr.aws/datadog/agent"),
            upstream("hub/*", "docker.io/{name}"),
        ]);
        let check = |image: &str, expected: &str| {
            assert_eq!(found(&[project("app", &[image])], &rules), [expected]);
        };
        check(
            "HOST/datadog/agent/app:7.50",
            "public.ecr.aws/datadog/agent:7.50 -> datadog/agent/app:7.50 x1",
        );
        check(
            "HOST/hub/nginx/app:1",
            "docker.io/hub/nginx:1 -> hub/nginx/app:1 x1",
        );
        check("HOST/fluentd/app:a", "fluentd/common:a -> fluentd/app:a x1");
        check(
            "HOST/datadog/agent/common:7.50",
            "datadog/agent/common:7.50 -> datadog/agent/app:7.50 from common x1",
        );
        check(
            "HOST/datadog/agent/other:7.50",
            "datadog/agent/other of family other, public.ecr.aws/datadog/agent",
        );
    }

    #[test]
    fn the_accounts_at_home_are_those_of_targets_and_of_images_of_other_families() {
        let other = "222222222222.dkr.ecr.ap-northeast-1.amazonaws.com";
        let source = format!("{other}/{{name}}/common");
        let rules = Rules {
            source: source.parse().expect("source"),
            ..rules(&[])
        };
        let accounts = |image: &str| {
            let mapping = map(&[project("app", &[image])], &rules);
            mapping.accounts().into_iter().collect::<Vec<_>>()
        };
        assert_eq!(accounts("HOST/fluentd/app:a"), ["123456789012"]);
        assert_eq!(accounts("HOST/fluentd/other:a"), ["123456789012"]);
        assert!(accounts("nginx:1").is_empty());
    }

    #[test]
    fn the_same_promotion_in_several_configs_is_done_once() {
        let mut second = project("app", &["HOST/fluentd/app:c1"]);
        second.config = "other.yml".into();
        let first = project("app", &["HOST/fluentd/app:c1", "HOST/fluentd/app:c1"]);
        let lines = found(&[first, second], &rules(&[]));
        assert_eq!(lines, ["fluentd/common:c1 -> fluentd/app:c1 x3"]);
    }

    #[test]
    fn families_that_share_a_word_are_refused() {
        let shared = rules(&[("App", "app")]);
        let projects = [
            project("App", &["HOST/fluentd/app:c1"]),
            project("app", &["HOST/fluentd/app:c2"]),
        ];
        assert!(found(&projects, &shared).contains(&"SHARED_FAMILY".to_owned()));
    }

    #[test]
    fn patterns_need_the_same_name() {
        let source = "builds".parse().expect("source");
        let target = "{name}/{family}".parse().expect("target");
        assert!(Rules::new(source, target, BTreeMap::new()).is_err());
    }
}
