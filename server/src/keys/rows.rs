//! Keys as rows: wrapped under the master key.

use crypto::keyring::{KeyMaterial, KeyPurpose, Keyring};
use crypto::seal::MasterKey;
use domain::Timestamp;
use store::Tx;
use store::tables::PLATFORM;

use super::{KeysError, Made, broken, refused};

/// A key.
pub struct KeyRow {
    /// What it is for.
    pub purpose: KeyPurpose,
    /// Its number within the purpose.
    pub id: i64,
    /// Whether it is gone.
    pub is_retired: bool,
    /// When it begins to make new values.
    pub active_from: Timestamp,
    /// Itself, wrapped; empty where it is retired.
    pub(super) wrapped: Vec<u8>,
}

/// All keys, by purpose and number.
pub fn read(tx: &mut Tx<'_>) -> Made<Vec<KeyRow>> {
    let rows = tx.query(
        "SELECT purpose, key_id, state, wrapped, active_from FROM platform_key
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
        });
    }
    Ok(keys)
}

impl KeyRow {
    /// The key itself.
    pub(super) fn unwrap(&self, master: &MasterKey) -> Made<KeyMaterial> {
        let from = self.active_from.0;
        KeyMaterial::unwrap(master, self.purpose, self.id, from, &self.wrapped).or_else(broken)
    }
}

/// Whether these keys are wrapped under this master key; of none it cannot be told.
pub fn are_under(rows: &[KeyRow], master: &MasterKey) -> bool {
    let first = rows.iter().find(|row| !row.is_retired);
    first.is_none_or(|row| row.unwrap(master).is_ok())
}

/// The keys, ready for use at `now`.
pub fn ring(rows: &[KeyRow], master: &MasterKey, now: Timestamp) -> Made<Keyring> {
    let live = rows.iter().filter(|row| !row.is_retired);
    let keys = live.map(|row| row.unwrap(master)).collect::<Made<Vec<_>>>()?;
    Keyring::from_keys(&keys, now.0).or_else(broken)
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
        "INSERT INTO platform_key (asp_id, purpose, key_id, state, wrapped, active_from)
         VALUES ($1, $2, $3, 'ACTIVE', $4, $5) ON CONFLICT (asp_id, purpose, key_id) DO NOTHING",
        &[
            PLATFORM.into(),
            key.purpose.name().into(),
            key.id.into(),
            wrapped.as_slice().into(),
            key.active_from_us.into(),
        ],
    )?;
    Ok(())
}
