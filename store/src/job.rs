//! A caller's closure on its way through a worker, its types erased.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

use tokio::sync::oneshot;

use crate::error::{Cause, DbError, Fault, TxError, WriteError};
use crate::tx::Tx;

/// What a job may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// How one run of a job's closure ended. The result itself stays inside the job.
pub(crate) enum Step {
    Done,
    Refused,
    Db(DbError),
    Panicked,
}

/// What the caller is told.
#[derive(Clone)]
pub(crate) enum Verdict {
    /// The closure's own outcome stands.
    Outcome,
    Unavailable(Cause),
    Fault(String),
}

impl Verdict {
    pub(crate) fn of_step(step: Step) -> Self {
        match step {
            Step::Done | Step::Refused => Self::Outcome,
            Step::Db(error) => Self::of_error(error),
            // The payload may quote a value; the panic hook has reported it.
            Step::Panicked => Self::Fault("a transaction's closure panicked".to_owned()),
        }
    }

    pub(crate) fn of_error(error: DbError) -> Self {
        match error {
            DbError::Unavailable(cause) => Self::Unavailable(cause),
            DbError::Conflict { .. } => Self::Unavailable(Cause::Contention),
            DbError::Constraint { .. }
            | DbError::Column { .. }
            | DbError::Rows { .. }
            | DbError::Parameters(_)
            | DbError::Aborted
            | DbError::Failed { .. } => Self::Fault(error.to_string()),
        }
    }

    /// The verdict when the transaction did not commit: an outcome (a refusal too) may rest on
    /// what was rolled back.
    pub(crate) fn uncommitted(self, cause: Cause) -> Self {
        match self {
            Self::Outcome => Self::Unavailable(cause),
            Self::Unavailable(_) | Self::Fault(_) => self,
        }
    }
}

pub(crate) trait Job: Send {
    fn run(&mut self, tx: &mut Tx<'_>) -> Step;
    fn answer(self: Box<Self>, verdict: Verdict);
}

/// Where an answer goes.
pub(crate) enum Reply<T, E> {
    Async(oneshot::Sender<Result<T, WriteError<E>>>),
    Blocking(mpsc::SyncSender<Result<T, WriteError<E>>>),
}

pub(crate) struct Call<T, E, F> {
    work: F,
    outcome: Option<Result<T, E>>,
    reply: Reply<T, E>,
}

impl<T, E, F> Call<T, E, F> {
    pub(crate) const fn new(work: F, reply: Reply<T, E>) -> Self {
        Self { work, outcome: None, reply }
    }
}

impl<T, E, F> Job for Call<T, E, F>
where
    T: Send,
    E: Send,
    F: FnMut(&mut Tx<'_>) -> Result<T, TxError<E>> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Step {
        self.outcome = None;
        let Ok(result) = catch_unwind(AssertUnwindSafe(|| (self.work)(tx))) else {
            return Step::Panicked;
        };
        // PostgreSQL has aborted the transaction whatever the closure made of the error.
        if let Some(error) = tx.take_failure() {
            return Step::Db(error);
        }
        match result {
            Ok(value) => {
                self.outcome = Some(Ok(value));
                Step::Done
            }
            Err(TxError::Refused(refusal)) => {
                self.outcome = Some(Err(refusal));
                Step::Refused
            }
            Err(TxError::Db(error)) => Step::Db(error),
        }
    }

    fn answer(self: Box<Self>, verdict: Verdict) {
        let Self { outcome, reply, .. } = *self;
        let answer = match (verdict, outcome) {
            (Verdict::Outcome, Some(Ok(value))) => Ok(value),
            (Verdict::Outcome, Some(Err(refusal))) => Err(WriteError::Refused(refusal)),
            (Verdict::Outcome, None) => Err(WriteError::Fault(Fault::new("the job was not run"))),
            (Verdict::Unavailable(cause), _) => Err(WriteError::Unavailable(cause)),
            (Verdict::Fault(message), _) => Err(WriteError::Fault(Fault::new(message))),
        };
        // A caller that has gone is no error: the job has run all the same.
        match reply {
            Reply::Async(sender) => drop(sender.send(answer)),
            Reply::Blocking(sender) => drop(sender.send(answer)),
        }
    }
}
