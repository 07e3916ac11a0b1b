//! Children of indexes and referrers: the images whose treatment AWS does not document in full.

use std::collections::HashSet;

use crate::model::digest::Digest;
use crate::model::lifecycle::Image;
use crate::model::lifecycle::StorageClass;

/// One way in which ECR may treat what its documentation leaves open. The default is the reading AWS's examples support best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hypotheses {
    /// Children of an existing index take places in counts, though they cannot be expired themselves ("If an image is referenced by a manifest
    /// list, it cannot be expired or archived without the manifest list being deleted or archived first").
    pub children_counted: bool,
    /// Referrers are images like any other. Otherwise rules do not see them, and they only follow their subject within 24 hours.
    pub referrers_counted: bool,
    /// The protection of children extends to those that carry a tag of their own. Otherwise such a child is an image like any other.
    pub tagged_children_protected: bool,
}

impl Default for Hypotheses {
    fn default() -> Hypotheses {
        Hypotheses {
            children_counted: false,
            referrers_counted: true,
            tagged_children_protected: true,
        }
    }
}

impl Hypotheses {
    /// Every combination.
    pub fn all() -> Vec<Hypotheses> {
        let either = [false, true];
        either
            .into_iter()
            .flat_map(|children_counted| {
                either.map(|referrers_counted| (children_counted, referrers_counted))
            })
            .flat_map(|(children_counted, referrers_counted)| {
                either.map(|tagged_children_protected| Hypotheses {
                    children_counted,
                    referrers_counted,
                    tagged_children_protected,
                })
            })
            .collect()
    }

    /// Whether an image of this kin takes a place in counts: every kin that may be marked does.
    pub(super) fn counts(self, kin: Kin) -> bool {
        match kin {
            Kin::None => true,
            Kin::Child => self.children_counted,
            Kin::TaggedChild => self.children_counted || !self.tagged_children_protected,
            Kin::Referrer => self.referrers_counted,
        }
    }

    /// Whether a rule may act on an image of this kin.
    pub(super) fn may_mark(self, kin: Kin) -> bool {
        match kin {
            Kin::None => true,
            Kin::Child => false,
            Kin::TaggedChild => !self.tagged_children_protected,
            Kin::Referrer => self.referrers_counted,
        }
    }
}

/// How an image depends on another one of the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kin {
    /// It stands alone, or is an index.
    None,
    /// An untagged child, at any depth, of an index that exists and is not archived.
    Child,
    /// The same with a tag of its own.
    TaggedChild,
    /// An OCI 1.1 referrer whose subject exists, and not a child.
    Referrer,
}

/// The kin of each image, in the order of `images`.
pub(super) fn kin(images: &[Image]) -> Vec<Kin> {
    let present: HashSet<&Digest> = images.iter().map(|image| &image.digest).collect();
    // A nested index that exists lists its own children, so one level over all images reaches every depth. An archived
    // index no longer holds them: "without the manifest list being deleted or archived first".
    let children: HashSet<&Digest> = images
        .iter()
        .filter(|image| image.storage_class == StorageClass::Standard)
        .flat_map(|image| &image.children)
        .collect();
    let kin = |image: &Image| {
        if children.contains(&image.digest) {
            return if image.tags.is_empty() {
                Kin::Child
            } else {
                Kin::TaggedChild
            };
        }
        if image
            .subject
            .as_ref()
            .is_some_and(|subject| present.contains(subject))
        {
            Kin::Referrer
        } else {
            Kin::None
        }
    };
    images.iter().map(kin).collect()
}
