//! Calls are remembered for their window; afterwards the digests by which they were recognised go.
//! Rows are found by their seals, in order: a counter says up to which seal that is done. The seals
//! stay true, as those digests are not in them.

use domain::{AspId, Timestamp};
use store::tables::counters;
use store::{DbError, Tx};

use super::{Batch, Context, Left};
use crate::audit::content::SEAL_ROWS_MAX;
use crate::audit::sealer::sealed_at;
use crate::op::{Done, NoRefusal};

/// Counter of the seals whose rows are forgotten: its next value is the next seal to look at.
const FORGOTTEN: &str = "job-forget";
/// Seals in a batch.
const BATCH_SEALS: i64 = 64;
/// Rows in a batch, beyond which it takes no further seal.
const BATCH_ROWS: u64 = 512;

/// Forgets the calls in the seals that are older than the partner's longest window.
pub(super) fn batch(cx: &Context, tx: &mut Tx<'_>, asp: &AspId) -> Done<Batch, NoRefusal> {
    let Some(window_ms) = window_ms(tx, asp)? else { return Ok(Batch::NOTHING) };
    // By the real clock, as the windows are.
    let before = cx.now.real.minus_ms(window_ms);
    let first = counters::peek(tx, asp, FORGOTTEN)?;
    if !is_over(tx, asp, first, before)? {
        return Ok(Batch::NOTHING);
    }
    // Alone from here on, at the seal that it is now.
    let first = counters::take(tx, asp, FORGOTTEN, 0)?;
    let (mut seals, mut rows) = (0, 0);
    while seals < BATCH_SEALS && rows < BATCH_ROWS && is_over(tx, asp, first + seals, before)? {
        rows += tx.execute(
            "UPDATE operation_log SET replay_key = NULL, cipher_digest = NULL, strict_key = NULL
             WHERE asp_id = $1 AND log_id IN (
                 SELECT l.log_id FROM operation_log l WHERE l.asp_id = $1 AND l.sealed_in = $2
                 ORDER BY l.log_id LIMIT $3)
             AND (replay_key IS NOT NULL OR cipher_digest IS NOT NULL OR strict_key IS NOT NULL)",
            &[asp.as_str().into(), (first + seals).into(), SEAL_ROWS_MAX.into()],
        )?;
        seals += 1;
    }
    counters::take(tx, asp, FORGOTTEN, seals)?;
    Ok(Batch { rows, left: if seals == 0 { Left::Nothing } else { Left::More } })
}

/// The longest time for which one of the partner's projects recognises a call or its encrypted
/// text; `None` where it has no project.
fn window_ms(tx: &mut Tx<'_>, asp: &AspId) -> Result<Option<u64>, DbError> {
    let rows = tx.query(
        "SELECT replay_window_ms, tran_time_window_ms FROM project WHERE asp_id = $1",
        &[asp.as_str().into()],
    )?;
    let mut longest = None;
    for row in rows {
        let both = row.int(0)?.max(row.int(1)?);
        longest = longest.max(Some(both.unsigned_abs()));
    }
    Ok(longest)
}

/// Whether the seal is there, and all its rows are from before then. A row is written before it is
/// sealed, but perhaps by a server whose clock is ahead.
fn is_over(tx: &mut Tx<'_>, asp: &AspId, seal_no: i64, before: Timestamp) -> Result<bool, DbError> {
    if sealed_at(tx, asp, seal_no)?.is_none_or(|at| at >= before) {
        return Ok(false);
    }
    let row = tx.query_one(
        "SELECT MAX(happened_at) FROM operation_log WHERE asp_id = $1 AND log_id IN (
             SELECT l.log_id FROM operation_log l WHERE l.asp_id = $1 AND l.sealed_in = $2
             ORDER BY l.log_id LIMIT $3)",
        &[asp.as_str().into(), seal_no.into(), SEAL_ROWS_MAX.into()],
    )?;
    Ok(row.opt_int(0)?.is_none_or(|latest| latest < before.0))
}
