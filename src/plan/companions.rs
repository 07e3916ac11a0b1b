//! What belongs to an image by its tag alone: cosign keeps signatures, attestations and SBOMs under `sha256-<hex>.sig`, `.att` and
//! `.sbom`, and the fallback of registries without the referrers API is `sha256-<hex>` (Open Container Initiative distribution
//! specification, "Referrers Tag Schema").

use crate::model::digest::Digest;

/// The suffixes that a companion of a protected image may carry.
const SUFFIXES: [&str; 4] = ["", ".sig", ".att", ".sbom"];

/// The tags under which companions of an image are kept.
pub(super) fn tags(digest: &Digest) -> impl Iterator<Item = String> {
    let base = digest.as_str().replace(':', "-");
    SUFFIXES.iter().map(move |suffix| format!("{base}{suffix}"))
}

/// The image that a tag says its image belongs to. Any suffix counts: tools add their own.
pub(super) fn subject(tag: &str) -> Option<Digest> {
    let rest = tag.strip_prefix("sha256-")?;
    let (hex, suffix) = rest.split_at_checked(64)?;
    if !suffix.is_empty() && !suffix.starts_with('.') {
        return None;
    }
    format!("sha256:{hex}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_companions_tag_names_its_image() {
        let digest = Digest::of(b"image");
        for tag in tags(&digest) {
            assert_eq!(subject(&tag).as_ref(), Some(&digest), "{tag}");
        }
        let other = format!("sha256-{}.vex", digest.hex());
        assert_eq!(subject(&other).as_ref(), Some(&digest));
        let short = &other[..70];
        for tag in ["v1", "sha256-abc.sig", short, &format!("{}x", &other[..71])] {
            assert_eq!(subject(tag), None, "{tag}");
        }
    }
}
