//! Plastic that came back and that nobody asks for within some days is called off, as the partner
//! could do by a call.

use domain::{ApplyNo, AspId};
use store::Tx;

use super::{Batch, Context};
use crate::delivery::{self, CalledOff};
use crate::op::{Done, NoRefusal};
use crate::settings::DAY_MS;

/// Deliveries in a batch. Each moves an application and perhaps money.
const BATCH: i64 = 50;

/// Calls off what came back long enough ago.
pub(super) fn batch(cx: &Context, tx: &mut Tx<'_>, asp: &AspId) -> Done<Batch, NoRefusal> {
    let kept_ms = cx.core.settings.returned_kept_days.saturating_mul(DAY_MS);
    let before = cx.now.business.minus_ms(kept_ms);
    let due = tx.query(
        "SELECT apply_no FROM delivery
         WHERE asp_id = $1 AND state = 'RETURN' AND changed_at < $2
         ORDER BY changed_at, apply_no LIMIT $3",
        &[asp.as_str().into(), before.0.into(), BATCH.into()],
    )?;
    let call = delivery::reporting(&cx.core, asp, "job.call-off", cx.now);
    let mut rows = 0;
    for row in &due {
        // Claimed and looked at again there: it may have been sent again meanwhile.
        match delivery::call_off(&call, tx, &ApplyNo::new(row.text(0)?))? {
            CalledOff::Done(_) => rows += 1,
            CalledOff::NotReturned(_) | CalledOff::Unknown => {}
        }
    }
    Ok(Batch { rows, ..Batch::of(due.len() as u64, BATCH) })
}
