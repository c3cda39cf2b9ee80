//! Connects to PostgreSQL, migrates and starts the threads.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio_postgres::Config;

use super::session::{Patience, Session};
use super::tls::Tls;
use super::worker::Worker;
use super::{PostgresTx, address};
use crate::error::{Cause, DbError, OpenError};
use crate::handle::spawn;
use crate::migration::{Migration, migrate};
use crate::options::{OnEmpty, Options, SILENCE_MS};
use crate::queue::Queue;
use crate::tx::{Engine, Tx};

/// Any constant that no other user of the database takes: "platen" in ASCII.
pub(crate) const MIGRATION_LOCK: i64 = 0x706c_6174_656e;
const MIGRATION_MS_MAX: u64 = 600_000;
/// How long a migration may wait for a table that servers work on, milliseconds. Callers queue up
/// behind it meanwhile; below `deadlock_timeout` (1,000), so that it gives way and never a call.
const MIGRATION_LOCK_MS_MAX: u64 = 500;
/// How often it is begun anew where servers stand in the way, and the pause before.
const MIGRATION_TRIES_MAX: u32 = 100;
const MIGRATION_PAUSE: Duration = Duration::from_millis(250);

/// How a worker gets a connection.
#[derive(Clone)]
pub(super) struct Connector {
    config: Config,
    /// None: in clear.
    tls: Option<Tls>,
    settings: String,
    patience: Patience,
}

/// Migrates, then starts the workers; each connects with its first job.
pub(crate) fn start(
    url: &str,
    migrations: &[Migration],
    options: &Options,
    queue: &Arc<Queue>,
) -> Result<Vec<JoinHandle<()>>, OpenError> {
    let connector = Connector::new(url, options)?;
    // A session blocks on a runtime of its own, which is not allowed on a runtime's thread.
    let migrated = thread::scope(|scope| {
        let thread = thread::Builder::new().name("store-migrate".to_owned());
        let running =
            thread.spawn_scoped(scope, || connector.migrate(migrations, options.on_empty));
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
    pub(super) fn new(url: &str, options: &Options) -> Result<Self, OpenError> {
        let read = address::read(url).map_err(|reason| OpenError::Target(reason.to_owned()))?;
        let tls = read.root_certificates.as_deref().map(Tls::read).transpose()?;
        let mut config = read.config;
        let connect = match config.get_connect_timeout() {
            Some(given) => *given,
            None => Duration::from_millis(options.connect_ms_max),
        };
        config.connect_timeout(connect);
        let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(1).max(1);
        if config.get_application_name().is_none() {
            config.application_name("platen");
        }
        config.keepalives(true);
        config.keepalives_idle(Duration::from_secs(10));
        config.keepalives_interval(Duration::from_secs(3));
        config.keepalives_retries(3);
        let answer = Duration::from_millis(options.statement_ms_max + SILENCE_MS);
        config.tcp_user_timeout(answer);
        let Options { lock_ms_max, statement_ms_max, idle_ms_max, .. } = options;
        let settings = format!(
            "SET client_min_messages = warning;
             SET lock_timeout = {lock_ms_max};
             SET statement_timeout = {statement_ms_max};
             SET idle_in_transaction_session_timeout = {idle_ms_max};"
        );
        // The driver's own limit ends with the TCP connection; this one with its first answers.
        let patience = Patience { connect: connect * hosts, answer };
        Ok(Self { config, tls, settings, patience })
    }

    pub(super) fn connect(&self) -> Result<Session, OpenError> {
        Session::open((&self.config, self.tls.as_ref()), &self.settings, self.patience)
    }

    fn migrate(&self, migrations: &[Migration], on_empty: OnEmpty) -> Result<(), OpenError> {
        let answer = Duration::from_millis(MIGRATION_MS_MAX + SILENCE_MS);
        let patience = Patience { answer, ..self.patience };
        let mut session =
            Session::open((&self.config, self.tls.as_ref()), &self.settings, patience)?;
        for left in (0..MIGRATION_TRIES_MAX).rev() {
            begin_migration(&mut session)?;
            let engine = Engine::Postgres(PostgresTx { session: &mut session });
            match migrate(&mut Tx::new(engine, None), migrations, on_empty) {
                Err(error) if left > 0 && is_in_the_way(&error) => {
                    session.batch("ROLLBACK")?;
                    thread::sleep(MIGRATION_PAUSE);
                }
                // Where a migration failed, the closed connection rolls back.
                done => {
                    done?;
                    break;
                }
            }
        }
        Ok(session.batch("COMMIT")?)
    }
}

/// Whether a server that works on the tables stood in the way.
fn is_in_the_way(error: &OpenError) -> bool {
    let (OpenError::Migration { source, .. } | OpenError::Db(source)) = error else {
        return false;
    };
    matches!(source, DbError::Conflict { .. } | DbError::Unavailable(Cause::Locked))
}

fn begin_migration(session: &mut Session) -> Result<(), DbError> {
    let begin = format!(
        "BEGIN;
         SET LOCAL lock_timeout = {MIGRATION_MS_MAX};
         SET LOCAL statement_timeout = {MIGRATION_MS_MAX};
         SELECT pg_advisory_xact_lock({MIGRATION_LOCK});
         SET LOCAL lock_timeout = {MIGRATION_LOCK_MS_MAX};"
    );
    session.batch(&begin)
}
