//! The repositories of a state as JSON, for `--dump` and for comparing in tests.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::state::State;

/// What every repository holds: settings, policies, images by digest with tags and push dates.
pub fn repositories(state: &State) -> Value {
    let mut all = Map::new();
    for (name, repository) in &state.repositories {
        let images: Map<String, Value> = repository
            .images
            .values()
            .map(|image| {
                let value = json!({
                    "tags": image.tags,
                    "pushedAt": image.pushed_at.to_string(),
                    "mediaType": image.media_type,
                    "status": image.storage.word(),
                    "children": image.manifest.children,
                    "subject": image.manifest.subject,
                });
                (image.digest.clone(), value)
            })
            .collect();
        let lifecycle = repository
            .lifecycle
            .as_deref()
            .and_then(|text| serde_json::from_str::<Value>(text).ok());
        let policy = repository
            .policy
            .as_deref()
            .and_then(|text| serde_json::from_str::<Value>(text).ok());
        let value = json!({
            "tagMutability": repository.mutability,
            "exclusionFilters": repository.exclusions,
            "encryption": {"type": repository.encryption.0, "key": repository.encryption.1},
            "tags": repository.tags,
            "policy": policy,
            "lifecyclePolicy": lifecycle,
            "images": images,
            "blobs": repository.blobs.keys().collect::<Vec<_>>(),
        });
        all.insert(name.clone(), value);
    }
    json!({
        "now": state.clock.now().to_string(),
        "repositories": all,
        "openUploads": state.uploads.len(),
        "mounted": state.counters.mounted,
        "uploadedBytes": state.counters.uploaded_bytes,
        "storedBytes": state.stored_bytes(),
    })
}
