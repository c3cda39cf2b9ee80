//! What has to be done when its time has come, by nobody's call: cards expire, answers are
//! forgotten, addresses erased, returned plastic given up. A job is one file, and does its work in
//! batches, each a short transaction that claims its rows by conditional updates: several servers
//! may run the same job, and a batch that is done twice does nothing the second time.

mod call_off;
mod erase;
mod expiry;
mod forget;

use std::sync::Arc;
use std::time::Duration;

use domain::AspId;
use store::tables::log::Moment;
use store::tables::partners;
use store::{Tx, WriteError};

use crate::context::{App, Core};
use crate::op::{Answer, Done, NoRefusal, transact};

/// Batches of a partner in one turn: then the others have theirs.
const TURN_BATCHES_MAX: u32 = 32;
/// Pause between batches, so that calls come in between.
const BREATH: Duration = Duration::from_millis(2);

/// The jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Job {
    /// Cards are told of their expiry, and expire.
    Expiry,
    /// Remembered calls are forgotten after their window.
    Forget,
    /// Recipients of deliveries are erased.
    Erase,
    /// Returned deliveries that nobody asks for are called off.
    CallOff,
}

impl Job {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 4] = [Self::Expiry, Self::Forget, Self::Erase, Self::CallOff];

    /// Its name on the command line and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Job::Expiry => "expiry",
            Job::Forget => "forget",
            Job::Erase => "erase",
            Job::CallOff => "call-off",
        }
    }

    /// The job of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.name() == name)
    }

    /// One batch of a partner's rows.
    fn batch(self, cx: &Context, tx: &mut Tx<'_>, asp: &AspId) -> Done<Batch, NoRefusal> {
        match self {
            Job::Expiry => expiry::batch(cx, tx, asp),
            Job::Forget => forget::batch(cx, tx, asp),
            Job::Erase => erase::batch(cx, tx, asp),
            Job::CallOff => call_off::batch(cx, tx, asp),
        }
    }
}

/// What a batch is given.
#[derive(Clone)]
pub(crate) struct Context {
    /// Keys, supplies, settings.
    core: Core,
    /// The present moment.
    now: Moment,
}

/// What a batch has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Rows that it changed.
    rows: u64,
    /// Whether there may be more.
    left: Left,
}

impl Batch {
    /// There was nothing to do.
    const NOTHING: Self = Batch { rows: 0, left: Left::Nothing };

    /// So many rows of at most `most`.
    fn of(rows: u64, most: i64) -> Self {
        let left = if rows >= most.unsigned_abs() { Left::More } else { Left::Nothing };
        Batch { rows, left }
    }
}

/// Whether a partner has more to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It may have.
    More,
    /// It has not.
    Nothing,
}

/// What a job has done for all partners.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Rows that it changed.
    pub rows: u64,
    /// Partners for whom it failed.
    pub failures: u64,
    /// Partners who have more to do.
    pub unfinished: u64,
}

/// Runs until the server stops.
pub async fn run(app: Arc<App>) {
    let pause = Duration::from_millis(app.core.settings.jobs_interval_ms);
    loop {
        tokio::time::sleep(pause).await;
        while round(&app).await > 0 {
            // Somebody has more to do: on, while calls come in between.
            tokio::time::sleep(BREATH).await;
        }
    }
}

/// A turn of every job; how many partners have more to do. What failed waits for the next interval.
async fn round(app: &App) -> u64 {
    let mut unfinished = 0;
    for job in Job::ALL {
        match turn(app, job).await {
            Ok(report) => unfinished += report.unfinished,
            Err(error) => {
                tracing::warn!(job = job.name(), %error, "a job cannot see the partners");
            }
        }
    }
    unfinished
}

/// A job until nothing is left to do, or nothing but failures.
pub async fn finish(app: &App, job: Job) -> Result<Report, WriteError<()>> {
    let mut all = Report::default();
    loop {
        let report = turn(app, job).await?;
        all.rows += report.rows;
        all.failures = all.failures.max(report.failures);
        if report.unfinished == 0 {
            return Ok(all);
        }
    }
}

/// A turn of a job for every partner. One that fails does not stop the others.
async fn turn(app: &App, job: Job) -> Result<Report, WriteError<()>> {
    let mut report = Report::default();
    for asp in app.store.read(|tx: &mut Tx<'_>| Ok(partners::all(tx)?)).await? {
        let (rows, ended) = for_partner(app, job, &asp).await;
        report.rows += rows;
        app.metrics.job_did(job, rows);
        if rows > 0 {
            tracing::info!(job = job.name(), partner = asp.as_str(), rows, "a job did its work");
        }
        match ended {
            Ok(Left::More) => report.unfinished += 1,
            Ok(Left::Nothing) => {}
            Err(answer) => {
                report.failures += 1;
                app.metrics.job_failed(job);
                let (job, code) = (job.name(), answer.code());
                tracing::error!(job, partner = asp.as_str(), code, "a job failed for a partner");
            }
        }
    }
    if report.failures == 0 {
        app.metrics.job_succeeded(job, app.clock.now());
    }
    Ok(report)
}

/// Batches of a partner, up to a turn's: rows that were changed, and how it ended.
async fn for_partner(app: &App, job: Job, asp: &AspId) -> (u64, Result<Left, Answer>) {
    let mut rows = 0;
    for _ in 0..TURN_BATCHES_MAX {
        let done = transact(app, || {
            let cx = Context { core: app.core.clone(), now: app.moment() };
            let asp = asp.clone();
            move |tx: &mut Tx<'_>| job.batch(&cx, tx, &asp)
        });
        match done.await {
            Ok(batch) => {
                rows += batch.rows;
                if batch.left == Left::Nothing {
                    return (rows, Ok(Left::Nothing));
                }
            }
            Err(answer) => return (rows, Err(answer)),
        }
        tokio::time::sleep(BREATH).await;
    }
    (rows, Ok(Left::More))
}
