//! One process of the platform: the real store, pipeline, operations, fee driver and recovery, on
//! a runtime whose clock stands still until it is moved.

use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use crypto::keyring::Keyring;
use domain::delivery::Report;
use domain::{ApplyNo, AspId, Timestamp};
use platen::context::{App, Core, Time};
use platen::delivery::{self, Tracking};
use platen::fee::recovery;
use platen::jobs;
use platen::keys::Keys;
use platen::op::{Done, NoRefusal, transact};
use platen::ops::Operations;
use platen::settings::Settings;
use platen::supply::Supply;
use store::schema::MIGRATIONS;
use store::{Cause, DbError, FaultSeam, Options, Point, Ran, Stepper, Store, Tx, TxError, Waiting};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::bank::{ORDER_LIFETIME_MS, SimBank};

/// The institution code that bank transaction ids begin with.
const INSTITUTION_CODE: &str = "M202600001";
/// What the log says did it where a carrier reports of plastic.
pub const REPORTING: &str = "simulation.report";
/// Longest body of an answer, bytes.
const ANSWER_BYTES_MAX: usize = 65_536;
/// When every world begins: 2026-03-01 14:40 UTC, twenty minutes before a day of Seoul's ends.
pub const EPOCH_MS: u64 = 1_772_376_000_000;

/// Why a server could not be started or stepped.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The runtime.
    #[error("the runtime cannot be built: {0}")]
    Runtime(#[from] std::io::Error),
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] store::OpenError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The operations contradict each other.
    #[error("the operations contradict each other: {0}")]
    Operations(String),
    /// A transaction of the simulation's own failed.
    #[error("a transaction of the simulation's own failed: {0}")]
    Direct(String),
}

/// An answer that a caller got.
pub struct Answered {
    /// The call.
    pub call: u64,
    /// Status of HTTP.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// The clock of a server: the world's time at its start and what its runtime has let pass.
struct WorldTime {
    base_us: i64,
    start: Instant,
}

impl Time for WorldTime {
    fn now(&self) -> Timestamp {
        let passed = Instant::now().duration_since(self.start).as_micros();
        Timestamp(self.base_us + i64::try_from(passed).unwrap_or(i64::MAX / 2))
    }
}

/// What the seam of the database is to do.
#[derive(Default)]
struct Seam {
    /// Statements and commits that still work; below 0: all.
    left: AtomicI64,
    /// Commits to be refused.
    lost_commits: AtomicU32,
    /// Answers to be lost.
    lost_answers: AtomicU32,
}

impl Seam {
    fn at(&self, point: Point) -> Option<Cause> {
        let take = |left: &AtomicU32| {
            let less = |left: u32| left.checked_sub(1);
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
        };
        if point == Point::Answer {
            return take(&self.lost_answers).then_some(Cause::CommitUnknown);
        }
        if point == Point::Commit && take(&self.lost_commits) {
            return Some(Cause::RolledBack);
        }
        match self.left.load(Ordering::Relaxed) {
            left if left < 0 => None,
            0 => Some(if point == Point::Commit { Cause::RolledBack } else { Cause::Exhausted }),
            left => {
                self.left.store(left - 1, Ordering::Relaxed);
                None
            }
        }
    }
}

/// A process.
pub struct Server {
    /// Dropped first: it drops every task.
    runtime: Runtime,
    app: Arc<App>,
    stepper: Stepper,
    seam: Arc<Seam>,
    start: Instant,
    born_ms: u64,
    answers: Arc<Mutex<Vec<Answered>>>,
}

/// The settings of every world: the defaults, with less patience where that costs nothing.
#[must_use]
pub fn settings() -> Settings {
    Settings {
        bank_order_lifetime_ms: ORDER_LIFETIME_MS,
        cpu_threads: 1,
        recipient_kept_days: 1,
        returned_kept_days: 2,
        delivery_silent_days: 3,
        ..Settings::default()
    }
}

impl Server {
    /// Starts a process on the world's database; recovery begins at once.
    pub fn start(
        file: &Path,
        keys: &Arc<Keyring>,
        bank: &SimBank,
        now_ms: u64,
    ) -> Result<Self, ServerError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()?;
        let entered = runtime.enter();
        let seam = Arc::new(Seam { left: AtomicI64::new(-1), ..Seam::default() });
        let asked = Arc::clone(&seam);
        let fault = FaultSeam::new(move |point| asked.at(point));
        let options = Options { fault: Some(fault), ..Options::default() };
        let (store, stepper) = Store::stepped(file, MIGRATIONS, &options)?;
        let start = Instant::now();
        let base_us = i64::try_from((EPOCH_MS + now_ms) * 1_000).unwrap_or(0);
        let clock: Arc<dyn Time> = Arc::new(WorldTime { base_us, start });
        let operations = Operations::load();
        let operations = operations.map_err(|error| ServerError::Operations(error.to_string()))?;
        let core = Core {
            keys: Keys::fixed(Arc::clone(keys)),
            supply: Arc::new(Supply::default()),
            settings: Arc::new(settings()),
            institution_code: INSTITUTION_CODE.into(),
        };
        let bank = Arc::new(bank.seen_from(Arc::clone(&clock)));
        let app = Arc::new(App::new(store, core, operations, clock, bank)?);
        drop(runtime.spawn(recovery::run(Arc::clone(&app))));
        drop(runtime.spawn(jobs::run(Arc::clone(&app))));
        drop(entered);
        let answers = Arc::default();
        Ok(Server { runtime, app, stepper, seam, start, born_ms: now_ms, answers })
    }

