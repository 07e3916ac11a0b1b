//! BatchDeleteImage, and the archive as its gentler form.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::clock::Time;
use crate::ecr::describe;
use crate::input::Input;
use crate::refusal::Refusal;
use crate::state::State;
use crate::state::Storage;

pub(super) fn batch(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = input.required("repositoryName")?;
    state.find(name)?;
    let mut gone = Vec::new();
    let mut failures = Vec::new();
    for id in input.limited("imageIds", 100)? {
        let tag = id.get("imageTag").and_then(Value::as_str);
        let digest = id.get("imageDigest").and_then(Value::as_str);
        match state.delete(name, tag, digest)? {
            Ok(ids) => gone.extend(ids.into_iter().map(|(digest, tag)| match tag {
                Some(tag) => json!({"imageDigest": digest, "imageTag": tag}),
                None => json!({"imageDigest": digest}),
            })),
            Err((code, reason)) => {
                failures.push(json!({"imageId": id, "failureCode": code, "failureReason": reason}))
            }
        }
    }
    Ok(json!({"imageIds": gone, "failures": failures}))
}

pub(super) fn storage_class(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = input.required("repositoryName")?;
    let id = input.0.get("imageId").cloned().unwrap_or_default();
    let target = input.required("targetStorageClass")?;
    let digest = match describe::named(state.find(name)?, &id) {
        Some(image) => image.digest.clone(),
        None => return Err(describe::image_not_found(state, name, &id)),
    };
    let now = state.clock.tick();
    let is_child = !state.find(name)?.parents(&digest).is_empty();
    if is_child && target == "ARCHIVE" && state.undocumented.child_archive_is_refused {
        return Err(Refusal::new(
            "ImageStorageClassUpdateNotSupportedException",
            format!("The image with digest '{digest}' is referenced by a manifest list"),
        ));
    }
    let restored_at = now.plus(Duration::from_secs(60 * state.undocumented.restore_minutes));
    let repository = state.find_mut(name)?;
    let Some(image) = repository.images.get_mut(&digest) else {
        return Ok(Value::Null);
    };
    match (target, image.storage) {
        ("ARCHIVE", Storage::Active) => {
            image.storage = Storage::Archived;
            image.archived_at = Some(now);
        }
        // `State::advance` ends it, or `State::finish_restores`.
        ("STANDARD", Storage::Archived) => {
            image.storage = Storage::Activating;
            image.restored_at = Some(restored_at);
        }
        ("ARCHIVE" | "STANDARD", _) => {}
        _ => {
            return Err(Refusal::parameter(
                "targetStorageClass",
                "Member must satisfy enum value set: [STANDARD, ARCHIVE]",
            ));
        }
    }
    let status = image.storage.word();
    Ok(
        json!({"registryId": state.account, "repositoryName": name, "imageId": {"imageDigest": digest}, "imageStatus": status}),
    )
}

impl State {
    /// Moves the virtual clock, and ends the restores from the archive that are due by then.
    pub fn advance(&mut self, duration: Duration) {
        self.clock.advance(duration);
        self.restore(Some(self.clock.now()));
    }

    /// Ends every restore from the archive that has begun.
    pub fn finish_restores(&mut self) {
        self.clock.tick();
        self.restore(None);
    }

    fn restore(&mut self, due: Option<Time>) {
        let now = self.clock.now();
        for image in self
            .repositories
            .values_mut()
            .flat_map(|repository| repository.images.values_mut())
        {
            let is_due = due.is_none_or(|due| image.restored_at.is_some_and(|at| at <= due));
            if image.storage == Storage::Activating && is_due {
                image.storage = Storage::Active;
                image.activated_at = Some(image.restored_at.filter(|at| *at <= now).unwrap_or(now));
            }
        }
    }
}
