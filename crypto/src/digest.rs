//! Keyed digests, as of a request's body: a bare hash of a card number could be guessed.

use std::fmt;

use aws_lc_rs::hmac;

use crate::frame;
use crate::secret::Secret;

/// The platform's key of digests.
pub struct DigestKey {
    id: i64,
    key: hmac::Key,
}

impl DigestKey {
    /// `id` names the key beside the digests that it made.
    #[must_use]
    pub fn new(id: i64, key: &Secret<[u8; 32]>) -> Self {
        Self { id, key: hmac::Key::new(hmac::HMAC_SHA256, key.expose()) }
    }

    /// The key's id.
    #[must_use]
    pub const fn id(&self) -> i64 {
        self.id
    }

    /// HMAC-SHA-256 of the parts, each framed with its length. `domain` names the use, so that
    /// digests of different uses never meet.
    #[must_use]
    pub fn digest(&self, domain: &str, parts: &[&[u8]]) -> [u8; 32] {
        frame::mac(&self.key, domain, parts)
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigestKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// SHA-256 of a text as it goes by: for what is no secret, such as a file.
pub struct Sha256(aws_lc_rs::digest::Context);

impl Default for Sha256 {
    fn default() -> Self {
        Self(aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256))
    }
}

impl Sha256 {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes taken.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        let mut digest = [0; 32];
        for (to, from) in digest.iter_mut().zip(self.0.finish().as_ref()) {
            *to = *from;
        }
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depends_on_key_domain_and_the_cut_between_parts() {
        let key = |byte| DigestKey::new(1, &Secret::new([byte; 32]));
        let digest = key(1).digest("replay", &[b"ab", b"c"]);
        assert_eq!(digest, key(1).digest("replay", &[b"ab", b"c"]));
        assert_ne!(digest, key(2).digest("replay", &[b"ab", b"c"]));
        assert_ne!(digest, key(1).digest("other", &[b"ab", b"c"]));
        assert_ne!(digest, key(1).digest("replay", &[b"a", b"bc"]));
        assert_ne!(digest, key(1).digest("replay", &[b"abc"]));
    }

    #[test]
    fn debug_shows_no_key() {
        let key = DigestKey::new(7, &Secret::new([1; 32]));
        assert_eq!(format!("{key:?}"), "DigestKey { id: 7, .. }");
    }
}
