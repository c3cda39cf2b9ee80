//! The operation log: one row an effect, which is the idempotency record, the audit record and
//! the event for partners at once.

use domain::{AspId, Timestamp};

use crate::{DbError, Tx};

/// What recognises a call: digests, so that nothing of the body is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallKeys {
    /// Of operation, correlation id and body in clear: the same call.
    pub replay: Vec<u8>,
    /// Of the encrypted body, which is single-use.
    pub cipher: Option<Vec<u8>>,
    /// Of operation and correlation id, in strict projects alone.
    pub strict: Option<Vec<u8>>,
}

/// A moment by both clocks: in a sandbox, business time may be ahead of the real one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// By the real clock: replay, keys and seals go by it.
    pub real: Timestamp,
    /// By the clock of business: expiry, deadlines and days go by it.
    pub business: Timestamp,
}

impl Moment {
    /// Where both clocks agree.
    pub const fn plain(at: Timestamp) -> Self {
        Moment { real: at, business: at }
    }

    /// How far business is ahead, µs.
    pub const fn shift_us(self) -> i64 {
        self.business.0.saturating_sub(self.real.0)
    }
}

/// A row to be written.
#[derive(Debug)]
pub struct NewEntry<'a> {
    /// Its id.
    pub id: i64,
    /// The operation.
    pub operation: &'a str,
    /// What happened, such as `card.reissued`.
    pub event: &'a str,
    /// The code that the caller is answered.
    pub code: &'a str,
    /// The call.
    pub correlation_id: &'a str,
    /// What it happened to.
    pub subject: &'a str,
    /// The event for partners, JSON.
    pub payload: &'a str,
    /// When.
    pub happened_at: Moment,
    /// What recognises the call; `None` for what no call caused.
    pub keys: Option<&'a CallKeys>,
}

/// A remembered outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// What it happened to: the repeated answer is built again from it.
    pub subject: String,
    /// The code that was answered.
    pub code: String,
}

/// What the log knows of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// The same call, within the window: this was its outcome.
    Same(Remembered),
    /// The same encrypted text under another correlation id.
    CipherReused,
    /// The correlation id with another body, in a strict project.
    CorrelationReused,
}

/// Writes a row; `false` where the log knows the call already, and then nothing is written.
pub fn insert(tx: &mut Tx<'_>, asp: &AspId, entry: &NewEntry<'_>) -> Result<bool, DbError> {
    let keys = entry.keys;
    let written = tx.execute(
        "INSERT INTO operation_log (asp_id, log_id, operation, event, code, correlation_id,
             subject, payload, happened_at, replay_key, cipher_digest, strict_key, clock_shift_us)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT DO NOTHING",
        &[
            asp.as_str().into(),
            entry.id.into(),
            entry.operation.into(),
            entry.event.into(),
            entry.code.into(),
            entry.correlation_id.into(),
            entry.subject.into(),
            entry.payload.into(),
            entry.happened_at.real.0.into(),
            keys.map(|keys| keys.replay.as_slice()).into(),
            keys.and_then(|keys| keys.cipher.as_deref()).into(),
            keys.and_then(|keys| keys.strict.as_deref()).into(),
            entry.happened_at.shift_us().into(),
        ],
    )?;
    Ok(written == 1)
}

/// How far back a call is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// For the same call, and for its correlation id in strict projects.
    pub call: Timestamp,
    /// For the same encrypted text.
    pub cipher: Timestamp,
}

/// A part for each index: of one condition with OR, SQLite would read the partner's whole log.
const FIND: &str = "
    SELECT replay_key, cipher_digest, strict_key, happened_at, subject, code FROM operation_log
    WHERE asp_id = $1 AND replay_key = $2
    UNION ALL
    SELECT replay_key, cipher_digest, strict_key, happened_at, subject, code FROM operation_log
    WHERE asp_id = $1 AND cipher_digest = $3
    UNION ALL
    SELECT replay_key, cipher_digest, strict_key, happened_at, subject, code FROM operation_log
    WHERE asp_id = $1 AND strict_key = $4";

/// A statement for each key and its window.
const FORGET: [&str; 3] = [
    "UPDATE operation_log SET replay_key = NULL
     WHERE asp_id = $1 AND replay_key = $2 AND happened_at < $3",
    "UPDATE operation_log SET strict_key = NULL
     WHERE asp_id = $1 AND strict_key = $2 AND happened_at < $3",
    "UPDATE operation_log SET cipher_digest = NULL
     WHERE asp_id = $1 AND cipher_digest = $2 AND happened_at < $3",
];

