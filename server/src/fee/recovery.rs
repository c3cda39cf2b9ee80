//! Recovery: asks the bank about every fee whose deadline has passed, until it knows. The same at
//! start-up and while running, with one server or several.

use std::sync::Arc;
use std::time::Duration;

use domain::fee::ExternalCall;
use domain::{ApplyNo, AspId, Timestamp};
use store::tables::partners;
use store::{DbError, Tx, WriteError};
use tokio::task::JoinSet;

use super::driver;
use crate::context::App;

/// Applications taken at once.
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

/// One round over all partners: asks about each fee that is overdue.
pub async fn round(app: &Arc<App>) -> Result<(), WriteError<()>> {
    let (mut overdue, mut returns_due) = (0, 0);
    for asp in app.store.read(|tx: &mut Tx<'_>| Ok(partners::all(tx)?)).await? {
        let (taken, owed, count) = {
            let (asp, now) = (asp.clone(), app.now());
            let settings = &app.core.settings;
            let patience_ms = settings.fee_deadline_ms + settings.fee_recovery_margin_ms;
            app.store
                .write(move |tx| {
                    let count = overdue_of(tx, &asp, now.minus_ms(patience_ms))?;
                    Ok((take(tx, &asp, now)?, returns_due_of(tx, &asp)?, count))
                })
                .await?
        };
        overdue += count;
        returns_due += owed;
        ask_about(app, &asp, taken).await;
    }
    app.metrics.fees_open(overdue, returns_due);
    Ok(())
}

async fn ask_about(app: &Arc<App>, asp: &AspId, taken: Vec<ApplyNo>) {
    let mut asked = JoinSet::new();
    for apply_no in taken {
        let (app, asp) = (Arc::clone(app), asp.clone());
        asked.spawn(async move {
            driver::drive(&app, &asp, &apply_no, ExternalCall::Inquire).await;
        });
    }
    while let Some(ended) = asked.join_next().await {
        if ended.is_err() {
            // The others, and later rounds, go on.
            tracing::error!("recovery of a fee panicked");
        }
    }
}

/// How many fees were applied for before `since` and are still unanswered, for the metric.
fn overdue_of(tx: &mut Tx<'_>, asp: &AspId, since: Timestamp) -> Result<i64, DbError> {
    let row = tx.query_one(
        "SELECT COUNT(*) FROM application
         WHERE asp_id = $1 AND state = 'COST_PAYING' AND applied_at < $2",
        &[asp.as_str().into(), since.0.into()],
    )?;
    row.int(0)
}

/// How many fees are owed back, for the metric.
fn returns_due_of(tx: &mut Tx<'_>, asp: &AspId) -> Result<i64, DbError> {
    let row = tx.query_one(
        "SELECT COUNT(*) FROM application WHERE asp_id = $1 AND state = 'RETURN_DUE'",
        &[asp.as_str().into()],
    )?;
    row.int(0)
}

/// Takes overdue applications: each is put off, so that another server leaves it alone meanwhile.
fn take(tx: &mut Tx<'_>, asp: &AspId, now: Timestamp) -> Result<Vec<ApplyNo>, DbError> {
    let rows = tx.query(
        "SELECT apply_no, applied_at, deadline_at FROM application
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
