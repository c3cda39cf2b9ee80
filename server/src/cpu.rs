//! A bounded pool for work of the processor (RSA above all), so that it neither holds up the
//! threads that wait for sockets nor piles up without end.

use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::sync::Semaphore;

/// The pool.
#[derive(Clone)]
pub struct Cpu(Arc<Semaphore>);

/// The work panicked or the pool was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed;

impl Cpu {
    /// A pool of `threads`; 0: one a core.
    pub fn new(threads: u64) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = usize::try_from(threads).ok().filter(|count| *count > 0).unwrap_or(cores);
        Cpu(Arc::new(Semaphore::new(threads)))
    }

    /// Runs `work` on one of the pool's threads.
    #[expect(clippy::disallowed_methods, reason = "bounded by the semaphore")]
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failed> {
        let permit = Arc::clone(&self.0).acquire_owned().await.map_err(|_| Failed)?;
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        done.await.map_err(|_| Failed)
    }
}
