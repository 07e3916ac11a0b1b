//! Questions and changes for tests: what is where, and pushes without a client.

use std::collections::BTreeMap;

use crate::Error;
use crate::state::Image;
use crate::state::Repository;
use crate::state::State;
use crate::world::content::Role;
use crate::world::content::make;
use crate::world::image::ImageSpec;

impl State {
    /// A repository by name.
    pub fn repository(&self, name: &str) -> Option<&Repository> {
        self.repositories.get(name)
    }

    /// An image by tag or digest.
    pub fn image(&self, repository: &str, reference: &str) -> Option<&Image> {
        self.repositories.get(repository)?.image(reference)
    }

    /// The tags of a repository, sorted, each with its digest.
    pub fn tags(&self, repository: &str) -> BTreeMap<String, String> {
        let images = self
            .repositories
            .get(repository)
            .into_iter()
            .flat_map(|repository| repository.images.values());
        images
            .flat_map(|image| {
                image
                    .tags
                    .iter()
                    .map(|tag| (tag.clone(), image.digest.clone()))
            })
            .collect()
    }

    /// How many upload sessions are open.
    pub fn open_uploads(&self) -> usize {
        self.uploads.len()
    }

    /// Pushes an image as a CI build would: now, into an existing repository, moving tags that exist, whatever the
    /// mutability. `tags` come in addition to the spec's own. Layers without a seed are new
    /// bytes with every push.
    ///
    /// # Errors
    /// The repository does not exist, or a raw manifest cannot be read.
    pub fn push(
        &mut self,
        repository: &str,
        spec: &ImageSpec,
        tags: &[&str],
    ) -> Result<String, Error> {
        let tags: Vec<String> = spec
            .tags
            .iter()
            .cloned()
            .chain(tags.iter().map(|tag| (*tag).to_owned()))
            .collect();
        let name = format!("{repository}#{}", self.next());
        let mut top = String::new();
        for made in make(spec, &name) {
            for blob in made.blobs {
                self.store_blob(repository, blob)?;
            }
            let digest = self.commit(repository, made.manifest, &made.media_type)?;
            if made.role == Role::Top {
                top = digest;
            }
        }
        for tag in &tags {
            self.set_tag(repository, tag, &top)?;
        }
        Ok(top)
    }

    /// Points a tag at a digest, taking it from whatever had it, as nothing but a test can.
    ///
    /// # Errors
    /// The repository or the digest does not exist.
    pub fn set_tag(&mut self, repository: &str, tag: &str, digest: &str) -> Result<(), Error> {
        let repository = self.find_mut(repository)?;
        for image in repository.images.values_mut() {
            image.tags.remove(tag);
        }
        let image = repository
            .images
            .get_mut(digest)
            .ok_or_else(|| Error::new(format!("no image {digest}")))?;
        image.tags.insert(tag.to_owned());
        Ok(())
    }

    /// Deletes every image of a repository, as an eager clean-up does.
    pub fn empty(&mut self, repository: &str) {
        if let Some(repository) = self.repositories.get_mut(repository) {
            repository.images.clear();
            repository.blobs.clear();
        }
    }

    /// The bytes that are stored: a blob that was mounted is stored once.
    pub fn stored_bytes(&self) -> u64 {
        let mut origins = BTreeMap::new();
        for blob in self
            .repositories
            .values()
            .flat_map(|repository| repository.blobs.values())
        {
            origins.insert(blob.origin, blob.bytes.len() as u64);
        }
        origins.values().sum()
    }

    /// The bytes that would be stored if every repository had its own copy of each of its blobs.
    pub fn copied_bytes(&self) -> u64 {
        let blobs = self
            .repositories
            .values()
            .flat_map(|repository| repository.blobs.values());
        blobs.map(|blob| blob.bytes.len() as u64).sum()
    }
}
