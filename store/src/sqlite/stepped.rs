//! SQLite without threads: the simulation runs waiting jobs when it wants to, and sees what each
//! has changed.

use std::collections::VecDeque;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::time::Instant;

use super::watch::{Image, Ran};
use super::worker::Worker;
use crate::error::{Cause, DbError, TxError, WriteError};
use crate::job::{Access, Call, Reply};
use crate::queue::{Queue, Queued};
use crate::tx::Tx;

/// Far longer than it takes from a transaction outside the queue to its beginning.
const DIRECT_WAIT: Duration = Duration::from_secs(10);

/// Runs the jobs of a [`Store`](crate::Store) that was opened stepped, by the code that its
/// threads would run. Where time is a runtime's, it is to be entered.
pub struct Stepper {
    writer: Worker,
    reader: Worker,
    writes: Arc<Queue>,
    reads: Arc<Queue>,
}

/// How many jobs wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// To write.
    pub writes: usize,
    /// To read.
    pub reads: usize,
}

/// What came of a transaction outside the queue.
pub struct Direct<T, E> {
    /// Its result.
    pub result: Result<T, WriteError<E>>,
    /// What it changed.
    pub ran: Vec<Ran>,
}

impl Stepper {
    pub(super) const fn new(
        writer: Worker,
        reader: Worker,
        writes: Arc<Queue>,
        reads: Arc<Queue>,
    ) -> Self {
        Self { writer, reader, writes, reads }
    }

    /// How many jobs wait.
    #[must_use]
    pub fn waiting(&self) -> Waiting {
        Waiting { writes: self.writes.len(), reads: self.reads.len() }
    }

    /// Runs up to `jobs_max` waiting write jobs as one group; what each has changed.
    pub fn write(&self, jobs_max: usize) -> Result<Vec<Ran>, DbError> {
        let mut waiting = VecDeque::new();
        self.writes.take_waiting(jobs_max, &mut waiting);
        self.run(waiting)
    }

    /// Answers up to `jobs_max` waiting reads.
    pub fn read(&self, jobs_max: usize) {
        let mut waiting = VecDeque::new();
        self.reads.take_waiting(jobs_max, &mut waiting);
        while let Some(queued) = self.reader.next_in_time(&mut waiting) {
            self.reader.read(queued.job);
        }
    }

    /// Runs `work` in a transaction of its own, ahead of whatever waits.
    pub fn directly<T, E, F>(&self, work: F) -> Result<Direct<T, E>, DbError>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, TxError<E>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let (sender, receiver) = mpsc::sync_channel(1);
        let job = Box::new(Call::new(work, Reply::Blocking(sender)));
        let queued = Queued { job, access: Access::Write, until: Instant::now() + DIRECT_WAIT };
        let ran = self.run(VecDeque::from([queued]))?;
        let lost = Err(WriteError::Unavailable(Cause::CommitUnknown));
        Ok(Direct { result: receiver.try_recv().unwrap_or(lost), ran })
    }

    /// All rows of all tables, as they are committed.
    pub fn rows(&self) -> Result<Vec<Image>, DbError> {
        match self.writer.watch() {
            Some(watch) => watch.all(self.reader.connection()),
            None => Ok(Vec::new()),
        }
    }

    fn run(&self, mut waiting: VecDeque<Queued>) -> Result<Vec<Ran>, DbError> {
        while !waiting.is_empty() {
            self.writer.commit_group(&mut waiting);
        }
        self.writer.watch().map_or_else(|| Ok(Vec::new()), |watch| watch.take())
    }
}
