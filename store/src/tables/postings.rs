//! Postings: the journal of one effect stands under its row of the operation log.

use domain::AspId;
use domain::ledger::Journal;

use crate::{DbError, Tx};

/// Writes a journal.
pub fn insert(tx: &mut Tx<'_>, asp: &AspId, log_id: i64, journal: &Journal) -> Result<(), DbError> {
    for (line, posting) in (1_i64..).zip(journal.postings()) {
        tx.put(
            "INSERT INTO posting (asp_id, log_id, line, debit, credit, amount, currency)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &[
                asp.as_str().into(),
                log_id.into(),
                line.into(),
                posting.debit.key().as_str().into(),
                posting.credit.key().as_str().into(),
                posting.amount.minor().into(),
                posting.amount.currency().code().into(),
            ],
        )?;
    }
    Ok(())
}
