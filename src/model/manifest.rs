//! Manifests as the registry holds them: the bytes are kept as they are and never written anew, because the digest is
//! over the bytes. Only what a copy needs is read from them.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;

use crate::model::digest::{Digest, DigestError};

/// The largest manifest ECR takes (Amazon ECR API Reference, `PutImage.imageManifest`), in bytes.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The largest layer ECR takes (Amazon ECR User Guide, "Amazon ECR service quotas"), in bytes: 52,000 MiB.
pub const MAX_LAYER: u64 = 52_000 * 1024 * 1024;

/// The four manifest media types to ask for. ECR converts a manifest whose stored type is not among those accepted,
/// which changes bytes and digest (Amazon ECR User Guide, "Container image manifest formats").
pub const MEDIA_TYPES: [&str; 4] = [DOCKER_MANIFEST, DOCKER_LIST, OCI_MANIFEST, OCI_INDEX];

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A pointer to a blob or a child manifest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Descriptor {
    /// What it is.
    pub digest: Digest,
    /// How many bytes.
    pub size: u64,
}

/// A manifest: an image of one platform, or an index of further manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The digest of `text`.
    pub digest: Digest,
    /// The media type to put it with.
    pub media_type: String,
    /// The exact text the registry gave.
    pub text: Arc<str>,
    /// The blobs it refers to: the configuration and the layers, each once, without foreign layers (which no registry
    /// holds). Empty for an index.
    pub blobs: Vec<Descriptor>,
    /// The manifests an index refers to, each once. Empty for an image.
    pub children: Vec<Descriptor>,
    /// What it is: `artifactType`, else the media type of its configuration (Open Container Initiative image specification,
    /// "Guidelines for Artifact Usage"); `None` where neither says so, as in most indexes.
    pub artifact_type: Option<String>,
    /// The digest of the manifest it refers to (`subject`), if it names a legible one.
    pub subject: Option<Digest>,
}

/// Why a text cannot be promoted as a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// ECR would refuse it.
    #[error("the manifest has {0} bytes; ECR takes at most {MAX_BYTES} (4 MiB)")]
    TooLarge(usize),
    /// The registry's bytes are not what it says they are.
    #[error("the manifest's bytes have the digest {actual}, not {expected}")]
    DigestMismatch {
        /// What was asked for or announced.
        expected: Digest,
        /// What the bytes give.
        actual: Digest,
    },
    /// Not JSON, or not the JSON of a manifest.
    #[error("the manifest cannot be read: {0}")]
    Unreadable(String),
    /// Docker's schema 1 and whatever else.
    #[error("manifests of type `{0}` cannot be promoted")]
    Unsupported(String),
    /// A digest in it.
    #[error("the manifest refers to something unreadable: {0}")]
    Digest(#[from] DigestError),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    media_type: Option<String>,
    schema_version: Option<u64>,
    artifact_type: Option<String>,
    config: Option<RawDescriptor>,
    layers: Option<Vec<RawDescriptor>>,
    manifests: Option<Vec<RawDescriptor>>,
    subject: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDescriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
}

impl Manifest {
    /// Reads the text the registry gave for this digest.
    ///
    /// # Errors
    /// [`ManifestError`], where the text is too large, is not of this digest, or is not a manifest that can be promoted.
    pub fn read(
        text: String,
        digest: &Digest,
        media_type: Option<&str>,
    ) -> Result<Self, ManifestError> {
        if text.len() > MAX_BYTES {
            return Err(ManifestError::TooLarge(text.len()));
        }
        let actual = Digest::of(text.as_bytes());
        if actual != *digest {
            let expected = digest.clone();
            return Err(ManifestError::DigestMismatch { expected, actual });
        }
        let raw: Raw = serde_json::from_str(&text)
            .map_err(|error| ManifestError::Unreadable(error.to_string()))?;
        let media_type = stated_type(&raw, media_type)?;
        let configuration = raw.config.as_ref().map(|config| config.media_type.clone());
        let named = |text: &String| !text.is_empty();
        let artifact_type = raw.artifact_type.filter(named).or(configuration);
        let subject = raw.subject.as_ref().and_then(|one| one.get("digest"));
        let subject = subject.and_then(serde_json::Value::as_str);
        let (blobs, children) = if media_type == DOCKER_LIST || media_type == OCI_INDEX {
            (Vec::new(), raw.manifests.unwrap_or_default())
        } else {
            let mut blobs: Vec<_> = raw.config.into_iter().collect();
            blobs.extend(raw.layers.unwrap_or_default());
            (blobs, Vec::new())
        };
        Ok(Self {
            digest: actual,
            media_type,
            blobs: distinct(blobs.into_iter().filter(|one| !is_foreign(&one.media_type)))?,
            children: distinct(children)?,
            artifact_type: artifact_type.filter(named),
            subject: subject.and_then(|digest| digest.parse().ok()),
            text: text.into(),
        })
    }

    /// Whether it is an index.
    pub fn is_index(&self) -> bool {
        self.media_type == DOCKER_LIST || self.media_type == OCI_INDEX
    }

    /// The same without what only a copy needs: its text and its blobs. A manifest can have 4 MiB, and a registry 100,000 of them.
    #[must_use]
    pub fn outline(self) -> Self {
        Self {
            text: "".into(),
            blobs: Vec::new(),
            ..self
        }
    }
}

