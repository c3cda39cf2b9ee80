//! How a transaction ends without an answer.

use contract::{Code, ErrorSet};
use crypto::seal::SealError;
use crypto::token::TokenError;
use store::TxError;
use store::tables::log::Remembered;

use crate::supply::Need;

/// How a transaction ends without an answer; nothing of it is kept.
#[derive(Debug)]
pub enum Stop<E> {
    /// The operation refuses, because of the request field of this wire name if there is one.
    Refused(E, Option<&'static str>),
    /// The pipeline refuses: a request was used before.
    Reused(&'static Code),
    /// A supply has run out; it is refilled and the transaction run again.
    Refill(Need),
    /// The same call was done meanwhile; the transaction runs again and finds it.
    CameFirst,
    /// A key is not among those that this server holds; they are read anew and the transaction
    /// run again.
    UnknownKey,
    /// A fault: what the code or the data should not allow.
    Fault(String),
}

/// The result of a transaction.
pub type Done<T, E> = Result<T, TxError<Stop<E>>>;

/// Refuses.
pub fn refuse<T, E>(error: E) -> Done<T, E> {
    Err(TxError::Refused(Stop::Refused(error, None)))
}

/// Refuses because of a request field, by its wire name: one of its form, whose value names
/// nothing that there is.
pub fn refuse_at<T, E>(error: E, field: &'static str) -> Done<T, E> {
    Err(TxError::Refused(Stop::Refused(error, Some(field))))
}

/// Reports a fault.
pub fn fault<E>(message: impl Into<String>) -> TxError<Stop<E>> {
    TxError::Refused(Stop::Fault(message.into()))
}

/// Reports a key that this server does not know yet.
pub fn unknown_key<E>() -> TxError<Stop<E>> {
    TxError::Refused(Stop::UnknownKey)
}

/// Refuses where the remembered outcome is a refusal: the bank's, of a fee.
pub fn remembered_refusal<E: ErrorSet>(remembered: &Remembered) -> Done<(), E> {
    if remembered.code == "000_000" {
        return Ok(());
    }
    match by_code(&remembered.code) {
        Some(error) => refuse(error),
        None => Err(fault("a remembered code is not one of the operation's")),
    }
}

/// The refusals of a transaction that has none: what it is to do is done, or it is a fault.
#[derive(Debug, Clone, Copy)]
pub enum NoRefusal {}

impl ErrorSet for NoRefusal {
    const ALL: &'static [Self] = &[];

    fn code(self) -> &'static Code {
        match self {}
    }
}

/// The refusal of this code.
pub fn by_code<E: ErrorSet>(code: &str) -> Option<E> {
    E::ALL.iter().copied().find(|error| error.code().code == code)
}

/// Makes `?` work on what a transaction calls besides the database.
pub trait OrStop<T> {
    /// The value, or the end of the transaction.
    fn or_stop<E>(self) -> Done<T, E>;
}

impl<T> OrStop<T> for Result<T, Need> {
    fn or_stop<E>(self) -> Done<T, E> {
        self.map_err(|need| TxError::Refused(Stop::Refill(need)))
    }
}

impl<T> OrStop<T> for Result<T, SealError> {
    fn or_stop<E>(self) -> Done<T, E> {
        self.map_err(|error| match error {
            SealError::UnknownKey(_) => unknown_key(),
            SealError::MasterKey
            | SealError::TooLong
            | SealError::Form
            | SealError::DoesNotOpen
            | SealError::NotSealed
            | SealError::Token(_) => fault(format!("sealing: {error}")),
        })
    }
}

impl<T> OrStop<T> for Result<T, TokenError> {
    fn or_stop<E>(self) -> Done<T, E> {
        self.map_err(|error| fault(error.to_string()))
    }
}

impl<T> OrStop<T> for Option<T> {
    fn or_stop<E>(self) -> Done<T, E> {
        self.ok_or_else(|| fault("a value that the rules promise is missing"))
    }
}
