//! SQLite's result codes as what the caller can do about them.

use rusqlite::ffi;

use crate::error::{Cause, DbError};

pub(super) fn db_error(error: rusqlite::Error) -> DbError {
    let extended = error.sqlite_error().map_or(ffi::SQLITE_MISUSE, |inner| inner.extended_code);
    let message = message(&error);
    // The low byte is the primary code.
    let cause = match extended & 0xff {
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => Cause::Locked,
        ffi::SQLITE_FULL | ffi::SQLITE_NOMEM => Cause::Exhausted,
        ffi::SQLITE_IOERR | ffi::SQLITE_CANTOPEN => Cause::Away,
        ffi::SQLITE_INTERRUPT => Cause::TimedOut,
        // No trigger but the fence of a database that was moved refuses anything.
        ffi::SQLITE_CONSTRAINT if extended == ffi::SQLITE_CONSTRAINT_TRIGGER => Cause::Moved,
        ffi::SQLITE_CONSTRAINT => {
            let name = message.split_once(": ").map(|(_, name)| name.to_owned());
            return DbError::Constraint { name, code: extended.to_string() };
        }
        _ => return DbError::Failed { code: extended.to_string(), message },
    };
    tracing::warn!(code = extended, reason = message, %cause, "SQLite is unavailable");
    DbError::Unavailable(cause)
}

/// The message without the statement's text, which rusqlite would add.
fn message(error: &rusqlite::Error) -> String {
    use rusqlite::Error::{SqlInputError, SqliteFailure};
    if let SqliteFailure(_, Some(message)) | SqlInputError { msg: message, .. } = error {
        return message.clone();
    }
    error.to_string()
}
