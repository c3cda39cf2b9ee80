//! The store as the rest of the program holds it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::error::{Cause, DbError, OpenError, TxError, WriteError};
use crate::job::{Access, Call, Job, Reply};
use crate::migration::Migration;
use crate::moving::marks::MOVED;
use crate::options::Options;
use crate::queue::{Queue, Queued};
use crate::sqlite::stepped::Stepper;
use crate::target::Target;
use crate::tx::Tx;
use crate::{postgres, sqlite};

/// An open database. Clones share its queue and threads; the last one to go lets the threads
/// finish what waits.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    writes: Arc<Queue>,
    reads: Arc<Queue>,
    wait_max: Duration,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Store {
    /// Opens the database, creates or migrates its schema under the engine's lock and starts
    /// the threads. Blocks; needs no async runtime and may be called on one at start-up.
    pub fn open(
        target: &Target,
        migrations: &'static [Migration],
        options: Options,
    ) -> Result<Self, OpenError> {
        let writes = Arc::new(Queue::new(options.queue_jobs_max));
        let mut inner = Inner {
            writes: Arc::clone(&writes),
            reads: Arc::clone(&writes),
            wait_max: Duration::from_millis(options.wait_ms_max),
            threads: Mutex::new(Vec::new()),
        };
        let threads = match target {
            Target::Sqlite(path) => {
                inner.reads = Arc::new(Queue::new(options.queue_jobs_max));
                sqlite::start(path, migrations, &options, &writes, &inner.reads)?
            }
            Target::Postgres(url) => postgres::start(url, migrations, &options, &writes)?,
        };
        inner.threads = Mutex::new(threads);
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Opens a SQLite database without threads: jobs wait until the [`Stepper`] runs them, by the
    /// code that the threads would run. For the simulation, which decides what happens next.
    pub fn stepped(
        path: &Path,
        migrations: &'static [Migration],
        options: &Options,
    ) -> Result<(Self, Stepper), OpenError> {
        let writes = Arc::new(Queue::new(options.queue_jobs_max));
        let reads = Arc::new(Queue::new(options.queue_jobs_max));
        let stepper = sqlite::start_stepped(path, migrations, options, &writes, &reads)?;
        let wait_max = Duration::from_millis(options.wait_ms_max);
        let inner = Inner { writes, reads, wait_max, threads: Mutex::new(Vec::new()) };
        Ok((Self { inner: Arc::new(inner) }, stepper))
    }

    /// Runs `work` in a transaction that writes; `Ok` once it is committed.
    ///
    /// `work` may run several times (a deadlock, a lost connection), each time in a fresh
    /// transaction; it must have no other effect than its statements. A caller that drops this
    /// future after its first poll does not stop the job.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, WriteError<E>>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, TxError<E>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.write_until(self.inner.until(), work).await
    }

    /// As [`Store::write`], for one of several attempts that have a deadline together: a job that
    /// has not begun by `until` is answered unavailable without being run.
    pub async fn write_until<T, E, F>(&self, until: Instant, work: F) -> Result<T, WriteError<E>>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, TxError<E>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        submit(&self.inner.writes, Access::Write, until, work).await
    }

    /// Says that a write will come soon, until the result is dropped: a commit that is about to
    /// begin may wait for it and spare it one of its own.
    #[must_use]
    pub fn announce(&self) -> Announced {
        self.inner.writes.announce();
        Announced(Arc::clone(&self.inner.writes))
    }

    /// Runs `work` on one snapshot of what is committed; a statement that writes fails.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, WriteError<E>>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, TxError<E>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.read_until(self.inner.until(), work).await
    }

    /// As [`Store::read`], for one of several attempts that have a deadline together: a job that
    /// has not begun by `until` is answered unavailable without being run.
    pub async fn read_until<T, E, F>(&self, until: Instant, work: F) -> Result<T, WriteError<E>>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, TxError<E>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        submit(&self.inner.reads, Access::Read, until, work).await
    }

    /// As [`Store::write`], for a thread that may block.
    pub fn write_blocking<T, E, F>(&self, work: F) -> Result<T, WriteError<E>>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, TxError<E>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        submit_blocking(&self.inner.writes, Access::Write, self.inner.until(), work)
    }

    /// As [`Store::read`], for a thread that may block.
    pub fn read_blocking<T, E, F>(&self, work: F) -> Result<T, WriteError<E>>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, TxError<E>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        submit_blocking(&self.inner.reads, Access::Read, self.inner.until(), work)
    }

    /// Whether no write transaction ever runs beside another one (SQLite): then what it has read
    /// cannot change before it ends.
    #[must_use]
    pub fn writes_one_at_a_time(&self) -> bool {
        // SQLite's one writer has a queue of its own; PostgreSQL's workers share one.
        !Arc::ptr_eq(&self.inner.writes, &self.inner.reads)
    }

    /// Whether the database answers a read, and still holds the platform, for readiness.
    pub async fn ping(&self) -> Result<(), DbError> {
        let pinged = self.read(|tx| {
            let sql = "SELECT 1 FROM schema_migration WHERE version = $1";
            match tx.query(sql, &[MOVED.into()])?.is_empty() {
                true => Ok(()),
                false => Err(TxError::Refused(Cause::Moved)),
            }
        });
        match pinged.await {
            Ok(()) => Ok(()),
            Err(WriteError::Refused(cause) | WriteError::Unavailable(cause)) => {
                Err(DbError::Unavailable(cause))
            }
            Err(WriteError::Fault(fault)) => Err(DbError::Failed {
                code: "ping".to_owned(),
                message: fault.message().to_owned(),
            }),
        }
    }

    /// How many jobs wait for a thread.
    #[must_use]
    pub fn queue_len(&self) -> usize {
        self.pools().iter().map(|pool| pool.waiting).sum()
    }

    /// The engine's name.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        if self.writes_one_at_a_time() { "sqlite" } else { "postgres" }
    }

    /// What its threads do at this moment, for metrics: SQLite's writer and readers, or
    /// PostgreSQL's workers. Asks no database.
    #[must_use]
    pub fn pools(&self) -> Vec<Pool> {
        let Inner { writes, reads, .. } = &*self.inner;
        if self.writes_one_at_a_time() {
            vec![Pool::of("writer", writes), Pool::of("readers", reads)]
        } else {
            vec![Pool::of("workers", writes)]
        }
    }

    /// Takes no new job, runs what waits and joins the threads. Blocks; twice is no error.
    pub fn close(&self) {
        self.inner.close_queues();
        let mut threads = self.inner.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let threads = std::mem::take(&mut *threads);
        let own = thread::current().id();
        for handle in threads.into_iter().filter(|handle| handle.thread().id() != own) {
            // A thread that panicked has said so through the panic hook.
            let _ = handle.join();
        }
    }
}

