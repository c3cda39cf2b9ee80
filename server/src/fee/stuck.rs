//! Fees that are open, for operators: which there are, and what has happened to one. Nothing here
//! reads what is sealed: no number, no name, no account.

mod trail;

use domain::{ApplyNo, AspId, Timestamp};
use store::tables::fee_proposals::{Proposal, Verdict};
use store::tables::{fee_returns, opt_parsed};
use store::{DbError, Row, Store, Tx};

use super::resolving::LAPSES_MS;
use crate::delivery::work::{WorkError, seen};
use crate::op::{Done, NoRefusal};
use crate::operator::{PartnersError, partners_of};

pub use trail::{Entry, Line, Shown, show};

/// What is open about a fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// The bank has not said whether it has taken it.
    Unanswered,
    /// It is to be given back, and the order was not sent yet.
    ReturnDue,
    /// It is to be given back, and the bank has not said whether it has done so.
    ReturnSent,
}

impl Open {
    /// As it is printed.
    pub const fn name(self) -> &'static str {
        match self {
            Open::Unanswered => "COST_PAYING",
            Open::ReturnDue => "RETURN_DUE",
            Open::ReturnSent => "RETURN_SENT",
        }
    }
}

/// A fee that is open.
#[derive(Debug, Clone)]
pub struct OpenFee {
    /// The partner.
    pub asp: AspId,
    /// The application.
    pub apply_no: ApplyNo,
    /// What is open.
    pub open: Open,
    /// How much, won.
    pub amount: i64,
    /// The PAR of a card that is to be replaced.
    pub par: Option<String>,
    /// The bank's id of the order; `None` where none was made yet.
    pub bank_tran_id: Option<String>,
    /// The bank's day of that id.
    pub bank_tran_day: Option<String>,
    /// Since when, by the real clock.
    pub since: Timestamp,
    /// What the bank has said last, where that is kept.
    pub answer: Option<String>,
    /// Who has proposed a ruling, and which.
    pub proposed: Option<(String, Verdict)>,
}

/// Fees that are open, the oldest first, and whether there are more.
#[derive(Debug)]
pub struct Listed {
    /// The fees.
    pub fees: Vec<OpenFee>,
    /// Whether there are more than were asked for.
    pub has_more: bool,
}

/// Why nothing is told.
#[derive(Debug, thiserror::Error)]
pub enum StuckError {
    /// The partners.
    #[error(transparent)]
    Partners(#[from] PartnersError),
    /// There is no such fee.
    #[error("partner {1} has no fee of an application {0}: `platen fee list` tells which are open")]
    NoFee(ApplyNo, AspId),
    /// The database.
    #[error(transparent)]
    Work(#[from] WorkError),
}

/// Lists the fees of a partner, or of all, that were ordered before `since` and are unanswered, or
/// that go back.
pub async fn list(
    store: &Store,
    only: Option<&AspId>,
    (since, now): (Timestamp, Timestamp),
    limit: usize,
) -> Result<Listed, StuckError> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut fees = Vec::new();
    for asp in partners_of(store, only).await? {
        let read = move |tx: &mut Tx<'_>| -> Done<Vec<OpenFee>, NoRefusal> {
            let mut found = unanswered(tx, &asp, (since, now), most)?;
            found.extend(going_back(tx, &asp, most)?);
            found.extend(lacking(tx, &asp, most)?);
            Ok(found)
        };
        match seen(store, read).await? {
            Ok(found) => fees.extend(found),
            Err(never) => match never {},
        }
        fees.sort_by(|one: &OpenFee, other| {
            one.since.cmp(&other.since).then_with(|| one.apply_no.cmp(&other.apply_no))
        });
        fees.truncate(limit.saturating_add(1));
    }
    let has_more = fees.len() > limit;
    fees.truncate(limit);
    Ok(Listed { fees, has_more })
}

