//! Changes of the platform's keys. Each takes the same lock first, so that they come one after
//! another, and writes a row of the operation log.

use crypto::keyring::{KeyHolder, KeyMaterial, KeyPurpose};
use crypto::seal::MasterKey;
use crypto::token::TokenError;
use domain::{AspId, Timestamp};
use serde_json::{Value, json};
use store::tables::log::{self, Moment, NewEntry};
use store::tables::{PLATFORM, counters};
use store::{DbError, Tx};

use super::rows::{self, KeyRow};
use super::{KeysError, Made, MasterOf, QUIET_MS, broken, import, refused, uses};
use crate::operator::machine_user;
use crate::supply::{BANK_TRAN_IDS, IDS};

/// Counts the changes of keys; its row is the lock.
const CHANGES: &str = "key-change";

/// What a row of the operation log says of an operator's deed beside who and why.
#[derive(Debug, Clone, Copy)]
pub struct Deed<'a> {
    /// The command.
    pub operation: &'a str,
    /// What was done, such as `key.rotated`.
    pub event: &'a str,
    /// To what.
    pub subject: &'a str,
    /// When.
    pub at: Moment,
}

/// Who changes something, why, and when.
#[derive(Debug, Clone)]
pub struct Change {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub now: Timestamp,
}

impl Change {
    /// Waits for whoever is changing keys, and makes others wait until this transaction ends.
    pub fn lock(tx: &mut Tx<'_>) -> Result<(), DbError> {
        counters::take(tx, &AspId::new(PLATFORM), CHANGES, 1).map(drop)
    }

    /// Writes the row of the operation log of a change of keys.
    pub fn note(
        &self,
        tx: &mut Tx<'_>,
        asp: &AspId,
        event: &str,
        subject: &str,
        more: Value,
    ) -> Result<(), DbError> {
        self.record(tx, asp, ("platen.keys", event, subject), more)
    }

    /// Writes the row of what `operation`, a command, did to what, now.
    pub fn record(
        &self,
        tx: &mut Tx<'_>,
        asp: &AspId,
        (operation, event, subject): (&str, &str, &str),
        more: Value,
    ) -> Result<(), DbError> {
        let at = Moment::plain(self.now);
        self.write_down(tx, asp, Deed { operation, event, subject, at }, more)
    }

    /// Writes the row of any deed of an operator's: who did it, as what user of the machine, and
    /// why, and what `more` says.
    pub fn write_down(
        &self,
        tx: &mut Tx<'_>,
        asp: &AspId,
        deed: Deed<'_>,
        more: Value,
    ) -> Result<(), DbError> {
        let mut payload =
            json!({ "by": self.by, "reason": self.reason, "machineUser": machine_user() });
        if let (Value::Object(all), Value::Object(more)) = (&mut payload, more) {
            all.extend(more);
        }
        let entry = NewEntry {
            id: counters::take(tx, asp, IDS, 1)?,
            operation: deed.operation,
            event: deed.event,
            code: "000_000",
            correlation_id: "-",
            subject: deed.subject,
            payload: &payload.to_string(),
            happened_at: deed.at,
            keys: None,
        };
        if log::insert(tx, asp, &entry)? {
            return Ok(());
        }
        // No change without its row.
        let (wanted, found) = ("a new row of the operation log", 0);
        Err(DbError::Rows { wanted, found })
    }
}

/// What the operation log calls a key.
fn subject(purpose: KeyPurpose, id: i64) -> String {
    format!("key:{purpose}:{id}")
}

/// Writes a new platform's keys, wrapped.
pub fn make(
    tx: &mut Tx<'_>,
    keys: &[KeyMaterial],
    master: &MasterKey,
    change: &Change,
) -> Made<()> {
    for key in keys {
        rows::insert(tx, key, master)?;
    }
    let platform = AspId::new(PLATFORM);
    // Ids that the bank may have seen today of an earlier database are not used again.
    let first = change.now.0 / 1_000_000 % 100_000_000 * 100_000;
    counters::begin_at(tx, &platform, BANK_TRAN_IDS, first)?;
    Ok(change.note(tx, &platform, "key.made", "keys", json!({ "keys": keys.len() }))?)
}

/// Adds those of these keys whose purpose a database made by an earlier release has none for.
pub fn complete(tx: &mut Tx<'_>, keys: &[KeyMaterial], master_of: &MasterOf) -> Made<()> {
    let found = rows::read(tx)?;
    let missing = |key: &&KeyMaterial| found.iter().all(|row| row.purpose != key.purpose);
    if keys.iter().any(|key| missing(&key)) {
        Change::lock(tx)?;
    }
    for key in keys.iter().filter(missing) {
        let master = master_of(tx, &found)?;
        rows::insert(tx, key, &master)?;
    }
    Ok(())
}

/// A key to be added.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What it is for.
    pub purpose: KeyPurpose,
    /// From when on it makes new values.
    pub active_from: Timestamp,
    /// Where it is in the token: its label there.
    pub token_label: Option<String>,
}

