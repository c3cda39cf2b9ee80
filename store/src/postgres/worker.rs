//! The threads that own PostgreSQL's connections.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::thread;
use std::time::{Duration, Instant};

use super::PostgresTx;
use super::open::Connector;
use super::session::Session;
use crate::error::{Cause, DbError};
use crate::fault::{FaultSeam, Point};
use crate::job::{Access, Job, Step, Verdict};
use crate::options::Options;
use crate::queue::Queue;
use crate::tx::{Engine, Tx};

const RETRIES_MAX: u32 = 5;
const BACKOFF_MS_MAX: u64 = 4;
/// After a connection was refused, jobs are answered at once for this long.
const AWAY_MS: u64 = 100;

pub(super) struct Worker {
    connector: Connector,
    session: Option<Session>,
    away_until: Option<Instant>,
    seam: Option<FaultSeam>,
}

/// How one attempt at a job ended.
enum Attempt {
    Ended(Verdict),
    /// Nothing was committed; another transaction stood in the way.
    Conflict,
    /// Nothing was committed; the connection is gone.
    Lost,
    /// The connection is of no use any more, and trying again would take as long.
    Silent,
}

impl Worker {
    pub(super) fn new(connector: Connector, options: &Options) -> Self {
        Self { connector, session: None, away_until: None, seam: options.fault.clone() }
    }

    /// Answers jobs one by one, until the queue is closed and drained.
    pub(super) fn serve(&mut self, queue: &Queue) {
        let mut taken = VecDeque::with_capacity(1);
        while queue.take(1, &mut taken) {
            let _working = queue.working();
            while let Some(mut queued) = taken.pop_front() {
                let verdict = if queued.is_late() {
                    Verdict::Unavailable(Cause::WaitedTooLong)
                } else {
                    self.settle(&mut *queued.job, queued.access)
                };
                queued.job.answer(verdict);
            }
        }
    }

    /// Attempts a job until it ends, within bounds.
    fn settle(&mut self, job: &mut dyn Job, access: Access) -> Verdict {
        let mut conflicts = 0;
        let mut lost = false;
        loop {
            match self.attempt(job, access) {
                Attempt::Ended(verdict) => return verdict,
                Attempt::Conflict if conflicts < RETRIES_MAX => {
                    conflicts += 1;
                    back_off(conflicts);
                }
                Attempt::Conflict => return Verdict::Unavailable(Cause::Contention),
                // An idle connection may have died long ago: only a second loss is news.
                Attempt::Lost if !lost => lost = true,
                Attempt::Lost => return Verdict::Unavailable(Cause::Away),
                Attempt::Silent => return Verdict::Unavailable(Cause::Silent),
            }
        }
    }

    fn attempt(&mut self, job: &mut dyn Job, access: Access) -> Attempt {
        // Taken out: it comes back only when it is known to be idle and alive.
        let Some(mut session) = self.session.take().or_else(|| self.connect()) else {
            return Attempt::Ended(Verdict::Unavailable(Cause::Away));
        };
        session.begin(begin(access));
        let engine = Engine::Postgres(PostgresTx { session: &mut session });
        let step = job.run(&mut Tx::new(engine, self.seam.as_ref()));
        match step {
            Step::Done => self.commit(session, access),
            Step::Refused => {
                self.roll_back(session);
                Attempt::Ended(Verdict::Outcome)
            }
            Step::Db(error) => {
                let attempt = failed(error, access);
                match attempt {
                    Attempt::Lost | Attempt::Silent => {}
                    Attempt::Ended(_) | Attempt::Conflict => self.roll_back(session),
                }
                attempt
            }
            // The panic may have been in the client: its connection is not trusted again.
            Step::Panicked => Attempt::Ended(Verdict::of_step(step)),
        }
    }

    fn commit(&mut self, mut session: Session, access: Access) -> Attempt {
        if let Some(cause) = FaultSeam::at(self.seam.as_ref(), Point::Commit) {
            self.roll_back(session);
            return Attempt::Ended(Verdict::Unavailable(cause));
        }
        if let Err(error) = session.commit() {
            let attempt = failed(error, access);
            return match attempt {
                // It may have been lost before the commit or after it.
                Attempt::Lost | Attempt::Silent => {
                    Attempt::Ended(Verdict::Unavailable(Cause::CommitUnknown))
                }
                Attempt::Ended(_) | Attempt::Conflict => {
                    self.roll_back(session);
                    attempt
                }
            };
        }
        self.session = Some(session);
        Attempt::Ended(match FaultSeam::at(self.seam.as_ref(), Point::Answer) {
            Some(cause) => Verdict::Unavailable(cause),
            None => Verdict::Outcome,
        })
    }

    fn roll_back(&mut self, mut session: Session) {
        if session.roll_back().is_ok() {
            self.session = Some(session);
        }
    }

    fn connect(&mut self) -> Option<Session> {
        if self.away_until.is_some_and(|until| Instant::now() < until) {
            return None;
        }
        match self.connector.connect() {
            Ok(session) => {
                self.away_until = None;
                Some(session)
            }
            Err(error) => {
                tracing::warn!(%error, "PostgreSQL is away");
                self.away_until = Some(Instant::now() + Duration::from_millis(AWAY_MS));
                None
            }
        }
    }
}

const fn begin(access: Access) -> &'static str {
    match access {
        // No READ WRITE: a standby refuses that in a way that cannot be told from a mistake.
        Access::Write => "BEGIN ISOLATION LEVEL READ COMMITTED",
        // One snapshot for all its statements, as SQLite has it.
        Access::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    }
}

fn failed(error: DbError, access: Access) -> Attempt {
    match error {
        DbError::Conflict { .. } => Attempt::Conflict,
        DbError::Unavailable(Cause::Away) => Attempt::Lost,
        DbError::Unavailable(Cause::Silent) => Attempt::Silent,
        // The server became a standby: a new connection may find the primary.
        DbError::Failed { ref code, .. } if code == "25006" && access == Access::Write => {
            Attempt::Lost
        }
        DbError::Unavailable(_)
        | DbError::Constraint { .. }
        | DbError::Column { .. }
        | DbError::Rows { .. }
        | DbError::Parameters(_)
        | DbError::Aborted
        | DbError::Failed { .. } => Attempt::Ended(Verdict::of_error(error)),
    }
}

/// Jittered, so that two transactions that met do not meet again.
fn back_off(retry: u32) {
    let jitter = RandomState::new().build_hasher().finish();
    let most_us = BACKOFF_MS_MAX * 1_000 * u64::from(retry);
    thread::sleep(Duration::from_micros(jitter % most_us));
}