fn unanswered(
    tx: &mut Tx<'_>,
    asp: &AspId,
    (since, now): (Timestamp, Timestamp),
    most: i64,
) -> Result<Vec<OpenFee>, DbError> {
    let lapsed = now.minus_ms(LAPSES_MS);
    let rows = tx.query(
        "SELECT a.apply_no, a.fee, a.bank_tran_id, a.bank_tran_day, a.ordered_at, a.refusal,
             (SELECT c.par FROM card c
              WHERE c.asp_id = a.asp_id AND c.account_id = a.old_account_id
              ORDER BY c.card_id LIMIT 1),
             p.proposed_by, p.verdict
         FROM application a
         LEFT JOIN fee_proposal p ON p.asp_id = a.asp_id AND p.apply_no = a.apply_no
             AND p.proposed_at > $4
         WHERE a.asp_id = $1 AND a.state = 'COST_PAYING' AND a.deadline_at >= 0
             AND a.ordered_at < $2
         ORDER BY a.ordered_at, a.apply_no LIMIT $3",
        &[asp.as_str().into(), since.0.into(), most.into(), lapsed.0.into()],
    )?;
    let fee = |mut row: Row| {
        let by = row.take_opt_text(7)?;
        let proposed = by.zip(opt_parsed(&row, 8, Verdict::parse)?);
        Ok(OpenFee { proposed, ..read(row, asp, Open::Unanswered)? })
    };
    rows.into_iter().map(fee).collect()
}

fn going_back(tx: &mut Tx<'_>, asp: &AspId, most: i64) -> Result<Vec<OpenFee>, DbError> {
    let rows = tx.query(
        "SELECT f.apply_no, f.amount, f.bank_tran_id, f.bank_tran_day, f.due_at, f.refusal,
             (SELECT c.par FROM card c
              WHERE c.asp_id = a.asp_id AND c.account_id = a.old_account_id
              ORDER BY c.card_id LIMIT 1),
             f.is_sent
         FROM fee_return f
         JOIN application a ON a.asp_id = f.asp_id AND a.apply_no = f.apply_no
         WHERE f.asp_id = $1 AND f.state = 'DUE' AND f.next_at >= 0
         ORDER BY f.due_at, f.apply_no LIMIT $2",
        &[asp.as_str().into(), most.into()],
    )?;
    let fee = |row: Row| {
        let open = if row.boolean(7)? { Open::ReturnSent } else { Open::ReturnDue };
        read(row, asp, open)
    };
    rows.into_iter().map(fee).collect()
}

/// Those that an earlier release has owed back: recovery makes their orders.
fn lacking(tx: &mut Tx<'_>, asp: &AspId, most: i64) -> Result<Vec<OpenFee>, DbError> {
    let mut fees = Vec::new();
    for apply_no in fee_returns::lacking(tx, asp, most)? {
        let row = tx.query_one(
            "SELECT a.apply_no, a.fee, NULL, NULL, COALESCE(a.settled_at, a.applied_at), NULL,
                 (SELECT c.par FROM card c
                  WHERE c.asp_id = a.asp_id AND c.account_id = a.old_account_id
                  ORDER BY c.card_id LIMIT 1)
             FROM application a WHERE a.asp_id = $1 AND a.apply_no = $2",
            &[asp.as_str().into(), apply_no.as_str().into()],
        )?;
        fees.push(read(row, asp, Open::ReturnDue)?);
    }
    Ok(fees)
}

/// The columns that each of the statements begins with.
fn read(mut row: Row, asp: &AspId, open: Open) -> Result<OpenFee, DbError> {
    Ok(OpenFee {
        asp: asp.clone(),
        apply_no: ApplyNo::new(row.text(0)?),
        open,
        amount: row.int(1)?,
        bank_tran_id: row.take_opt_text(2)?,
        bank_tran_day: row.take_opt_text(3)?,
        since: Timestamp(row.int(4)?),
        answer: row.take_opt_text(5)?,
        par: row.take_opt_text(6)?,
        proposed: None,
    })
}

/// A proposal is in force for a day.
pub fn is_in_force(proposal: &Proposal, now: Timestamp) -> bool {
    now < proposal.at.plus_ms(LAPSES_MS)
}