/// Threads that take jobs from one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// `writer`, `readers` or `workers`.
    pub name: &'static str,
    /// Jobs that wait for one of them.
    pub waiting: usize,
    /// The threads: a connection each.
    pub threads: usize,
    /// Those that work on a job.
    pub busy: usize,
}

impl Pool {
    fn of(name: &'static str, queue: &Queue) -> Self {
        Pool { name, waiting: queue.len(), threads: queue.threads(), busy: queue.busy() }
    }
}

/// A write that will come soon; see [`Store::announce`].
pub struct Announced(Arc<Queue>);

impl Drop for Announced {
    fn drop(&mut self) {
        self.0.came();
    }
}

impl Inner {
    fn until(&self) -> Instant {
        Instant::now() + self.wait_max
    }

    fn close_queues(&self) {
        self.writes.close();
        self.reads.close();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close_queues();
    }
}

async fn submit<T, E, F>(
    queue: &Queue,
    access: Access,
    until: Instant,
    work: F,
) -> Result<T, WriteError<E>>
where
    F: FnMut(&mut Tx<'_>) -> Result<T, TxError<E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    let job: Box<dyn Job> = Box::new(Call::new(work, Reply::Async(sender)));
    queue.push(Queued { job, access, until }).map_err(WriteError::Unavailable)?;
    receiver.await.unwrap_or(Err(WriteError::Unavailable(Cause::CommitUnknown)))
}

fn submit_blocking<T, E, F>(
    queue: &Queue,
    access: Access,
    until: Instant,
    work: F,
) -> Result<T, WriteError<E>>
where
    F: FnMut(&mut Tx<'_>) -> Result<T, TxError<E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let (sender, receiver) = mpsc::sync_channel(1);
    let job: Box<dyn Job> = Box::new(Call::new(work, Reply::Blocking(sender)));
    queue.push(Queued { job, access, until }).map_err(WriteError::Unavailable)?;
    receiver.recv().unwrap_or(Err(WriteError::Unavailable(Cause::CommitUnknown)))
}

/// Starts a worker. Should it panic, the queue is abandoned so that no caller waits for ever.
pub(crate) fn spawn(
    name: String,
    queue: &Arc<Queue>,
    work: impl FnOnce(&Queue) + Send + 'static,
) -> Result<JoinHandle<()>, OpenError> {
    struct Abandon(Arc<Queue>);
    impl Drop for Abandon {
        fn drop(&mut self) {
            self.0.left();
            if thread::panicking() {
                self.0.abandon();
            }
        }
    }
    queue.joined();
    let guard = Abandon(Arc::clone(queue));
    let thread = thread::Builder::new().name(name);
    thread.spawn(move || work(&guard.0)).map_err(OpenError::Thread)
}
