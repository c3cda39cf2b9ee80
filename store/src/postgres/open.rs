//! Connects to PostgreSQL, migrates and starts the threads.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ::postgres::{Config, NoTls};

use super::error::db_error;
use super::worker::Worker;
use super::{PostgresTx, Session};
use crate::error::{DbError, OpenError};
use crate::handle::spawn;
use crate::migration::{Migration, migrate};
use crate::options::Options;
use crate::queue::Queue;
use crate::tx::{Engine, Tx};

/// Any constant that no other user of the database takes: "platen" in ASCII.
const MIGRATION_LOCK: i64 = 0x706c_6174_656e;
const MIGRATION_MS_MAX: u64 = 600_000;

/// How a worker gets a connection.
#[derive(Clone)]
pub(super) struct Connector {
    config: Config,
    settings: String,
}

/// Migrates, then starts the workers; each connects with its first job.
pub(crate) fn start(
    url: &str,
    migrations: &[Migration],
    options: &Options,
    queue: &Arc<Queue>,
) -> Result<Vec<JoinHandle<()>>, OpenError> {
    let connector = Connector::new(url, options)?;
    // The client blocks on a runtime of its own, which is not allowed on a runtime's thread.
    let migrated = thread::scope(|scope| {
        let thread = thread::Builder::new().name("store-migrate".to_owned());
        let running = thread.spawn_scoped(scope, || connector.migrate(migrations));
        running.map_err(OpenError::Thread).map(thread::ScopedJoinHandle::join)
    })?;
    migrated.unwrap_or_else(|_| Err(OpenError::Connect("the migration panicked".to_owned())))?;
    let mut threads = Vec::new();
    for number in 0..options.postgres_workers.max(1) {
        let mut worker = Worker::new(connector.clone(), options);
        threads.push(spawn(format!("store-{number}"), queue, move |queue| worker.serve(queue))?);
    }
    Ok(threads)
}

impl Connector {
    fn new(url: &str, options: &Options) -> Result<Self, OpenError> {
        let refused = |_| OpenError::Target("the postgres:// URL cannot be read".to_owned());
        let mut config = url.parse::<Config>().map_err(refused)?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_millis(options.connect_ms_max));
        }
        if config.get_application_name().is_none() {
            config.application_name("platen");
        }
        config.keepalives(true);
        config.keepalives_idle(Duration::from_secs(10));
        config.keepalives_interval(Duration::from_secs(3));
        config.keepalives_retries(3);
        config.tcp_user_timeout(Duration::from_millis(options.statement_ms_max + 2_000));
        let Options { lock_ms_max, statement_ms_max, idle_ms_max, .. } = options;
        let settings = format!(
            "SET client_min_messages = warning;
             SET lock_timeout = {lock_ms_max};
             SET statement_timeout = {statement_ms_max};
             SET idle_in_transaction_session_timeout = {idle_ms_max};"
        );
        Ok(Self { config, settings })
    }

    pub(super) fn connect(&self) -> Result<Session, OpenError> {
        let refused = |error: ::postgres::Error| {
            let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
            OpenError::Connect(format!("{error}{source}"))
        };
        let mut client = self.config.connect(NoTls).map_err(refused)?;
        client.batch_execute(&self.settings).map_err(refused)?;
        Ok(Session { client, statements: HashMap::new() })
    }

    fn migrate(&self, migrations: &[Migration]) -> Result<(), OpenError> {
        let mut session = self.connect()?;
        begin_migration(&mut session)?;
        let engine = Engine::Postgres(PostgresTx { session: &mut session });
        migrate(&mut Tx::new(engine, None), migrations)?;
        // Where a migration failed, the closed connection rolls back.
        Ok(session.client.batch_execute("COMMIT").map_err(db_error)?)
    }
}

fn begin_migration(session: &mut Session) -> Result<(), DbError> {
    let begin = format!(
        "BEGIN;
         SET LOCAL lock_timeout = {MIGRATION_MS_MAX};
         SET LOCAL statement_timeout = {MIGRATION_MS_MAX};
         SELECT pg_advisory_xact_lock({MIGRATION_LOCK});"
    );
    session.client.batch_execute(&begin).map_err(db_error)
}