    /// Keys, supplies, settings.
    pub fn core(&self) -> &Core {
        &self.app.core
    }

    /// Begins a call; its answer will be among the answers.
    pub fn call(&self, call: u64, request: Request<Body>) {
        let (app, answers) = (Arc::clone(&self.app), Arc::clone(&self.answers));
        drop(self.runtime.spawn(async move {
            let response = platen::pipeline::handle(app, request).await;
            let status = response.status().as_u16();
            let body = axum::body::to_bytes(response.into_body(), ANSWER_BYTES_MAX).await;
            let body = body.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            let body = body.unwrap_or_default();
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.push(Answered { call, status, body });
        }));
    }

    /// A carrier reports of an application's plastic.
    pub fn report(&self, asp: &str, no: &str, report: Report) {
        let (app, asp, no) = (Arc::clone(&self.app), AspId::new(asp), ApplyNo::new(no));
        drop(self.runtime.spawn(async move {
            let moment = app.moment();
            let reported = transact(&app, || {
                let cx = delivery::reporting(&app.core, &asp, REPORTING, moment);
                let no = no.clone();
                move |tx: &mut Tx<'_>| -> Done<_, NoRefusal> {
                    delivery::apply(&cx, tx, &no, Tracking::of(report))
                }
            });
            // A carrier that is not heard comes again, or does not.
            drop(reported.await);
        }));
    }

    /// The answers since the last time.
    pub fn answers(&self) -> Vec<Answered> {
        std::mem::take(&mut self.answers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets time pass until this moment of the world; whatever can run meanwhile runs. Without
    /// anything to do the clock leaps to the next timer.
    pub fn pass_until(&self, now_ms: u64) {
        let until = self.start + Duration::from_millis(now_ms.saturating_sub(self.born_ms));
        self.runtime.block_on(async { tokio::time::sleep_until(until).await });
    }

    /// Lets time leap: what was due meanwhile happens at its end.
    pub fn leap_until(&self, now_ms: u64) {
        let until = self.start + Duration::from_millis(now_ms.saturating_sub(self.born_ms));
        self.runtime.block_on(async {
            tokio::time::advance(until.saturating_duration_since(Instant::now())).await;
        });
    }

    /// How many jobs wait for the database.
    pub fn waiting(&self) -> Waiting {
        self.stepper.waiting()
    }

    /// Runs up to so many waiting jobs as one group.
    pub fn write(&self, jobs_max: usize) -> Result<Vec<Ran>, ServerError> {
        let _entered = self.runtime.enter();
        Ok(self.stepper.write(jobs_max)?)
    }

    /// Answers waiting reads.
    pub fn read(&self, jobs_max: usize) {
        let _entered = self.runtime.enter();
        self.stepper.read(jobs_max);
    }

    /// After so many statements and commits none works any more, until it is healed.
    pub fn fail_after(&self, statements: u32) {
        self.seam.left.store(i64::from(statements), Ordering::Relaxed);
    }

    /// So many jobs are committed without their callers learning of it.
    pub fn lose_answers(&self, jobs: u32) {
        self.seam.lost_answers.store(jobs, Ordering::Relaxed);
    }

    /// The next commit does not happen.
    pub fn lose_commit(&self) {
        self.seam.lost_commits.store(1, Ordering::Relaxed);
    }

    /// The database works again.
    pub fn heal(&self) {
        self.seam.left.store(-1, Ordering::Relaxed);
        self.seam.lost_commits.store(0, Ordering::Relaxed);
        self.seam.lost_answers.store(0, Ordering::Relaxed);
    }

    /// Runs a transaction of the simulation's own at once.
    pub fn directly<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, TxError<String>> + Send + 'static,
    ) -> Result<(T, Vec<Ran>), ServerError> {
        let _entered = self.runtime.enter();
        let direct = self.stepper.directly(work)?;
        let result = direct.result.map_err(|error| ServerError::Direct(format!("{error:?}")))?;
        Ok((result, direct.ran))
    }

    /// All rows, as they are committed.
    pub fn rows(&self) -> Result<Vec<store::Image>, ServerError> {
        Ok(self.stepper.rows()?)
    }
}
