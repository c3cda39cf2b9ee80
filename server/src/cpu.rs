//! A pool of threads for RSA's private operation, by far the longest work of the processor that
//! a call needs: it neither holds up the threads that wait for sockets nor piles up without end.

use std::collections::VecDeque;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// The pool. Its threads end when it is dropped; what still waits then is not done.
pub struct Cpu(Arc<Queue>);

/// Why there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// The work panicked.
    Panicked,
    /// Too much waits, or it has waited for too long, or the pool has ended.
    Busy,
}

/// Work that may wait. Callers that have gone still count: their calls go on.
const WAITING_MAX: usize = 4_096;
/// How long work may wait: nobody wants its result after that.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// False: it has waited for too long and is not done.
type Work = Box<dyn FnOnce(bool) + Send>;

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Instant, Work)>,
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
        let work = Box::new(move |is_in_time: bool| {
            let result = if is_in_time { Ok(work()) } else { Err(Failed::Busy) };
            // A caller that has gone does not need it.
            drop(sender.send(result));
        });
        {
            let mut state = self.0.locked();
            if state.is_closed || state.waiting.len() >= WAITING_MAX {
                return Err(Failed::Busy);
            }
            state.waiting.push_back((Instant::now(), work));
        }
        self.0.arrived.notify_one();
        done.await.unwrap_or(Err(Failed::Panicked))
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
            let Some((since, work)) = state.waiting.pop_front() else { continue };
            drop(state);
            let is_in_time = since.elapsed() <= WAIT_MAX;
            // The panic hook has said so; the caller learns it by its channel.
            let _ = catch_unwind(AssertUnwindSafe(move || work(is_in_time)));
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
        assert_eq!(pool.run(|| -> u8 { panic!("on purpose") }).await, Err(Failed::Panicked));
        assert_eq!(pool.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn no_more_than_so_much_waits() {
        let pool = Arc::new(Cpu::start(1).unwrap());
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let mut callers = tokio::task::JoinSet::new();
        let first = Arc::clone(&pool);
        callers.spawn(async move { first.run(move || wait.recv().is_ok()).await });
        for _ in 0..WAITING_MAX + 10 {
            let (pool, asked) = (Arc::clone(&pool), Arc::clone(&asked));
            callers.spawn(async move {
                asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                pool.run(|| true).await
            });
        }
        // All have asked before the first is let go.
        while asked.load(std::sync::atomic::Ordering::Relaxed) < WAITING_MAX + 10 {
            tokio::task::yield_now().await;
        }
        go.send(()).unwrap();
        let ended = callers.join_all().await;
        let refused = ended.iter().filter(|result| **result == Err(Failed::Busy)).count();
        // The first may wait as well when the others ask.
        assert!((10..=11).contains(&refused), "{refused}");
        assert_eq!(ended.len() - refused, ended.iter().filter(|one| **one == Ok(true)).count());
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
