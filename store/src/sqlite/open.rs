//! Opens a SQLite database and starts its threads.

use std::convert::Infallible;
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, OpenFlags};

use super::error::db_error;
use super::stepped::Stepper;
use super::watch::Watch;
use super::{SqliteTx, Texts, worker};
use crate::error::{Cause, DbError, OpenError};
use crate::handle::spawn;
use crate::migration::{Migration, migrate};
use crate::options::{OnEmpty, Options};
use crate::queue::Queue;
use crate::tx::{Engine, Tx};

/// Another process may be migrating.
const OPEN_BUSY_MS_MAX: u64 = 60_000;
const STATEMENTS_CACHED_MAX: usize = 256;
/// Pages that the log grows by until a thread of its own copies them to the database: beside the
/// writer, whose commits do not wait for it.
const CHECKPOINT_PAGES: i32 = 2_048;
/// Pages at which the writer copies what is left itself: only then can the log begin anew.
const CHECKPOINT_PAGES_MAX: i32 = 16_384;

/// Migrates, then starts one writer, the readers and the checkpointer. The writer ends last: of
/// connections that close at the same time, none might empty the log.
pub(crate) fn start(
    path: &Path,
    migrations: &[Migration],
    options: &Options,
    writes: &Arc<Queue>,
    reads: &Arc<Queue>,
) -> Result<Vec<JoinHandle<()>>, OpenError> {
    create_file(path)?;
    let mut writer = connect(path, "foreign_keys = ON")?;
    migrate_database(&writer, migrations, options.on_empty)?;
    let busy = Duration::from_millis(options.sqlite_busy_ms_max);
    writer.busy_timeout(busy).map_err(db_error)?;
    let mut threads = Vec::new();
    // Nothing is sent: the writer sees that nobody holds the other end any more.
    let (open, others) = channel::<Infallible>();
    for number in 0..options.sqlite_readers.max(1) {
        let reader = connect(path, "query_only = ON")?;
        reader.busy_timeout(busy).map_err(db_error)?;
        let (reader, open) = (worker::Worker::new(reader, options), open.clone());
        threads.push(spawn(format!("store-read-{number}"), reads, move |queue| {
            reader.read_all(queue);
            drop(reader);
            drop(open);
        })?);
    }
    threads.push(start_checkpoints(&mut writer, connect(path, "foreign_keys = ON")?, open)?);
    let writer = worker::Worker::new(writer, options);
    threads.push(spawn("store-write".to_owned(), writes, move |queue| {
        writer.write_all(queue);
        writer.end(&others);
    })?);
    Ok(threads)
}

/// Starts the thread that copies the log to the database; it ends with the writer's hook.
fn start_checkpoints(
    writer: &mut Connection,
    checkpointer: Connection,
    open: Sender<Infallible>,
) -> Result<JoinHandle<()>, OpenError> {
    let (grown, waiting) = sync_channel(1);
    writer.wal_hook(Some(watch_log(grown))).map_err(db_error)?;
    let thread = thread::Builder::new().name("store-checkpoint".to_owned());
    let checkpoints = move || {
        checkpoint_all(&checkpointer, &waiting);
        drop(checkpointer);
        drop(open);
    };
    thread.spawn(checkpoints).map_err(OpenError::Thread)
}

/// What the writer does after a commit, told how many pages the log has.
fn watch_log(grown: SyncSender<()>) -> impl FnMut(&mut Wal, i32) -> rusqlite::Result<()> + Send {
    let mut told = 0;
    move |log, pages| {
        if pages >= CHECKPOINT_PAGES_MAX {
            // A reader or another process in the way: the next commit tries again.
            let _ = log.checkpoint();
        } else if pages < told || pages - told >= CHECKPOINT_PAGES {
            told = pages;
            // Full: the checkpointer has been told already.
            let _ = grown.try_send(());
        }
        Ok(())
    }
}

