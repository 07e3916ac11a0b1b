//! The answers AWS does not document. Each has a most plausible value, used with seed 0; any other seed draws all of
//! them, so that a client which leans on one of them is found out.

use sha2::Digest as _;
use sha2::Sha256;

/// What ECR, ECS and EventBridge answer where their documents are silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undocumented {
    /// A mount whose source the caller may not read: `true` is 403, `false` a declined mount (202).
    pub mount_without_permission_is_denied: bool,
    /// The same digest put under the same immutable tag of a `*_WITH_EXCLUSION` repository: `true` is
    /// ImageAlreadyExistsException, `false` ImageTagAlreadyExistsException.
    pub exclusion_same_digest_is_image_exists: bool,
    /// Children of an index take up slots in the count of an `any` or `untagged` rule.
    pub children_count: bool,
    /// Referrers are ordinary images to a lifecycle rule: counted and expired by it. Otherwise they only follow their subject.
    pub referrers_count: bool,
    /// Of images pushed in the same millisecond, the one with the lower digest counts as older.
    pub tie_lower_digest_is_older: bool,
    /// GetAccountSetting for a setting never put: `true` is a ValidationException, `false` the value `DISABLED`.
    pub setting_never_put_is_an_error: bool,
    /// The answer to a manifest PUT carries `Location`.
    pub manifest_put_has_location: bool,
    /// The answers to manifest GET, HEAD and PUT carry `Docker-Content-Digest`.
    pub content_digest_header: bool,
    /// An expired registry token is answered with 401; otherwise with 403.
    pub expired_token_is_401: bool,
    /// A manifest PUT whose blobs are missing is answered with 400; otherwise with 404.
    pub missing_blob_is_400: bool,
    /// A BatchGetImage alone counts as a pull.
    pub batch_get_image_is_a_pull: bool,
    /// How often GetLifecyclePolicyPreview answers IN_PROGRESS before COMPLETE.
    pub preview_polls: u32,
    /// For how many requests a created repository is still not found, where the creation delay is switched on.
    pub creation_delay: u32,
    /// The upload `Location` is an absolute URL; otherwise a path.
    pub absolute_location: bool,
    /// How many entries a page of EventBridge and Scheduler has where the caller does not say.
    pub schedules_page: usize,
    /// `imageDigest` of a task is the first child of an index; otherwise the index.
    pub task_digest_is_child: bool,
    /// `imageDigest` is there already while a task is PENDING.
    pub pending_task_has_digest: bool,
    /// DescribeTaskDefinition shows INACTIVE revisions that nothing uses; otherwise a ClientException.
    pub unreferenced_inactive_is_described: bool,
    /// DescribeServiceRevisions fails as a whole when one is older than 2024-10-25; otherwise that one is in `failures`.
    pub old_revision_is_an_error: bool,
    /// `currentServiceRevisions` lists a revision older than 2024-10-25.
    pub old_revision_is_listed: bool,
    /// After a rollback, `currentServiceDeployment` is the deployment that failed; otherwise the last successful one.
    pub rolled_back_deployment_is_current: bool,
    /// A tag that was removed in a repository where it could not be moved is refused to every other digest.
    pub removed_tag_is_reserved: bool,
    /// A child of an index cannot be archived by itself: ImageStorageClassUpdateNotSupportedException.
    pub child_archive_is_refused: bool,
    /// BatchGetImage answers ImageNotFound for an archived image; otherwise ImageInaccessible.
    pub archived_is_not_found: bool,
    /// What refers to a deleted image is deleted with it; otherwise within 24 hours, by the next lifecycle run.
    pub referrers_go_at_once: bool,
    /// How many minutes a restore from the archive takes ("typically takes up to 20 minutes").
    pub restore_minutes: u64,
    /// The input made up for a universal target of Scheduler writes `taskDefinition`; otherwise `TaskDefinition`.
    pub universal_input_is_camel_case: bool,
}

impl Undocumented {
    /// The answers for a seed; 0 gives the most plausible ones.
    pub fn draw(seed: u64) -> Undocumented {
        let bits = Sha256::digest(seed.to_le_bytes());
        let byte = |at: usize| bits.get(at).copied().unwrap_or_default();
        let coin = |at: usize, plausible: bool| {
            if seed == 0 {
                plausible
            } else {
                byte(at) % 2 == 1
            }
        };
        Undocumented {
            mount_without_permission_is_denied: coin(0, false),
            exclusion_same_digest_is_image_exists: coin(1, false),
            children_count: coin(2, true),
            referrers_count: coin(3, false),
            tie_lower_digest_is_older: coin(4, true),
            setting_never_put_is_an_error: coin(5, false),
            manifest_put_has_location: coin(6, true),
            content_digest_header: coin(7, true),
            expired_token_is_401: coin(8, false),
            missing_blob_is_400: coin(9, false),
            batch_get_image_is_a_pull: coin(10, false),
            preview_polls: if seed == 0 {
                0
            } else {
                u32::from(byte(11) % 3)
            },
            creation_delay: if seed == 0 {
                2
            } else {
                1 + u32::from(byte(12) % 4)
            },
            absolute_location: coin(13, false),
            schedules_page: if seed == 0 {
                100
            } else {
                1 + usize::from(byte(14) % 100)
            },
            universal_input_is_camel_case: coin(15, false),
            task_digest_is_child: coin(16, false),
            pending_task_has_digest: coin(17, false),
            unreferenced_inactive_is_described: coin(18, true),
            old_revision_is_an_error: coin(19, false),
            old_revision_is_listed: coin(20, true),
            rolled_back_deployment_is_current: coin(21, false),
            removed_tag_is_reserved: coin(22, false),
            child_archive_is_refused: coin(23, true),
            archived_is_not_found: coin(24, false),
            referrers_go_at_once: coin(25, false),
            restore_minutes: if seed == 0 {
                20
            } else {
                1 + u64::from(byte(26) % 20)
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_draw_both_answers() {
        assert!(!Undocumented::draw(0).mount_without_permission_is_denied);
        let drawn: Vec<bool> = (1..20)
            .map(|seed| Undocumented::draw(seed).mount_without_permission_is_denied)
            .collect();
        assert!(drawn.contains(&true) && drawn.contains(&false));
        assert_eq!(Undocumented::draw(7), Undocumented::draw(7));
    }
}
