//! One fee with all that was written down about it.

use domain::application::{Kind, State};
use domain::{ApplyNo, AspId, Timestamp};
use serde_json::Value;
use store::tables::PLATFORM;
use store::tables::applications;
use store::tables::fee_proposals::{self, Proposal};
use store::tables::fee_returns::{self, FeeReturn};
use store::{DbError, Store, Tx};

use super::StuckError;
use crate::delivery::work::seen;
use crate::fee::resolving::{Refusal, subject};
use crate::op::{Done, refuse};

/// Rows of each log that are told at the most.
const ROWS_MAX: i64 = 200;
/// What is told of an event's payload: nothing else can come in by it.
const TOLD: [&str; 13] = [
    "fee",
    "refusal",
    "reason",
    "by",
    "machineUser",
    "verdict",
    "evidence",
    "proposedBy",
    "proposedEvidence",
    "proposedReason",
    "settledBy",
    "bank",
    "state",
];

/// A fee.
#[derive(Debug)]
pub struct Shown {
    /// The application.
    pub apply_no: ApplyNo,
    /// What is applied for.
    pub kind: Kind,
    /// Its state.
    pub state: State,
    /// The member's number.
    pub user_id: i64,
    /// How much, won.
    pub amount: i64,
    /// The bank's id of the withdrawal.
    pub bank_tran_id: String,
    /// The bank's day of that id.
    pub bank_tran_day: String,
    /// When it was ordered, by the real clock.
    pub ordered_at: Timestamp,
    /// When recovery asks again, while it is unanswered.
    pub asked_again_at: Option<Timestamp>,
    /// What was proposed about it.
    pub proposal: Option<Proposal>,
    /// How it goes back, if it does.
    pub back: Option<FeeReturn>,
    /// What has happened, in order.
    pub trail: Vec<Entry>,
}

/// Something that has happened.
#[derive(Debug)]
pub struct Entry {
    /// When, by the real clock.
    pub at: Timestamp,
    /// What.
    pub event: String,
    /// The code that the caller was answered.
    pub code: String,
    /// What is told of it: names and values.
    pub told: Vec<(&'static str, Value)>,
    /// Its journal.
    pub journal: Vec<Line>,
}

/// A line of a journal.
#[derive(Debug)]
pub struct Line {
    /// The account that is debited.
    pub debit: String,
    /// The account that is credited.
    pub credit: String,
    /// How much, won.
    pub amount: i64,
}

/// Shows a fee.
pub async fn show(store: &Store, asp: &AspId, apply_no: &ApplyNo) -> Result<Shown, StuckError> {
    let (of, no) = (asp.clone(), apply_no.clone());
    let shown = seen(store, move |tx: &mut Tx<'_>| read(tx, &of, &no)).await?;
    shown.map_err(|_| StuckError::NoFee(apply_no.clone(), asp.clone()))
}

fn read(tx: &mut Tx<'_>, asp: &AspId, apply_no: &ApplyNo) -> Done<Shown, Refusal> {
    let unknown = || Refusal::Unknown(apply_no.clone(), asp.clone());
    let Some(application) = applications::load(tx, asp, apply_no)? else {
        return refuse(unknown());
    };
    let Some(order) = application.order else { return refuse(unknown()) };
    let mut trail = entries(tx, asp, apply_no.as_str())?;
    trail.extend(entries(tx, &AspId::new(PLATFORM), &subject(asp, apply_no))?);
    trail.sort_by_key(|entry| entry.at);
    Ok(Shown {
        apply_no: application.apply_no,
        kind: application.kind,
        state: application.state,
        user_id: application.user_id,
        amount: application.fee.minor(),
        bank_tran_id: order.bank_tran_id,
        bank_tran_day: order.bank_tran_day,
        ordered_at: order.ordered_at,
        asked_again_at: (application.state == State::CostPaying).then_some(order.deadline_at),
        proposal: fee_proposals::load(tx, asp, apply_no)?,
        back: fee_returns::load(tx, asp, apply_no)?,
        trail,
    })
}

fn entries(tx: &mut Tx<'_>, asp: &AspId, subject: &str) -> Result<Vec<Entry>, DbError> {
    let rows = tx.query(
        "SELECT log_id, happened_at, event, code, payload FROM operation_log
         WHERE asp_id = $1 AND log_id IN (
             SELECT l.log_id FROM operation_log l WHERE l.asp_id = $1 AND l.subject = $2)
         ORDER BY happened_at, log_id LIMIT $3",
        &[asp.as_str().into(), subject.into(), ROWS_MAX.into()],
    )?;
    let mut entries = Vec::new();
    for mut row in rows {
        let payload: Value = serde_json::from_str(row.text(4)?).unwrap_or_default();
        let told = TOLD.into_iter().filter_map(|name| Some((name, payload.get(name)?.clone())));
        entries.push(Entry {
            at: Timestamp(row.int(1)?),
            event: row.take_text(2)?,
            code: row.take_text(3)?,
            told: told.collect(),
            journal: journal(tx, asp, row.int(0)?)?,
        });
    }
    Ok(entries)
}

fn journal(tx: &mut Tx<'_>, asp: &AspId, log_id: i64) -> Result<Vec<Line>, DbError> {
    let rows = tx.query(
        "SELECT debit, credit, amount FROM posting
         WHERE asp_id = $1 AND log_id = $2 ORDER BY line",
        &[asp.as_str().into(), log_id.into()],
    )?;
    let line = |mut row: store::Row| {
        Ok(Line { debit: row.take_text(0)?, credit: row.take_text(1)?, amount: row.int(2)? })
    };
    rows.into_iter().map(line).collect()
}