fn checkpoint_all(connection: &Connection, waiting: &Receiver<()>) {
    for () in waiting {
        let copied = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = copied.map_err(db_error) {
            tracing::warn!(%error, "SQLite's log could not be copied to its database");
        }
    }
}

/// The same without threads: the connections go to a [`Stepper`]. No loss of power is stepped
/// through, so nothing waits for the disk.
pub(crate) fn start_stepped(
    path: &Path,
    migrations: &[Migration],
    options: &Options,
    writes: &Arc<Queue>,
    reads: &Arc<Queue>,
) -> Result<Stepper, OpenError> {
    create_file(path)?;
    let writer = connect(path, "foreign_keys = ON")?;
    writer.execute_batch("PRAGMA synchronous = OFF").map_err(db_error)?;
    migrate_database(&writer, migrations, options.on_empty)?;
    let busy = Duration::from_millis(options.sqlite_busy_ms_max);
    writer.busy_timeout(busy).map_err(db_error)?;
    let reader = connect(path, "query_only = ON")?;
    reader.busy_timeout(busy).map_err(db_error)?;
    let watch = Watch::set_up(&writer)?;
    let writer = worker::Worker::new(writer, options).watched(watch);
    let reader = worker::Worker::new(reader, options);
    Ok(Stepper::new(writer, reader, Arc::clone(writes), Arc::clone(reads)))
}

/// For the owner alone: SQLite gives the file's mode to its journal too.
pub(super) fn create_file(path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::File { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(failed)
}

/// The writer's connection by itself.
pub(crate) fn alone(path: &Path) -> Result<Connection, DbError> {
    let connection = connect(path, "foreign_keys = ON")?;
    let copies = format!("PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}");
    connection.execute_batch(&copies).map_err(db_error)?;
    Ok(connection)
}

fn connect(path: &Path, role: &str) -> Result<Connection, DbError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(db_error)?;
    connection.busy_timeout(Duration::from_millis(OPEN_BUSY_MS_MAX)).map_err(db_error)?;
    enter_wal(&connection)?;
    // A name in double quotes is never a text, as on PostgreSQL.
    for dqs in [DbConfig::SQLITE_DBCONFIG_DQS_DML, DbConfig::SQLITE_DBCONFIG_DQS_DDL] {
        connection.set_db_config(dqs, false).map_err(db_error)?;
    }
    // Without it, binding a value that a partial index mentions prepares the statement anew.
    let stable_plans = DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG;
    connection.set_db_config(stable_plans, true).map_err(db_error)?;
    connection
        .execute_batch(&format!(
            "PRAGMA synchronous = FULL;
             PRAGMA cache_size = -32768;
             PRAGMA temp_store = MEMORY;
             PRAGMA journal_size_limit = 67108864;
             PRAGMA trusted_schema = OFF;
             PRAGMA {role};"
        ))
        .map_err(db_error)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED_MAX);
    Ok(connection)
}

/// SQLite does not wait for a lock where waiting might deadlock, as in this change of mode.
fn enter_wal(connection: &Connection) -> Result<(), DbError> {
    let start = Instant::now();
    loop {
        match connection.execute_batch("PRAGMA journal_mode = WAL").map_err(db_error) {
            Err(DbError::Unavailable(Cause::Locked))
                if start.elapsed() < Duration::from_millis(OPEN_BUSY_MS_MAX) =>
            {
                thread::sleep(Duration::from_millis(10));
            }
            result => return result,
        }
    }
}

fn migrate_database(
    connection: &Connection,
    migrations: &[Migration],
    on_empty: OnEmpty,
) -> Result<(), OpenError> {
    connection.execute_batch("BEGIN IMMEDIATE").map_err(db_error)?;
    let engine = Engine::Sqlite(SqliteTx { connection, texts: &Texts::default() });
    let migrated = migrate(&mut Tx::new(engine, None), migrations, on_empty);
    let end = if migrated.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = connection.execute_batch(end).map_err(db_error);
    migrated?;
    Ok(ended?)
}
