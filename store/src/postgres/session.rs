//! A connection with its prepared statements. Its futures run on the worker's thread, each within
//! a bound: a server that has gone without a word must not hold a worker for ever.

use std::collections::HashMap;
use std::io::Cursor;
use std::pin::pin;
use std::time::Duration;

use futures_util::{SinkExt as _, future};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, Config, Error, NoTls, Row as ServerRow, Statement};

use super::error::{connect_error, db_error};
use crate::error::{Cause, DbError, OpenError};
use crate::value::{Owned, Value};

use super::tls::Tls;
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

/// A connection. What need not be waited for is sent with what is: the beginning of a transaction
/// and statements that return nothing go out with the next statement, or with the commit.
pub(super) struct Session {
    runtime: Runtime,
    /// None once it is closed.
    client: Option<Client>,
    connection: JoinHandle<Result<(), Error>>,
    statements: HashMap<&'static str, Statement>,
    /// How the transaction begins, where that has not been sent.
    beginning: Option<&'static str>,
    /// What has not been sent since.
    unsent: Vec<Unsent>,
    answer_max: Duration,
}

/// A statement that goes out with the next one.
struct Unsent {
    statement: Statement,
    values: Vec<Owned>,
}

/// Statements that may be unsent: in flight together they are to fit the socket's buffers.
const UNSENT_MAX: usize = 16;

impl Session {
    pub(super) fn open(
        (config, tls): (&Config, Option<&Tls>),
        settings: &str,
        patience: Patience,
    ) -> Result<Self, OpenError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(OpenError::Thread)?;
        let opening = async {
            let (client, connection) = match tls {
                None => {
                    let (client, connection) = config.connect(NoTls).await?;
                    (client, tokio::spawn(connection))
                }
                Some(tls) => {
                    let (client, connection) = config.connect(tls.clone()).await?;
                    (client, tokio::spawn(connection))
                }
            };
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
            beginning: None,
            unsent: Vec::new(),
            answer_max: patience.answer,
        })
    }

    /// Begins a transaction, with its first statement.
    pub(super) fn begin(&mut self, sql: &'static str) {
        self.beginning = Some(sql);
        self.unsent.clear();
    }

    /// Commits, with what has not been sent. Where any of it fails, nothing is committed.
    pub(super) fn commit(&mut self) -> Result<(), DbError> {
        if self.beginning.is_some() && self.unsent.is_empty() {
            // Nothing was sent: there is nothing to be committed.
            self.beginning = None;
            return Ok(());
        }
        self.together(async |client| client.batch_execute("COMMIT").await)
    }

    /// Rolls back; what has not been sent never is.
    pub(super) fn roll_back(&mut self) -> Result<(), DbError> {
        self.unsent.clear();
        if self.beginning.take().is_some() {
            return Ok(());
        }
        self.batch("ROLLBACK")
    }

    /// Runs statements without parameters.
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), DbError> {
        self.together(async |client| client.batch_execute(sql).await)
    }

    /// Sends rows in COPY's text form; how many were taken.
    pub(super) fn copy_in(&mut self, sql: &str, text: Vec<u8>) -> Result<u64, DbError> {
        self.together(async |client| {
            let mut sink = pin!(client.copy_in(sql).await?);
            sink.send(Cursor::new(text)).await?;
            sink.finish().await
        })
    }

    pub(super) fn execute(
        &mut self,
        statement: &Statement,
        values: &[Value<'_>],
    ) -> Result<u64, DbError> {
        let values = types::parameters(statement, values)?;
        self.together(async |client| client.execute(statement, &values).await)
    }

    pub(super) fn query(
        &mut self,
        statement: &Statement,
        values: &[Value<'_>],
    ) -> Result<Vec<ServerRow>, DbError> {
        let values = types::parameters(statement, values)?;
        self.together(async |client| client.query(statement, &values).await)
    }

    /// Takes a statement to be sent with the next one.
    pub(super) fn put(
        &mut self,
        statement: Statement,
        values: &[Value<'_>],
    ) -> Result<(), DbError> {
        types::parameters(&statement, values)?;
        if self.unsent.len() >= UNSENT_MAX {
            self.together(async |_| Ok(()))?;
        }
        let values = values.iter().map(Owned::from).collect();
        self.unsent.push(Unsent { statement, values });
        Ok(())
    }

    /// Sends `last` behind all that has not been sent, and waits for all answers. The first
    /// failure is the cause of those after it.
    fn together<T>(
        &mut self,
        last: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<T, DbError> {
        let (beginning, unsent) = (self.beginning.take(), std::mem::take(&mut self.unsent));
        let values: Vec<Vec<Value<'_>>> =
            unsent.iter().map(|unsent| unsent.values.iter().map(Value::from).collect()).collect();
        let pairs = unsent.iter().zip(&values);
        let put: Vec<_> = pairs
            .map(|(unsent, values)| {
                Ok((&unsent.statement, types::parameters(&unsent.statement, values)?))
            })
            .collect::<Result<_, DbError>>()?;
        let client = self.client()?;
        self.wait(async {
            let begun = async {
                match beginning {
                    Some(sql) => client.batch_execute(sql).await,
                    None => Ok(()),
                }
            };
            let put = put.iter().map(|(statement, values)| client.execute(*statement, values));
            // Each is sent when it is first polled, which is in this order.
            let (begun, put, last) =
                future::join3(begun, future::join_all(put), last(client)).await;
            begun?;
            put.into_iter().collect::<Result<Vec<_>, _>>()?;
            last
        })
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
