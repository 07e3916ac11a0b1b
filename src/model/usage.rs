//! What was seen of Amazon ECS, and of what starts its tasks, in one account and Region: which task definitions and images
//! something runs or may start. Possibly incomplete, and saying so: a source that could not be read is a [`Gap`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::model::digest::Digest;
use crate::model::failure::Failure;
use crate::model::inventory::Known;

/// A revision of a task definition family. Family and number are unique in an account and Region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision {
    /// The family.
    pub family: String,
    /// The revision, from 1.
    pub number: u32,
}

impl Revision {
    /// The revision that an ARN or `family:revision` names; nothing where it names a family only, or no task definition.
    pub fn named(text: &str) -> Option<Self> {
        let (family, number) = split(text);
        let number = number?.parse().ok()?;
        Some(Self {
            family: family.to_owned(),
            number,
        })
    }
}

/// The family and, where it stands there, the revision of `[arn…:task-definition/]family[:revision]`.
fn split(text: &str) -> (&str, Option<&str>) {
    let name = text.rsplit('/').next().unwrap_or(text);
    match name.split_once(':') {
        Some((family, number)) => (family, Some(number)),
        None => (name, None),
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.family, self.number)
    }
}

/// An image of a container, as something runs it or would start it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerImage {
    /// The container's name.
    pub container: String,
    /// The image as the task definition writes it.
    pub image: String,
    /// The digest ECS resolved it to (`imageDigest`), where it says so.
    pub digest: Option<Digest>,
}

/// What a service does with a task definition revision. The order is that of the reasons shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `taskDefinition` of the service.
    Set,
    /// An entry of `deployments` (ECS controller).
    Deployment,
    /// An entry of `taskSets` (CodeDeploy and external controllers).
    TaskSet,
    /// Source or target of the service deployment that is under way.
    InFlight,
    /// What ECS itself would roll back to: the newest successful deployment that is not the current one.
    EcsRollback,
}

/// A service, with all that it may start tasks from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Its ARN.
    pub arn: String,
    /// The name of its cluster.
    pub cluster: String,
    /// Its name.
    pub name: String,
    /// The revisions it uses, each with what for.
    pub uses: BTreeMap<Revision, BTreeSet<Role>>,
    /// Its service revisions that matter, with the digests ECS resolved when each was deployed.
    pub revisions: Vec<ServiceRevision>,
}

/// A service revision (Amazon ECS API Reference, `ServiceRevision`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRevision {
    /// Its ARN.
    pub arn: String,
    /// Its task definition.
    pub revision: Revision,
    /// Its images. One without a digest is resolved at each start (version consistency is off).
    pub images: Vec<ContainerImage>,
    /// What the service has it for.
    pub role: Role,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its ARN.
    pub arn: String,
    /// Its task definition.
    pub revision: Revision,
    /// Its images with the digests that were pulled.
    pub images: Vec<ContainerImage>,
    /// Whether it stopped, within the last hour or so: ECS forgets it after that.
    pub stopped: bool,
}

/// What else starts tasks, and of which task definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// What it is.
    pub kind: PointerKind,
    /// Its ARN or name.
    pub name: String,
    /// The family it starts.
    pub family: String,
    /// The revision it starts; the newest ACTIVE one at each start if `None`.
    pub number: Option<u32>,
}

impl Pointer {
    /// A pointer to the task definition that a text names by ARN, `family:revision` or family.
    pub fn to(kind: PointerKind, name: &str, task_definition: &str) -> Self {
        let (family, number) = split(task_definition);
        Self {
            kind,
            name: name.to_owned(),
            family: family.to_owned(),
            number: number.and_then(|number| number.parse().ok()),
        }
    }
}

/// What points to a task definition besides services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PointerKind {
    /// A rule of Amazon EventBridge; a disabled one too, because enabling it changes nothing else.
    Rule,
    /// A schedule of Amazon EventBridge Scheduler.
    Schedule,
}

/// An image that ECS does not know of: a line of `--in-use-file` or of what `--in-use-command` prints, or a daemon's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The image.
    pub image: ContainerImage,
    /// Who says so.
    pub by: Lister,
    /// The file, the command, or the daemon's ARN.
    pub name: String,
}

