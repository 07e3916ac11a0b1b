//! Blobs: mounting them from another repository, and upload sessions.

use bytes::Bytes;

use crate::content::digest;
use crate::refusal::Refusal;
use crate::state::State;
use crate::state::Storage;
use crate::state::Upload;
use crate::state::repository::Blob;

/// What became of a request to mount.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mount {
    /// The blob is in the target now, or was before.
    Mounted,
    /// Not mounted, and an upload session was opened instead; its id.
    Declined(String),
}

impl State {
    /// Mounts a blob into `target`, or opens an upload session where a condition of UG "Blob mounting in Amazon ECR"
    /// does not hold.
    pub(crate) fn mount(
        &mut self,
        target: &str,
        digest: &str,
        from: &str,
    ) -> Result<Mount, Refusal> {
        if self.find(target)?.blobs.contains_key(digest) {
            return Ok(Mount::Mounted);
        }
        let denied =
            crate::permissions::check(self, "ecr:GetDownloadUrlForLayer", Some(from)).err();
        if let Some(refusal) = denied
            && self.undocumented.mount_without_permission_is_denied
        {
            return Err(refusal);
        }
        let may_read =
            crate::permissions::check(self, "ecr:GetDownloadUrlForLayer", Some(from)).is_ok();
        let Some(blob) = self.mountable(target, digest, from).filter(|_| may_read) else {
            self.counters.declined += 1;
            return self.open_upload(target).map(Mount::Declined);
        };
        self.find_mut(target)?.blobs.insert(digest.to_owned(), blob);
        self.counters.mounted += 1;
        self.clock.tick();
        Ok(Mount::Mounted)
    }

    fn mountable(&self, target: &str, digest: &str, from: &str) -> Option<Blob> {
        let enabled = self
            .settings
            .get("BLOB_MOUNTING")
            .is_some_and(|value| value == "ENABLED");
        let target = self.repositories.get(target)?;
        let source = self.repositories.get(from)?;
        let committed = source.images.values().any(|image| {
            image.storage == Storage::Active
                && image
                    .manifest
                    .blobs
                    .iter()
                    .any(|blob| blob.digest == digest)
        });
        let allowed = enabled
            && committed
            && !source.pull_through
            && source.encryption == target.encryption
            && source.account == target.account;
        allowed.then(|| source.blobs.get(digest).cloned()).flatten()
    }

    /// Opens an upload session and gives its id.
    pub(crate) fn open_upload(&mut self, repository: &str) -> Result<String, Refusal> {
        self.find(repository)?;
        let id = self.next_uuid("upload");
        self.uploads.insert(
            id.clone(),
            Upload {
                repository: repository.to_owned(),
                ..Upload::default()
            },
        );
        self.counters.sessions += 1;
        Ok(id)
    }

    /// The session of this id, if it belongs to the repository.
    pub(crate) fn upload(&mut self, repository: &str, id: &str) -> Result<&mut Upload, Refusal> {
        self.find(repository)?;
        let missing = Refusal::new(
            "UploadNotFoundException",
            format!(
                "The upload with id '{id}' could not be found in the repository with name '{repository}'"
            ),
        );
        self.uploads
            .get_mut(id)
            .filter(|upload| upload.repository == repository)
            .ok_or(missing)
    }

    /// Adds bytes to a session and gives how many it has now.
    pub(crate) fn append(
        &mut self,
        repository: &str,
        id: &str,
        bytes: &Bytes,
    ) -> Result<usize, Refusal> {
        let upload = self.upload(repository, id)?;
        upload.bytes.extend_from_slice(bytes);
        upload.parts.push(bytes.len());
        Ok(upload.bytes.len())
    }

    /// Ends a session: its bytes become a blob if they have the digest.
    pub(crate) fn complete(
        &mut self,
        repository: &str,
        id: &str,
        wanted: &str,
    ) -> Result<(), Refusal> {
        let upload = self.upload(repository, id)?;
        let calculated = digest(&upload.bytes);
        if calculated != wanted {
            return Err(Refusal::new(
                "InvalidLayerException",
                format!(
                    "The layer digest '{wanted}' does not match the calculated digest '{calculated}'"
                ),
            ));
        }
        let bytes = Bytes::from(std::mem::take(&mut upload.bytes));
        self.uploads.remove(id);
        let length = bytes.len() as u64;
        let origin = self.next();
        let blobs = &mut self.find_mut(repository)?.blobs;
        if blobs.contains_key(wanted) {
            return Err(Refusal::new(
                "LayerAlreadyExistsException",
                format!(
                    "Layer with digest '{wanted}' already exists in the repository with name '{repository}'"
                ),
            ));
        }
        blobs.insert(wanted.to_owned(), Blob { bytes, origin });
        self.counters.uploaded += 1;
        self.counters.uploaded_bytes += length;
        self.clock.tick();
        Ok(())
    }

    /// The bytes of a blob.
    pub(crate) fn blob(&self, repository: &str, digest: &str) -> Result<Bytes, Refusal> {
        let blob = self.find(repository)?.blobs.get(digest);
        blob.map(|blob| blob.bytes.clone()).ok_or_else(|| {
            Refusal::new(
                "LayersNotFoundException",
                format!("Layers with digests '[{digest}]' do not exist in the repository with name '{repository}'"),
            )
        })
    }

    /// A URL to read a blob from without authorization, as a presigned S3 URL is.
    pub(crate) fn presigned(&self, repository: &str, digest: &str) -> String {
        let signature = self.signature(repository, digest);
        format!(
            "{}/storage/{repository}/{digest}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=3600&X-Amz-Signature={signature}",
            self.storage_url
        )
    }

    pub(crate) fn signature(&self, repository: &str, digest: &str) -> String {
        crate::content::drawn_text(&["presigned", &self.seed.to_string(), repository, digest])
    }
}
