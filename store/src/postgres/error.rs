//! PostgreSQL's errors as what the caller can do about them.

use std::error::Error as _;
use std::io;

use tokio_postgres::Error;
use tokio_postgres::error::DbError as ServerError;

use crate::error::{Cause, DbError, OpenError};
use crate::moving::FENCED;

pub(super) fn connect_error(error: Error) -> OpenError {
    let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    OpenError::Connect(format!("{error}{source}"))
}

pub(super) fn db_error(error: Error) -> DbError {
    if let Some(server) = error.as_db_error() {
        return of_server(server);
    }
    let source = error.source();
    if error.is_closed() || source.is_some_and(|source| source.is::<io::Error>()) {
        tracing::warn!(%error, "the connection to PostgreSQL is lost");
        return DbError::Unavailable(Cause::Away);
    }
    DbError::Failed { code: "client".to_owned(), message: error.to_string() }
}

/// By SQLSTATE. DETAIL and HINT stay behind: they quote rows.
fn of_server(error: &ServerError) -> DbError {
    let code = error.code().code();
    let cause = match (code.get(..2).unwrap_or_default(), code) {
        (_, "40001" | "40P01") => return DbError::Conflict { code: code.to_owned() },
        ("23", _) => {
            let name = error.constraint().map(str::to_owned);
            return DbError::Constraint { name, code: code.to_owned() };
        }
        (_, "55P03") => Cause::Locked,
        (_, "57014" | "25P03" | "25P04") => Cause::TimedOut,
        ("08", _) | (_, "57P01" | "57P02" | "57P03" | "57P04" | "57P05") => Cause::Away,
        ("53", _) => Cause::Exhausted,
        (_, FENCED) => Cause::Moved,
        _ => return DbError::Failed { code: code.to_owned(), message: message(error) },
    };
    tracing::warn!(code, reason = error.message(), %cause, "PostgreSQL is unavailable");
    DbError::Unavailable(cause)
}

/// A data exception quotes the value that it is about.
fn message(error: &ServerError) -> String {
    if error.code().code().starts_with("22") {
        return "data exception".to_owned();
    }
    error.message().to_owned()
}
