//! One of the two databases of a move: a connection that no worker has.

use std::path::Path;

use super::catalogue::{self, Table, quoted};
use super::{FENCED, MoveError};
use crate::error::{DbError, OpenError};
use crate::options::Options;
use crate::postgres::MIGRATION_LOCK;
use crate::row::Row;
use crate::target::Target;
use crate::tx::Tx;
use crate::value::Value;
use crate::{postgres, sqlite};

/// A statement may sort a whole table. Milliseconds.
const STATEMENT_MS_MAX: u64 = 3_600_000;
/// How long writers may keep the tables from being held. Milliseconds.
const LOCK_MS_MAX: u64 = 20_000;
/// How often the tables are tried to be held, where writers stand in the way.
const HOLDS_MAX: u32 = 5;

pub(super) enum End {
    Sqlite(sqlite::alone::Alone),
    Postgres(postgres::alone::Alone),
}

impl End {
    /// Opens a database that is there; `None` where it is a file that is not.
    pub(super) fn open(target: &Target) -> Result<Option<Self>, OpenError> {
        match target {
            Target::Sqlite(path) if !path.exists() => Ok(None),
            Target::Sqlite(path) => Ok(Some(Self::Sqlite(sqlite::alone::Alone::open(path)?))),
            Target::Postgres(url) => Self::of_server(url).map(Some),
        }
    }

    /// As [`End::open`], but makes a missing file.
    pub(super) fn create(target: &Target) -> Result<Self, OpenError> {
        match target {
            Target::Sqlite(path) => Ok(Self::Sqlite(sqlite::alone::Alone::create(path)?)),
            Target::Postgres(url) => Self::of_server(url),
        }
    }

    fn of_server(url: &str) -> Result<Self, OpenError> {
        let options = Options {
            statement_ms_max: STATEMENT_MS_MAX,
            lock_ms_max: LOCK_MS_MAX,
            // The transaction waits for the other database.
            idle_ms_max: 0,
            ..Options::default()
        };
        Ok(Self::Postgres(postgres::alone::Alone::open(url, &options)?))
    }

    /// What is for this engine.
    pub(super) const fn pick<'t>(&self, on_sqlite: &'t str, on_postgres: &'t str) -> &'t str {
        match self {
            Self::Sqlite(_) => on_sqlite,
            Self::Postgres(_) => on_postgres,
        }
    }

    pub(super) fn batch(&mut self, sql: &str) -> Result<(), DbError> {
        match self {
            Self::Sqlite(alone) => alone.batch(sql),
            Self::Postgres(alone) => alone.batch(sql),
        }
    }

    pub(super) fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, DbError> {
        match self {
            Self::Sqlite(alone) => alone.query(sql, values),
            Self::Postgres(alone) => alone.query(sql, values),
        }
    }

    pub(super) fn tx(&mut self) -> Tx<'_> {
        match self {
            Self::Sqlite(alone) => alone.tx(),
            Self::Postgres(alone) => alone.tx(),
        }
    }

    /// Begins a transaction that writes.
    pub(super) fn begin(&mut self) -> Result<(), DbError> {
        let sql = self.pick("BEGIN IMMEDIATE", "BEGIN ISOLATION LEVEL READ COMMITTED");
        self.batch(sql)
    }

    /// Begins a transaction on one snapshot.
    pub(super) fn begin_reading(&mut self) -> Result<(), DbError> {
        let sql = self.pick("BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        self.batch(sql)
    }

    /// Runs a whole transaction that writes.
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, MoveError>,
    ) -> Result<T, MoveError> {
        self.begin()?;
        let done = {
            let mut tx = self.tx();
            let done = work(&mut tx);
            // A statement that failed decides, whatever was made of it.
            tx.take_failure().map_or(done, |error| Err(error.into()))
        };
        match done {
            Ok(done) => {
                self.batch("COMMIT")?;
                Ok(done)
            }
            Err(error) => {
                self.roll_back();
                Err(error)
            }
        }
    }

    /// A connection that cannot roll back any more is closed with this value.
    pub(super) fn roll_back(&mut self) {
        let _ = self.batch("ROLLBACK");
    }

    /// Begins the transaction in which nobody else writes, and no server starts, until it ends.
    /// Whoever writes now is waited for.
    pub(super) fn hold(&mut self) -> Result<(), MoveError> {
        let mut left = HOLDS_MAX;
        loop {
            left -= 1;
            match self.try_hold() {
                Err(MoveError::Db(DbError::Conflict { .. })) if left > 0 => self.roll_back(),
                Err(error) => {
                    self.roll_back();
                    return Err(error);
                }
                Ok(()) => return Ok(()),
            }
        }
    }

    fn try_hold(&mut self) -> Result<(), MoveError> {
        self.begin()?;
        match self {
            // The one writer that there can be.
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(_) => {
                // Before the tables are listed: a server that starts may add some.
                self.batch(&format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))?;
                let tables = catalogue::tables(self)?;
                let names: Vec<String> = tables.iter().map(|table| quoted(&table.name)).collect();
                let names = names.join(", ");
                Ok(self.batch(&format!("LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))?)
            }
        }
    }

    /// Makes every table refuse writes for ever, within the transaction that holds them.
    pub(super) fn fence(&mut self, tables: &[Table]) -> Result<(), DbError> {
        if let Self::Postgres(alone) = self {
            alone.batch(&format!(
                "CREATE FUNCTION platen_moved() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN
                     RAISE EXCEPTION 'moved to another database' USING ERRCODE = '{FENCED}';
                 END $$"
            ))?;
        }
        for table in tables {
            let name = quoted(&table.name);
            match self {
                Self::Sqlite(alone) => {
                    for verb in ["INSERT", "UPDATE", "DELETE"] {
                        let trigger = quoted(&format!("moved_{verb}_{}", table.name));
                        alone.batch(&format!(
                            "CREATE TRIGGER {trigger} BEFORE {verb} ON {name}
                             BEGIN SELECT RAISE(ABORT, 'moved to another database'); END"
                        ))?;
                    }
                }
                Self::Postgres(alone) => alone.batch(&format!(
                    "CREATE TRIGGER platen_moved
                     BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {name}
                     FOR EACH STATEMENT EXECUTE FUNCTION platen_moved()"
                ))?,
            }
        }
        Ok(())
    }

    /// Drops every table, within a transaction: of a copy that nobody could open.
    pub(super) fn wipe(&mut self) -> Result<(), MoveError> {
        for table in catalogue::tables(self)? {
            self.batch(&format!("DROP TABLE {}", quoted(&table.name)))?;
        }
        Ok(self.batch("DROP TABLE schema_migration")?)
    }

    /// Makes sure that what was committed outlives the machine.
    pub(super) fn settle(&mut self) -> Result<(), DbError> {
        match self {
            Self::Sqlite(alone) => alone.query("PRAGMA wal_checkpoint(TRUNCATE)", &[]).map(drop),
            // Each commit has waited for the disk already.
            Self::Postgres(_) => Ok(()),
        }
    }
}

/// What a database is called in marks and messages: a file by its whole path, so that it is found
/// from any folder; never with a password.
pub(super) fn shown(target: &Target) -> String {
    match target {
        Target::Sqlite(path) => absolute(path),
        Target::Postgres(_) => target.to_string(),
    }
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}
