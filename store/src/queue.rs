//! The bounded queue between callers and workers.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Cause;
use crate::job::{Access, Job};

/// A job that waits.
pub(crate) struct Queued {
    pub(crate) job: Box<dyn Job>,
    pub(crate) access: Access,
    /// Until when it may wait.
    pub(crate) until: Instant,
}

impl Queued {
    /// Whether it is answered without being run.
    pub(crate) fn is_late(&self) -> bool {
        Instant::now() > self.until
    }
}

struct State {
    jobs: VecDeque<Queued>,
    closed: bool,
    /// Who has announced a job and has not sent it yet.
    coming: usize,
    /// A worker has a job and waits for others that are coming.
    is_gathering: bool,
}

/// Jobs with which a worker waits for no more: a commit of as many costs each little.
const GATHERED_JOBS: usize = 32;

pub(crate) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    jobs_max: usize,
    threads: AtomicUsize,
    busy: AtomicUsize,
}

/// A thread that works on a job.
pub(crate) struct Working<'a>(&'a AtomicUsize);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Queue {
    pub(crate) fn new(jobs_max: usize) -> Self {
        let state = State { jobs: VecDeque::new(), closed: false, coming: 0, is_gathering: false };
        let state = Mutex::new(state);
        let (threads, busy) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { state, arrived: Condvar::new(), jobs_max, threads, busy }
    }

    pub(crate) fn push(&self, queued: Queued) -> Result<(), Cause> {
        let mut state = self.lock();
        if state.closed {
            return Err(Cause::Closed);
        }
        if state.jobs.len() >= self.jobs_max {
            return Err(Cause::QueueFull);
        }
        state.jobs.push_back(queued);
        let goes_on_gathering = state.is_gathering && state.jobs.len() < GATHERED_JOBS;
        drop(state);
        if !goes_on_gathering {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// A job will be pushed soon, or [`Queue::came`] says that it has been or will not be.
    pub(crate) fn announce(&self) {
        self.lock().coming += 1;
    }

    /// The other end of [`Queue::announce`].
    pub(crate) fn came(&self) {
        let mut state = self.lock();
        state.coming -= 1;
        let ends_gathering = state.is_gathering && state.coming == 0;
        drop(state);
        if ends_gathering {
            self.arrived.notify_one();
        }
    }

    /// As [`Queue::take`], for the one worker of a queue whose jobs share a commit: while jobs are
    /// announced it waits for them, as long as `patience`.
    pub(crate) fn take_group(
        &self,
        max: usize,
        patience: Duration,
        taken: &mut VecDeque<Queued>,
    ) -> bool {
        let idle = |state: &mut State| state.jobs.is_empty() && !state.closed;
        let state = self.arrived.wait_while(self.lock(), idle);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.is_gathering = true;
        let enough = GATHERED_JOBS.min(max);
        let few =
            |state: &mut State| state.coming > 0 && state.jobs.len() < enough && !state.closed;
        let waited = self.arrived.wait_timeout_while(state, patience, few);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_gathering = false;
        let count = state.jobs.len().min(max.max(1));
        taken.extend(state.jobs.drain(..count));
        count > 0
    }

    /// Waits for jobs and moves up to `max` of them to `taken`. False: closed and drained.
    pub(crate) fn take(&self, max: usize, taken: &mut VecDeque<Queued>) -> bool {
        let state = self.lock();
        let mut state = self
            .arrived
            .wait_while(state, |state| state.jobs.is_empty() && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let count = state.jobs.len().min(max.max(1));
        taken.extend(state.jobs.drain(..count));
        count > 0
    }

    /// Moves up to `max` of the jobs that wait to `taken`; waits for none.
    pub(crate) fn take_waiting(&self, max: usize, taken: &mut VecDeque<Queued>) {
        let mut state = self.lock();
        let count = state.jobs.len().min(max);
        taken.extend(state.jobs.drain(..count));
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    /// A thread is started that takes jobs from here.
    pub(crate) fn joined(&self) {
        self.threads.fetch_add(1, Ordering::Relaxed);
    }

    /// The other end of [`Queue::joined`].
    pub(crate) fn left(&self) {
        self.threads.fetch_sub(1, Ordering::Relaxed);
    }

    /// A thread works on a job, as long as the result is kept.
    pub(crate) fn working(&self) -> Working<'_> {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Working(&self.busy)
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads.load(Ordering::Relaxed)
    }

    pub(crate) fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// Takes no new job; what waits is still handed out.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    /// Closes and drops what waits; its callers learn that nobody will answer.
    pub(crate) fn abandon(&self) {
        let mut state = self.lock();
        state.closed = true;
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        drop(jobs);
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
