//! The platform's keys: several for each purpose, one of them active.

mod material;
mod ring;

use std::fmt;

pub use self::material::{KeyHolder, KeyMaterial, KeyPurpose, generate_all};
use self::ring::Ring;
use crate::cvc::CvcKey;
use crate::digest::DigestKey;
use crate::index::LookupKey;
use crate::number::PanPermuter;
use crate::seal::{DataKey, SealError, Sealed, sealed_key_id};
use crate::secret::{Secret, SecretBytes};
use crate::token::TokenError;

/// Why keys make no keyring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// There is nothing to make new values with.
    #[error("No key for {0} has begun.")]
    NoActive(KeyPurpose),
    /// Two keys of one purpose have the same id.
    #[error("Two keys for {0} have the id {1}.")]
    DuplicateId(KeyPurpose, i64),
    /// Ids are positive; a data key's fits 32 bits.
    #[error("A key for {0} cannot have the id {1}.")]
    Id(KeyPurpose, i64),
    /// 16 bytes for card verification, else 32.
    #[error("The key {1} for {0} does not have the right length.")]
    Length(KeyPurpose, i64),
    /// The library refused the key; does not happen with one of the right length.
    #[error("The key {1} for {0} is refused.")]
    Refused(KeyPurpose, i64),
    /// A token holds keys for lookup and card verification alone.
    #[error("The key {1} for {0} cannot be in a token.")]
    Holder(KeyPurpose, i64),
    /// The token that holds it.
    #[error("The key {1} for {0}: {2}")]
    Token(KeyPurpose, i64, TokenError),
}

/// All keys, ready for use. New values are made with the active key of a purpose; what the others
/// made can be read.
pub struct Keyring {
    data: Ring<DataKey>,
    lookup: Ring<LookupKey>,
    card_verification: Ring<CvcKey>,
    number: Ring<PanPermuter>,
    digest: Ring<DigestKey>,
    audit: Ring<DigestKey>,
}

impl Keyring {
    /// Needs a key of each purpose that has begun by `now_us`, microseconds since 1970 UTC.
    pub fn from_keys(keys: &[KeyMaterial], now_us: i64) -> Result<Self, KeyringError> {
        Ok(Self {
            data: Ring::build(KeyPurpose::DataKey, keys, now_us, |key| {
                let id = u32::try_from(key.id).map_err(|_| key.error(KeyringError::Id))?;
                DataKey::new(id, &fixed(key)?).map_err(|_| key.error(KeyringError::Refused))
            })?,
            lookup: Ring::build(KeyPurpose::Lookup, keys, now_us, |key| match &key.holder {
                KeyHolder::Bytes(_) => Ok(LookupKey::new(key.id, &fixed(key)?)),
                KeyHolder::Token(token, label) => LookupKey::in_token(key.id, token, label)
                    .map_err(|error| KeyringError::Token(key.purpose, key.id, error)),
            })?,
            card_verification: Ring::build(KeyPurpose::CardVerification, keys, now_us, |key| {
                match &key.holder {
                    KeyHolder::Bytes(_) => Ok(CvcKey::new(fixed(key)?.expose())),
                    KeyHolder::Token(token, label) => CvcKey::in_token(token, label)
                        .map_err(|error| KeyringError::Token(key.purpose, key.id, error)),
                }
            })?,
            number: Ring::build(KeyPurpose::Number, keys, now_us, |key| {
                PanPermuter::new(&fixed(key)?).map_err(|_| key.error(KeyringError::Refused))
            })?,
            digest: Ring::build(KeyPurpose::Digest, keys, now_us, |key| {
                Ok(DigestKey::new(key.id, &fixed(key)?))
            })?,
            audit: Ring::build(KeyPurpose::Audit, keys, now_us, |key| {
                Ok(DigestKey::new(key.id, &fixed(key)?))
            })?,
        })
    }

