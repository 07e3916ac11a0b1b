//! Many images of a kind, for worlds of a realistic size: hundreds of thousands start in seconds, because they share
//! their blobs and all that a registry reads from their manifests.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use serde_json::json;

use crate::Error;
use crate::clock::Time;
use crate::content::digest;
use crate::manifest::Manifest;
use crate::state::Image;
use crate::state::State;
use crate::state::build::take_tag;
use crate::world::content::make;
use crate::world::image::ImageSpec;

/// Where the number stands in tags and in the manifest.
const NUMBER: &str = "{n}";

/// How many images a spec stands for.
pub(super) fn count(spec: &ImageSpec) -> usize {
    spec.count
        .map_or(1, |count| usize::try_from(count).unwrap_or_default())
}

/// Adds the images of a spec that has a `count`, and gives their digests. `pushed` dates the nth, from 0.
pub(super) fn place(
    state: &mut State,
    repository: &str,
    spec: &ImageSpec,
    pushed: impl Fn(usize) -> Result<Time, Error>,
    tags: &mut BTreeMap<String, String>,
) -> Result<Vec<String>, Error> {
    if !spec.platforms.is_empty() || !spec.referrers.is_empty() || spec.manifest.is_some() {
        let message = "count goes with neither platforms, nor referrers, nor manifest";
        return Err(Error::new(message));
    }
    let mut made = make(spec, &format!("{repository}:many"));
    let one = made.pop().ok_or_else(|| Error::new("nothing was made"))?;
    for blob in one.blobs {
        state.store_blob(repository, blob)?;
    }
    let mut template: Value = serde_json::from_slice(&one.manifest)
        .map_err(|error| Error::new(format!("the manifest: {error}")))?;
    template["config"]["annotations"] = json!({"sandbox.image": NUMBER});
    let template = template.to_string();
    let manifest = Arc::new(Manifest::parse(&one.manifest).map_err(Error::new)?);
    let repository = state.find_mut(repository)?;
    let mut digests = Vec::with_capacity(count(spec));
    for at in 0..count(spec) {
        let number = (at + 1).to_string();
        let bytes = Bytes::from(template.replace(NUMBER, &number));
        let digest = digest(&bytes);
        let image = Image {
            digest: digest.clone(),
            bytes,
            media_type: one.media_type.clone(),
            manifest: Arc::clone(&manifest),
            pushed_at: pushed(at)?,
            ..Image::default()
        };
        repository.images.insert(digest.clone(), image);
        for tag in &spec.tags {
            take_tag(repository, tags, &tag.replace(NUMBER, &number), &digest);
        }
        digests.push(digest);
    }
    Ok(digests)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    #[test]
    fn each_is_an_image_of_its_own() {
        let world: World = r#"{"repositories": [{"name": "a", "images": [
            {"tags": ["first", "v2"]}, {"tags": ["v{n}"], "count": 3}, {"tags": ["last"]}]}]}"#
            .parse()
            .unwrap();
        let mut state = State::new(&world, 0).unwrap();
        let tags = state.tags("a");
        let names: Vec<&str> = tags.keys().map(String::as_str).collect();
        assert_eq!(names, ["first", "last", "v1", "v2", "v3"]);
        let repository = state.repository("a").unwrap();
        assert_eq!(repository.images.len(), 5);
        // The blobs of the two others, and those that the three share.
        assert_eq!(repository.blobs.len(), 6);
        for tag in names {
            state.check_whole("a", tag).unwrap();
            let image = state.image("a", tag).unwrap();
            assert_eq!(digest(&image.bytes), image.digest);
            assert_eq!(Manifest::parse(&image.bytes).unwrap(), *image.manifest);
        }
        let date = |tag: &str| state.image("a", tag).unwrap().pushed_at;
        let dates = ["first", "v1", "v2", "v3", "last"].map(date);
        assert!(dates.is_sorted() && dates[0] < dates[1] && dates[3] < dates[4]);
        state.repositories.get_mut("a").unwrap().remove(&tags["v1"]);
        state.check_whole("a", "v2").unwrap();
    }

    #[test]
    fn indexes_cannot_be_many() {
        let world: World = r#"{"repositories": [{"name": "a", "images": [{"count": 2, "platforms": ["linux/amd64"]}]}]}"#
            .parse()
            .unwrap();
        assert!(State::new(&world, 0).is_err());
    }
}
