//! What has to be done when its time has come, by nobody's call: cards expire, answers are
//! forgotten, addresses erased, returned plastic given up, files exchanged with card makers. A job
//! is one file, and does its work in batches, each a short transaction that claims its rows by
//! conditional updates: several servers may run the same job, and a batch that is done twice does
//! nothing the second time.

mod call_off;
mod erase;
mod expiry;
mod forget;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::AspId;
use store::tables::log::Moment;
use store::tables::partners;
use store::{Tx, WriteError};

use crate::context::{App, Core};
use crate::delivery::exchange;
use crate::op::{Done, NoRefusal, transact};

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
    /// Files are exchanged with card makers.
    DeliveryFiles,
}

impl Job {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 5] =
        [Self::Expiry, Self::Forget, Self::Erase, Self::CallOff, Self::DeliveryFiles];

    /// Its name on the command line and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Job::Expiry => "expiry",
            Job::Forget => "forget",
            Job::Erase => "erase",
            Job::CallOff => "call-off",
            Job::DeliveryFiles => "delivery-files",
        }
    }

    /// The job of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.name() == name)
    }

    /// What does one batch of a partner's rows; `None` for what is more than transactions.
    const fn batch(self) -> Option<OneBatch> {
        match self {
            Job::Expiry => Some(expiry::batch),
            Job::Forget => Some(forget::batch),
            Job::Erase => Some(erase::batch),
            Job::CallOff => Some(call_off::batch),
            Job::DeliveryFiles => None,
        }
    }
}

/// A batch of a partner's rows, within a transaction.
type OneBatch = fn(&Context, &mut Tx<'_>, &AspId) -> Done<Batch, NoRefusal>;

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
            Err(why) => {
                report.failures += 1;
                app.metrics.job_failed(job);
                let job = job.name();
                tracing::error!(job, partner = asp.as_str(), why, "a job failed for a partner");
            }
        }
    }
    if report.failures == 0 {
        app.metrics.job_succeeded(job, app.clock.now());
    }
    Ok(report)
}

/// A job's turn for a partner: rows that were changed, and how it ended.
async fn for_partner(app: &App, job: Job, asp: &AspId) -> (u64, Result<Left, String>) {
    match job.batch() {
        Some(batch) => batches(app, batch, asp).await,
        None => files(app, asp).await,
    }
}

/// The exchange of files, where it is asked for.
async fn files(app: &App, asp: &AspId) -> (u64, Result<Left, String>) {
    let folder = &app.core.settings.delivery_folder;
    if folder.is_empty() {
        return (0, Ok(Left::Nothing));
    }
    match exchange::turn(app, asp, Path::new(folder)).await {
        Ok(rows) => (rows, Ok(Left::Nothing)),
        Err(error) => (0, Err(error.to_string())),
    }
}

/// Batches of a partner, up to a turn's.
async fn batches(app: &App, batch: OneBatch, asp: &AspId) -> (u64, Result<Left, String>) {
    let mut rows = 0;
    for _ in 0..TURN_BATCHES_MAX {
        let done = transact(app, || {
            let cx = Context { core: app.core.clone(), now: app.moment() };
            let asp = asp.clone();
            move |tx: &mut Tx<'_>| batch(&cx, tx, &asp)
        });
        match done.await {
            Ok(batch) => {
                rows += batch.rows;
                if batch.left == Left::Nothing {
                    return (rows, Ok(Left::Nothing));
                }
            }
            Err(answer) => return (rows, Err(format!("code {}", answer.code()))),
        }
        tokio::time::sleep(BREATH).await;
    }
    (rows, Ok(Left::More))
}
