//! Keys as rows: wrapped under the master key.

use crypto::keyring::{KeyMaterial, KeyPurpose, Keyring};
use crypto::seal::{MasterKey, SealError};
use crypto::token::TokenError;
use domain::Timestamp;
use store::Tx;
use store::tables::PLATFORM;

use super::{KeysError, Made, broken, refused};

/// A key.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// What it is for.
    pub purpose: KeyPurpose,
    /// Its number within the purpose.
    pub id: i64,
    /// Whether it is gone.
    pub is_retired: bool,
    /// When it begins to make new values.
    pub active_from: Timestamp,
    /// Where it is in a token: its label there.
    pub token_label: Option<String>,
    /// Itself or its label, wrapped; empty where it is retired.
    pub(super) wrapped: Vec<u8>,
}

/// All keys, by purpose and number.
pub fn read(tx: &mut Tx<'_>) -> Made<Vec<KeyRow>> {
    let rows = tx.query(
        "SELECT purpose, key_id, state, wrapped, active_from, token_label FROM platform_key
         WHERE asp_id = $1 ORDER BY purpose, key_id",
        &[PLATFORM.into()],
    )?;
    let mut keys = Vec::new();
    for mut row in rows {
        let unknown = KeysError::Broken("a key of unknown kind".to_owned());
        let Some(purpose) = KeyPurpose::from_name(row.text(0)?) else { return refused(unknown) };
        keys.push(KeyRow {
            purpose,
            id: row.int(1)?,
            is_retired: row.text(2)? == "RETIRED",
            active_from: Timestamp(row.int(4)?),
            wrapped: row.take_blob(3)?,
            token_label: row.take_opt_text(5)?,
        });
    }
    Ok(keys)
}

impl KeyRow {
    /// The key itself.
    pub(super) fn unwrap(&self, master: &MasterKey) -> Made<KeyMaterial> {
        self.opened(master).or_else(broken)
    }

    fn opened(&self, master: &MasterKey) -> Result<KeyMaterial, SealError> {
        let (from, wrapped) = (self.active_from.0, &self.wrapped);
        match &self.token_label {
            None => KeyMaterial::unwrap(master, self.purpose, self.id, from, wrapped),
            Some(label) => {
                let which = (self.purpose, self.id);
                KeyMaterial::in_token(master, which, from, wrapped, label)
            }
        }
    }
}

/// Whether these keys are wrapped under this master key; of none it cannot be told. An error where
/// the token that holds the master key does not say.
pub fn are_under(rows: &[KeyRow], master: &MasterKey) -> Result<bool, TokenError> {
    let Some(first) = rows.iter().find(|row| !row.is_retired) else { return Ok(true) };
    match first.opened(master) {
        // That it names a key in a token was seen by opening it.
        Ok(_) | Err(SealError::Token(TokenError::NotNamed(_))) => Ok(true),
        Err(SealError::Token(error)) => Err(error),
        Err(
            SealError::MasterKey
            | SealError::TooLong
            | SealError::Form
            | SealError::UnknownKey(_)
            | SealError::DoesNotOpen
            | SealError::NotSealed,
        ) => Ok(false),
    }
}

/// The keys that are not retired.
pub(super) fn unwrapped(rows: &[KeyRow], master: &MasterKey) -> Made<Vec<KeyMaterial>> {
    rows.iter().filter(|row| !row.is_retired).map(|row| row.unwrap(master)).collect()
}

/// Whether the same keys are in use at `now` as before.
pub(super) fn are_in_use(rows: &[KeyRow], ring: &Keyring, now: Timestamp) -> bool {
    KeyPurpose::ALL.into_iter().all(|purpose| {
        active(rows, purpose, now).is_some_and(|row| row.id == ring.active_id(purpose))
    })
}

/// The key that makes new values at `now`.
pub fn active(rows: &[KeyRow], purpose: KeyPurpose, now: Timestamp) -> Option<&KeyRow> {
    let begun = rows
        .iter()
        .filter(|row| row.purpose == purpose && !row.is_retired && row.active_from <= now);
    begun.max_by_key(|row| (row.active_from, row.id))
}

/// Adds a key; one that is there already stays.
pub fn insert(tx: &mut Tx<'_>, key: &KeyMaterial, master: &MasterKey) -> Made<()> {
    let wrapped = key.wrap(master).or_else(broken)?;
    tx.execute(
        "INSERT INTO platform_key (asp_id, purpose, key_id, state, wrapped, active_from,
             token_label)
         VALUES ($1, $2, $3, 'ACTIVE', $4, $5, $6)
         ON CONFLICT (asp_id, purpose, key_id) DO NOTHING",
        &[
            PLATFORM.into(),
            key.purpose.name().into(),
            key.id.into(),
            wrapped.as_slice().into(),
            key.active_from_us.into(),
            key.label().into(),
        ],
    )?;
    Ok(())
}
