//! What can go wrong, by what the caller can do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why the database could not be used now. Asking again is safe where the transaction is
/// idempotent: nothing is known to be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Too many jobs wait; this one was not taken.
    QueueFull,
    /// The job waited longer than it may and was not run.
    WaitedTooLong,
    /// The store is closed or closing.
    Closed,
    /// Another transaction, or process, held a lock for too long.
    Locked,
    /// A statement or an idle transaction took too long.
    TimedOut,
    /// Conflicts with other transactions outlasted every retry.
    Contention,
    /// The server cannot be reached, shuts down or dropped the connection.
    Away,
    /// Disk, memory or connections are used up.
    Exhausted,
    /// The engine rolled back the group that the job was in.
    RolledBack,
    /// The server said nothing for too long; the connection was given up.
    Silent,
    /// The commit was sent and its outcome is not known.
    CommitUnknown,
    /// The platform was moved to another database: this one takes no writes any more.
    Moved,
}

impl Cause {
    /// A short word for metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::WaitedTooLong => "waited_too_long",
            Self::Closed => "closed",
            Self::Locked => "locked",
            Self::TimedOut => "timed_out",
            Self::Contention => "contention",
            Self::Away => "away",
            Self::Exhausted => "exhausted",
            Self::RolledBack => "rolled_back",
            Self::Silent => "silent",
            Self::CommitUnknown => "commit_unknown",
            Self::Moved => "moved",
        }
    }

    /// What it means, for an operator.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::QueueFull | Self::WaitedTooLong => "it is too busy, try again later",
            Self::Closed => "it is being closed",
            Self::Locked => "another process holds it: look which one, and try again",
            Self::TimedOut => "a statement took too long, try again later",
            Self::Contention => "others changed the same rows again and again, try again",
            Self::Away => "its server cannot be reached, or has dropped the connection",
            Self::Exhausted => "its disk, memory or connections are used up",
            Self::RolledBack => "it took back the work of a moment, try again",
            Self::Silent => "its server says nothing",
            Self::Moved => "it was moved to another one, and takes nothing more",
            Self::CommitUnknown => {
                "it could not commit, or did not say that it has, as where its disk is full: look \
                 whether it was done before you do it again"
            }
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error of a statement. No variant holds a parameter's or a column's value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DbError {
    /// The database cannot be used now.
    #[error("the database is unavailable: {0}")]
    Unavailable(Cause),
    /// Deadlock or serialization failure; the engine runs the closure again.
    #[error("conflict with another transaction ({code})")]
    Conflict {
        /// SQLSTATE.
        code: String,
    },
    /// A constraint was violated: callers were to use ON CONFLICT.
    #[error("constraint {} violated ({code})", name.as_deref().unwrap_or("of unknown name"))]
    Constraint {
        /// The constraint's name (PostgreSQL) or its columns (SQLite), if known.
        name: Option<String>,
        /// SQLSTATE, or SQLite's extended result code.
        code: String,
    },
    /// A column is missing or of another type.
    #[error("column {index} is {found}, not {wanted}")]
    Column {
        /// Position in the row, from 0.
        index: usize,
        /// What the caller asked for.
        wanted: &'static str,
        /// What the row has.
        found: &'static str,
    },
    /// Another number of rows than the caller asked for.
    #[error("{found} rows where {wanted} was asked for")]
    Rows {
        /// What the caller asked for.
        wanted: &'static str,
        /// How many rows came.
        found: usize,
    },
    /// A parameter does not fit the statement.
    #[error("parameters: {0}")]
    Parameters(String),
    /// A statement after one that failed: the transaction can only end.
    #[error("an earlier statement of this transaction failed")]
    Aborted,
    /// Anything else that the engine reports.
    #[error("{message} ({code})")]
    Failed {
        /// SQLSTATE, or SQLite's extended result code.
        code: String,
        /// The engine's message.
        message: String,
    },
}

/// How a closure ends without a result; its statements are rolled back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TxError<E> {
    /// The closure's own decision, handed to the caller as it is.
    #[error("refused")]
    Refused(E),
    /// A statement failed.
    #[error(transparent)]
    Db(DbError),
}

impl<E> From<DbError> for TxError<E> {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

/// Why [`Store::write`](crate::Store::write) or [`Store::read`](crate::Store::read) gave no
/// result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError<E> {
    /// The closure refused; nothing of it was kept.
    #[error("refused")]
    Refused(E),
    /// The database could not be used; asking again is safe where the call is idempotent.
    #[error("the database is unavailable: {0}")]
    Unavailable(Cause),
    /// A mistake in the program or the schema.
    #[error("internal error")]
    Fault(Fault),
}

impl<E> WriteError<E> {
    /// The closure's own refusal; else what the store says, as a refusal, for an operator.
    pub fn refusal_or(self, of_store: impl FnOnce(String) -> E) -> E {
        match self {
            Self::Refused(error) => error,
            Self::Unavailable(cause) => of_store(cause.sentence().to_owned()),
            Self::Fault(fault) => of_store(fault.0),
        }
    }
}

/// An internal message, for the log alone: it has no `Display`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(String);

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// The message, for the log.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0
    }
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The text names no database that is supported.
    #[error("database target: {0}")]
    Target(String),
    /// The file or its folder cannot be made.
    #[error("cannot create {}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The engine cannot be reached or set up.
    #[error("cannot open the database: {0}")]
    Db(#[from] DbError),
    /// The server could not be connected to.
    #[error("cannot connect to the database: {0}")]
    Connect(String),
    /// The database was made by a newer release.
    #[error(
        "the database has schema version {found}, which this release does not know \
         (it knows up to {known}): run the newer release"
    )]
    Newer {
        /// The unknown version in the database.
        found: i64,
        /// The highest version that this release has.
        known: i64,
    },
    /// There is nothing in it, and it is not to be filled.
    #[error("the database is empty")]
    Empty,
    /// Its platform is in another database now.
    #[error("the platform of this database was moved to {to}: use that one")]
    Moved {
        /// Where it was moved to.
        to: String,
    },
    /// A copy of another database that was not brought to its end.
    #[error(
        "the database is an incomplete copy of {from}: run `platen migrate` from there again, or \
         drop it"
    )]
    Incomplete {
        /// What it is a copy of.
        from: String,
    },
    /// A migration failed; nothing of this start's migrations was kept.
    #[error("migration {version} ({name}) failed: {source}")]
    Migration {
        /// Its version.
        version: i64,
        /// Its name.
        name: &'static str,
        /// The engine's reason.
        source: DbError,
    },
    /// The list of migrations does not ascend at this version.
    #[error("migration {0} is not above the one before it")]
    Order(i64),
    /// A worker thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}
