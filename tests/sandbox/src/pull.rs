//! Pulls an image as a container runtime does: the manifest, its children, every blob; every digest is checked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::Error;
use crate::content::digest;
use crate::content::is_digest;
use crate::http::send;
use crate::manifest::Manifest;
use crate::manifest::media_type;

/// What was pulled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pulled {
    /// The digest of the top manifest.
    pub digest: String,
    /// How many manifests were read.
    pub manifests: usize,
    /// How many blobs were read.
    pub blobs: usize,
    /// The bytes of all of them.
    pub bytes: u64,
}

/// Pulls `repository` by tag or digest from the registry at `url`, with a password of the user `AWS`.
///
/// # Errors
/// What could not be read, or is not what its digest says.
pub fn pull(url: &str, password: &str, repository: &str, reference: &str) -> Result<Pulled, Error> {
    let authorization = format!("Basic {}", STANDARD.encode(format!("AWS:{password}")));
    let mut pulled = Pulled::default();
    let mut waiting = vec![reference.to_owned()];
    while let Some(reference) = waiting.pop() {
        let path = format!("{url}/v2/{repository}/manifests/{reference}");
        let accept = media_type::ALL.join(", ");
        let answer = send(
            "GET",
            &path,
            &[("authorization", &authorization), ("accept", &accept)],
            "",
        )?;
        if answer.status != 200 {
            return Err(Error::new(format!(
                "{repository}:{reference}: {} {}",
                answer.status,
                text(&answer.body)
            )));
        }
        let found = digest(&answer.body);
        if is_digest(&reference) && found != reference {
            return Err(Error::new(format!(
                "{repository}@{reference}: the bytes have the digest {found}"
            )));
        }
        let manifest = Manifest::parse(&answer.body).map_err(Error::new)?;
        pulled.manifests += 1;
        pulled.bytes += answer.body.len() as u64;
        if pulled.digest.is_empty() {
            pulled.digest = found;
        }
        for blob in &manifest.blobs {
            let bytes = read_blob(url, &authorization, repository, &blob.digest)?;
            pulled.blobs += 1;
            pulled.bytes += bytes.len() as u64;
        }
        waiting.extend(manifest.children);
    }
    Ok(pulled)
}

/// Reads a blob. The password is not sent along to where the registry redirects.
fn read_blob(
    url: &str,
    authorization: &str,
    repository: &str,
    wanted: &str,
) -> Result<Bytes, Error> {
    let path = format!("{url}/v2/{repository}/blobs/{wanted}");
    let mut answer = send("GET", &path, &[("authorization", authorization)], "")?;
    if let (307, Some(location)) = (answer.status, answer.header("location").map(str::to_owned)) {
        answer = send("GET", &location, &[], "")?;
    }
    if answer.status != 200 {
        return Err(Error::new(format!(
            "blob {wanted} of {repository}: {} {}",
            answer.status,
            text(&answer.body)
        )));
    }
    if digest(&answer.body) != wanted {
        return Err(Error::new(format!(
            "blob {wanted} of {repository}: the bytes have another digest"
        )));
    }
    Ok(answer.body)
}

fn text(body: &Bytes) -> String {
    String::from_utf8_lossy(body).trim().to_owned()
}
