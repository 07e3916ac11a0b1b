//! BatchDeleteImage: a tag is taken away, and with the last one the image; a digest takes everything.

use crate::refusal::Refusal;
use crate::state::Repository;
use crate::state::State;

/// Why one image of a batch was not deleted: the failure code and its sentence.
pub(crate) type Failure = (&'static str, String);

/// What is gone: digests, each with a tag where it had one.
pub(crate) type Gone = Vec<(String, Option<String>)>;

impl State {
    /// Deletes by tag, by digest, or by a tag that must agree with the digest. Gives the identifiers (digest, tag) that
    /// are gone.
    pub(crate) fn delete(
        &mut self,
        repository: &str,
        tag: Option<&str>,
        digest: Option<&str>,
    ) -> Result<Result<Gone, Failure>, Refusal> {
        self.clock.tick();
        let at_once = self.undocumented.referrers_go_at_once;
        let repository = self.find_mut(repository)?;
        let missing: Failure = ("ImageNotFound", "Requested image not found".to_owned());
        match (tag, digest) {
            (None, None) => Ok(Err((
                "MissingDigestAndTag",
                "Neither imageDigest nor imageTag was given".to_owned(),
            ))),
            (Some(tag), digest) => {
                let Some(image) = repository
                    .image_mut(tag)
                    .filter(|image| image.tags.contains(tag))
                else {
                    return Ok(Err(missing));
                };
                if digest.is_some_and(|digest| digest != image.digest) {
                    return Ok(Err((
                        "ImageTagDoesNotMatchDigest",
                        "The tag does not match the digest".to_owned(),
                    )));
                }
                let digest = image.digest.clone();
                image.tags.remove(tag);
                let is_last = image.tags.is_empty();
                repository.note_removal(tag, &digest);
                // The last tag takes the image along, even one that an index refers to (containers-roadmap #1567).
                if is_last {
                    remove(repository, &digest, at_once);
                }
                Ok(Ok(vec![(digest, Some(tag.to_owned()))]))
            }
            (None, Some(digest)) => {
                let Some(image) = repository.images.get(digest) else {
                    return Ok(Err(missing));
                };
                let parents = repository.parents(digest);
                if !parents.is_empty() {
                    let reason = format!(
                        "Requested image referenced by manifest list: [{}]",
                        parents.join(", ")
                    );
                    return Ok(Err(("ImageReferencedByManifestList", reason)));
                }
                let mut gone: Gone = image
                    .tags
                    .iter()
                    .map(|tag| (digest.to_owned(), Some(tag.clone())))
                    .collect();
                if gone.is_empty() {
                    gone.push((digest.to_owned(), None));
                }
                remove(repository, digest, at_once);
                Ok(Ok(gone))
            }
        }
    }
}

/// Deletes an image, and with it, where that happens at once, what refers to it.
fn remove(repository: &mut Repository, digest: &str, at_once: bool) {
    repository.remove(digest);
    if !at_once {
        return;
    }
    let referrers = repository.referrers(digest).into_iter();
    let referrers: Vec<String> = referrers.map(|image| image.digest.clone()).collect();
    for referrer in referrers {
        remove(repository, &referrer, at_once);
    }
}
