//! Keys as they are stored: bytes with an id, a purpose and the moment from which they are used.

use std::fmt;

use super::KeyringError;
use crate::frame;
use crate::random;
use crate::seal::{MasterKey, SealError};
use crate::secret::{Secret, SecretBytes};
use crate::token::{Token, TokenError};

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyPurpose {
    /// Seals values at rest.
    DataKey,
    /// Indexes card numbers.
    Lookup,
    /// Makes card verification codes.
    CardVerification,
    /// Permutes serials into card numbers.
    Number,
    /// Digests requests.
    Digest,
    /// Seals the operation log into its chain.
    Audit,
}

impl KeyPurpose {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::DataKey,
        Self::Lookup,
        Self::CardVerification,
        Self::Number,
        Self::Digest,
        Self::Audit,
    ];

    /// The name in tables and settings; does not change.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DataKey => "data_key",
            Self::Lookup => "lookup",
            Self::CardVerification => "card_verification",
            Self::Number => "number",
            Self::Digest => "digest",
            Self::Audit => "audit",
        }
    }

    /// The reverse of [`Self::name`].
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }

    const fn key_bytes(self) -> usize {
        match self {
            Self::CardVerification => 16,
            Self::DataKey | Self::Lookup | Self::Number | Self::Digest | Self::Audit => 32,
        }
    }
}

impl fmt::Display for KeyPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A key as it is stored.
#[derive(Debug, Clone)]
pub struct KeyMaterial {
    /// Positive; a data key's at most 4294967295. Unique within the purpose.
    pub id: i64,
    /// What the key is for.
    pub purpose: KeyPurpose,
    /// When it begins to make new values, microseconds since 1970 UTC: of those that have begun,
    /// the one that began last does.
    pub active_from_us: i64,
    /// Where it is.
    pub holder: KeyHolder,
}

/// Where a key is.
#[derive(Debug, Clone)]
pub enum KeyHolder {
    /// Here: 16 bytes for card verification, else 32.
    Bytes(SecretBytes),
    /// In a token, by its label; for lookup and card verification alone.
    Token(Token, String),
}

impl KeyMaterial {
    /// A new key.
    #[must_use]
    pub fn generate(id: i64, purpose: KeyPurpose, active_from_us: i64) -> Self {
        let mut bytes = vec![0; purpose.key_bytes()];
        random::fill(&mut bytes);
        Self { id, purpose, active_from_us, holder: KeyHolder::Bytes(Secret::new(bytes)) }
    }

    /// The key under the master key, bound to its purpose and id. Of a key in a token, its label:
    /// who can write the database cannot name another one.
    pub fn wrap(&self, master: &MasterKey) -> Result<Vec<u8>, SealError> {
        match &self.holder {
            KeyHolder::Bytes(bytes) => {
                master.wrap(&bound(HERE, self.purpose, self.id), bytes.expose())
            }
            KeyHolder::Token(_, label) => {
                master.wrap(&bound(IN_TOKEN, self.purpose, self.id), label.as_bytes())
            }
        }
    }

    /// The key itself, where it is in no token.
    #[must_use]
    pub const fn bytes(&self) -> Option<&SecretBytes> {
        match &self.holder {
            KeyHolder::Bytes(bytes) => Some(bytes),
            KeyHolder::Token(..) => None,
        }
    }

    /// The key's label in its token.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        match &self.holder {
            KeyHolder::Bytes(_) => None,
            KeyHolder::Token(_, label) => Some(label),
        }
    }

    /// The reverse of [`Self::wrap`]: the key of this purpose and id.
    pub fn unwrap(
        master: &MasterKey,
        purpose: KeyPurpose,
        id: i64,
        active_from_us: i64,
        wrapped: &[u8],
    ) -> Result<Self, SealError> {
        let bytes = master.unwrap(&bound(HERE, purpose, id), wrapped)?;
        Ok(Self { id, purpose, active_from_us, holder: KeyHolder::Bytes(bytes) })
    }

    /// The same of a key that is in the token beside the master key, and was named so.
    pub fn in_token(
        master: &MasterKey,
        (purpose, id): (KeyPurpose, i64),
        active_from_us: i64,
        wrapped: &[u8],
        label: &str,
    ) -> Result<Self, SealError> {
        let named = master.unwrap(&bound(IN_TOKEN, purpose, id), wrapped)?;
        if named.expose() != label.as_bytes() {
            return Err(SealError::DoesNotOpen);
        }
        let token = master.token().ok_or_else(|| TokenError::NotNamed(label.to_owned()))?.clone();
        let holder = KeyHolder::Token(token, label.to_owned());
        Ok(Self { id, purpose, active_from_us, holder })
    }

    pub(super) fn error(&self, kind: fn(KeyPurpose, i64) -> KeyringError) -> KeyringError {
        kind(self.purpose, self.id)
    }
}

/// A fresh set: one key of each purpose, in use from the beginning, ids from 1 on.
#[must_use]
pub fn generate_all() -> Vec<KeyMaterial> {
    (1..).zip(KeyPurpose::ALL).map(|(id, purpose)| KeyMaterial::generate(id, purpose, 0)).collect()
}

/// What is wrapped is the key.
const HERE: &str = "platen.key.v1";
/// What is wrapped is the label of a key in a token; a label is never taken for a key.
const IN_TOKEN: &str = "platen.key-label.v1";

fn bound(what: &str, purpose: KeyPurpose, id: i64) -> Vec<u8> {
    frame::encode(what, &[purpose.name().as_bytes(), &id.to_be_bytes()])
}
