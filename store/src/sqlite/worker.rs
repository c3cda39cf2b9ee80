//! The threads that own SQLite's connections.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::hooks::Wal;

use super::error::db_error;
use super::watch::Watch;
use super::{SqliteTx, Texts};
use crate::error::{Cause, DbError};
use crate::fault::{FaultSeam, Point};
use crate::job::{Job, Step, Verdict};
use crate::options::Options;
use crate::queue::{Queue, Queued};
use crate::tx::{Engine, Tx};

/// How long the writer waits at its end for the other connections, and for other processes'.
const END_MS_MAX: u64 = 1_000;

pub(super) struct Worker {
    connection: Connection,
    texts: Texts,
    group_jobs_max: usize,
    gather_max: Duration,
    seam: Option<FaultSeam>,
    watch: Option<Watch>,
}

/// A job that has run and waits for the group's COMMIT.
struct Ran {
    job: Box<dyn Job>,
    verdict: Verdict,
}

impl Worker {
    pub(super) fn new(connection: Connection, options: &Options) -> Self {
        Self {
            connection,
            texts: Texts::default(),
            group_jobs_max: options.group_jobs_max,
            gather_max: Duration::from_micros(options.gather_us_max),
            seam: options.fault.clone(),
            watch: None,
        }
    }

    /// The same, with a record of every write job and of the rows that it changed.
    pub(super) fn watched(self, watch: Watch) -> Self {
        Self { watch: Some(watch), ..self }
    }

