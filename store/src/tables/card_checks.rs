//! Wrong guesses at cards' CVC and expiry, counted a card.

use domain::{AspId, CardId, Timestamp};

use crate::{DbError, Tx};

/// What is counted of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardCheck {
    /// Wrong guesses in a row.
    pub failures: i64,
    /// When the last of them was counted.
    pub failed_at: Timestamp,
    /// Recognises the last of them.
    pub last_guess: Vec<u8>,
}

/// Claims the count of a card: who checks the same card waits until this transaction ends.
pub fn claim(tx: &mut Tx<'_>, asp: &AspId, card: CardId) -> Result<CardCheck, DbError> {
    let none: &[u8] = &[];
    let row = tx.query_one(
        "INSERT INTO card_check (asp_id, card_id, failures, failed_at, last_guess)
         VALUES ($1, $2, 0, 0, $3)
         ON CONFLICT (asp_id, card_id) DO UPDATE SET failures = card_check.failures
         RETURNING failures, failed_at, last_guess",
        &[asp.as_str().into(), card.0.into(), none.into()],
    )?;
    Ok(CardCheck {
        failures: row.int(0)?,
        failed_at: Timestamp(row.int(1)?),
        last_guess: row.blob(2)?.to_vec(),
    })
}

/// Writes the count of a card that this transaction has claimed.
pub fn put(tx: &mut Tx<'_>, asp: &AspId, card: CardId, check: &CardCheck) -> Result<(), DbError> {
    tx.execute(
        "UPDATE card_check SET failures = $3, failed_at = $4, last_guess = $5
         WHERE asp_id = $1 AND card_id = $2",
        &[
            asp.as_str().into(),
            card.0.into(),
            check.failures.into(),
            check.failed_at.0.into(),
            check.last_guess.as_slice().into(),
        ],
    )?;
    Ok(())
}

/// Forgets what was counted of a card.
pub fn clear(tx: &mut Tx<'_>, asp: &AspId, card: CardId) -> Result<(), DbError> {
    tx.execute(
        "DELETE FROM card_check WHERE asp_id = $1 AND card_id = $2",
        &[asp.as_str().into(), card.0.into()],
    )?;
    Ok(())
}
