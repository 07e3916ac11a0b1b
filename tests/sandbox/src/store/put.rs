//! Putting a manifest: everything it refers to must be there, and the tag must be free or movable.

use bytes::Bytes;

use crate::content::digest;
use crate::manifest::Manifest;
use crate::manifest::media_type;
use crate::refusal::Refusal;
use crate::state::Image;
use crate::state::State;
use crate::state::Storage;

/// A manifest larger than this is refused (ECR service quotas).
const LARGEST_MANIFEST: usize = 4 * 1024 * 1024;

/// A manifest to be put.
pub(crate) struct Put<'a> {
    pub(crate) repository: &'a str,
    pub(crate) bytes: Bytes,
    pub(crate) media_type: Option<&'a str>,
    pub(crate) tag: Option<&'a str>,
    /// The digest the caller says the bytes have.
    pub(crate) digest: Option<&'a str>,
}

impl State {
    /// Puts a manifest as PutImage does. A repeated put of the same digest is refused here too; on `/v2/` the caller
    /// turns `ImageAlreadyExistsException` into success.
    pub(crate) fn put(&mut self, put: Put<'_>) -> Result<String, Refusal> {
        self.find(put.repository)?;
        if put.bytes.is_empty() || put.bytes.len() > LARGEST_MANIFEST {
            return Err(Refusal::parameter(
                "imageManifest",
                "Member must have length between 1 and 4194304",
            ));
        }
        let manifest = Manifest::parse(&put.bytes)
            .map_err(|error| Refusal::parameter("ImageManifest", error))?;
        let media_type = chosen_media_type(&manifest, put.media_type)?;
        if let Some(tag) = put.tag
            && !is_tag(tag)
        {
            return Err(Refusal::parameter(
                "imageTag",
                "Member must satisfy regular expression pattern",
            ));
        }
        let calculated = digest(&put.bytes);
        if let Some(given) = put.digest
            && given != calculated
        {
            return Err(Refusal::new(
                "ImageDigestDoesNotMatchException",
                format!(
                    "The provided image digest '{given}' does not match the calculated image digest '{calculated}'"
                ),
            ));
        }
        self.check_references(put.repository, &manifest)?;
        self.check_tag(put.repository, &calculated, put.tag)?;
        let digest = self.commit(put.repository, put.bytes, &media_type)?;
        if let Some(tag) = put.tag {
            self.move_tag(put.repository, tag, &digest)?;
        }
        Ok(digest)
    }

    /// Stores a manifest without any check. An archived image is restored by it, at once; the push date of a known
    /// digest is never refreshed.
    pub(crate) fn commit(
        &mut self,
        repository: &str,
        bytes: Bytes,
        media_type: &str,
    ) -> Result<String, Refusal> {
        let manifest =
            Manifest::parse(&bytes).map_err(|error| Refusal::parameter("ImageManifest", error))?;
        let digest = digest(&bytes);
        let now = self.clock.tick();
        let repository = self.find_mut(repository)?;
        let image = repository
            .images
            .entry(digest.clone())
            .or_insert_with(|| Image {
                digest: digest.clone(),
                bytes,
                media_type: media_type.to_owned(),
                manifest: std::sync::Arc::new(manifest),
                pushed_at: now,
                ..Image::default()
            });
        if image.storage != Storage::Active {
            image.storage = Storage::Active;
            image.activated_at = Some(now);
        }
        Ok(digest)
    }

    fn move_tag(&mut self, repository: &str, tag: &str, digest: &str) -> Result<(), Refusal> {
        let repository = self.find_mut(repository)?;
        for image in repository.images.values_mut() {
            image.tags.remove(tag);
        }
        if let Some(image) = repository.images.get_mut(digest) {
            image.tags.insert(tag.to_owned());
        }
        Ok(())
    }

    fn check_references(&self, name: &str, manifest: &Manifest) -> Result<(), Refusal> {
        let repository = self.find(name)?;
        let missing: Vec<&str> = manifest
            .blobs
            .iter()
            .map(|blob| blob.digest.as_str())
            .filter(|digest| !repository.blobs.contains_key(*digest))
            .collect();
        if !missing.is_empty() {
            return Err(Refusal::new(
                "LayersNotFoundException",
                format!(
                    "Layers with digests '[{}]' required for pushing image into repository with name '{name}' in the registry with id '{}' do not exist",
                    missing.join(", "),
                    self.account
                ),
            ));
        }
        let missing: Vec<&str> = manifest
            .children
            .iter()
            .map(String::as_str)
            .filter(|digest| !repository.images.contains_key(*digest))
            .collect();
        if !missing.is_empty() {
            return Err(Refusal::new(
                "ReferencedImagesNotFoundException",
                format!(
                    "Images with digests '[{}]' required for pushing image into repository with name '{name}' in the registry with id '{}' do not exist",
                    missing.join(", "),
                    self.account
                ),
            ));
        }
        Ok(())
    }

    fn check_tag(&self, name: &str, digest: &str, tag: Option<&str>) -> Result<(), Refusal> {
        let repository = self.find(name)?;
        let already = |tag: &str| {
            Refusal::new(
                "ImageAlreadyExistsException",
                format!(
                    "Image with digest '{digest}' and tag '{tag}' already exists in the repository with name '{name}' in registry with id '{}'",
                    self.account
                ),
            )
        };
        let known = repository.images.get(digest);
        if known.is_some_and(|image| image.storage != Storage::Active) {
            return Ok(());
        }
        let Some(tag) = tag else {
            return if known.is_some() {
                Err(already("null"))
            } else {
                Ok(())
            };
        };
        let immutable = || {
            Refusal::new(
                "ImageTagAlreadyExistsException",
                format!(
                    "The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten because the repository is immutable."
                ),
            )
        };
        let Some(holder) = repository.image(tag).map(|image| image.digest.as_str()) else {
            // Whether a tag may be used again after it was removed is not documented.
            let had = repository.removed_tags.get(tag);
            let is_reserved = self.undocumented.removed_tag_is_reserved
                && !repository.is_mutable(tag)
                && had.is_some_and(|had| had != digest);
            return if is_reserved {
                Err(immutable())
            } else {
                Ok(())
            };
        };
        let same = holder == digest;
        if repository.is_mutable(tag) {
            return if same { Err(already(tag)) } else { Ok(()) };
        }
        if same
            && repository.mutability != "IMMUTABLE"
            && self.undocumented.exclusion_same_digest_is_image_exists
        {
            return Err(already(tag));
        }
        Err(immutable())
    }
}

fn chosen_media_type(manifest: &Manifest, given: Option<&str>) -> Result<String, Refusal> {
    let chosen = match (manifest.media_type.as_deref(), given) {
        (Some(own), Some(given)) if own != given => {
            return Err(Refusal::parameter(
                "imageManifestMediaType",
                format!("the manifest says '{own}', the request '{given}'"),
            ));
        }
        (Some(own), _) => own,
        (None, Some(given)) => given,
        (None, None) => {
            return Err(Refusal::parameter(
                "imageManifestMediaType",
                "must be given, because the manifest has no mediaType field",
            ));
        }
    };
    if media_type::ALL.contains(&chosen) {
        Ok(chosen.to_owned())
    } else {
        Err(Refusal::parameter(
            "imageManifestMediaType",
            format!("'{chosen}' is not supported"),
        ))
    }
}

/// The OCI grammar of tags.
fn is_tag(tag: &str) -> bool {
    let mut bytes = tag.bytes();
    tag.len() <= 128
        && bytes
            .next()
            .is_some_and(|first| first.is_ascii_alphanumeric() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}