    pub(super) const fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) const fn watch(&self) -> Option<&Watch> {
        self.watch.as_ref()
    }

    /// Commits whatever waits together, until the queue is closed and drained.
    pub(super) fn write_all(&self, queue: &Queue) {
        let mut waiting = VecDeque::new();
        while queue.take_group(self.group_jobs_max, self.gather_max, &mut waiting) {
            let _working = queue.working();
            while !waiting.is_empty() {
                self.commit_group(&mut waiting);
            }
        }
    }

    /// Closes the writer's connection once the `others` are closed, with all that is committed in
    /// the database's own file and nothing in the log. Another process that has the file open may
    /// stand in the way: the log is then complete, and the next one to open it reads it.
    pub(super) fn end(mut self, others: &Receiver<Infallible>) {
        let patience = Duration::from_millis(END_MS_MAX);
        // The hook holds the checkpointer's other end.
        let unhooked = self.connection.wal_hook(None::<fn(&mut Wal, i32) -> rusqlite::Result<()>>);
        // An error either way: that all are closed, or that one is late.
        let _ = others.recv_timeout(patience);
        let emptied = unhooked.and_then(|()| {
            self.connection.busy_timeout(patience)?;
            let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
            self.connection.query_row(sql, [], |row| row.get::<_, bool>(0))
        });
        match emptied.map_err(db_error) {
            Ok(false) => {}
            Ok(true) => tracing::info!("SQLite's log stays: another process has the database open"),
            Err(error) => tracing::warn!(%error, "SQLite's log could not be emptied"),
        }
    }

    /// Answers reads one by one, until the queue is closed and drained.
    pub(super) fn read_all(&self, queue: &Queue) {
        let mut waiting = VecDeque::new();
        while queue.take(1, &mut waiting) {
            let _working = queue.working();
            while let Some(queued) = self.next_in_time(&mut waiting) {
                self.read(queued.job);
            }
        }
    }

    pub(super) fn read(&self, mut job: Box<dyn Job>) {
        if let Err(error) = self.control("BEGIN") {
            return job.answer(Verdict::of_error(error));
        }
        let step = self.run(&mut *job);
        let ended = self.control(if matches!(step, Step::Done) { "COMMIT" } else { "ROLLBACK" });
        let verdict = Verdict::of_step(step);
        job.answer(match ended {
            Ok(()) => verdict,
            Err(_) => verdict.uncommitted(Cause::RolledBack),
        });
    }

    /// Takes jobs from `waiting` until it is empty or the engine gives the transaction up.
    pub(super) fn commit_group(&self, waiting: &mut VecDeque<Queued>) {
        let Some(mut next) = self.next_in_time(waiting) else { return };
        if let Err(error) = self.begin() {
            let verdict = Verdict::of_error(error);
            next.job.answer(verdict.clone());
            waiting.drain(..).for_each(|queued| queued.job.answer(verdict.clone()));
            return;
        }
        let mut group = Vec::with_capacity(waiting.len() + 1);
        if waiting.is_empty() {
            let step = self.run(&mut *next.job);
            let done = matches!(step, Step::Done);
            group.push(Ran { job: next.job, verdict: Verdict::of_step(step) });
            // What is not committed was this job's alone.
            let ended = if done { self.commit() } else { self.roll_back() };
            self.collect();
            return self.answer(group, ended);
        }
        loop {
            let verdict = self.run_in_savepoint(&mut *next.job);
            group.push(Ran { job: next.job, verdict });
            self.collect();
            if self.connection.is_autocommit() {
                return self.answer(group, Err(Cause::RolledBack));
            }
            match self.next_in_time(waiting) {
                Some(queued) => next = queued,
                None => break,
            }
        }
        let ended = self.commit();
        self.answer(group, ended);
    }

    pub(super) fn next_in_time(&self, waiting: &mut VecDeque<Queued>) -> Option<Queued> {
        while let Some(queued) = waiting.pop_front() {
            if !queued.is_late() {
                return Some(queued);
            }
            queued.job.answer(Verdict::Unavailable(Cause::WaitedTooLong));
        }
        None
    }

    fn run(&self, job: &mut dyn Job) -> Step {
        let tx = SqliteTx { connection: &self.connection, texts: &self.texts };
        let step = job.run(&mut Tx::new(Engine::Sqlite(tx), self.seam.as_ref()));
        if let Some(watch) = &self.watch {
            watch.ran(&step);
        }
        step
    }

    fn collect(&self) {
        if let Some(watch) = &self.watch {
            watch.collect(&self.connection);
        }
    }

    fn run_in_savepoint(&self, job: &mut dyn Job) -> Verdict {
        if let Err(error) = self.control("SAVEPOINT job") {
            return Verdict::of_error(error);
        }
        let step = self.run(job);
        let done = matches!(step, Step::Done);
        let verdict = Verdict::of_step(step);
        if self.connection.is_autocommit() {
            return verdict;
        }
        let undone = if done { Ok(()) } else { self.control("ROLLBACK TO job") };
        match undone.and_then(|()| self.control("RELEASE job")) {
            Ok(()) => verdict,
            Err(_) => {
                // The job's statements cannot be told from its neighbours': none may stay.
                let _ = self.roll_back();
                verdict.uncommitted(Cause::RolledBack)
            }
        }
    }

    fn begin(&self) -> Result<(), DbError> {
        if !self.connection.is_autocommit() {
            self.control("ROLLBACK")?;
        }
        self.control("BEGIN IMMEDIATE")
    }

    fn commit(&self) -> Result<(), Cause> {
        if let Some(cause) = FaultSeam::at(self.seam.as_ref(), Point::Commit) {
            return self.roll_back().and(Err(cause));
        }
        self.control("COMMIT").map_err(|error| {
            tracing::error!(%error, "SQLite did not commit");
            let _ = self.roll_back();
            Cause::CommitUnknown
        })
    }

    fn roll_back(&self) -> Result<(), Cause> {
        if self.connection.is_autocommit() {
            return Ok(());
        }
        self.control("ROLLBACK").map_err(|error| {
            tracing::error!(%error, "SQLite did not roll back");
            Cause::RolledBack
        })
    }

    fn control(&self, sql: &'static str) -> Result<(), DbError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(db_error)?;
        statement.raw_execute().map(drop).map_err(db_error)
    }

    fn answer(&self, group: Vec<Ran>, ended: Result<(), Cause>) {
        if let (Some(watch), Err(_)) = (&self.watch, ended) {
            watch.undone(group.len());
        }
        for Ran { job, verdict } in group {
            job.answer(match ended {
                Ok(()) => match FaultSeam::at(self.seam.as_ref(), Point::Answer) {
                    Some(cause) => verdict.uncommitted(cause),
                    None => verdict,
                },
                Err(cause) => verdict.uncommitted(cause),
            });
        }
    }
}