/// Who names images directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lister {
    /// An ECS daemon (Amazon ECS API Reference, `DaemonRevision.containerImages`).
    Daemon,
    /// `--in-use-file`.
    File,
    /// `--in-use-command`.
    Command,
}

/// A source of usage. The names are those of `--without` and of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Clusters and services.
    Services,
    /// Service deployments and service revisions.
    ServiceRevisions,
    /// Running and recently stopped tasks.
    Tasks,
    /// Families and their revisions.
    TaskDefinitions,
    /// ECS daemons.
    Daemons,
    /// Rules of Amazon EventBridge.
    EventBridge,
    /// Schedules of Amazon EventBridge Scheduler.
    Scheduler,
    /// What `--in-use-file` names.
    InUseFile,
    /// What `--in-use-command` prints.
    InUseCommand,
}

impl Source {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Services => "services",
            Self::ServiceRevisions => "service-revisions",
            Self::Tasks => "tasks",
            Self::TaskDefinitions => "task-definitions",
            Self::Daemons => "daemons",
            Self::EventBridge => "eventbridge",
            Self::Scheduler => "scheduler",
            Self::InUseFile => "in-use-file",
            Self::InUseCommand => "in-use-command",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every cluster, service, task and family of the account and Region.
    Everything,
    /// What some configs deploy. This is never the whole answer: others may use the same images.
    Configs(Vec<Deployed>),
}

/// What one config deploys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployed {
    /// The Region of the config; that of the environment if `None`.
    pub region: Option<String>,
    /// The cluster.
    pub cluster: String,
    /// The service; task-only configs have none.
    pub service: Option<String>,
    /// The family.
    pub family: String,
}

/// Something that could not be read. With one of these no answer is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Of what.
    pub source: Source,
    /// Why.
    pub failure: Failure,
}

/// What was seen in one account and Region.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// The services that are not gone.
    pub services: Vec<Service>,
    /// The tasks, running or just stopped.
    pub tasks: Vec<Task>,
    /// The ACTIVE revisions of every family that was listed.
    pub families: BTreeMap<String, BTreeSet<u32>>,
    /// Rules and schedules.
    pub pointers: Vec<Pointer>,
    /// Images that are named directly.
    pub listed: Vec<Listed>,
    /// The containers of the revisions that were described.
    pub definitions: BTreeMap<Revision, Known<Vec<ContainerImage>>>,
    /// What was read, also where it held nothing.
    pub read: BTreeSet<Source>,
    /// What was left out on purpose.
    pub left_out: BTreeSet<Source>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

impl Usage {
    /// Takes what another account or Region, or another source, says. Families of one name are the same only within an account and
    /// Region: join what was seen in one.
    pub fn join(&mut self, other: Usage) {
        self.services.extend(other.services);
        self.tasks.extend(other.tasks);
        for (family, numbers) in other.families {
            self.families.entry(family).or_default().extend(numbers);
        }
        self.pointers.extend(other.pointers);
        self.listed.extend(other.listed);
        self.definitions.extend(other.definitions);
        self.read.extend(other.read);
        self.left_out.extend(other.left_out);
        self.gaps.extend(other.gaps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_definitions_are_named_by_arn_or_short() {
        let check = |text: &str, expected: Option<(&str, u32)>| {
            let found = Revision::named(text);
            let found = found.as_ref().map(|one| (one.family.as_str(), one.number));
            assert_eq!(found, expected, "{text}");
        };
        let arn = "arn:aws:ecs:ap-northeast-1:123456789012:task-definition";
        check(&format!("{arn}/app:9"), Some(("app", 9)));
        check("app:9", Some(("app", 9)));
        check(&format!("{arn}/app"), None);
        check("app", None);
        check("app:latest", None);
        let pointer = |text: &str| {
            let pointer = Pointer::to(PointerKind::Rule, "nightly", text);
            (pointer.family, pointer.number)
        };
        assert_eq!(pointer(&format!("{arn}/app:9")), ("app".into(), Some(9)));
        assert_eq!(pointer(&format!("{arn}/app")), ("app".into(), None));
    }
}
