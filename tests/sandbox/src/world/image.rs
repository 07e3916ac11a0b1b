//! How an image is described in a world file or a test.

use serde::Deserialize;
use serde_json::Value;

/// An image: a manifest with its blobs, or an index with its children.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ImageSpec {
    /// Its tags; none makes it an untagged image.
    pub tags: Vec<String>,
    /// Its age at the world's `now`, in days. Without it and `pushedAt` the images of a repository are pushed in the
    /// order of the list, a minute apart, the last one a minute ago.
    pub pushed_days_ago: Option<f64>,
    /// When it was pushed, RFC 3339.
    pub pushed_at: Option<String>,
    /// When it was last pulled, in days before `now`.
    pub pulled_days_ago: Option<f64>,
    /// Set: the image is archived, since so many days.
    pub archived_days_ago: Option<f64>,
    /// Whether an archived image is being restored: it cannot be pulled yet, and `archivedDaysAgo` says since when it was away.
    pub restoring: bool,
    /// Set: the image was restored from the archive, so many days ago.
    pub activated_days_ago: Option<f64>,
    /// The layers; none means one layer of 1 KiB of its own.
    pub layers: Vec<LayerSpec>,
    /// The config blob's JSON; without it one is made up from platform and layers.
    pub config: Option<Value>,
    /// Whether manifests and indexes are of the Docker or the OCI kind.
    pub media_type: Family,
    /// Leaves out the manifest's own `mediaType` field, as many OCI builders do.
    pub bare: bool,
    /// Platforms such as `linux/amd64`: the image becomes an index with one child for each.
    pub platforms: Vec<String>,
    /// Adds a buildx attestation manifest (`unknown/unknown`, in-toto layers) for each platform.
    pub attestations: bool,
    /// Wraps the index into another index.
    pub nested: bool,
    /// Manifests that refer to this one, put after it.
    pub referrers: Vec<ReferrerSpec>,
    /// Makes it so many images, of which each differs from the others in an annotation alone and shares all blobs with
    /// them; `{n}` in their tags counts from 1. For worlds of a realistic size; not for indexes and referrers.
    pub count: Option<u32>,
    /// The manifest itself, stored exactly so; its blobs need not exist.
    pub manifest: Option<RawManifest>,
}

/// A layer, made up from its seed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LayerSpec {
    /// Its size in bytes.
    pub size: usize,
    /// Equal seeds and sizes are the same blob. Without it the layer is this image's own.
    #[serde(default)]
    pub seed: Option<String>,
}

/// A manifest with `subject`: a signature, an SBOM.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ReferrerSpec {
    /// Its `artifactType`.
    pub artifact_type: String,
    /// The size of its one layer in bytes.
    #[serde(default = "kibibyte")]
    pub size: usize,
    /// The seed of that layer.
    #[serde(default)]
    pub seed: Option<String>,
}

/// A manifest given as text.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RawManifest {
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub text: String,
}

/// The two families of media types.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// `application/vnd.docker.distribution.…`
    Docker,
    /// `application/vnd.oci.image.…`
    #[default]
    Oci,
}

impl ImageSpec {
    /// An image with one layer of its own, and these tags.
    pub fn tagged(tags: &[&str]) -> ImageSpec {
        ImageSpec {
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            ..ImageSpec::default()
        }
    }
}

fn kibibyte() -> usize {
    1024
}