/// Adds a key; its id. One in the token must be there already.
pub fn rotate(tx: &mut Tx<'_>, master_of: &MasterOf, new: &NewKey, change: &Change) -> Made<i64> {
    Change::lock(tx)?;
    let (purpose, active_from) = (new.purpose, new.active_from);
    let rows = rows::read(tx)?;
    let id = next_id(&rows, purpose, change.now)?;
    let master = master_of(tx, &rows)?;
    let key = match &new.token_label {
        None => KeyMaterial::generate(id, purpose, active_from.0),
        Some(label) => in_token(&rows, &master, (purpose, id), active_from, label)?,
    };
    rows::insert(tx, &key, &master)?;
    let mut more = json!({ "activeFrom": active_from.0 });
    if let Some(label) = &new.token_label {
        more["tokenLabel"] = json!(label);
    }
    change.note(tx, &AspId::new(PLATFORM), "key.rotated", &subject(purpose, id), more)?;
    Ok(id)
}

/// The number of a purpose's next key; refused while one is on its way.
pub(super) fn next_id(rows: &[KeyRow], purpose: KeyPurpose, now: Timestamp) -> Made<i64> {
    let own = || rows.iter().filter(|row| row.purpose == purpose);
    if let Some(next) = own().find(|row| !row.is_retired && row.active_from > now) {
        return refused(KeysError::Pending(purpose, next.id, seconds(next.active_from, now)));
    }
    Ok(own().map(|row| row.id).max().unwrap_or(0) + 1)
}

/// A key that the token holds and no other row names: two rows of one key would be retired apart.
fn in_token(
    rows: &[KeyRow],
    master: &MasterKey,
    (purpose, id): (KeyPurpose, i64),
    active_from: Timestamp,
    label: &str,
) -> Made<KeyMaterial> {
    if let Some(row) = rows.iter().find(|row| row.token_label.as_deref() == Some(label)) {
        return refused(KeysError::SameLabel(row.purpose, row.id, label.to_owned()));
    }
    let Some(token) = master.token() else {
        return refused(TokenError::NotNamed(label.to_owned()).into());
    };
    let holder = KeyHolder::Token(token.clone(), label.to_owned());
    Ok(KeyMaterial { id, purpose, active_from_us: active_from.0, holder })
}

/// Wraps every key under another master key.
pub fn rewrap(tx: &mut Tx<'_>, from: &MasterKey, to: &MasterKey) -> Made<()> {
    for row in rows::read(tx)?.iter().filter(|row| !row.is_retired) {
        let wrapped = row.unwrap(from)?.wrap(to).or_else(broken)?;
        set(tx, row, "ACTIVE", &wrapped)?;
    }
    import::rewrap(tx, from, to)
}

fn set(tx: &mut Tx<'_>, row: &KeyRow, state: &str, wrapped: &[u8]) -> Result<(), DbError> {
    tx.execute(
        "UPDATE platform_key SET state = $4, wrapped = $5
         WHERE asp_id = $1 AND purpose = $2 AND key_id = $3",
        &[PLATFORM.into(), row.purpose.name().into(), row.id.into(), state.into(), wrapped.into()],
    )?;
    Ok(())
}

/// Whether a key may be retired: another one has taken over long enough ago, and nothing depends
/// on this one. Reads whole tables.
pub fn may_retire(tx: &mut Tx<'_>, purpose: KeyPurpose, id: i64, now: Timestamp) -> Made<()> {
    let superseded_at = superseded(&rows::read(tx)?, purpose, id, now)?;
    let quiet_from = superseded_at.plus_ms(QUIET_MS);
    if now < quiet_from {
        return refused(KeysError::TooEarly(purpose, id, seconds(quiet_from, now)));
    }
    match uses::of(tx, purpose, id, quiet_from, now)? {
        needed if needed.is_empty() => Ok(()),
        needed => {
            let told: Vec<_> = needed.iter().map(|(what, rows)| format!("{rows} {what}")).collect();
            refused(KeysError::Needed(purpose, id, told.join(", ")))
        }
    }
}

/// When another key took over from this one.
fn superseded(rows: &[KeyRow], purpose: KeyPurpose, id: i64, now: Timestamp) -> Made<Timestamp> {
    let own = || rows.iter().filter(|row| row.purpose == purpose);
    let Some(row) = own().find(|row| row.id == id) else {
        return refused(KeysError::Unknown(purpose, id));
    };
    if row.is_retired {
        return refused(KeysError::Retired(purpose, id));
    }
    if row.active_from > now {
        return refused(KeysError::NotBegun(purpose, id));
    }
    let began = |row: &KeyRow| (row.active_from, row.id);
    let later = own().filter(|other| began(other) > began(row) && other.active_from <= now);
    match later.map(began).min() {
        Some((at, _)) => Ok(at),
        None => refused(KeysError::InUse(purpose, id)),
    }
}

/// Retires a key that [`may_retire`]: the key itself is gone with it. One in a token stays there,
/// as older copies of the database need it: its label.
pub fn retire(
    tx: &mut Tx<'_>,
    purpose: KeyPurpose,
    id: i64,
    change: &Change,
) -> Made<Option<String>> {
    Change::lock(tx)?;
    let rows = rows::read(tx)?;
    superseded(&rows, purpose, id, change.now)?;
    let mut label = None;
    for row in rows.iter().filter(|row| row.purpose == purpose && row.id == id) {
        set(tx, row, "RETIRED", &[])?;
        label.clone_from(&row.token_label);
    }
    let platform = AspId::new(PLATFORM);
    change.note(tx, &platform, "key.retired", &subject(purpose, id), json!({}))?;
    Ok(label)
}

/// Whole seconds until `then`, at least one.
fn seconds(then: Timestamp, now: Timestamp) -> i64 {
    ((then.0 - now.0) / 1_000_000).saturating_add(1)
}
