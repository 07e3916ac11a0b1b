//! What the tests of this module share: small repositories and policies, and the reader of `fixtures/policy`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use crate::model::digest::Digest;
use crate::model::lifecycle::Image;
use crate::model::lifecycle::Policy;
use crate::model::lifecycle::StorageClass;
use crate::model::time::Timestamp;
use crate::plan::expiry::Marked;

/// When every test takes place.
pub(super) const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// An image as the fixtures write it; ages are in days before `NOW`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ImageText {
    id: String,
    tags: Vec<String>,
    pushed_days_ago: f64,
    activated_days_ago: Option<f64>,
    pulled_days_ago: Option<f64>,
    archived_days_ago: Option<f64>,
    storage_class: Option<String>,
    #[serde(default)]
    children: Vec<String>,
    subject: Option<String>,
}

impl ImageText {
    pub(super) fn image(&self) -> Image {
        Image {
            digest: digest(&self.id),
            tags: self.tags.clone(),
            pushed_at: days_ago(self.pushed_days_ago),
            activated_at: self.activated_days_ago.map(days_ago),
            pulled_at: self.pulled_days_ago.map(days_ago),
            archived_at: self.archived_days_ago.map(days_ago),
            storage_class: if self.storage_class.as_deref() == Some("archive") {
                StorageClass::Archive
            } else {
                StorageClass::Standard
            },
            restoring: false,
            children: self.children.iter().map(|id| digest(id)).collect(),
            subject: self.subject.as_deref().map(digest),
        }
    }
}

/// A digest that can be told from the id, and the id from the digest.
pub(super) fn digest(id: &str) -> Digest {
    let hex: String = id.bytes().map(|byte| format!("{byte:02x}")).collect();
    let Ok(digest) = format!("sha256:{hex:0>64}").parse() else {
        panic!("no digest for {id}")
    };
    digest
}

fn id(digest: &Digest) -> String {
    let hex = digest.hex().trim_start_matches("00");
    (0..hex.len())
        .step_by(2)
        .map(|at| char::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()))
        .collect()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "ages in the fixtures are small"
)]
pub(super) fn days_ago(days: f64) -> Timestamp {
    NOW.plus_milliseconds(-((days * 86_400_000.0).round() as i64))
}

pub(super) fn images(texts: &[ImageText]) -> Vec<Image> {
    texts.iter().map(ImageText::image).collect()
}

pub(super) fn policy(rules: &[Value]) -> Policy {
    format!("{:100}", json!({ "rules": rules }).to_string())
        .parse()
        .unwrap()
}

/// Id → priority of the rule that marks it.
pub(super) fn by_id(marked: &[Marked]) -> BTreeMap<String, u32> {
    let map: BTreeMap<String, u32> = marked
        .iter()
        .map(|mark| (id(&mark.digest), mark.rule))
        .collect();
    assert_eq!(
        map.len(),
        marked.len(),
        "an image is marked twice: {marked:?}"
    );
    map
}

/// A case of `vectors.json`.
#[derive(Deserialize)]
pub(super) struct Vector {
    pub(super) name: String,
    pub(super) source: String,
    pub(super) rules: Vec<Value>,
    pub(super) images: Vec<ImageText>,
    pub(super) expect: BTreeMap<String, u32>,
}

pub(super) fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/policy/vectors.json"
    )))
    .unwrap()
}
