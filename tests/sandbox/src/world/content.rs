//! Makes the manifests and blobs of an image that a world describes.

use bytes::Bytes;
use serde_json::Value;
use serde_json::json;

use crate::content::digest;
use crate::content::layer;
use crate::manifest::media_type;
use crate::world::image::Family;
use crate::world::image::ImageSpec;
use crate::world::image::LayerSpec;
use crate::world::image::ReferrerSpec;

/// A manifest made from a spec, with the blobs that come with it.
pub(crate) struct Made {
    pub(crate) manifest: Bytes,
    pub(crate) media_type: String,
    pub(crate) blobs: Vec<Content>,
    pub(crate) role: Role,
}

/// A blob with its digest, which is calculated once: worlds are made again for every test.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) digest: String,
    pub(crate) bytes: Bytes,
}

impl Content {
    fn new(bytes: impl Into<Bytes>) -> Content {
        let bytes = bytes.into();
        Content {
            digest: digest(&bytes),
            bytes,
        }
    }

    fn descriptor(&self, media_type: &str) -> Value {
        json!({"mediaType": media_type, "digest": self.digest, "size": self.bytes.len()})
    }
}

/// What a made manifest is to its image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Child,
    Top,
    Referrer,
}

impl Made {
    fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": digest(&self.manifest), "size": self.manifest.len()})
    }
}

/// All manifests of an image, in the order in which they can be put: children, the top, referrers. `name` makes the
/// layers without a seed the image's own.
pub(crate) fn make(spec: &ImageSpec, name: &str) -> Vec<Made> {
    let mut all = Vec::new();
    let top = if let Some(raw) = &spec.manifest {
        Made {
            manifest: Bytes::from(raw.text.clone()),
            media_type: raw.media_type.clone(),
            blobs: Vec::new(),
            role: Role::Top,
        }
    } else if spec.platforms.is_empty() {
        image(spec, "linux/amd64", name)
    } else {
        let children = children(spec, name);
        let mut top = index(
            spec,
            children
                .iter()
                .map(|(_, descriptor)| descriptor.clone())
                .collect(),
        );
        all.extend(children.into_iter().map(|(made, _)| made));
        if spec.nested {
            let outer = index(spec, vec![top.descriptor()]);
            top.role = Role::Child;
            all.push(top);
            outer
        } else {
            top
        }
    };
    let referrers: Vec<Made> = spec
        .referrers
        .iter()
        .enumerate()
        .map(|(at, referrer)| refer(&top, referrer, &format!("{name}/referrer{at}")))
        .collect();
    all.push(top);
    all.extend(referrers);
    all
}

fn children(spec: &ImageSpec, name: &str) -> Vec<(Made, Value)> {
    let mut children = Vec::new();
    for platform in &spec.platforms {
        let made = Made {
            role: Role::Child,
            ..image(spec, platform, &format!("{name}/{platform}"))
        };
        let mut descriptor = made.descriptor();
        descriptor["platform"] = platform_json(platform);
        children.push((made, descriptor));
    }
    if spec.attestations {
        let attested: Vec<String> = children
            .iter()
            .map(|(made, _)| digest(&made.manifest))
            .collect();
        for subject in attested {
            let made = attestation(&subject);
            let mut descriptor = made.descriptor();
            descriptor["platform"] = platform_json("unknown/unknown");
            descriptor["annotations"] = json!({
                "vnd.docker.reference.digest": subject,
                "vnd.docker.reference.type": "attestation-manifest",
            });
            children.push((made, descriptor));
        }
    }
    children
}

