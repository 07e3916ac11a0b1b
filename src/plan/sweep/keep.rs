//! Why an image stays.

use std::collections::BTreeSet;
use std::fmt;

use crate::model::digest::Digest;
use crate::model::time::Timestamp;
use crate::plan::reason::Reason;

/// Why an image stays. Where several hold, the first of these is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It is protected; strongest reason first.
    Protected(BTreeSet<Reason>),
    /// It carries its pin.
    Pinned,
    /// It came after the first listing.
    Late,
    /// It is in the archive, which has rules of its own.
    Archived,
    /// It is younger than `--older-than`.
    Young {
        /// Since when.
        since: Timestamp,
    },
    /// It is among the newest standalone tagged images.
    Newest {
        /// Its place, from 1 for the newest.
        place: usize,
    },
    /// Nobody knows what it is for: no image, no index, and it refers to nothing.
    UnknownKind {
        /// Its artifact type, where it says one.
        kind: Option<String>,
    },
    /// It has no tag, and an archived image beside it may list it.
    MayBeChild,
    /// An index that stays lists it.
    Child {
        /// The index.
        of: Digest,
    },
    /// It is the index of an untagged image that stays.
    Index {
        /// That image.
        of: Digest,
    },
    /// It refers to an image that stays.
    Referrer {
        /// That image.
        of: Digest,
    },
    /// Something that stays refers to it, and would go with it (Amazon ECR User Guide, "Lifecycle policies": reference artifacts
    /// expire within 24 hours of the deletion of their subject).
    Subject {
        /// What refers to it.
        of: Digest,
    },
    /// Something in its repository could not be read.
    Unread,
}

impl Keep {
    /// Its name in reports; never changes once released.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Protected(_) => "protected",
            Self::Pinned => "pinned",
            Self::Late => "late",
            Self::Archived => "archived",
            Self::Young { .. } => "young",
            Self::Newest { .. } => "newest",
            Self::UnknownKind { .. } => "unknown-kind",
            Self::MayBeChild => "may-be-child",
            Self::Child { .. } => "child",
            Self::Index { .. } => "index",
            Self::Referrer { .. } => "referrer",
            Self::Subject { .. } => "subject",
            Self::Unread => "unread",
        }
    }

    /// Whether what it refers to, and the index it lives by, must stay with it. What is in the archive cannot be pulled anyway.
    pub(super) fn holds_others(&self) -> bool {
        *self != Self::Archived
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protected(reasons) => match reasons.first() {
                Some(reason) => write!(f, "{reason}"),
                None => f.write_str("protected"),
            },
            Self::Pinned => f.write_str("pinned"),
            Self::Late => f.write_str("pushed while the sweep was reading"),
            Self::Archived => f.write_str("in the archive"),
            Self::Young { since } => write!(f, "there since {since} only"),
            Self::Newest { place } => write!(f, "number {place} of the newest tagged images"),
            Self::UnknownKind { kind: Some(kind) } => write!(f, "an artifact of type {kind}"),
            Self::UnknownKind { kind: None } => f.write_str("an artifact of no known type"),
            Self::MayBeChild => f.write_str("untagged, beside an archived image that may list it"),
            Self::Child { of } => write!(f, "listed by the index {of}"),
            Self::Index { of } => write!(f, "the index of {of}"),
            Self::Referrer { of } => write!(f, "refers to {of}"),
            Self::Subject { of } => write!(f, "{of} refers to it"),
            Self::Unread => f.write_str("something in the repository could not be read"),
        }
    }
}
