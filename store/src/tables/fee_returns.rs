//! Fees that go back to their members.

use domain::fee_return::State;
use domain::{ApplyNo, AspId, Money, Timestamp, states};

use super::{money, number, parsed};
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

/// A return that is due or was made.
#[derive(Debug)]
pub struct FeeReturn {
    /// Its state.
    pub state: State,
    /// Why.
    pub reason: Reason,
    /// How much.
    pub amount: Money,
    /// The order in force.
    pub order: Order,
    /// Whether it may have been sent.
    pub is_sent: bool,
    /// Counts the orders.
    pub attempt: u32,
    /// When it became due.
    pub due_at: Timestamp,
}

/// An order to give the money. Sent again, it is of another moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The bank's id of it.
    pub bank_tran_id: String,
    /// The business day of that id.
    pub bank_tran_day: String,
    /// When it was fixed.
    pub at: Timestamp,
}

/// The return of an application's fee.
pub fn load(
    tx: &mut Tx<'_>,
    asp: &AspId,
    apply_no: &ApplyNo,
) -> Result<Option<FeeReturn>, DbError> {
    let row = tx.query_opt(
        "SELECT state, reason, amount, bank_tran_id, bank_tran_day, ordered_at, is_sent, attempt,
             due_at
         FROM fee_return WHERE asp_id = $1 AND apply_no = $2",
        &[asp.as_str().into(), apply_no.as_str().into()],
    )?;
    let Some(mut row) = row else { return Ok(None) };
    Ok(Some(FeeReturn {
        state: parsed(&row, 0, State::parse)?,
        reason: parsed(&row, 1, Reason::parse)?,
        amount: money(&row, 2)?,
        order: Order {
            bank_tran_id: row.take_text(3)?,
            bank_tran_day: row.take_text(4)?,
            at: Timestamp(row.int(5)?),
        },
        is_sent: row.boolean(6)?,
        attempt: number(&row, 7)?,
        due_at: Timestamp(row.int(8)?),
    }))
}

/// Takes returns that are to be looked at: each is put off, so that another server leaves it alone
/// meanwhile. Until when it was put off is the taker's alone.
pub fn take(
    tx: &mut Tx<'_>,
    asp: &AspId,
    most: i64,
    (now, until): (Timestamp, Timestamp),
) -> Result<Vec<ApplyNo>, DbError> {
    let rows = tx.query(
        "SELECT apply_no, next_at FROM fee_return
         WHERE asp_id = $1 AND state = 'DUE' AND next_at <= $2
         ORDER BY next_at LIMIT $3",
        &[asp.as_str().into(), now.0.into(), most.into()],
    )?;
    let mut taken = Vec::new();
    for row in rows {
        let mine = tx.execute(
            "UPDATE fee_return SET next_at = $4
             WHERE asp_id = $1 AND apply_no = $2 AND state = 'DUE' AND next_at = $3",
            &[asp.as_str().into(), row.text(0)?.into(), row.int(1)?.into(), until.0.into()],
        )?;
        if mine == 1 {
            taken.push(ApplyNo::new(row.text(0)?));
        }
    }
    Ok(taken)
}

/// Marks an order that nobody has sent as one that may have been, and fixes its moment; `false`
/// where somebody else came first.
pub fn mark_sent(
    tx: &mut Tx<'_>,
    asp: &AspId,
    apply_no: &ApplyNo,
    order: &Order,
    until: Timestamp,
) -> Result<bool, DbError> {
    let changed = tx.execute(
        "UPDATE fee_return SET is_sent = TRUE, bank_tran_day = $4, ordered_at = $5, next_at = $6
         WHERE asp_id = $1 AND apply_no = $2 AND state = 'DUE' AND bank_tran_id = $3
             AND NOT is_sent",
        &[
            asp.as_str().into(),
            apply_no.as_str().into(),
            order.bank_tran_id.as_str().into(),
            order.bank_tran_day.as_str().into(),
            order.at.0.into(),
            until.0.into(),
        ],
    )?;
    Ok(changed == 1)
}

/// Puts an order off that nobody has sent, to another account where that is given; `false` where
/// somebody else came first.
pub fn put_off(
    tx: &mut Tx<'_>,
    asp: &AspId,
    apply_no: &ApplyNo,
    (order, account, until): (&Order, Option<i64>, Timestamp),
) -> Result<bool, DbError> {
    let changed = tx.execute(
        "UPDATE fee_return SET next_at = $4, bank_account_id = COALESCE($5, bank_account_id)
         WHERE asp_id = $1 AND apply_no = $2 AND state = 'DUE' AND bank_tran_id = $3
             AND NOT is_sent",
        &[
            asp.as_str().into(),
            apply_no.as_str().into(),
            order.bank_tran_id.as_str().into(),
            until.0.into(),
            account.into(),
        ],
    )?;
    Ok(changed == 1)
}

