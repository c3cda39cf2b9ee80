//! Fees that go back to their members.

use domain::{ApplyNo, AspId, Money, Timestamp, states};

use crate::{DbError, Tx};

states! {
    /// Why a fee goes back.
    pub enum Reason {
        /// Its application was cancelled.
        Cancelled = "CANCELLED",
        /// Its plastic came back.
        Undeliverable = "UNDELIVERABLE",
        /// It was taken for an application that had ended or could not be settled.
        NotSettled = "NOT_SETTLED",
    }
}

/// A return to be written.
#[derive(Debug)]
pub struct NewReturn<'a> {
    /// The application.
    pub apply_no: &'a ApplyNo,
    /// Why.
    pub reason: Reason,
    /// How much.
    pub amount: Money,
    /// The account that it was taken from.
    pub bank_account_id: i64,
    /// The bank's id of the first order, fixed before it is sent.
    pub bank_tran_id: &'a str,
    /// The business day of that id.
    pub bank_tran_day: &'a str,
    /// When.
    pub at: Timestamp,
}

/// Writes a return; `false` where the application's fee goes back already.
pub fn insert(tx: &mut Tx<'_>, asp: &AspId, new: &NewReturn<'_>) -> Result<bool, DbError> {
    let written = tx.execute(
        "INSERT INTO fee_return (asp_id, apply_no, reason, state, amount, currency,
             bank_account_id, bank_tran_id, bank_tran_day, ordered_at, attempt, is_sent, next_at,
             due_at)
         VALUES ($1, $2, $3, 'DUE', $4, $5, $6, $7, $8, $9, 1, FALSE, $9, $9)
         ON CONFLICT DO NOTHING",
        &[
            asp.as_str().into(),
            new.apply_no.as_str().into(),
            new.reason.name().into(),
            new.amount.minor().into(),
            new.amount.currency().code().into(),
            new.bank_account_id.into(),
            new.bank_tran_id.into(),
            new.bank_tran_day.into(),
            new.at.0.into(),
        ],
    )?;
    Ok(written == 1)
}
