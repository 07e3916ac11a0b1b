//! Whether blobs can be mounted, as far as that can be said before trying
//! (Amazon ECR User Guide, "Blob mounting in Amazon ECR").

use crate::plan::look::{End, Look};
use crate::plan::mapping::Wanted;
use crate::plan::problem::MountObstacle;
use crate::plan::promotion::repository;
use crate::plan::promotion::rules::Rules;

/// Why nothing can be mounted from source into target, where that is certain. Whether the source is a pull-through cache
/// repository is asked only where a flag refuses streaming: otherwise it is enough to find out on the way.
pub(super) fn obstacle(
    wanted: &Wanted,
    rules: &Rules,
    look: &mut Look<'_>,
) -> Option<MountObstacle> {
    let registry = &wanted.target.registry;
    if wanted.source.registry != *registry {
        return Some(MountObstacle::OtherRegistry);
    }
    if let Some(Ok(false)) = look.blob_mounting(registry) {
        return Some(MountObstacle::SettingOff);
    }
    if let Some(Ok(source)) = look.settings(End::source(&wanted.source)) {
        let target = match look.settings(End::target(&wanted.target)) {
            Some(Ok(settings)) => Some(settings.encryption.clone()),
            _ if look.is_missing(&wanted.target) => {
                repository::creation(wanted, look, rules).encryption
            }
            _ => None,
        };
        if let Some(target) = target
            && target != source.encryption
        {
            return Some(MountObstacle::Encryption {
                source: source.encryption.to_string(),
                target: target.to_string(),
            });
        }
    }
    let matters = rules.mount_only || rules.max_upload.is_some();
    if matters && let Some(Ok(true)) = look.pull_through(End::source(&wanted.source)) {
        return Some(MountObstacle::PullThrough);
    }
    None
}

/// What to name where the registry declines a mount that nothing certain speaks against.
pub(super) fn suspicion(wanted: &Wanted, look: &mut Look<'_>) -> MountObstacle {
    if wanted.source.registry != wanted.target.registry {
        return MountObstacle::OtherRegistry;
    }
    let setting = look.blob_mounting(&wanted.target.registry);
    let source = look.settings(End::source(&wanted.source));
    let target = look.settings(End::target(&wanted.target));
    let target_known = matches!(target, Some(Ok(_))) || look.is_missing(&wanted.target);
    let condition = if !matches!(setting, Some(Ok(_))) {
        "the account setting BLOB_MOUNTING"
    } else if !matches!(source, Some(Ok(_))) || !target_known {
        "the encryption of source and target"
    } else {
        return MountObstacle::Unexplained;
    };
    let condition = condition.to_owned();
    MountObstacle::Unknown { condition }
}
