//! Why an image is protected.

use std::fmt;

use crate::model::usage::{Lister, PointerKind, Role};
use crate::plan::problem::Severity;

/// One reason, and whose.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// The kind. First in the order of reasons: the strongest come first.
    pub why: Why,
    /// The ARN or name of what gives it.
    pub by: String,
}

impl Reason {
    /// A reason.
    pub fn new(why: Why, by: impl Into<String>) -> Self {
        let by = by.into();
        Self { why, by }
    }
}

/// The kinds of reasons, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// A service uses it.
    Service(Role),
    /// A task that is not stopped runs it.
    RunningTask,
    /// A rule or a schedule starts it.
    Pointer(PointerKind),
    /// It is named directly.
    Listed(Lister),
    /// `ecspresso rollback` would deploy it: the nearest ACTIVE revision below what is in use.
    Rollback,
    /// It is a newer ACTIVE revision than what is in use, and may be deployed next.
    Newer,
    /// A task that ran it stopped within the last hour; whatever started that may try again.
    RecentTask,
    /// It is among the newest ACTIVE revisions of a family that nothing uses.
    Latest,
    /// A protected index lists it.
    Child,
    /// It is an index that lists a protected image.
    Parent,
    /// It refers to a protected image (signature, SBOM, attestation).
    Referrer,
}

impl Why {
    /// All of them, strongest first.
    pub const ALL: [Self; 18] = [
        Self::Service(Role::Set),
        Self::Service(Role::Deployment),
        Self::Service(Role::TaskSet),
        Self::Service(Role::InFlight),
        Self::Service(Role::EcsRollback),
        Self::RunningTask,
        Self::Pointer(PointerKind::Rule),
        Self::Pointer(PointerKind::Schedule),
        Self::Listed(Lister::Daemon),
        Self::Listed(Lister::File),
        Self::Listed(Lister::Command),
        Self::Rollback,
        Self::Newer,
        Self::RecentTask,
        Self::Latest,
        Self::Child,
        Self::Parent,
        Self::Referrer,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Service(Role::Set) => "service",
            Self::Service(Role::Deployment) => "deployment",
            Self::Service(Role::TaskSet) => "task-set",
            Self::Service(Role::InFlight) => "deployment-in-flight",
            Self::Service(Role::EcsRollback) => "ecs-rollback-target",
            Self::RunningTask => "running-task",
            Self::Pointer(PointerKind::Rule) => "eventbridge-rule",
            Self::Pointer(PointerKind::Schedule) => "schedule",
            Self::Listed(Lister::Daemon) => "daemon",
            Self::Listed(Lister::File) => "in-use-file",
            Self::Listed(Lister::Command) => "in-use-command",
            Self::Rollback => "rollback-target",
            Self::Newer => "newer-revision",
            Self::RecentTask => "recent-task",
            Self::Latest => "latest-revision",
            Self::Child => "child",
            Self::Parent => "index",
            Self::Referrer => "referrer",
        }
    }

    /// How bad it is if the image is not there. A family that nothing uses may well name images that are long gone, and so may a revision
    /// that nobody deployed yet.
    pub fn severity(self) -> Severity {
        match self {
            Self::Newer | Self::RecentTask | Self::Latest => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// Whether something runs it now or starts it without anybody deploying: "in use", where the others are kept for a
    /// rollback or the next deployment.
    pub fn is_use(self) -> bool {
        match self {
            Self::Service(role) => role != Role::EcsRollback,
            Self::RunningTask | Self::Pointer(_) | Self::Listed(_) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = &self.by;
        match self.why {
            Why::Service(Role::Set) => write!(f, "set on service {by}"),
            Why::Service(Role::Deployment) => write!(f, "in a deployment of service {by}"),
            Why::Service(Role::TaskSet) => write!(f, "in a task set of service {by}"),
            Why::Service(Role::InFlight) => write!(f, "being deployed to service {by}"),
            Why::Service(Role::EcsRollback) => {
                write!(f, "what ECS would roll service {by} back to")
            }
            Why::RunningTask => write!(f, "running in task {by}"),
            Why::Pointer(PointerKind::Rule) => write!(f, "started by the EventBridge rule {by}"),
            Why::Pointer(PointerKind::Schedule) => write!(f, "started by the schedule {by}"),
            Why::Listed(Lister::Daemon) => write!(f, "run by the daemon {by}"),
            Why::Listed(Lister::File) => write!(f, "named in {by}"),
            Why::Listed(Lister::Command) => write!(f, "named by {by}"),
            Why::Rollback => write!(f, "rollback target of {by}"),
            Why::Newer => write!(f, "newer than what {by} uses"),
            Why::RecentTask => write!(f, "run by task {by}, which stopped a moment ago"),
            Why::Latest => write!(f, "among the newest revisions of {by}, which nothing uses"),
            Why::Child => write!(f, "listed by the index {by}"),
            Why::Parent => write!(f, "the index of {by}"),
            Why::Referrer => write!(f, "refers to {by}"),
        }
    }
}
