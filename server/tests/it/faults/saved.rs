//! A database that is changed by scripts.

use store::{Store, Tx, TxError};

/// Runs statements in one transaction.
pub async fn run(store: &Store, script: String) {
    let work = move |tx: &mut Tx<'_>| -> Result<(), TxError<()>> { Ok(tx.batch(&script)?) };
    store.write(work).await.unwrap();
}
