//! Blind index: finds a card by its number without storing the number.

use std::fmt;

use aws_lc_rs::hmac;

use crate::frame;
use crate::pan::Pan;
use crate::secret::Secret;

/// The key of a blind index.
pub struct LookupKey {
    id: i64,
    key: hmac::Key,
}

impl LookupKey {
    /// `id` names the key beside the indexes that it made.
    #[must_use]
    pub fn new(id: i64, key: &Secret<[u8; 32]>) -> Self {
        Self { id, key: hmac::Key::new(hmac::HMAC_SHA256, key.expose()) }
    }

    /// The key's id.
    #[must_use]
    pub const fn id(&self) -> i64 {
        self.id
    }

    /// HMAC-SHA-256 of partner and number: equal for equal cards of one partner, unrelated
    /// between partners, and not to be guessed without the key.
    #[must_use]
    pub fn pan_index(&self, asp_id: &str, pan: &Pan) -> [u8; 32] {
        let parts = [asp_id.as_bytes(), pan.reveal().as_bytes()];
        frame::mac(&self.key, "platen.pan-index.v1", &parts)
    }
}

impl fmt::Debug for LookupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LookupKey").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depends_on_key_partner_and_number() {
        let key = |byte| LookupKey::new(1, &Secret::new([byte; 32]));
        let pan = Pan::parse("9491339401250765").unwrap();
        let other = Pan::from_payload("949133940125077").unwrap();
        let index = key(1).pan_index("000170000000000", &pan);
        assert_eq!(index, key(1).pan_index("000170000000000", &pan));
        assert_ne!(index, key(2).pan_index("000170000000000", &pan));
        assert_ne!(index, key(1).pan_index("000170000000001", &pan));
        assert_ne!(index, key(1).pan_index("000170000000000", &other));
    }

    #[test]
    fn debug_shows_no_key() {
        let key = LookupKey::new(7, &Secret::new([1; 32]));
        assert_eq!(format!("{key:?}"), "LookupKey { id: 7, .. }");
    }
}