    /// Seals with the active data key; see [`DataKey::seal`].
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Result<Sealed, SealError> {
        self.data.active().1.seal(aad, plain)
    }

    /// Opens with the data key that the value names; see [`DataKey::open`].
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<SecretBytes, SealError> {
        let id = sealed_key_id(sealed)?;
        self.data.get(i64::from(id)).ok_or(SealError::UnknownKey(id))?.open(aad, sealed)
    }

    /// The id of the data key that seals new values.
    #[must_use]
    pub const fn active_data_key_id(&self) -> u32 {
        self.data.active().1.id()
    }

    /// The key that indexes new cards.
    #[must_use]
    pub const fn lookup(&self) -> (i64, &LookupKey) {
        self.lookup.active()
    }

    /// All keys that cards may be indexed by, the active one first.
    pub fn lookups(&self) -> impl Iterator<Item = (i64, &LookupKey)> {
        self.lookup.all()
    }

    /// The key of a card's verification code, by the id that stands with the card.
    #[must_use]
    pub fn cvc_key(&self, id: i64) -> Option<&CvcKey> {
        self.card_verification.get(id)
    }

    /// The key of new cards' verification codes.
    #[must_use]
    pub const fn active_cvc_key(&self) -> (i64, &CvcKey) {
        self.card_verification.active()
    }

    /// The permutation of a card number range, by the id that stands with the range: a range
    /// keeps the one that it began with.
    #[must_use]
    pub fn permuter(&self, id: i64) -> Option<&PanPermuter> {
        self.number.get(id)
    }

    /// The permutation of new ranges.
    #[must_use]
    pub const fn active_permuter(&self) -> (i64, &PanPermuter) {
        self.number.active()
    }

    /// The key of new digests.
    #[must_use]
    pub const fn digest_key(&self) -> &DigestKey {
        self.digest.active().1
    }

    /// All keys that digests may have been made with, the active one first.
    pub fn digest_keys(&self) -> impl Iterator<Item = &DigestKey> {
        self.digest.all().map(|(_, key)| key)
    }

    /// The key that seals the operation log now.
    #[must_use]
    pub const fn active_audit_key(&self) -> &DigestKey {
        self.audit.active().1
    }

    /// The key of an earlier seal of the operation log, by the id that stands with it.
    #[must_use]
    pub fn audit_key(&self, id: i64) -> Option<&DigestKey> {
        self.audit.get(id)
    }

    /// Whether a key that calls use is in a token.
    #[must_use]
    pub fn is_in_token(&self) -> bool {
        self.lookup.all().any(|(_, key)| key.is_in_token())
            || self.card_verification.all().any(|(_, key)| key.is_in_token())
    }

    /// Sees whether the token works that holds keys in use: each is asked once. Blocks.
    pub fn probe(&self) -> Result<(), TokenError> {
        for (_, key) in self.lookup.all() {
            key.probe()?;
        }
        self.active_cvc_key().1.probe()
    }

    /// The id of the key that makes new values for this purpose.
    #[must_use]
    pub const fn active_id(&self, purpose: KeyPurpose) -> i64 {
        match purpose {
            KeyPurpose::DataKey => self.data.active().0,
            KeyPurpose::Lookup => self.lookup.active().0,
            KeyPurpose::CardVerification => self.card_verification.active().0,
            KeyPurpose::Number => self.number.active().0,
            KeyPurpose::Digest => self.digest.active().0,
            KeyPurpose::Audit => self.audit.active().0,
        }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(..)")
    }
}

fn fixed<const N: usize>(key: &KeyMaterial) -> Result<Secret<[u8; N]>, KeyringError> {
    match &key.holder {
        KeyHolder::Bytes(bytes) => {
            let bytes = bytes.expose().as_slice().try_into();
            bytes.map(Secret::new).map_err(|_| key.error(KeyringError::Length))
        }
        KeyHolder::Token(..) => Err(key.error(KeyringError::Holder)),
    }
}

#[cfg(test)]
mod tests;
