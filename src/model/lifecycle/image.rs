//! The facts about one manifest in a repository that lifecycle rules look at.

use crate::model::digest::Digest;
use crate::model::lifecycle::StorageClass;
use crate::model::reference::Tag;
use crate::model::time::Timestamp;

/// One entry of `DescribeImages`: an image, an index, a child of an index or a referrer. ECR's lifecycle rules know no other unit than the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The manifest's digest. Each digest occurs once in a repository.
    pub digest: Digest,
    /// `imageTags`; empty for an untagged image.
    pub tags: Vec<String>,
    /// `imagePushedAt`: when this digest first came into the repository. A second push of the same digest does not change it.
    pub pushed_at: Timestamp,
    /// `lastActivatedAt`: when the image was last restored from the archive, if ever.
    pub activated_at: Option<Timestamp>,
    /// `lastRecordedPullTime`, if it was ever pulled.
    pub pulled_at: Option<Timestamp>,
    /// `lastArchivedAt`, if it was ever archived.
    pub archived_at: Option<Timestamp>,
    /// `Archive` for `imageStatus` ARCHIVED; `Standard` for ACTIVE and, as a restored image behaves like a newly pushed one, for ACTIVATING.
    pub storage_class: StorageClass,
    /// Whether it is on its way back from the archive (`imageStatus` ACTIVATING): to a rule it is an image like any other, but a pull still fails.
    pub restoring: bool,
    /// The digests an index lists; empty for a plain image.
    pub children: Vec<Digest>,
    /// `subjectManifestDigest` of an OCI 1.1 referrer (signature, SBOM, attestation).
    pub subject: Option<Digest>,
}

impl Image {
    /// A plain image as it is when it was just pushed, with these tags.
    pub fn pushed(digest: Digest, tags: Vec<String>, at: Timestamp) -> Self {
        Self {
            digest,
            tags,
            pushed_at: at,
            activated_at: None,
            pulled_at: None,
            archived_at: None,
            storage_class: StorageClass::Standard,
            restoring: false,
            children: Vec::new(),
            subject: None,
        }
    }

    /// The time by which ECR orders images and measures their age: the last activation of an image that was ever restored, else the push
    /// (User Guide, "Lifecycle policy evaluation rules": "the image's last_activated_at is used instead of pushed_at_time").
    pub fn sort_key(&self) -> Timestamp {
        self.activated_at.unwrap_or(self.pushed_at)
    }

    /// The pins it carries: `inuse-<first 12 hex of its digest>`, and the second one that takes its place where the first was removed and an
    /// immutable repository does not take it back.
    pub fn pins(&self) -> impl Iterator<Item = &String> {
        let pin = Tag::pin(&self.digest);
        let again = pin.again();
        let is_pin = move |tag: &&String| **tag == pin.as_str() || **tag == again.as_str();
        self.tags.iter().filter(is_pin)
    }

    /// Whether it carries a pin of its own digest.
    pub fn is_pinned(&self) -> bool {
        self.pins().next().is_some()
    }

    /// Whether a pull finds it.
    pub fn is_pullable(&self) -> bool {
        self.storage_class == StorageClass::Standard && !self.restoring
    }

    /// The time `sinceImagePulled` measures from: the last pull; the activation if it was not pulled since; the push if it was never pulled
    /// (User Guide, the same section).
    pub fn pull_key(&self) -> Timestamp {
        match self.pulled_at {
            Some(pulled)
                if self
                    .activated_at
                    .is_none_or(|activated| pulled >= activated) =>
            {
                pulled
            }
            _ => self.sort_key(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Image;
    use crate::model::digest::Digest;
    use crate::model::lifecycle::StorageClass;
    use crate::model::time::Timestamp;

    fn check(
        pushed: i64,
        activated: Option<i64>,
        pulled: Option<i64>,
        sort_key: i64,
        pull_key: i64,
    ) {
        let Ok(digest) = format!("sha256:{:064x}", 1).parse::<Digest>() else {
            panic!("not a digest")
        };
        let image = Image {
            digest,
            tags: Vec::new(),
            pushed_at: Timestamp(pushed),
            activated_at: activated.map(Timestamp),
            pulled_at: pulled.map(Timestamp),
            archived_at: None,
            storage_class: StorageClass::Standard,
            restoring: false,
            children: Vec::new(),
            subject: None,
        };
        assert_eq!(
            (image.sort_key(), image.pull_key()),
            (Timestamp(sort_key), Timestamp(pull_key)),
            "{image:?}"
        );
    }

    #[test]
    fn times_that_rules_measure_from() {
        check(10, None, None, 10, 10);
        check(10, None, Some(20), 10, 20);
        check(10, Some(30), None, 30, 30);
        check(10, Some(30), Some(20), 30, 30);
        check(10, Some(30), Some(40), 30, 40);
    }
}
