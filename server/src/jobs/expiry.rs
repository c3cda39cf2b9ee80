//! Cards are told 60, 30 and 1 days ahead that they end, and expire after their last day. A card
//! that was not looked at for long goes straight to the stage that is due, with one event.
//!
//! An expired card account keeps its state and its money: it can be reported lost, reissued and
//! discarded; it cannot be renewed any more.

use domain::expiry::Stage;
use domain::{AspId, Expiry};
use serde_json::json;
use store::tables::counters;
use store::tables::log::{self, NewEntry};
use store::{DbError, Row, Tx};

use super::{Batch, Context, Left};
use crate::op::{Done, NoRefusal, OrStop, fault};

/// Card accounts in a batch.
const BATCH: i64 = 250;
/// Whoever takes from this counter is alone with a partner's expiring cards.
const TURNS: &str = "job-expiry";

/// Moves card accounts to the stage that is due.
pub(super) fn batch(cx: &Context, tx: &mut Tx<'_>, asp: &AspId) -> Done<Batch, NoRefusal> {
    for stage in Stage::ALL.iter().rev().copied() {
        let Some(latest) = stage.latest(cx.now.business) else { continue };
        for before in Stage::ALL.iter().copied().take_while(|before| *before < stage) {
            if !is_due(tx, asp, before, latest)? {
                continue;
            }
            counters::take(tx, asp, TURNS, 1)?;
            let moved = advance(tx, asp, (before, stage), latest)?;
            for row in &moved {
                tell(cx, tx, asp, stage, row)?;
            }
            return Ok(Batch { rows: moved.len() as u64, left: Left::More });
        }
    }
    Ok(Batch::NOTHING)
}

/// Whether a card account in use waits for its next stage.
fn is_due(tx: &mut Tx<'_>, asp: &AspId, before: Stage, latest: Expiry) -> Result<bool, DbError> {
    let found = tx.query_opt(
        "SELECT account_id FROM card_account
         WHERE asp_id = $1 AND expiry_stage = $2 AND expiry_yymm <= $3 AND state <> 'TERMINATED'
         ORDER BY expiry_yymm, account_id LIMIT 1",
        &[asp.as_str().into(), before.number().into(), latest.yymm().as_str().into()],
    )?;
    Ok(found.is_some())
}

fn advance(
    tx: &mut Tx<'_>,
    asp: &AspId,
    (before, stage): (Stage, Stage),
    latest: Expiry,
) -> Result<Vec<Row>, DbError> {
    // Looked at once more: a row that was waited for may have changed. Not by the words of the
    // partial index, or SQLite would read by it all rows of the stage for each batch.
    tx.query(
        "UPDATE card_account SET expiry_stage = $2
         WHERE asp_id = $1 AND expiry_stage = $3 AND state IN ('ACTIVE', 'SUSPENDED')
             AND account_id IN (
                 SELECT a.account_id FROM card_account a
                 WHERE a.asp_id = $1 AND a.expiry_stage = $3 AND a.expiry_yymm <= $4
                     AND a.state <> 'TERMINATED'
                 ORDER BY a.expiry_yymm, a.account_id LIMIT $5)
         RETURNING account_id, user_id, expiry_yymm",
        &[
            asp.as_str().into(),
            stage.number().into(),
            before.number().into(),
            latest.yymm().as_str().into(),
            BATCH.into(),
        ],
    )
}

/// Writes the event: what the partner tells its member.
fn tell(
    cx: &Context,
    tx: &mut Tx<'_>,
    asp: &AspId,
    stage: Stage,
    account: &Row,
) -> Done<(), NoRefusal> {
    let (id, yymm) = (account.int(0)?, account.text(2)?);
    let cards = tx.query(
        "SELECT par FROM card WHERE asp_id = $1 AND account_id = $2 ORDER BY card_id",
        &[asp.as_str().into(), id.into()],
    )?;
    let pars: Result<Vec<&str>, _> = cards.iter().map(|card| card.text(0)).collect();
    let last_day = Expiry::from_yymm(yymm).or_stop()?.last_day().to_string();
    let mut payload = json!({
        "userId": account.int(1)?,
        "pars": pars?,
        "expiryDate": yymm,
        "lastDay": last_day,
    });
    let event = match stage {
        Stage::InUse | Stage::Expired => "card.expired",
        Stage::Told60 | Stage::Told30 | Stage::Told1 => {
            payload["daysAhead"] = stage.days_ahead().into();
            "card.expiry_notice"
        }
    };
    let entry = NewEntry {
        id: cx.core.supply.id(asp).or_stop()?,
        operation: "job.expiry",
        event,
        code: "000_000",
        correlation_id: "-",
        subject: &id.to_string(),
        payload: &payload.to_string(),
        happened_at: cx.now,
        keys: None,
    };
    match log::insert(tx, asp, &entry)? {
        true => Ok(()),
        false => Err(fault("the log has the row's id already")),
    }
}
