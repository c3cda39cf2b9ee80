//! A connection by itself, beside the threads: for what holds one transaction for long.

use std::path::Path;

use rusqlite::Connection;

use super::error::db_error;
use super::open::{alone, create_file};
use super::{SqliteTx, Texts, bind, numbered, read};
use crate::error::{DbError, OpenError};
use crate::row::Row;
use crate::tx::{Engine, Tx};
use crate::value::Value;

pub(crate) struct Alone {
    connection: Connection,
    texts: Texts,
}

impl Alone {
    /// Opens the file, which is there.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self { connection: alone(path)?, texts: Texts::default() })
    }

    /// Makes the file, for the owner alone, where it is missing.
    pub(crate) fn create(path: &Path) -> Result<Self, OpenError> {
        create_file(path)?;
        Self::open(path)
    }

    pub(crate) fn batch(&self, sql: &str) -> Result<(), DbError> {
        self.connection.execute_batch(sql).map_err(db_error)
    }

    pub(crate) fn query(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, DbError> {
        let mut statement = self.connection.prepare_cached(&numbered(sql)).map_err(db_error)?;
        bind(&mut statement, values)?;
        read(&mut statement)
    }

    /// Runs an INSERT once for each row.
    pub(crate) fn insert<'v>(
        &self,
        sql: &str,
        rows: impl Iterator<Item = Vec<Value<'v>>>,
    ) -> Result<(), DbError> {
        let mut statement = self.connection.prepare_cached(&numbered(sql)).map_err(db_error)?;
        for values in rows {
            bind(&mut statement, &values)?;
            statement.raw_execute().map_err(db_error)?;
        }
        Ok(())
    }

    pub(crate) fn tx(&mut self) -> Tx<'_> {
        let Self { connection, texts } = self;
        Tx::new(Engine::Sqlite(SqliteTx { connection, texts }), None)
    }
}
