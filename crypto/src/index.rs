//! Blind index: finds a card by its number without storing the number.

use std::fmt;

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::frame;
use crate::pan::Pan;
use crate::secret::Secret;
use crate::token::{Kind, Token, TokenError, TokenKey};

/// The key of a blind index.
pub struct LookupKey {
    id: i64,
    holder: Holder,
}

/// What an index is made under.
const DOMAIN: &str = "platen.pan-index.v1";
/// Of [`LookupKey::probe`]: it makes no index.
const PROBE: &str = "platen.probe.v1";

#[expect(clippy::large_enum_variant, reason = "keys are few, and those in memory are the rule")]
enum Holder {
    Memory(hmac::Key),
    Token(TokenKey),
}

impl LookupKey {
    /// `id` names the key beside the indexes that it made.
    #[must_use]
    pub fn new(id: i64, key: &Secret<[u8; 32]>) -> Self {
        Self { id, holder: Holder::Memory(hmac::Key::new(hmac::HMAC_SHA256, key.expose())) }
    }

    /// The generic secret of this label in a token.
    pub fn in_token(id: i64, token: &Token, label: &str) -> Result<Self, TokenError> {
        Ok(Self { id, holder: Holder::Token(TokenKey::find(token, label, Kind::Hmac)?) })
    }

    /// The key's id.
    #[must_use]
    pub const fn id(&self) -> i64 {
        self.id
    }

    /// HMAC-SHA-256 of partner and number: equal for equal cards of one partner, unrelated
    /// between partners, and not to be guessed without the key. Fails, and may block, only where
    /// the key is in a token.
    pub fn pan_index(&self, asp_id: &str, pan: &Pan) -> Result<[u8; 32], TokenError> {
        let parts = [asp_id.as_bytes(), pan.reveal().as_bytes()];
        match &self.holder {
            Holder::Memory(key) => Ok(frame::mac(key, DOMAIN, &parts)),
            Holder::Token(key) => key.hmac(&Zeroizing::new(frame::encode(DOMAIN, &parts))),
        }
    }

    /// Sees whether the token of this key works; of a key in memory it is not asked.
    pub(crate) fn probe(&self) -> Result<(), TokenError> {
        match &self.holder {
            Holder::Memory(_) => Ok(()),
            Holder::Token(key) => key.hmac(&frame::encode(PROBE, &[])).map(drop),
        }
    }

    /// Whether it is in a token.
    pub(crate) const fn is_in_token(&self) -> bool {
        match self.holder {
            Holder::Memory(_) => false,
            Holder::Token(_) => true,
        }
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
        assert!(index.is_ok());
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
