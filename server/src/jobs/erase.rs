//! Names, telephone numbers and addresses are erased some days after a delivery has come to its
//! end. An application has none any more once it is settled.

use domain::AspId;
use store::Tx;

use super::{Batch, Context};
use crate::op::{Done, NoRefusal};
use crate::settings::DAY_MS;

/// Deliveries in a batch.
const BATCH: i64 = 250;

/// Erases the recipients of deliveries that ended long enough ago.
pub(super) fn batch(cx: &Context, tx: &mut Tx<'_>, asp: &AspId) -> Done<Batch, NoRefusal> {
    let kept_ms = cx.core.settings.recipient_kept_days.saturating_mul(DAY_MS);
    let before = cx.now.business.minus_ms(kept_ms);
    // Without all words of the partial index outside, or SQLite would read by it all that is due.
    let rows = tx.execute(
        "UPDATE delivery SET recipient_sealed = NULL
         WHERE asp_id = $1 AND ended_at < $2 AND apply_no IN (
             SELECT d.apply_no FROM delivery d
             WHERE d.asp_id = $1 AND d.ended_at < $2 AND d.recipient_sealed IS NOT NULL
                 AND d.ended_at IS NOT NULL
             ORDER BY d.ended_at, d.apply_no LIMIT $3)",
        &[asp.as_str().into(), before.0.into(), BATCH.into()],
    )?;
    Ok(Batch::of(rows, BATCH))
}
