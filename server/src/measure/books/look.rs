//! Journals and balances as they stand in the database.

use std::collections::BTreeSet;

use domain::ledger::Account;
use domain::{AspId, CardAccountId, Timestamp, UserId};
use store::{DbError, Row, Tx};

use crate::sandbox::given;

/// What an account of the ledger that is a card account's is called: this, and the account's id.
const CARD: &str = "card:";

/// What a seal's postings say.
pub(super) struct Seen {
    /// Journals that are not whole.
    pub(super) journals: Vec<i64>,
    /// Card accounts that they name.
    pub(super) accounts: Vec<i64>,
}

/// Looks at the journals of a seal.
pub(super) fn seal(tx: &mut Tx<'_>, asp: &AspId, seal_no: i64) -> Result<Seen, DbError> {
    let rows = tx.query(
        "SELECT line, debit, credit, currency, log_id FROM posting
         WHERE asp_id = $1 AND log_id IN (
             SELECT l.log_id FROM operation_log l WHERE l.asp_id = $1 AND l.sealed_in = $2)
         ORDER BY log_id, line",
        &[asp.as_str().into(), seal_no.into()],
    )?;
    let mut accounts = BTreeSet::<i64>::new();
    let mut journals = Vec::new();
    for journal in rows.chunk_by(|one, next| one.int(4).ok() == next.int(4).ok()) {
        if let Some(first) = journal.first().filter(|_| !holds(journal).unwrap_or(false)) {
            journals.push(first.int(4)?);
        }
        for row in journal {
            let named = [row.text(1)?, row.text(2)?].map(|key| key.strip_prefix(CARD));
            accounts.extend(named.into_iter().flatten().filter_map(|id| id.parse::<i64>().ok()));
        }
    }
    Ok(Seen { journals, accounts: accounts.into_iter().collect() })
}

/// Whether the journal of a row is whole now.
pub(super) fn is_whole(tx: &mut Tx<'_>, asp: &AspId, log_id: i64) -> Result<bool, DbError> {
    let rows = tx.query(
        "SELECT line, debit, credit, currency FROM posting
         WHERE asp_id = $1 AND log_id = $2 ORDER BY line",
        &[asp.as_str().into(), log_id.into()],
    )?;
    holds(&rows)
}

/// A posting moves an amount from one account to another, so that a journal's sum is nothing unless
/// a posting is missing, stands against itself, or is of another currency.
fn holds(journal: &[Row]) -> Result<bool, DbError> {
    for (line, row) in (1..).zip(journal) {
        let first = journal.first().map_or(Ok(""), |first| first.text(3))?;
        if row.int(0)? != line || row.text(1)? == row.text(2)? || row.text(3)? != first {
            return Ok(false);
        }
    }
    Ok(true)
}

/// By how much the balance of a card account exceeds the sum of its postings, minor units. They
/// stand under what is told of the account itself, of its member, and of the member's applications:
/// found there, as no index leads from an account to its postings.
pub(super) fn difference(
    tx: &mut Tx<'_>,
    asp: &AspId,
    account: CardAccountId,
) -> Result<i64, DbError> {
    let row = tx.query_opt(
        "SELECT user_id, balance, opened_at FROM card_account
         WHERE asp_id = $1 AND account_id = $2",
        &[asp.as_str().into(), account.0.into()],
    )?;
    // A sandbox takes accounts away when a scenario is armed again, and books back.
    let Some(row) = row else { return Ok(0) };
    let (user, opened) = (row.int(0)?, Timestamp(row.int(2)?));
    let mut subjects = vec![account.to_string(), given::subject(UserId(user.unsigned_abs()))];
    let applications = tx.query(
        "SELECT apply_no FROM application WHERE asp_id = $1 AND user_id = $2",
        &[asp.as_str().into(), user.into()],
    )?;
    for row in &applications {
        subjects.push(row.text(0)?.to_owned());
    }
    let key = Account::Card(account).key();
    let mut posted = 0_i64;
    for subject in subjects {
        let sum = posted_under(tx, asp, &subject, &key, opened)?;
        posted = posted.saturating_add(sum);
    }
    Ok(row.int(1)?.saturating_sub(posted))
}

/// What was posted to an account since it was opened, under a subject of the operation log. An
/// account of a scenario that was armed again has the id of an earlier one, which was booked back.
fn posted_under(
    tx: &mut Tx<'_>,
    asp: &AspId,
    subject: &str,
    key: &str,
    opened: Timestamp,
) -> Result<i64, DbError> {
    let row = tx.query_one(
        "SELECT CAST(COALESCE(SUM(CASE WHEN p.credit = $3 THEN p.amount ELSE -p.amount END), 0)
             AS BIGINT)
         FROM posting p
         WHERE p.asp_id = $1 AND (p.debit = $3 OR p.credit = $3) AND p.log_id IN (
             SELECT o.log_id FROM operation_log o
             WHERE o.asp_id = $1 AND o.event <> 'sandbox.cleared'
                 AND o.happened_at + o.clock_shift_us >= $4 AND o.log_id IN (
                     SELECT l.log_id FROM operation_log l
                     WHERE l.asp_id = $1 AND l.subject = $2))",
        &[asp.as_str().into(), subject.into(), key.into(), opened.0.into()],
    )?;
    row.int(0)
}
