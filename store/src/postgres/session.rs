//! A connection with its prepared statements. Its futures run on the worker's thread, each within
//! a bound: a server that has gone without a word must not hold a worker for ever.

use std::collections::HashMap;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, Config, Error, NoTls, Row as ServerRow, Statement};

use super::error::{connect_error, db_error};
use crate::error::{Cause, DbError, OpenError};
use crate::value::Value;

use super::types;

/// Far above the number of statements of this program.
const STATEMENTS_CACHED_MAX: usize = 1_024;
/// How long saying goodbye may take.
const CLOSE_MAX: Duration = Duration::from_millis(100);

/// How long a server may be silent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Until a connection can be used.
    pub(super) connect: Duration,
    /// Until a statement is answered.
    pub(super) answer: Duration,
}

pub(super) struct Session {
    runtime: Runtime,
    /// None once it is closed.
    client: Option<Client>,
    connection: JoinHandle<Result<(), Error>>,
    statements: HashMap<&'static str, Statement>,
    answer_max: Duration,
}

impl Session {
    pub(super) fn open(
        config: &Config,
        settings: &str,
        patience: Patience,
    ) -> Result<Self, OpenError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(OpenError::Thread)?;
        let opening = async {
            let (client, connection) = config.connect(NoTls).await?;
            let connection = tokio::spawn(connection);
            client.batch_execute(settings).await?;
            Ok((client, connection))
        };
        let opened = runtime.block_on(async { timeout(patience.connect, opening).await });
        let silent = |_| OpenError::Connect("it does not answer".to_owned());
        let (client, connection) = opened.map_err(silent)?.map_err(connect_error)?;
        Ok(Self {
            runtime,
            client: Some(client),
            connection,
            statements: HashMap::new(),
            answer_max: patience.answer,
        })
    }

    /// Runs statements without parameters, also those that begin and end a transaction.
    pub(super) fn batch(&self, sql: &str) -> Result<(), DbError> {
        self.wait(self.client()?.batch_execute(sql))
    }

    pub(super) fn execute(
        &self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> Result<u64, DbError> {
        let params = types::parameters(statement, params)?;
        self.wait(self.client()?.execute(statement, &params))
    }

    pub(super) fn query(
        &self,
        statement: &Statement,
        params: &[Value<'_>],
    ) -> Result<Vec<ServerRow>, DbError> {
        let params = types::parameters(statement, params)?;
        self.wait(self.client()?.query(statement, &params))
    }

    pub(super) fn prepare(&self, sql: &str) -> Result<Statement, DbError> {
        self.wait(self.client()?.prepare(sql))
    }

    /// The statement of a text that is run again and again.
    pub(super) fn prepared(&mut self, sql: &'static str) -> Result<Statement, DbError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        if self.statements.len() >= STATEMENTS_CACHED_MAX {
            self.statements.clear();
        }
        let statement = self.prepare(sql)?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    fn client(&self) -> Result<&Client, DbError> {
        self.client.as_ref().ok_or(DbError::Unavailable(Cause::Away))
    }

    fn wait<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, DbError> {
        match self.runtime.block_on(async { timeout(self.answer_max, answer).await }) {
            Ok(answer) => answer.map_err(db_error),
            Err(_) => {
                let waited_ms = u64::try_from(self.answer_max.as_millis()).unwrap_or(u64::MAX);
                tracing::warn!(waited_ms, "PostgreSQL says nothing");
                Err(DbError::Unavailable(Cause::Silent))
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Without its client the connection says goodbye and ends.
        self.client = None;
        self.statements.clear();
        let Self { runtime, connection, .. } = self;
        // Whether it still can is no matter: the server sees that the socket is closed.
        let _ = runtime.block_on(async { timeout(CLOSE_MAX, connection).await });
    }
}
