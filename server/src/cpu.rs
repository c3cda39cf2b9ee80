//! A pool of threads for RSA's private operation, by far the longest work of the processor that
//! a call needs: it neither holds up the threads that wait for sockets nor piles up without end.

use std::collections::VecDeque;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;

/// The pool. Its threads end when it is dropped; what still waits then is not done.
pub struct Cpu(Arc<Queue>);

/// The work panicked or the pool has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed;

type Work = Box<dyn FnOnce() + Send>;

/// As long as there are connections at most: each waits for one piece of work.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Work>,
    is_closed: bool,
}

impl Cpu {
    /// A pool of `threads`; 0: one a core.
    pub fn start(threads: u64) -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = usize::try_from(threads).ok().filter(|count| *count > 0).unwrap_or(cores);
        let pool = Cpu(Arc::default());
        for number in 0..threads {
            let queue = Arc::clone(&pool.0);
            let thread = thread::Builder::new().name(format!("cpu-{number}"));
            thread.spawn(move || queue.work())?;
        }
        Ok(pool)
    }

    /// Runs `work` on one of the pool's threads, after what came before it.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failed> {
        let (sender, done) = oneshot::channel();
        // A caller that has gone does not need the result.
        let work = Box::new(move || drop(sender.send(work())));
        self.0.locked().waiting.push_back(work);
        self.0.arrived.notify_one();
        done.await.map_err(|_| Failed)
    }
}

impl Drop for Cpu {
    fn drop(&mut self) {
        self.0.locked().is_closed = true;
        self.0.arrived.notify_all();
    }
}

impl Queue {
    /// Takes one piece of work after another: a thread sleeps only where none waits.
    fn work(&self) {
        loop {
            let idle = |state: &mut State| state.waiting.is_empty() && !state.is_closed;
            let state = self.arrived.wait_while(self.locked(), idle);
            let mut state = state.unwrap_or_else(PoisonError::into_inner);
            if state.is_closed {
                return;
            }
            let Some(work) = state.waiting.pop_front() else { continue };
            drop(state);
            // The panic hook has said so; the caller learns it by its channel.
            let _ = catch_unwind(AssertUnwindSafe(work));
        }
    }

    /// No work runs while it is locked, so that a panic leaves it whole.
    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_panics_fails_alone() {
        let pool = Cpu::start(1).unwrap();
        assert_eq!(pool.run(|| -> u8 { panic!("on purpose") }).await, Err(Failed));
        assert_eq!(pool.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn work_runs_in_the_order_in_which_it_came() {
        let pool = Arc::new(Cpu::start(1).unwrap());
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut callers = tokio::task::JoinSet::new();
        for number in 0..100 {
            let (pool, order) = (Arc::clone(&pool), Arc::clone(&order));
            callers
                .spawn(async move { pool.run(move || order.lock().unwrap().push(number)).await });
        }
        assert!(callers.join_all().await.iter().all(Result::is_ok));
        assert_eq!(*order.lock().unwrap(), (0..100).collect::<Vec<_>>());
    }
}
