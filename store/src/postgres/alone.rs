//! A connection by itself, beside the workers: for what holds one transaction for long.

use super::open::Connector;
use super::session::Session;
use super::{PostgresTx, types};
use crate::error::{DbError, OpenError};
use crate::options::Options;
use crate::row::Row;
use crate::tx::{Engine, Tx};
use crate::value::Value;

pub(crate) struct Alone(Session);

impl Alone {
    pub(crate) fn open(url: &str, options: &Options) -> Result<Self, OpenError> {
        Ok(Self(Connector::new(url, options)?.connect()?))
    }

    pub(crate) fn batch(&mut self, sql: &str) -> Result<(), DbError> {
        self.0.batch(sql)
    }

    pub(crate) fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, DbError> {
        let statement = self.0.prepare(sql)?;
        self.0.query(&statement, values)?.iter().map(types::row).collect()
    }

    /// Sends rows in COPY's text form; how many were taken.
    pub(crate) fn copy_in(&mut self, sql: &str, text: Vec<u8>) -> Result<u64, DbError> {
        self.0.copy_in(sql, text)
    }

    pub(crate) fn tx(&mut self) -> Tx<'_> {
        Tx::new(Engine::Postgres(PostgresTx { session: &mut self.0 }), None)
    }
}
