//! Recovery: asks the bank about every fee whose deadline has passed, until it knows, and carries
//! on every return that is due. The same at start-up and while running, with one server or several.

use std::sync::Arc;
use std::time::Duration;

use domain::fee::ExternalCall;
use domain::{ApplyNo, AspId, Timestamp};
use store::tables::fee_returns::{self, Due};
use store::tables::partners;
use store::{DbError, Tx, WriteError};
use tokio::task::JoinSet;

use super::{driver, returning};
use crate::context::App;
use crate::metrics::{Open, Owed, age_s};

/// Applications and returns taken at once.
const BATCH: i64 = 64;
/// Bounds of the pause before the same application is asked about again, milliseconds.
const AGAIN_MS: std::ops::RangeInclusive<i64> = 2_000..=60_000;

/// Runs until the server stops.
pub async fn run(app: Arc<App>) {
    let pause = Duration::from_millis(app.core.settings.fee_recovery_interval_ms);
    loop {
        if let Err(error) = round(&app).await {
            tracing::warn!(%error, "unanswered fees could not be read");
        }
        tokio::time::sleep(pause).await;
    }
}

/// One round over all partners: asks about each fee that is overdue, and gives back what is owed.
pub async fn round(app: &Arc<App>) -> Result<(), WriteError<()>> {
    let (mut open, mut owed, mut are_all_read) = (Fees::default(), Due::default(), true);
    for asp in app.store.read(|tx: &mut Tx<'_>| Ok(partners::all(tx)?)).await? {
        let found = match look(app, &asp).await {
            Ok(found) => found,
            Err(error) => {
                // The others' fees go on; what is told of all stays as it was.
                tracing::warn!(partner = asp.as_str(), %error, "a partner's fees cannot be read");
                are_all_read = false;
                continue;
            }
        };
        open = open.and(found.open);
        owed = owed.and(found.due);
        for apply_no in &found.lacking {
            returning::adopt(app, &asp, apply_no).await;
        }
        tokio::join!(
            each(app, &asp, found.fees, |app, asp, apply_no| async move {
                driver::drive(&app, &asp, &apply_no, ExternalCall::Inquire).await;
            }),
            each(app, &asp, found.returns, |app, asp, apply_no| async move {
                returning::driver::drive(&app, &asp, &apply_no).await;
            }),
        );
    }
    if !are_all_read {
        return Ok(());
    }
    let now = app.clock.now();
    app.metrics.fees_open(Open {
        count: open.count,
        overdue: open.overdue,
        oldest_age_s: age_s(open.oldest, now),
    });
    let oldest_age_s = age_s(owed.oldest, now);
    app.metrics.returns_due(Owed { count: owed.count, oldest_age_s });
    Ok(())
}

/// Fees that were ordered and are not answered yet.
#[derive(Debug, Clone, Copy, Default)]
struct Fees {
    count: i64,
    overdue: i64,
    oldest: Option<Timestamp>,
}

impl Fees {
    fn and(self, other: Fees) -> Fees {
        Fees {
            count: self.count + other.count,
            overdue: self.overdue + other.overdue,
            oldest: [self.oldest, other.oldest].into_iter().flatten().min(),
        }
    }
}

/// What a partner's fees need.
struct Found {
    open: Fees,
    due: Due,
    fees: Vec<ApplyNo>,
    returns: Vec<ApplyNo>,
    lacking: Vec<ApplyNo>,
}

async fn look(app: &App, asp: &AspId) -> Result<Found, WriteError<()>> {
    // A bank knows nothing of the clock of business.
    let (asp, now) = (asp.clone(), app.clock.now());
    let settings = &app.core.settings;
    let patience_ms = settings.fee_deadline_ms + settings.fee_recovery_margin_ms;
    let until = now.plus_ms(returning::driver::lease_ms(&app.core));
    let work = move |tx: &mut Tx<'_>| {
        Ok(Found {
            open: open_of(tx, &asp, now.minus_ms(patience_ms))?,
            due: fee_returns::due(tx, &asp)?,
            fees: take(tx, &asp, now)?,
            returns: fee_returns::take(tx, &asp, BATCH, (now, until))?,
            lacking: fee_returns::lacking(tx, &asp, BATCH)?,
        })
    };
    app.store.write(work).await
}

/// Drives those that were taken, all at once.
async fn each<F: Future<Output = ()> + Send + 'static>(
    app: &Arc<App>,
    asp: &AspId,
    taken: Vec<ApplyNo>,
    drive: fn(Arc<App>, AspId, ApplyNo) -> F,
) {
    let mut asked = JoinSet::new();
    for apply_no in taken {
        asked.spawn(drive(Arc::clone(app), asp.clone(), apply_no));
    }
    while let Some(ended) = asked.join_next().await {
        if ended.is_err() {
            // The others, and later rounds, go on.
            tracing::error!("recovery of a fee panicked");
        }
    }
}

/// The fees that are still unanswered, for the metrics: overdue are those ordered before `since`.
fn open_of(tx: &mut Tx<'_>, asp: &AspId, since: Timestamp) -> Result<Fees, DbError> {
    let row = tx.query_one(
        "SELECT COUNT(*), COUNT(CASE WHEN ordered_at < $2 THEN 1 END), MIN(ordered_at)
         FROM application WHERE asp_id = $1 AND state = 'COST_PAYING'",
        &[asp.as_str().into(), since.0.into()],
    )?;
    let oldest = row.opt_int(2)?.map(Timestamp);
    Ok(Fees { count: row.int(0)?, overdue: row.int(1)?, oldest })
}

/// Takes overdue applications: each is put off, so that another server leaves it alone meanwhile.
fn take(tx: &mut Tx<'_>, asp: &AspId, now: Timestamp) -> Result<Vec<ApplyNo>, DbError> {
    let rows = tx.query(
        "SELECT apply_no, ordered_at, deadline_at FROM application
         WHERE asp_id = $1 AND state = 'COST_PAYING' AND deadline_at < $2
         ORDER BY deadline_at LIMIT $3",
        &[asp.as_str().into(), now.0.into(), BATCH.into()],
    )?;
    let mut taken = Vec::new();
    for row in rows {
        // The longer it has been open, the longer the pause.
        let age_ms = (now.0 - row.int(1)?) / 1_000;
        let pause_ms = (age_ms / 4).clamp(*AGAIN_MS.start(), *AGAIN_MS.end());
        let mine = tx.execute(
            "UPDATE application SET deadline_at = $4
             WHERE asp_id = $1 AND apply_no = $2 AND state = 'COST_PAYING' AND deadline_at = $3",
            &[
                asp.as_str().into(),
                row.text(0)?.into(),
                row.int(2)?.into(),
                (now.0 + pause_ms * 1_000).into(),
            ],
        )?;
        if mine == 1 {
            taken.push(ApplyNo::new(row.text(0)?));
        }
    }
    Ok(taken)
}
