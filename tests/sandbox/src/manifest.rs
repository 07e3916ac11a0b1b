//! What the sandbox must know of a manifest: which blobs and which manifests it needs, and what it refers to.

use serde_json::Map;
use serde_json::Value;

/// The media types of manifests that ECR stores.
pub mod media_type {
    /// A Docker image manifest, version 2 schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// A Docker manifest list.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// An OCI image manifest.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// An OCI image index.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// All four.
    pub const ALL: [&str; 4] = [DOCKER_MANIFEST, DOCKER_LIST, OCI_MANIFEST, OCI_INDEX];
}

/// A blob that a manifest needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobReference {
    /// Its digest.
    pub digest: String,
    /// Its size in bytes, as the manifest claims.
    pub size: u64,
}

/// The content of a manifest, as far as a registry reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Its own `mediaType` field; many OCI manifests have none.
    pub media_type: Option<String>,
    /// Config and layers.
    pub blobs: Vec<BlobReference>,
    /// The digests of the manifests an index lists.
    pub children: Vec<String>,
    /// The digest of the manifest this one refers to.
    pub subject: Option<String>,
    /// `artifactType`, or else the config's media type.
    pub artifact_type: Option<String>,
    /// The annotations.
    pub annotations: Map<String, Value>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// A sentence, as ECR words it where it is known.
    pub fn parse(bytes: &[u8]) -> Result<Manifest, String> {
        let value: Value =
            serde_json::from_slice(bytes).map_err(|_| "Invalid JSON syntax".to_owned())?;
        let object = value.as_object().ok_or("Invalid JSON syntax")?;
        if object.get("schemaVersion").and_then(Value::as_u64) != Some(2) {
            return Err("Invalid image manifest: schemaVersion must be 2".to_owned());
        }
        let text =
            |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let mut manifest = Manifest {
            media_type: text(&value, "mediaType"),
            subject: value
                .get("subject")
                .and_then(|subject| text(subject, "digest")),
            artifact_type: text(&value, "artifactType").or_else(|| {
                value
                    .get("config")
                    .and_then(|config| text(config, "mediaType"))
            }),
            annotations: value
                .get("annotations")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default(),
            ..Manifest::default()
        };
        let list = |key: &str| {
            value
                .get(key)
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default()
        };
        for descriptor in value
            .get("config")
            .cloned()
            .into_iter()
            .chain(list("layers"))
        {
            // Docker pushes no foreign layer ("Skipped foreign layer"), and its manifest is taken all the same.
            let media_type = text(&descriptor, "mediaType").unwrap_or_default();
            if media_type.contains(".foreign.") || media_type.contains(".nondistributable.") {
                continue;
            }
            let digest = text(&descriptor, "digest")
                .ok_or("Invalid image manifest: a descriptor has no digest")?;
            let size = descriptor
                .get("size")
                .and_then(Value::as_u64)
                .unwrap_or_default();
            if !manifest.blobs.iter().any(|known| known.digest == digest) {
                manifest.blobs.push(BlobReference { digest, size });
            }
        }
        for descriptor in list("manifests") {
            let digest = text(&descriptor, "digest")
                .ok_or("Invalid image manifest: a descriptor has no digest")?;
            if !manifest.children.contains(&digest) {
                manifest.children.push(digest);
            }
        }
        if !object.contains_key("config") && !object.contains_key("manifests") {
            return Err("Invalid image manifest: neither config nor manifests".to_owned());
        }
        Ok(manifest)
    }
}
