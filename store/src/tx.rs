//! A transaction, the same over both engines.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::error::DbError;
use crate::fault::{FaultSeam, Point};
use crate::postgres::PostgresTx;
use crate::row::Row;
use crate::sqlite::SqliteTx;
use crate::value::Value;

/// An open transaction. The engine opens it and ends it; a closure sends statements.
///
/// A failed statement decides the transaction, whatever the closure makes of the error: later
/// statements fail with [`DbError::Aborted`] and everything is rolled back. PostgreSQL demands
/// it, and SQLite is to behave the same.
pub struct Tx<'a> {
    engine: Engine<'a>,
    failure: Option<DbError>,
    seam: Option<&'a FaultSeam>,
}

pub(crate) enum Engine<'a> {
    Sqlite(SqliteTx<'a>),
    Postgres(PostgresTx<'a>),
}

impl<'a> Tx<'a> {
    pub(crate) const fn new(engine: Engine<'a>, seam: Option<&'a FaultSeam>) -> Self {
        Self { engine, failure: None, seam }
    }

    /// Runs a statement; how many rows it changed or returned.
    pub fn execute(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<u64, DbError> {
        FaultSeam::show(self.seam, sql, params);
        self.guarded(|engine| match engine {
            Engine::Sqlite(tx) => tx.execute(sql, params),
            Engine::Postgres(tx) => tx.execute(sql, params),
        })
    }

    /// Runs a statement of which nothing is asked but that it does not fail. On PostgreSQL it is
    /// sent with the next one, or with the commit: its failure shows there, and rolls back.
    pub fn put(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<(), DbError> {
        FaultSeam::show(self.seam, sql, params);
        self.guarded(|engine| match engine {
            Engine::Sqlite(tx) => tx.execute(sql, params).map(drop),
            Engine::Postgres(tx) => tx.put(sql, params),
        })
    }

    /// Runs a statement; its rows.
    pub fn query(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<Vec<Row>, DbError> {
        FaultSeam::show(self.seam, sql, params);
        self.guarded(|engine| match engine {
            Engine::Sqlite(tx) => tx.query(sql, params),
            Engine::Postgres(tx) => tx.query(sql, params),
        })
    }

    /// Runs a statement; its row, if there is one. More than one is an error.
    pub fn query_opt(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<Option<Row>, DbError> {
        let mut rows = self.query(sql, params)?;
        if rows.len() > 1 {
            return self.fail(DbError::Rows { wanted: "at most one", found: rows.len() });
        }
        Ok(rows.pop())
    }

    /// Runs a statement; its only row.
    pub fn query_one(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<Row, DbError> {
        match self.query_opt(sql, params)? {
            Some(row) => Ok(row),
            None => self.fail(DbError::Rows { wanted: "one", found: 0 }),
        }
    }

    /// Runs a statement whose text was made at run time, such as an INSERT of many rows (see
    /// [`placeholders`]); it is not cached. At most 32,766 parameters.
    pub fn execute_dynamic(&mut self, sql: &str, params: &[Value<'_>]) -> Result<u64, DbError> {
        self.guarded(|engine| match engine {
            Engine::Sqlite(tx) => tx.execute_dynamic(sql, params),
            Engine::Postgres(tx) => tx.execute_dynamic(sql, params),
        })
    }

    /// Runs a script of statements without parameters.
    pub fn batch(&mut self, sql: &str) -> Result<(), DbError> {
        self.guarded(|engine| match engine {
            Engine::Sqlite(tx) => tx.batch(sql),
            Engine::Postgres(tx) => tx.batch(sql),
        })
    }

    /// A migration's text as this engine wants it.
    pub(crate) fn schema_text<'s>(&self, sql: &'s str) -> Cow<'s, str> {
        match self.engine {
            Engine::Sqlite(_) => Cow::Owned(crate::sqlite::without_rowid(sql)),
            Engine::Postgres(_) => Cow::Borrowed(sql),
        }
    }

    pub(crate) const fn take_failure(&mut self) -> Option<DbError> {
        self.failure.take()
    }

    fn guarded<T>(
        &mut self,
        run: impl FnOnce(&mut Engine<'a>) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        if self.failure.is_some() {
            return Err(DbError::Aborted);
        }
        if let Some(cause) = FaultSeam::at(self.seam, Point::Statement) {
            return self.fail(DbError::Unavailable(cause));
        }
        match run(&mut self.engine) {
            Ok(value) => Ok(value),
            Err(error) => self.fail(error),
        }
    }

    fn fail<T>(&mut self, error: DbError) -> Result<T, DbError> {
        self.failure = Some(error.clone());
        Err(error)
    }
}

/// `($1, $2), ($3, $4)`: what follows VALUES in an INSERT of `rows` rows.
#[must_use]
pub fn placeholders(rows: usize, columns: usize) -> String {
    let mut text = String::with_capacity(rows * (columns * 7 + 4));
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            let comma = if column == 0 { "" } else { ", " };
            // Writing to a String cannot fail.
            let _ = write!(text, "{comma}${}", row * columns + column + 1);
        }
        text.push(')');
    }
    text
}
