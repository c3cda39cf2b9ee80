//! The exchange of files with card makers that servers do by themselves, where they are given a
//! folder: `<folder>/<partner>/<maker>/out` gets what is ordered, `in` is read. Of all servers one
//! at a time is at a partner's files; should it die, another goes on after a while.
//!
//! A maker's file is put into `in` under another name and renamed to `*.csv`, so that none is read
//! halfway. One that was read is renamed to `*.csv.read`, one that is refused to `*.csv.refused`,
//! and the reason is logged; one that comes before its turn waits.

use std::io;
use std::path::{Path, PathBuf};

use domain::{AspId, Timestamp};
use store::{DbError, Tx};

use super::file::Why;
use super::makers::{self, Maker};
use super::reading::{self, ReadError};
use super::work::{WorkError, fault};
use super::writing::{self, Order, ROWS_MAX, WriteError};
use crate::context::App;
use crate::op::{Done, NoRefusal};

/// Until when a server is alone with a partner's files, by this counter: microseconds since 1970.
const LEASE: &str = "delivery-exchange";
/// How long others leave a partner's files alone: a file of a million rows takes minutes.
const LEASE_MS: u64 = 60 * 60 * 1_000;
/// Files of a maker that are read in one turn.
const FILES_MAX: usize = 100;

/// Why the exchange did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The folder.
    #[error("{0}: {1}")]
    Folder(PathBuf, io::Error),
    /// A file to a maker.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A file from a maker.
    #[error("{0}: {1}")]
    Read(PathBuf, ReadError),
    /// The database.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// Several makers: which of them gets what is ordered is for an operator to say.
    #[error(
        "the partner has several card makers: write the files to them with `platen delivery \
         write`; what comes back is read"
    )]
    SeveralMakers,
}

/// Writes what waits for the partner's card maker and reads what has come back; how many rows.
pub async fn turn(app: &App, asp: &AspId, folder: &Path) -> Result<u64, ExchangeError> {
    let makers = makers_of(app, asp).await?;
    if makers.is_empty() {
        return Ok(0);
    }
    let now = app.clock.now();
    let until = now.plus_ms(LEASE_MS);
    if !lease(app, asp, (now, until)).await? {
        return Ok(0);
    }
    let done = all(app, asp, folder, &makers).await;
    lease(app, asp, (until.plus_ms(1), now)).await?;
    done
}

async fn all(
    app: &App,
    asp: &AspId,
    folder: &Path,
    makers: &[Maker],
) -> Result<u64, ExchangeError> {
    let mut rows = 0;
    for maker in makers {
        let own = folder.join(asp.as_str()).join(&maker.id);
        rows += read(app, asp, &own.join("in")).await?;
        if let [only] = makers {
            rows += write(app, asp, only, own.join("out")).await?;
        }
    }
    if makers.len() > 1 && waits(app, asp).await? {
        return Err(ExchangeError::SeveralMakers);
    }
    Ok(rows)
}

async fn makers_of(app: &App, asp: &AspId) -> Result<Vec<Maker>, WorkError> {
    let asp = asp.clone();
    let read = move |tx: &mut Tx<'_>| -> Done<Vec<Maker>, NoRefusal> { Ok(makers::all(tx, &asp)?) };
    app.store.read(read).await.map_err(|error| fault(&error))
}

/// Whether a delivery waits for a file.
async fn waits(app: &App, asp: &AspId) -> Result<bool, WorkError> {
    let asp = asp.clone();
    let read = move |tx: &mut Tx<'_>| -> Done<bool, NoRefusal> {
        let first = tx.query_opt(
            "SELECT apply_no FROM delivery
             WHERE asp_id = $1 AND state = 'READY' AND file_sequence IS NULL AND ordered_at > 0
             ORDER BY ordered_at, apply_no LIMIT 1",
            &[asp.as_str().into()],
        )?;
        Ok(first.is_some())
    };
    app.store.read(read).await.map_err(|error| fault(&error))
}

/// Takes the lease where it is over at the first moment, until the second; whether it was.
async fn lease(
    app: &App,
    asp: &AspId,
    (over, until): (Timestamp, Timestamp),
) -> Result<bool, WorkError> {
    let asp = asp.clone();
    let take = move |tx: &mut Tx<'_>| -> Done<bool, NoRefusal> { Ok(take(tx, &asp, over, until)?) };
    app.store.write(take).await.map_err(|error| fault(&error))
}

fn take(tx: &mut Tx<'_>, asp: &AspId, over: Timestamp, until: Timestamp) -> Result<bool, DbError> {
    let taken = tx.query_opt(
        "INSERT INTO counter (asp_id, name, next_value) VALUES ($1, $2, $4)
         ON CONFLICT (asp_id, name) DO UPDATE SET next_value = $4 WHERE counter.next_value < $3
         RETURNING next_value",
        &[asp.as_str().into(), LEASE.into(), over.0.into(), until.0.into()],
    )?;
    Ok(taken.is_some())
}

/// Finishes what was begun, then writes a file where deliveries wait.
async fn write(
    app: &App,
    asp: &AspId,
    maker: &Maker,
    folder: PathBuf,
) -> Result<u64, ExchangeError> {
    std::fs::create_dir_all(&folder)
        .map_err(|error| ExchangeError::Folder(folder.clone(), error))?;
    let order = Order { asp: asp.clone(), maker: maker.id.clone(), folder, now: app.now() };
    let mut rows = 0;
    for sequence in writing::unfinished(&app.store, asp, &maker.id).await? {
        rows += writing::again(&app.store, &app.core, &order, sequence).await?.rows;
    }
    while let Some(written) = writing::write(&app.store, &app.core, &order, ROWS_MAX).await? {
        tracing::info!(file = %written.path.display(), rows = written.rows, "a file is written");
        rows += written.rows;
    }
    Ok(rows)
}

/// Reads the files that have come back, in the order of their names.
async fn read(app: &App, asp: &AspId, folder: &Path) -> Result<u64, ExchangeError> {
    let failed = |error| ExchangeError::Folder(folder.to_owned(), error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".csv") && !name.starts_with('.') {
            files.push(path);
        }
    }
    files.sort();
    files.truncate(FILES_MAX);
    let mut rows = 0;
    for path in files {
        match reading::read(&app.store, &app.core, asp, &path, app.moment()).await {
            Ok(read) => {
                let file = path.display();
                tracing::info!(%file, rows = read.rows, changed = read.changed, "a file is read");
                rows += read.rows;
                put_away(&path, "read")?;
            }
            Err(ReadError::Refused(wrong)) => match wrong.why {
                // One before it is still to come.
                Why::Skipped { .. } => {}
                Why::Repeated { .. } => put_away(&path, "read")?,
                Why::Io(_) => return Err(ExchangeError::Read(path, wrong.into())),
                Why::Cut
                | Why::CutLine
                | Why::TooLong
                | Why::NotText
                | Why::Malformed(_)
                | Why::Cell(_)
                | Why::Count { .. }
                | Why::AfterTrailer
                | Why::OtherPartner(_)
                | Why::UnknownMaker(_)
                | Why::OtherKey
                | Why::UnknownRow(_)
                | Why::Future => {
                    let file = path.display();
                    tracing::error!(%file, %wrong, "a card maker's file is refused");
                    put_away(&path, "refused")?;
                }
            },
            Err(error) => return Err(ExchangeError::Read(path, error)),
        }
    }
    Ok(rows)
}

fn put_away(path: &Path, why: &str) -> Result<(), ExchangeError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(why);
    std::fs::rename(path, PathBuf::from(name))
        .map_err(|error| ExchangeError::Folder(path.to_owned(), error))
}