fn image(spec: &ImageSpec, platform: &str, name: &str) -> Made {
    let own = [LayerSpec {
        size: 1024,
        seed: None,
    }];
    let specs = if spec.layers.is_empty() {
        &own[..]
    } else {
        &spec.layers[..]
    };
    let layers: Vec<Content> = specs
        .iter()
        .enumerate()
        .map(|(at, spec)| {
            let seed = spec
                .seed
                .clone()
                .unwrap_or_else(|| format!("{name}/layer{at}"));
            Content::new(layer(&seed, spec.size))
        })
        .collect();
    let (architecture, os) = parts(platform);
    let config = spec.config.clone().unwrap_or_else(|| {
        let mut config = json!({
            "architecture": architecture,
            "os": os,
            "config": {},
            "history": layers.iter().enumerate().map(|(at, _)| json!({"created_by": format!("layer {at}")})).collect::<Vec<_>>(),
            "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|layer| &layer.digest).collect::<Vec<_>>()},
        });
        if let Some(variant) = platform.splitn(3, '/').nth(2) {
            config["variant"] = Value::from(variant);
        }
        config
    });
    let config = Content::new(config.to_string());
    let (manifest_type, config_type, layer_type) = match spec.media_type {
        Family::Docker => (
            media_type::DOCKER_MANIFEST,
            "application/vnd.docker.container.image.v1+json",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        ),
        Family::Oci => (
            media_type::OCI_MANIFEST,
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.oci.image.layer.v1.tar+gzip",
        ),
    };
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": manifest_type,
        "config": config.descriptor(config_type),
        "layers": layers.iter().map(|layer| layer.descriptor(layer_type)).collect::<Vec<_>>(),
    });
    if spec.bare {
        manifest
            .as_object_mut()
            .map(|object| object.remove("mediaType"));
    }
    let blobs = std::iter::once(config).chain(layers).collect();
    Made {
        manifest: pretty(&manifest),
        media_type: manifest_type.to_owned(),
        blobs,
        role: Role::Top,
    }
}

fn index(spec: &ImageSpec, descriptors: Vec<Value>) -> Made {
    let kind = match spec.media_type {
        Family::Docker => media_type::DOCKER_LIST,
        Family::Oci => media_type::OCI_INDEX,
    };
    let mut manifest = json!({"schemaVersion": 2, "mediaType": kind, "manifests": descriptors});
    if spec.bare {
        manifest
            .as_object_mut()
            .map(|object| object.remove("mediaType"));
    }
    Made {
        manifest: pretty(&manifest),
        media_type: kind.to_owned(),
        blobs: Vec::new(),
        role: Role::Top,
    }
}

fn attestation(subject: &str) -> Made {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "subject": [{"name": "_", "digest": {"sha256": subject.trim_start_matches("sha256:")}}],
        "predicate": {"buildType": "https://mobyproject.org/buildkit@v1"},
    });
    let statement = Content::new(statement.to_string());
    let config = Content::new(
        json!({
            "architecture": "unknown", "os": "unknown", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [statement.digest]},
        })
        .to_string(),
    );
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": config.descriptor("application/vnd.oci.image.config.v1+json"),
        "layers": [{
            "mediaType": "application/vnd.in-toto+json", "digest": statement.digest, "size": statement.bytes.len(),
            "annotations": {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"},
        }],
    });
    Made {
        manifest: pretty(&manifest),
        media_type: media_type::OCI_MANIFEST.to_owned(),
        blobs: vec![config, statement],
        role: Role::Child,
    }
}

fn refer(subject: &Made, spec: &ReferrerSpec, name: &str) -> Made {
    let empty = Content::new(&b"{}"[..]);
    let content = Content::new(layer(spec.seed.as_deref().unwrap_or(name), spec.size));
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "artifactType": spec.artifact_type,
        "config": empty.descriptor("application/vnd.oci.empty.v1+json"),
        "layers": [content.descriptor(&spec.artifact_type)],
        "subject": subject.descriptor(),
    });
    Made {
        manifest: pretty(&manifest),
        media_type: media_type::OCI_MANIFEST.to_owned(),
        blobs: vec![empty, content],
        role: Role::Referrer,
    }
}

/// Manifests are written over several lines, as builders do: a client that writes JSON anew changes the digest.
fn pretty(value: &Value) -> Bytes {
    Bytes::from(serde_json::to_vec_pretty(value).unwrap_or_default())
}

fn parts(platform: &str) -> (&str, &str) {
    let (os, rest) = platform.split_once('/').unwrap_or(("linux", platform));
    (rest.split('/').next().unwrap_or(rest), os)
}

fn platform_json(platform: &str) -> Value {
    let (architecture, os) = parts(platform);
    match platform.splitn(3, '/').nth(2) {
        Some(variant) => json!({"architecture": architecture, "os": os, "variant": variant}),
        None => json!({"architecture": architecture, "os": os}),
    }
}
