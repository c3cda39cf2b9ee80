//! The simulator's file, read and filled without the simulator; also while it runs.

use std::convert::Infallible;
use std::path::Path;

use store::{Options, Store, Target, Tx, TxError, WriteError, params};
use thiserror::Error;

use super::ledger::{self, LedgerRange};
use super::model::{Account, LedgerEntry, Totals};
use super::schema::MIGRATIONS;
use super::{accounts, tokens};

/// In one transaction: a running simulator waits for it.
const BATCH_ACCOUNTS: usize = 500;
/// More than any file has.
const EVERYTHING: i64 = i64::MAX;

/// Why the file could not be used.
#[derive(Debug, Error)]
pub enum FileError {
    /// It cannot be opened.
    #[error("the bank simulator's file cannot be opened: {0}")]
    Open(#[from] store::OpenError),
    /// It cannot be used now.
    #[error("the bank simulator's file is unavailable: {0}")]
    Unavailable(store::Cause),
    /// A mistake in the program or the file.
    #[error("the bank simulator's file: {0}")]
    Fault(String),
    /// An account that cannot be put.
    #[error("account {number}: {reason}")]
    Account {
        /// Its number.
        number: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<WriteError<Infallible>> for FileError {
    fn from(error: WriteError<Infallible>) -> Self {
        match error {
            WriteError::Refused(never) => match never {},
            WriteError::Unavailable(cause) => Self::Unavailable(cause),
            WriteError::Fault(fault) => Self::Fault(fault.message().to_owned()),
        }
    }
}

/// Creates the accounts or puts them back, in batches; the file is created when it is missing.
///
/// # Errors
/// An account is malformed (then nothing is written), or the file cannot be used.
pub async fn put_accounts(data: &Path, new: &[Account]) -> Result<(), FileError> {
    for account in new {
        accounts::check(account).map_err(|reason| FileError::Account {
            number: account.fintech_use_num.clone(),
            reason,
        })?;
    }
    let store = open(data)?;
    for batch in new.chunks(BATCH_ACCOUNTS) {
        let batch = batch.to_vec();
        write(&store, move |tx| batch.iter().try_for_each(|account| accounts::put(tx, account)))
            .await?;
    }
    store.close();
    Ok(())
}

/// What the bank took and gave in all.
///
/// # Errors
/// The file cannot be used.
pub async fn totals(data: &Path) -> Result<Totals, FileError> {
    let store = open(data)?;
    let totals = read(&store, ledger::totals).await?;
    store.close();
    Ok(totals)
}

/// The whole ledger, in its order.
///
/// # Errors
/// The file cannot be used.
pub async fn ledger(data: &Path) -> Result<Vec<LedgerEntry>, FileError> {
    let store = open(data)?;
    let range = LedgerRange { fintech_use_num: None, after: 0, limit: EVERYTHING };
    let entries = read(&store, move |tx| ledger::read(tx, &range)).await?;
    store.close();
    Ok(entries)
}

pub(super) fn open(data: &Path) -> Result<Store, FileError> {
    Ok(Store::open(&Target::Sqlite(data.to_owned()), MIGRATIONS, Options::default())?)
}

/// The file's identity, if it exists and has one.
pub(super) async fn instance(data: &Path) -> Result<Option<String>, FileError> {
    if !data.exists() {
        return Ok(None);
    }
    let store = open(data)?;
    let instance = read(&store, find_instance).await?;
    store.close();
    Ok(instance)
}

/// The file's identity, drawn now if it has none.
pub(super) async fn claim_instance(store: &Store) -> Result<String, FileError> {
    let drawn = tokens::random_word();
    write(store, move |tx| {
        tx.execute(
            "INSERT INTO identity (name, value) VALUES ('instance', $1)
             ON CONFLICT (name) DO NOTHING",
            params![&drawn],
        )?;
        Ok(find_instance(tx)?.unwrap_or_default())
    })
    .await
}

fn find_instance(tx: &mut Tx<'_>) -> Result<Option<String>, store::DbError> {
    let row = tx.query_opt("SELECT value FROM identity WHERE name = 'instance'", &[])?;
    row.map(|mut row| row.take_text(0)).transpose()
}

/// A transaction that refuses nothing.
pub(super) async fn write<T: Send + 'static>(
    store: &Store,
    mut work: impl FnMut(&mut Tx<'_>) -> Result<T, store::DbError> + Send + 'static,
) -> Result<T, FileError> {
    let done: Result<T, WriteError<Infallible>> =
        store.write(move |tx| work(tx).map_err(TxError::Db)).await;
    Ok(done?)
}

/// A reading transaction that refuses nothing.
pub(super) async fn read<T: Send + 'static>(
    store: &Store,
    mut work: impl FnMut(&mut Tx<'_>) -> Result<T, store::DbError> + Send + 'static,
) -> Result<T, FileError> {
    let done: Result<T, WriteError<Infallible>> =
        store.read(move |tx| work(tx).map_err(TxError::Db)).await;
    Ok(done?)
}
