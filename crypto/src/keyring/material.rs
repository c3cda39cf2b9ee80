//! Keys as they are stored: bytes with an id, a purpose and the moment from which they are used.

use std::fmt;

use super::KeyringError;
use crate::frame;
use crate::random;
use crate::seal::{MasterKey, SealError};
use crate::secret::{Secret, SecretBytes};

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
    /// 16 bytes for card verification, else 32.
    pub bytes: SecretBytes,
}

impl KeyMaterial {
    /// A new key.
    #[must_use]
    pub fn generate(id: i64, purpose: KeyPurpose, active_from_us: i64) -> Self {
        let mut bytes = vec![0; purpose.key_bytes()];
        random::fill(&mut bytes);
        Self { id, purpose, active_from_us, bytes: Secret::new(bytes) }
    }

    /// The key under the master key, bound to its purpose and id.
    pub fn wrap(&self, master: &MasterKey) -> Result<Vec<u8>, SealError> {
        master.wrap(&wrap_purpose(self.purpose, self.id), self.bytes.expose())
    }

    /// The reverse of [`Self::wrap`]: the key of this purpose and id.
    pub fn unwrap(
        master: &MasterKey,
        purpose: KeyPurpose,
        id: i64,
        active_from_us: i64,
        wrapped: &[u8],
    ) -> Result<Self, SealError> {
        let bytes = master.unwrap(&wrap_purpose(purpose, id), wrapped)?;
        Ok(Self { id, purpose, active_from_us, bytes })
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

fn wrap_purpose(purpose: KeyPurpose, id: i64) -> Vec<u8> {
    frame::encode("platen.key.v1", &[purpose.name().as_bytes(), &id.to_be_bytes()])
}
