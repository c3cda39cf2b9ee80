//! How far this machine's clock is from the database's.

use store::{Tx, TxError, WriteError};

use crate::context::App;
use crate::production::clock::ahead_s;

/// Reads it, by the real clock.
pub async fn measure(app: &App) -> Result<(), WriteError<()>> {
    let now = app.clock.now();
    let read = move |tx: &mut Tx<'_>| -> Result<i64, TxError<()>> { Ok(ahead_s(tx, now)?) };
    app.metrics.clock_ahead(app.store.read(read).await?);
    Ok(())
}