/// The media type in the body wins; an OCI manifest may leave it out, then the registry's word counts, then the shape.
fn stated_type(raw: &Raw, registry: Option<&str>) -> Result<String, ManifestError> {
    let stated = raw.media_type.as_deref().filter(|text| !text.is_empty());
    let by_shape = match (&raw.manifests, &raw.layers) {
        (Some(_), None) => Some(OCI_INDEX),
        (None, Some(_)) => Some(OCI_MANIFEST),
        _ => None,
    };
    let known = |text: &&str| MEDIA_TYPES.contains(text);
    let found = stated.or_else(|| registry.filter(known)).or(by_shape);
    match found {
        Some(found) if MEDIA_TYPES.contains(&found) && by_shape.is_some() => Ok(found.to_owned()),
        Some(found) => Err(ManifestError::Unsupported(found.to_owned())),
        None if raw.schema_version == Some(1) => Err(ManifestError::Unsupported(
            "application/vnd.docker.distribution.manifest.v1+json".to_owned(),
        )),
        None => Err(ManifestError::Unreadable(
            "neither layers nor manifests in it".to_owned(),
        )),
    }
}

fn distinct(
    raw: impl IntoIterator<Item = RawDescriptor>,
) -> Result<Vec<Descriptor>, ManifestError> {
    let mut known = BTreeSet::new();
    let mut descriptors: Vec<Descriptor> = Vec::new();
    for entry in raw {
        let digest: Digest = entry.digest.parse()?;
        if known.insert(digest.clone()) {
            let size = entry.size;
            descriptors.push(Descriptor { digest, size });
        }
    }
    Ok(descriptors)
}

/// Layers that their licence forbids to distribute (Windows base layers): clients fetch them from their own address.
fn is_foreign(media_type: &str) -> bool {
    media_type.contains(".foreign.") || media_type.contains(".nondistributable.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(fill: char, media_type: &str) -> String {
        let hex = fill.to_string().repeat(64);
        format!(r#"{{"mediaType":"{media_type}","digest":"sha256:{hex}","size":7}}"#)
    }

    fn read(text: &str, media_type: Option<&str>) -> Result<Manifest, ManifestError> {
        Manifest::read(text.to_owned(), &Digest::of(text.as_bytes()), media_type)
    }

    #[test]
    fn an_image_gives_its_configuration_and_each_layer_once() {
        let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
        let text = format!(
            r#"{{"schemaVersion":2,"config":{},"layers":[{},{},{}]}}"#,
            descriptor('a', "application/vnd.oci.image.config.v1+json"),
            descriptor('b', layer),
            descriptor('b', layer),
            descriptor(
                'c',
                "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
            ),
        );
        let manifest = read(&text, None).expect("an OCI image without a media type");
        assert_eq!(manifest.media_type, OCI_MANIFEST);
        assert_eq!(
            manifest.blobs.len(),
            2,
            "duplicate and foreign layers are left out"
        );
        assert!(manifest.children.is_empty());
        assert_eq!(*manifest.text, *text);
    }

    #[test]
    fn an_index_gives_its_children() {
        let text = format!(
            r#"{{"mediaType":"{DOCKER_LIST}","manifests":[{},{}]}}"#,
            descriptor('a', DOCKER_MANIFEST),
            descriptor('b', DOCKER_MANIFEST),
        );
        let manifest = read(&text, Some(OCI_INDEX)).expect("a Docker list");
        assert_eq!(manifest.media_type, DOCKER_LIST, "the body's own word wins");
        assert_eq!(manifest.children.len(), 2);
        assert!(manifest.blobs.is_empty());
    }

    #[test]
    fn no_child_of_an_index_is_left_out_whatever_it_is_called() {
        let child = descriptor('a', "application/vnd.example.foreign.index");
        let text = format!(r#"{{"mediaType":"{OCI_INDEX}","manifests":[{child}]}}"#);
        let manifest = read(&text, None).expect("an index");
        assert!(manifest.is_index());
        assert_eq!(manifest.children.len(), 1);
    }

    #[test]
    fn what_it_is_and_what_it_refers_to_is_read() {
        let config = descriptor('a', "application/vnd.oci.empty.v1+json");
        let subject = descriptor('b', OCI_MANIFEST);
        let check = |more: &str, kind: &str, has_subject: bool| {
            let text = format!(r#"{{"config":{config},"layers":[]{more}}}"#);
            let manifest = read(&text, None).expect("a manifest");
            assert_eq!(manifest.artifact_type.as_deref(), Some(kind), "{text}");
            assert_eq!(manifest.subject.is_some(), has_subject, "{text}");
            let outline = manifest.outline();
            assert_eq!((&*outline.text, outline.blobs.len()), ("", 0));
        };
        let empty = "application/vnd.oci.empty.v1+json";
        check("", empty, false);
        check(r#","artifactType":"""#, empty, false);
        check(r#","artifactType":"application/x""#, "application/x", false);
        check(&format!(r#","subject":{subject}"#), empty, true);
        check(r#","subject":{"digest":"md5:1"}"#, empty, false);
        check(r#","subject":7"#, empty, false);
    }

    #[test]
    fn what_cannot_be_promoted_is_refused() {
        let check = |text: &str, wanted: &str| {
            let error = read(text, None).expect_err(text).to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        };
        check(r#"{"schemaVersion":1,"fsLayers":[]}"#, "manifest.v1+json");
        check(
            r#"{"mediaType":"application/x","layers":[]}"#,
            "application/x",
        );
        check("{}", "neither layers nor manifests");
        check("[", "cannot be read");
        check(
            r#"{"layers":[{"digest":"md5:1","size":1}]}"#,
            "not a digest",
        );
        check(&" ".repeat(MAX_BYTES + 1), "4 MiB");
    }

    #[test]
    fn bytes_of_another_digest_are_refused() {
        let other = Digest::of(b"other");
        let error = Manifest::read("{}".into(), &other, None).expect_err("altered bytes");
        assert!(matches!(error, ManifestError::DigestMismatch { .. }));
    }
}
