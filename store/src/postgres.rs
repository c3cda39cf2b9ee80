//! PostgreSQL: connections, statements, errors.

mod error;
mod open;
mod types;
mod worker;

use std::collections::HashMap;

use ::postgres::{Client, Statement};

use crate::error::DbError;
use crate::row::Row;
use crate::value::Value;

use error::db_error;
pub(crate) use open::start;

/// Far above the number of statements of this program.
const STATEMENTS_CACHED_MAX: usize = 1_024;

/// A connection with its prepared statements.
struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
}

pub(crate) struct PostgresTx<'a> {
    session: &'a mut Session,
}

impl PostgresTx<'_> {
    pub(crate) fn execute(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<u64, DbError> {
        let statement = self.prepared(sql)?;
        self.run(&statement, params)
    }

    pub(crate) fn query(
        &mut self,
        sql: &'static str,
        params: &[Value<'_>],
    ) -> Result<Vec<Row>, DbError> {
        let statement = self.prepared(sql)?;
        let params = types::parameters(&statement, params)?;
        let rows = self.session.client.query(&statement, &params).map_err(db_error)?;
        rows.iter().map(types::row).collect()
    }

    pub(crate) fn execute_dynamic(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
    ) -> Result<u64, DbError> {
        let statement = self.session.client.prepare(sql).map_err(db_error)?;
        self.run(&statement, params)
    }

    pub(crate) fn batch(&mut self, sql: &str) -> Result<(), DbError> {
        self.session.client.batch_execute(sql).map_err(db_error)
    }

    fn run(&mut self, statement: &Statement, params: &[Value<'_>]) -> Result<u64, DbError> {
        let params = types::parameters(statement, params)?;
        self.session.client.execute(statement, &params).map_err(db_error)
    }

    fn prepared(&mut self, sql: &'static str) -> Result<Statement, DbError> {
        let Session { client, statements } = &mut *self.session;
        if let Some(statement) = statements.get(sql) {
            return Ok(statement.clone());
        }
        if statements.len() >= STATEMENTS_CACHED_MAX {
            statements.clear();
        }
        let statement = client.prepare(sql).map_err(db_error)?;
        statements.insert(sql, statement.clone());
        Ok(statement)
    }
}
