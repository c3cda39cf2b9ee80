//! Transactions of a command, which has no server around it.

use domain::Timestamp;
use store::{Cause, Store, Tx, TxError, WriteError};

use crate::context::Core;
use crate::op::{Done, NoRefusal, Stop};
use crate::supply::SupplyError;

/// How often a transaction is run again because a supply ran out or somebody else was faster.
const ATTEMPTS_MAX: usize = 64;

/// Why a transaction was not done.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// No card number is left.
    #[error("the product's number ranges are used up")]
    UsedUp,
    /// The database could not be used.
    #[error("the database could not be used: {0}")]
    Unavailable(Cause),
    /// What the code or the data should not allow.
    #[error("{0}")]
    Fault(String),
}

/// Runs a transaction, again where it has to be; what it refuses is `Err` within.
pub async fn done<T, E, F>(
    store: &Store,
    core: &Core,
    now: Timestamp,
    make: impl Fn() -> F,
) -> Result<Result<T, E>, WorkError>
where
    T: Send + 'static,
    E: Send + 'static,
    F: FnMut(&mut Tx<'_>) -> Done<T, E> + Send + 'static,
{
    for _ in 0..ATTEMPTS_MAX {
        match store.write(make()).await {
            Ok(done) => return Ok(Ok(done)),
            Err(WriteError::Refused(Stop::Refused(error, _))) => return Ok(Err(error)),
            Err(WriteError::Refused(Stop::CameFirst)) => {}
            Err(WriteError::Refused(Stop::UnknownKey)) => {
                core.keys.reload(store, now).await.map_err(|error| fault(&error))?;
            }
            Err(WriteError::Refused(Stop::Refill(need))) => {
                match core.supply.refill(store, need).await {
                    Ok(()) => {}
                    Err(SupplyError::UsedUp) => return Err(WorkError::UsedUp),
                    Err(SupplyError::Store(error)) => return Err(fault(&error)),
                }
            }
            Err(WriteError::Refused(Stop::Reused(code))) => {
                return Err(WorkError::Fault(code.message.to_owned()));
            }
            Err(WriteError::Refused(Stop::Fault(message))) => {
                return Err(WorkError::Fault(message));
            }
            Err(WriteError::Unavailable(cause)) => return Err(WorkError::Unavailable(cause)),
            Err(WriteError::Fault(fault)) => {
                return Err(WorkError::Fault(fault.message().to_owned()));
            }
        }
    }
    Err(WorkError::Fault("a transaction found no end".to_owned()))
}

/// Runs a transaction that only reads; what it refuses is `Err` within.
pub async fn seen<T, E, F>(store: &Store, work: F) -> Result<Result<T, E>, WorkError>
where
    T: Send + 'static,
    E: Send + 'static,
    F: FnMut(&mut Tx<'_>) -> Done<T, E> + Send + 'static,
{
    match store.read(work).await {
        Ok(done) => Ok(Ok(done)),
        Err(WriteError::Refused(Stop::Refused(error, _))) => Ok(Err(error)),
        Err(other) => Err(fault(&other)),
    }
}

/// What ended a transaction of other kinds.
pub(super) fn fault<E>(error: &WriteError<E>) -> WorkError {
    match error {
        WriteError::Unavailable(cause) => WorkError::Unavailable(*cause),
        WriteError::Fault(fault) => WorkError::Fault(fault.message().to_owned()),
        WriteError::Refused(_) => WorkError::Fault("a transaction was refused".to_owned()),
    }
}

/// What ended work that is none of a transaction's, and has nothing to run again.
pub(super) fn stopped(error: &TxError<Stop<NoRefusal>>) -> WorkError {
    WorkError::Fault(match error {
        TxError::Db(error) => error.to_string(),
        TxError::Refused(Stop::Fault(message)) => message.clone(),
        TxError::Refused(Stop::UnknownKey) => "a key is newer than this command".to_owned(),
        TxError::Refused(Stop::Reused(code)) => code.message.to_owned(),
        TxError::Refused(Stop::Refill(_) | Stop::CameFirst) => "a row could not be made".to_owned(),
        TxError::Refused(Stop::Refused(never, _)) => match *never {},
    })
}
