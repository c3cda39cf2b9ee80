//! The bounded queue between callers and workers.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::error::Cause;
use crate::job::{Access, Job};

/// A job that waits.
pub(crate) struct Queued {
    pub(crate) job: Box<dyn Job>,
    pub(crate) access: Access,
    pub(crate) since: Instant,
}

struct State {
    jobs: VecDeque<Queued>,
    closed: bool,
}

pub(crate) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    jobs_max: usize,
}

impl Queue {
    pub(crate) fn new(jobs_max: usize) -> Self {
        let state = Mutex::new(State { jobs: VecDeque::new(), closed: false });
        Self { state, arrived: Condvar::new(), jobs_max }
    }

    pub(crate) fn push(&self, job: Box<dyn Job>, access: Access) -> Result<(), Cause> {
        let mut state = self.lock();
        if state.closed {
            return Err(Cause::Closed);
        }
        if state.jobs.len() >= self.jobs_max {
            return Err(Cause::QueueFull);
        }
        state.jobs.push_back(Queued { job, access, since: Instant::now() });
        drop(state);
        self.arrived.notify_one();
        Ok(())
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
