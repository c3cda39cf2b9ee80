//! Files to card makers that they have not reported on.

use domain::{AspId, Timestamp};
use store::tables::partners;
use store::{DbError, Tx, WriteError};

use crate::context::App;
use crate::delivery::makers;
use crate::metrics::{Unacknowledged, age_s};

/// The last files of a card maker, which are looked at.
const SEEN_FILES: i64 = 1_000;

/// Counts them.
pub async fn measure(app: &App) -> Result<(), WriteError<()>> {
    let now = app.clock.now();
    let counted = app.store.read(move |tx: &mut Tx<'_>| {
        let mut all = Unacknowledged::default();
        for asp in partners::all(tx)? {
            for maker in makers::all(tx, &asp)? {
                let first = maker.next_sequence - SEEN_FILES;
                let of_maker = count(tx, &asp, &maker.id, first, now)?;
                all.count += of_maker.count;
                all.oldest_age_s = all.oldest_age_s.max(of_maker.oldest_age_s);
            }
        }
        Ok(all)
    });
    app.metrics.unacknowledged(counted.await?);
    Ok(())
}

/// Of a maker's files from `first` on. A file is there to be reported on from its first row; one
/// that was finished without any has nothing to report on.
fn count(
    tx: &mut Tx<'_>,
    asp: &AspId,
    maker: &str,
    first: i64,
    now: Timestamp,
) -> Result<Unacknowledged, DbError> {
    let row = tx.query_one(
        "SELECT COUNT(*), MIN(made_at) FROM delivery_file
         WHERE asp_id = $1 AND maker_id = $2 AND direction = 'OUT' AND file_sequence >= $3
             AND acknowledged_at IS NULL AND (row_count > 0 OR LENGTH(digest) = 0)",
        &[asp.as_str().into(), maker.into(), first.into()],
    )?;
    let oldest_age_s = age_s(row.opt_int(1)?.map(Timestamp), now);
    Ok(Unacknowledged { count: row.int(0)?, oldest_age_s })
}
