//! Bytes and their digests: layers made up from a seed, and sha256 in the form registries write it.

use bytes::Bytes;
use sha2::Digest as _;
use sha2::Sha256;

/// The digest of some bytes, `sha256:<64 hex>`.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// Whether the text has the form `sha256:<64 lower-case hex>`.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64
            && hex
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

/// The bytes of a layer: the same seed and size give the same bytes on every machine, so equal seeds are shared blobs.
pub fn layer(seed: &str, size: usize) -> Bytes {
    let start = Sha256::digest(seed.as_bytes());
    let mut word = start
        .iter()
        .fold(0u64, |word, byte| word.rotate_left(8) ^ u64::from(*byte))
        | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes.truncate(size);
    Bytes::from(bytes)
}

/// Hexadecimal text, lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A text that looks random, the same for the same parts: identifiers and passwords of a reproducible run.
pub(crate) fn drawn_text(parts: &[&str]) -> String {
    hex(&Sha256::digest(parts.join("\n").as_bytes()))
}

/// An identifier in the form of a UUID, the same for the same parts.
pub(crate) fn drawn_uuid(parts: &[&str]) -> String {
    let text = drawn_text(parts);
    let piece = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{}-{}-{}",
        piece(0, 8),
        piece(8, 12),
        piece(12, 16),
        piece(16, 20),
        piece(20, 32)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_layers() {
        assert_eq!(layer("base", 1000), layer("base", 1000));
        assert_ne!(layer("base", 1000), layer("other", 1000));
        assert_eq!(layer("base", 1001).len(), 1001);
    }

    #[test]
    fn a_digest_is_lower_case_sha256() {
        assert_eq!(
            digest(b""),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert!(is_digest(&digest(b"")));
        assert!(!is_digest("sha256:E3"));
        assert!(!is_digest("aaaa"));
    }
}
