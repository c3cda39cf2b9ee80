//! Differences between the bank's daily file and the books.

use domain::{ApplyNo, AspId, Timestamp, states};

use super::parsed;
use crate::{DbError, Row, Tx};

states! {
    /// What differs.
    pub enum Kind {
        /// Our books have the transaction, the bank's file has not.
        OursOnly = "OURS_ONLY",
        /// The bank's file has the transaction, our books have not.
        TheirsOnly = "THEIRS_ONLY",
        /// Both have it, with different amounts.
        AmountDiffers = "AMOUNT_DIFFERS",
    }
}

states! {
    /// Which way the money went.
    pub enum Direction {
        /// From a member to us.
        Withdrawal = "W",
        /// Back to a member.
        Deposit = "D",
    }
}

states! {
    /// Whether somebody still has to look at a case.
    pub enum State {
        /// It waits.
        Open = "OPEN",
        /// It is done with.
        Closed = "CLOSED",
    }
}

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What differs.
    pub kind: Kind,
    /// Which way the money went.
    pub direction: Direction,
    /// The transaction.
    pub bank_tran_id: String,
    /// The application that it belongs to, if known.
    pub apply_no: Option<ApplyNo>,
    /// What our books say, won.
    pub ours: Option<i64>,
    /// What the bank's file says, won.
    pub theirs: Option<i64>,
}

/// A difference as it was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its number.
    pub id: i64,
    /// The bank's day of it, `yyyyMMdd`.
    pub bank_day: String,
    /// The difference.
    pub difference: Difference,
    /// When it was found.
    pub opened_at: Timestamp,
    /// How it was closed; `None` while it is open.
    pub closing: Option<Closing>,
}

/// How a case was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// Who closed it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// Opens a case; `false` where one is open for the transaction.
pub fn open(
    tx: &mut Tx<'_>,
    asp: &AspId,
    (id, bank_day): (i64, &str),
    found: &Difference,
    at: Timestamp,
) -> Result<bool, DbError> {
    let written = tx.execute(
        "INSERT INTO reconciliation_case (asp_id, case_id, kind, direction, bank_tran_id, bank_day,
             apply_no, ours_amount, theirs_amount, currency, state, opened_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'KRW', 'OPEN', $10)
         ON CONFLICT DO NOTHING",
        &[
            asp.as_str().into(),
            id.into(),
            found.kind.name().into(),
            found.direction.name().into(),
            found.bank_tran_id.as_str().into(),
            bank_day.into(),
            found.apply_no.as_ref().map(ApplyNo::as_str).into(),
            found.ours.into(),
            found.theirs.into(),
            at.0.into(),
        ],
    )?;
    Ok(written == 1)
}

/// Closes a case; `false` where it is not open.
pub fn close(tx: &mut Tx<'_>, asp: &AspId, id: i64, closing: &Closing) -> Result<bool, DbError> {
    let changed = tx.execute(
        "UPDATE reconciliation_case SET state = 'CLOSED', closed_at = $3, closed_by = $4,
             reason = $5
         WHERE asp_id = $1 AND case_id = $2 AND state = 'OPEN'",
        &[
            asp.as_str().into(),
            id.into(),
            closing.at.0.into(),
            closing.by.as_str().into(),
            closing.reason.as_str().into(),
        ],
    )?;
    Ok(changed == 1)
}

/// The case of this number.
pub fn load(tx: &mut Tx<'_>, asp: &AspId, id: i64) -> Result<Option<Case>, DbError> {
    let row = tx.query_opt(
        "SELECT case_id, bank_day, kind, direction, bank_tran_id, apply_no, ours_amount,
             theirs_amount, opened_at, state, closed_by, reason, closed_at
         FROM reconciliation_case WHERE asp_id = $1 AND case_id = $2",
        &[asp.as_str().into(), id.into()],
    )?;
    row.map(read).transpose()
}

/// All cases of a bank's day, in the order in which they were opened.
pub fn of_day(tx: &mut Tx<'_>, asp: &AspId, bank_day: &str) -> Result<Vec<Case>, DbError> {
    let rows = tx.query(
        "SELECT case_id, bank_day, kind, direction, bank_tran_id, apply_no, ours_amount,
             theirs_amount, opened_at, state, closed_by, reason, closed_at
         FROM reconciliation_case
         WHERE asp_id = $1 AND case_id IN (
             SELECT d.case_id FROM reconciliation_case d WHERE d.asp_id = $1 AND d.bank_day = $2)
         ORDER BY case_id",
        &[asp.as_str().into(), bank_day.into()],
    )?;
    rows.into_iter().map(read).collect()
}

/// Cases that are open, the oldest first.
pub fn open_ones(tx: &mut Tx<'_>, asp: &AspId, most: i64) -> Result<Vec<Case>, DbError> {
    let rows = tx.query(
        "SELECT case_id, bank_day, kind, direction, bank_tran_id, apply_no, ours_amount,
             theirs_amount, opened_at, state, closed_by, reason, closed_at
         FROM reconciliation_case
         WHERE asp_id = $1 AND state = 'OPEN' AND opened_at >= 0
         ORDER BY opened_at, case_id LIMIT $2",
        &[asp.as_str().into(), most.into()],
    )?;
    rows.into_iter().map(read).collect()
}

fn read(mut row: Row) -> Result<Case, DbError> {
    let closing = match parsed(&row, 9, State::parse)? {
        State::Open => None,
        State::Closed => Some(Closing {
            by: row.take_text(10)?,
            reason: row.take_opt_text(11)?.unwrap_or_default(),
            at: Timestamp(row.int(12)?),
        }),
    };
    Ok(Case {
        id: row.int(0)?,
        bank_day: row.take_text(1)?,
        difference: Difference {
            kind: parsed(&row, 2, Kind::parse)?,
            direction: parsed(&row, 3, Direction::parse)?,
            bank_tran_id: row.take_text(4)?,
            apply_no: row.opt_text(5)?.map(ApplyNo::new),
            ours: row.opt_int(6)?,
            theirs: row.opt_int(7)?,
        },
        opened_at: Timestamp(row.int(8)?),
        closing,
    })
}
