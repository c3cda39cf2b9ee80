//! Unambiguous encoding of several values as the input of one MAC or one AAD.
//!
//! The domain and each part go in as their length (eight bytes, big-endian) and their bytes, so
//! that `("ab", "c")` and `("a", "bc")` differ, and so do two uses of one key.

use aws_lc_rs::hmac;

/// HMAC-SHA-256 over the framed `domain` and `parts`. Streams, so that no copy of a secret part
/// is left behind.
pub(crate) fn mac(key: &hmac::Key, domain: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    for part in framed(domain, parts) {
        context.update(&length(part));
        context.update(part);
    }
    let mut tag = [0; 32];
    tag.copy_from_slice(context.sign().as_ref());
    tag
}

/// The framed `domain` and `parts` as bytes. Where a part is secret, the bytes are to be wiped;
/// none of them was anywhere else.
pub(crate) fn encode(domain: &str, parts: &[&[u8]]) -> Vec<u8> {
    // Grown, it would leave copies behind.
    let mut bytes = Vec::with_capacity(framed(domain, parts).map(|part| 8 + part.len()).sum());
    for part in framed(domain, parts) {
        bytes.extend_from_slice(&length(part));
        bytes.extend_from_slice(part);
    }
    bytes
}

fn framed<'a>(domain: &'a str, parts: &'a [&'a [u8]]) -> impl Iterator<Item = &'a [u8]> {
    std::iter::once(domain.as_bytes()).chain(parts.iter().copied())
}

const fn length(part: &[u8]) -> [u8; 8] {
    (part.len() as u64).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cannot_be_shifted() {
        assert_ne!(encode("d", &[b"ab", b"c"]), encode("d", &[b"a", b"bc"]));
        assert_ne!(encode("d", &[b"ab"]), encode("da", &[b"b"]));
        assert_ne!(encode("d", &[]), encode("d", &[b""]));
    }

    #[test]
    fn mac_is_over_the_encoding() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let whole = hmac::sign(&key, &encode("d", &[b"ab", b"", b"c"]));
        assert_eq!(whole.as_ref(), mac(&key, "d", &[b"ab", b"", b"c"]));
    }
}
