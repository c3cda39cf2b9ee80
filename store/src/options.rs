//! Limits of the engine.

use crate::fault::FaultSeam;

/// How much longer than `statement_timeout` a server may need to say so, milliseconds.
pub(crate) const SILENCE_MS: u64 = 2_000;

/// What becomes of a database that no release has migrated yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnEmpty {
    /// It gets the whole schema.
    Fill,
    /// It is left as it is, and not opened.
    Refuse,
}

/// Limits of a [`Store`](crate::Store); the default suits a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// Jobs that may wait in a queue; one more is answered unavailable at once. Default 4,096.
    pub queue_jobs_max: usize,
    /// How long a job may wait before it is answered unavailable without being run.
    /// Milliseconds, default 10,000.
    pub wait_ms_max: u64,
    /// SQLite: jobs in one commit. Default 128.
    pub group_jobs_max: usize,
    /// SQLite: how long a commit may wait for jobs that were announced ([`Store::announce`]).
    /// Microseconds, default 4,000.
    ///
    /// [`Store::announce`]: crate::Store::announce
    pub gather_us_max: u64,
    /// SQLite: threads that read. Default 2.
    pub sqlite_readers: usize,
    /// SQLite: how long to wait for another process's lock. Milliseconds, default 5,000.
    pub sqlite_busy_ms_max: u64,
    /// PostgreSQL: threads, each with one connection. Default 8.
    pub postgres_workers: usize,
    /// PostgreSQL: how long a connection may take until it can be used, for each host of the URL;
    /// a `connect_timeout` in the URL replaces it. Milliseconds, default 3,000.
    pub connect_ms_max: u64,
    /// PostgreSQL: `lock_timeout`; above the server's `deadlock_timeout` (usually 1,000) or a
    /// deadlock is never seen as one. Milliseconds, default 4,000.
    pub lock_ms_max: u64,
    /// PostgreSQL: `statement_timeout`; a server that says nothing for two seconds longer is
    /// given up with its connection. Milliseconds, default 8,000.
    pub statement_ms_max: u64,
    /// PostgreSQL: `idle_in_transaction_session_timeout`. Milliseconds, default 10,000.
    pub idle_ms_max: u64,
    /// What becomes of an empty database. Default: it gets the schema.
    pub on_empty: OnEmpty,
    /// For tests and measurements: makes the engine fail, or shows its statements. Default none.
    pub fault: Option<FaultSeam>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue_jobs_max: 4_096,
            wait_ms_max: 10_000,
            group_jobs_max: 128,
            gather_us_max: 4_000,
            sqlite_readers: 2,
            sqlite_busy_ms_max: 5_000,
            postgres_workers: 8,
            connect_ms_max: 3_000,
            lock_ms_max: 4_000,
            statement_ms_max: 8_000,
            idle_ms_max: 10_000,
            on_empty: OnEmpty::Fill,
            fault: None,
        }
    }
}
