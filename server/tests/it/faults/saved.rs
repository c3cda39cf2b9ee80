//! A database that is put back to where it was before.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use store::schema::COLUMNS;
use store::{Store, Tx, TxError};

fn tables() -> BTreeSet<&'static str> {
    COLUMNS.iter().map(|column| column.table).collect()
}

/// Keeps all rows under a name.
pub async fn save(store: &Store, name: &str) {
    let script = tables().into_iter().fold(String::new(), |mut script, table| {
        let kept = format!("{name}_{table}");
        write!(
            script,
            "DROP TABLE IF EXISTS {kept}; CREATE TABLE {kept} AS SELECT * FROM {table};"
        )
        .unwrap();
        script
    });
    run(store, script).await;
}

/// Puts back the rows that were kept under a name.
pub async fn restore(store: &Store, name: &str) {
    let script = tables().into_iter().fold(String::new(), |mut script, table| {
        let kept = format!("{name}_{table}");
        write!(script, "DELETE FROM {table}; INSERT INTO {table} SELECT * FROM {kept};").unwrap();
        script
    });
    run(store, script).await;
}

/// Runs statements in one transaction.
pub async fn run(store: &Store, script: String) {
    let work = move |tx: &mut Tx<'_>| -> Result<(), TxError<()>> { Ok(tx.batch(&script)?) };
    store.write(work).await.unwrap();
}
