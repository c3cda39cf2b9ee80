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
    pub happened_at: Timestamp,
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
             subject, payload, happened_at, replay_key, cipher_digest, strict_key)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
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
            entry.happened_at.0.into(),
            keys.map(|keys| keys.replay.as_slice()).into(),
            keys.and_then(|keys| keys.cipher.as_deref()).into(),
            keys.and_then(|keys| keys.strict.as_deref()).into(),
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

/// Looks a call up. What is older than `since` is forgotten.
pub fn find(tx: &mut Tx<'_>, asp: &AspId, keys: &CallKeys, since: Since) -> Result<Found, DbError> {
    let rows = tx.query(
        "SELECT replay_key, cipher_digest, strict_key, happened_at, subject, code
         FROM operation_log
         WHERE asp_id = $1 AND (replay_key = $2 OR cipher_digest = $3 OR strict_key = $4)",
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
    tx.execute(
        "UPDATE operation_log SET replay_key = NULL, strict_key = NULL
         WHERE asp_id = $1 AND (replay_key = $2 OR strict_key = $3) AND happened_at < $4",
        &[
            asp.as_str().into(),
            keys.replay.as_slice().into(),
            keys.strict.as_deref().into(),
            since.call.0.into(),
        ],
    )?;
    tx.execute(
        "UPDATE operation_log SET cipher_digest = NULL
         WHERE asp_id = $1 AND cipher_digest = $2 AND happened_at < $3",
        &[asp.as_str().into(), keys.cipher.as_deref().into(), since.cipher.0.into()],
    )?;
    Ok(())
}
