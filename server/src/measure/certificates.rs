//! Partners' certificates that end soon, or have ended, while their crypto keys serve.

use domain::Timestamp;
use store::tables::partners;
use store::{Tx, WriteError};

use crate::context::App;

/// How long before its end a certificate is told of, milliseconds: 30 days.
const SOON_MS: u64 = 30 * 86_400_000;

/// Counts them by partner.
pub async fn measure(app: &App) -> Result<(), WriteError<()>> {
    let until = app.clock.now().plus_ms(SOON_MS);
    let counted = app.store.read(move |tx: &mut Tx<'_>| {
        let mut counts = Vec::new();
        for asp in partners::all(tx)? {
            let Timestamp(until) = until;
            let row = tx.query_one(
                "SELECT COUNT(*) AS ending FROM crypto_key k
                 JOIN project p ON p.asp_id = k.asp_id AND p.project_id = k.project_id
                 WHERE k.asp_id = $1 AND k.client_not_after < $2 AND k.state = 'ACTIVE'
                     AND k.suspended_at IS NULL AND p.state <> 'DISCARDED'",
                &[asp.as_str().into(), until.into()],
            )?;
            counts.push((asp, row.int(0)?));
        }
        Ok(counts)
    });
    for (asp, count) in counted.await? {
        app.metrics.certificates_ending(asp.as_str(), count);
    }
    Ok(())
}
