//! PostgreSQL: connections, statements, errors.

pub(crate) mod address;
pub(crate) mod alone;
mod error;
mod open;
mod session;
mod tls;
mod types;
mod worker;

use crate::error::DbError;
use crate::row::Row;
use crate::value::Value;

pub(crate) use open::{MIGRATION_LOCK, start};
use session::Session;

pub(crate) struct PostgresTx<'a> {
    session: &'a mut Session,
}

impl PostgresTx<'_> {
    pub(crate) fn execute(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<u64, DbError> {
        let statement = self.session.prepared(sql)?;
        self.session.execute(&statement, params)
    }

    pub(crate) fn put(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<(), DbError> {
        let statement = self.session.prepared(sql)?;
        self.session.put(statement, params)
    }

    pub(crate) fn query(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<Vec<Row>, DbError> {
        let statement = self.session.prepared(sql)?;
        let rows = self.session.query(&statement, params)?;
        rows.iter().map(types::row).collect()
    }

    pub(crate) fn execute_dynamic(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
    ) -> Result<u64, DbError> {
        let statement = self.session.prepare(sql)?;
        self.session.execute(&statement, params)
    }

    pub(crate) fn batch(&mut self, sql: &str) -> Result<(), DbError> {
        self.session.batch(sql)
    }
}