/// Looks a call up by each set of keys: it has one for every digest key that a server may have
/// used. What is older than `since` is forgotten.
pub fn find<'a>(
    tx: &mut Tx<'_>,
    asp: &AspId,
    each: impl IntoIterator<Item = &'a CallKeys>,
    since: Since,
) -> Result<Found, DbError> {
    let mut found = Found::Nothing;
    for keys in each {
        match find_by(tx, asp, keys, since)? {
            Found::Nothing => {}
            same @ Found::Same(_) => return Ok(same),
            Found::CipherReused => found = Found::CipherReused,
            Found::CorrelationReused if found == Found::Nothing => found = Found::CorrelationReused,
            Found::CorrelationReused => {}
        }
    }
    Ok(found)
}

fn find_by(tx: &mut Tx<'_>, asp: &AspId, keys: &CallKeys, since: Since) -> Result<Found, DbError> {
    let rows = tx.query(
        FIND,
        &[
            asp.as_str().into(),
            keys.replay.as_slice().into(),
            keys.cipher.as_deref().into(),
            keys.strict.as_deref().into(),
        ],
    )?;
    let mut found = Found::Nothing;
    let mut stale = false;
    for mut row in rows {
        let at = Timestamp(row.int(3)?);
        let is_same = row.opt_blob(0)? == Some(keys.replay.as_slice());
        let same_cipher = keys.cipher.is_some() && row.opt_blob(1)? == keys.cipher.as_deref();
        let same_strict = keys.strict.is_some() && row.opt_blob(2)? == keys.strict.as_deref();
        if is_same && at >= since.call {
            let (subject, code) = (row.take_text(4)?, row.take_text(5)?);
            return Ok(Found::Same(Remembered { subject, code }));
        }
        if same_cipher && at >= since.cipher {
            found = Found::CipherReused;
        } else if same_strict && at >= since.call && found == Found::Nothing {
            found = Found::CorrelationReused;
        }
        stale |= at < since.call || at < since.cipher;
    }
    if stale && found == Found::Nothing {
        forget(tx, asp, keys, since)?;
    }
    Ok(found)
}

/// Frees the keys of rows that are out of their window, so that the call can be made anew.
fn forget(tx: &mut Tx<'_>, asp: &AspId, keys: &CallKeys, since: Since) -> Result<(), DbError> {
    let stale = [
        (Some(keys.replay.as_slice()), since.call),
        (keys.strict.as_deref(), since.call),
        (keys.cipher.as_deref(), since.cipher),
    ];
    for (sql, (key, since)) in FORGET.into_iter().zip(stale) {
        tx.execute(sql, &[asp.as_str().into(), key.into(), since.0.into()])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{FIND, FORGET};
    use crate::schema::MIGRATIONS;
    use crate::testing::TestDatabase;
    use crate::{Options, Store, Tx, TxError, Value};

    /// A look-up that reads a partner's whole log costs nothing in a test and seconds in use.
    #[test]
    fn every_key_is_looked_up_by_its_index() {
        let database = TestDatabase::sqlite();
        let store = Store::open(database.target(), MIGRATIONS, Options::default()).unwrap();
        let each = FORGET.iter().map(|sql| (*sql, 3));
        for (sql, count) in each.chain([(FIND, 4)]) {
            let plan: &'static str = String::leak(format!("EXPLAIN QUERY PLAN {sql}"));
            let read = move |tx: &mut Tx<'_>| -> Result<Vec<String>, TxError<()>> {
                let rows = tx.query(plan, &vec![Value::Int(0); count])?;
                Ok(rows.iter().map(|row| row.text(3).unwrap().to_owned()).collect())
            };
            let steps = store.read_blocking(read).unwrap();
            let found = |index: &&&str| steps.iter().any(|step| step.contains(**index));
            let used = ["by_replay", "by_cipher", "by_strict"].iter().filter(found).count();
            assert_eq!(used, if sql == FIND { 3 } else { 1 }, "{steps:?}");
            let whole = |step: &String| step.contains("SCAN") || step.ends_with("(asp_id=?)");
            assert!(!steps.iter().any(whole), "{steps:?}");
        }
        store.close();
    }
}