/// How a return that is due goes on.
#[derive(Debug)]
pub enum Step<'a> {
    /// The order in force is looked at later.
    Later,
    /// It was not sent: it is sent later.
    SendLater,
    /// Another order takes its place.
    Anew(Anew<'a>),
}

/// An order that takes the place of one that came to nothing.
#[derive(Debug)]
pub struct Anew<'a> {
    /// The new one.
    pub order: &'a Order,
    /// What became of the other.
    pub why: &'a str,
    /// The member's bank account that it goes to; to the same one where it is left out.
    pub bank_account_id: Option<i64>,
}

/// Puts a return off until a moment; `false` where its order in force is another one by now.
pub fn go_on(
    tx: &mut Tx<'_>,
    asp: &AspId,
    apply_no: &ApplyNo,
    (seen, step, until): (&Order, &Step<'_>, Timestamp),
) -> Result<bool, DbError> {
    let (next, why, account) = match step {
        Step::Later | Step::SendLater => (seen, None, None),
        Step::Anew(anew) => (anew.order, Some(anew.why), anew.bank_account_id),
    };
    let (is_later, is_new) = match step {
        Step::Later => (true, 0),
        Step::SendLater => (false, 0),
        Step::Anew(..) => (false, 1),
    };
    let changed = tx.execute(
        "UPDATE fee_return SET is_sent = $5, bank_tran_id = $6, bank_tran_day = $7,
             ordered_at = $8, attempt = attempt + $9, refusal = COALESCE($10, refusal),
             next_at = $11, bank_account_id = COALESCE($12, bank_account_id)
         WHERE asp_id = $1 AND apply_no = $2 AND state = 'DUE' AND bank_tran_id = $3
             AND ordered_at = $4 AND is_sent",
        &[
            asp.as_str().into(),
            apply_no.as_str().into(),
            seen.bank_tran_id.as_str().into(),
            seen.at.0.into(),
            is_later.into(),
            next.bank_tran_id.as_str().into(),
            next.bank_tran_day.as_str().into(),
            next.at.0.into(),
            i64::from(is_new).into(),
            why.into(),
            until.0.into(),
            account.into(),
        ],
    )?;
    Ok(changed == 1)
}

/// Ends a return: the money has been given; `false` where that is known already.
pub fn give_back(
    tx: &mut Tx<'_>,
    asp: &AspId,
    apply_no: &ApplyNo,
    api_tran_id: &str,
    at: Timestamp,
) -> Result<bool, DbError> {
    let changed = tx.execute(
        "UPDATE fee_return SET state = 'RETURNED', api_tran_id = $3, returned_at = $4
         WHERE asp_id = $1 AND apply_no = $2 AND state = 'DUE'",
        &[asp.as_str().into(), apply_no.as_str().into(), api_tran_id.into(), at.0.into()],
    )?;
    Ok(changed == 1)
}

/// Returns that are due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Due {
    /// How many.
    pub count: i64,
    /// Since when the oldest is.
    pub oldest: Option<Timestamp>,
}

impl Due {
    /// These and others.
    pub fn and(self, other: Due) -> Due {
        let oldest = self.oldest.into_iter().chain(other.oldest).min_by_key(|at| at.0);
        Due { count: self.count + other.count, oldest }
    }
}

/// How many returns are due, and since when. The bound, which all are within, has both engines take
/// the index of those that are due.
pub fn due(tx: &mut Tx<'_>, asp: &AspId) -> Result<Due, DbError> {
    let row = tx.query_one(
        "SELECT COUNT(*), MIN(due_at) FROM fee_return
         WHERE asp_id = $1 AND state = 'DUE' AND next_at >= 0",
        &[asp.as_str().into()],
    )?;
    Ok(Due { count: row.int(0)?, oldest: row.opt_int(1)?.map(Timestamp) })
}

/// Applications whose fee is owed back, as an earlier release has left them: without a return.
pub fn lacking(tx: &mut Tx<'_>, asp: &AspId, most: i64) -> Result<Vec<ApplyNo>, DbError> {
    let rows = tx.query(
        "SELECT a.apply_no FROM application a
         WHERE a.asp_id = $1 AND a.state = 'RETURN_DUE' AND NOT EXISTS (
             SELECT 1 FROM fee_return f WHERE f.asp_id = a.asp_id AND f.apply_no = a.apply_no)
         ORDER BY a.apply_no LIMIT $2",
        &[asp.as_str().into(), most.into()],
    )?;
    rows.iter().map(|row| Ok(ApplyNo::new(row.text(0)?))).collect()
}
