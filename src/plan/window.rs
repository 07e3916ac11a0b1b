//! The window of a rule that counts, and the images of a repository with the children of its indexes, which only manifests tell. A listing without them takes
//! the children of a living index for leftovers.

use crate::model::inventory::ImageId;
use crate::model::lifecycle::Image;
use crate::plan::look::{End, Look};

/// How many promotions an image in use should have left in a window that keeps so many: `--min-pushes`, but no more than a window can give.
/// What runs and what a rollback goes to are at best the two images behind the newest, and have `keep` − 2 left then; to ask for more
/// would pin every image that is ever deployed.
pub fn enough(min_pushes: u32, keep: u32) -> u64 {
    u64::from(min_pushes.min(keep.saturating_sub(2).max(1)))
}

/// The images, with children filled in where `matters` says of the bare listing that they may make a difference. Nothing
/// while manifests had to be asked for. What cannot be read stays without children: then its children look like
/// leftovers, which is the careful side.
pub fn with_children(
    end: End<'_>,
    images: &[Image],
    look: &mut Look<'_>,
    matters: impl Fn(Vec<Image>) -> bool,
) -> Option<Vec<Image>> {
    let untagged = images.iter().any(|image| image.tags.is_empty());
    if !untagged || !matters(images.to_vec()) {
        return Some(images.to_vec());
    }
    let mark = look.mark();
    let mut filled = images.to_vec();
    for image in &mut filled {
        let id = ImageId::Digest(image.digest.clone());
        if let Some(Ok(Some(manifest))) = look.image(end, &id) {
            let children = manifest.children.iter();
            image.children = children.map(|child| child.digest.clone()).collect();
        }
    }
    (!look.has_asked_since(mark)).then_some(filled)
}
