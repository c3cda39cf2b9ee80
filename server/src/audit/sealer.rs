//! Seals what is committed and not sealed yet, again and again. With several servers, one at a time
//! seals a partner's rows: the counter of its seals is the lock.

use std::sync::Arc;
use std::time::Duration;

use domain::{AspId, Timestamp};
use store::tables::{PLATFORM, counters};
use store::{DbError, Store, Tx, TxError, WriteError};

use super::content::{self, BEFORE_FIRST, SEAL_ROWS_MAX, Seal};
use crate::context::App;
use crate::keys::Keys;
use crate::metrics::age_s;

/// Counter of a partner's seals.
pub(crate) const SEALS: &str = "audit-seal";
/// Seals of a partner in one round: others have their turn, and calls theirs.
const ROUND_SEALS_MAX: usize = 32;
/// Partners that are found at a time; the statement has it too.
const PAGE_PARTNERS: usize = 256;
/// Unsealed rows that the metric looks at.
const SEEN_MAX: i64 = 1_000;

/// Why a batch was not sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Every row is sealed.
    #[error("there is nothing to seal")]
    Nothing,
    /// The seal before is not there.
    #[error("seal {0} of partner {1} is missing: the chain cannot go on")]
    Broken(i64, String),
}

/// Runs until the server stops.
pub async fn run(app: Arc<App>) {
    let pause = Duration::from_millis(app.core.settings.audit_seal_interval_ms);
    loop {
        tokio::time::sleep(pause).await;
        if let Err(error) = round(&app).await {
            tracing::warn!(%error, "the operation log could not be sealed");
        }
    }
}

/// What is not sealed: how many rows, and when the oldest of them was written.
type Unsealed = (i64, Option<Timestamp>);

/// One round over all partners that have something to seal, and the platform.
pub async fn round(app: &App) -> Result<(), WriteError<SealError>> {
    let platform = AspId::new(PLATFORM);
    let (mut rows, mut oldest) = look(&app.store, &platform).await?;
    if rows > 0 {
        (rows, oldest) = seal_all(app, &platform).await?;
    }
    let mut last = AspId::new("");
    loop {
        let page = with_unsealed_rows(&app.store, last).await?;
        for asp in &page {
            let left = seal_all(app, asp).await?;
            rows += left.0;
            oldest = [oldest, left.1].into_iter().flatten().min();
        }
        match page.into_iter().nth(PAGE_PARTNERS - 1) {
            Some(end) => last = end,
            None => break,
        }
    }
    app.metrics.unsealed(rows, age_s(oldest, app.clock.now()));
    Ok(())
}

/// The next [`PAGE_PARTNERS`] after one that have rows to seal. The quiet ones cost one step in the
/// index each, within the statement.
async fn with_unsealed_rows(
    store: &Store,
    last: AspId,
) -> Result<Vec<AspId>, WriteError<SealError>> {
    let read = move |tx: &mut Tx<'_>| -> Result<_, TxError<SealError>> {
        // Not EXISTS, for which PostgreSQL might read the whole log.
        let rows = tx.query(
            "SELECT p.asp_id FROM partner p
             WHERE p.asp_id > $1 AND (
                 SELECT l.log_id FROM operation_log l
                 WHERE l.asp_id = p.asp_id AND l.sealed_in IS NULL
                 ORDER BY l.sealed_in, l.log_id LIMIT 1) IS NOT NULL
             ORDER BY p.asp_id LIMIT 256",
            &[last.as_str().into()],
        )?;
        let partners: Result<Vec<_>, _> =
            rows.iter().map(|row| row.text(0).map(AspId::new)).collect();
        Ok(partners?)
    };
    store.read(read).await
}

/// Seals what a partner has; what is left. A chain that cannot go on does not hold up the others,
/// nor hide what it leaves.
async fn seal_all(app: &App, asp: &AspId) -> Result<Unsealed, WriteError<SealError>> {
    for _ in 0..ROUND_SEALS_MAX {
        match seal(&app.store, &app.core.keys, asp, app.clock.now()).await {
            Ok(SEAL_ROWS_MAX) => {}
            Ok(_) => break,
            Err(error) => {
                app.metrics.sealing_failed();
                let reason = match &error {
                    WriteError::Refused(refused) => refused.to_string(),
                    WriteError::Unavailable(_) | WriteError::Fault(_) => error.to_string(),
                };
                tracing::error!(reason, partner = asp.as_str(), "the operation log is not sealed");
                break;
            }
        }
    }
    look(&app.store, asp).await
}

/// How many rows are not sealed, as far as [`SEEN_MAX`] goes, and the oldest of them.
async fn look(store: &Store, asp: &AspId) -> Result<Unsealed, WriteError<SealError>> {
    let asp = asp.clone();
    let read = move |tx: &mut Tx<'_>| -> Result<_, TxError<SealError>> {
        let row = tx.query_one(
            "SELECT COUNT(*), MIN(happened_at) FROM operation_log
             WHERE asp_id = $1 AND log_id IN (
                 SELECT l.log_id FROM operation_log l
                 WHERE l.asp_id = $1 AND l.sealed_in IS NULL
                 ORDER BY l.sealed_in, l.log_id LIMIT $2)",
            &[asp.as_str().into(), SEEN_MAX.into()],
        )?;
        Ok((row.int(0)?, row.opt_int(1)?.map(Timestamp)))
    };
    store.read(read).await
}

/// Seals one batch of a partner's rows; how many.
pub async fn seal(
    store: &Store,
    keys: &Keys,
    asp: &AspId,
    now: Timestamp,
) -> Result<i64, WriteError<SealError>> {
    let (asp, keys) = (asp.clone(), keys.clone());
    match store.write(move |tx: &mut Tx<'_>| seal_batch(tx, &keys, &asp, now)).await {
        Err(WriteError::Refused(SealError::Nothing)) => Ok(0),
        sealed @ (Ok(_) | Err(_)) => sealed,
    }
}

fn seal_batch(
    tx: &mut Tx<'_>,
    keys: &Keys,
    asp: &AspId,
    now: Timestamp,
) -> Result<i64, TxError<SealError>> {
    let seal_no = counters::take(tx, asp, SEALS, 1)?;
    // The order is the index's: PostgreSQL would else walk the whole log by its ids, or sort all
    // that is unsealed.
    let rows = tx.execute(
        "UPDATE operation_log SET sealed_in = $2
         WHERE asp_id = $1 AND log_id IN (
             SELECT l.log_id FROM operation_log l
             WHERE l.asp_id = $1 AND l.sealed_in IS NULL ORDER BY l.sealed_in, l.log_id LIMIT $3)",
        &[asp.as_str().into(), seal_no.into(), SEAL_ROWS_MAX.into()],
    )?;
    if rows == 0 {
        // Another server was faster. The number is not used up: nothing of this is kept.
        return Err(TxError::Refused(SealError::Nothing));
    }
    let ring = keys.ring();
    let key = ring.active_audit_key();
    let entries = content::entries(tx, asp, seal_no, key, SEAL_ROWS_MAX)?;
    let seal = Seal { no: seal_no, at_us: now.0, entries: content::packed(&entries) };
    let Some(before) = mac_of(tx, asp, seal_no - 1)? else {
        return Err(TxError::Refused(SealError::Broken(seal_no - 1, asp.to_string())));
    };
    tx.execute(
        "INSERT INTO audit_seal (asp_id, seal_no, sealed_at, audit_key_id, entries, mac)
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            asp.as_str().into(),
            seal.no.into(),
            seal.at_us.into(),
            key.id().into(),
            seal.entries.as_slice().into(),
            content::mac(key, asp, &seal, &before).as_slice().into(),
        ],
    )?;
    Ok(i64::try_from(entries.len()).unwrap_or(i64::MAX))
}

/// The digest of a seal; `None` where there is no such seal.
fn mac_of(tx: &mut Tx<'_>, asp: &AspId, seal_no: i64) -> Result<Option<Vec<u8>>, DbError> {
    if seal_no == 0 {
        return Ok(Some(BEFORE_FIRST.to_vec()));
    }
    let row = tx.query_opt(
        "SELECT mac FROM audit_seal WHERE asp_id = $1 AND seal_no = $2",
        &[asp.as_str().into(), seal_no.into()],
    )?;
    row.map(|mut row| row.take_blob(0)).transpose()
}

/// When a partner's seal of this number was made.
pub fn sealed_at(tx: &mut Tx<'_>, asp: &AspId, seal_no: i64) -> Result<Option<Timestamp>, DbError> {
    let row = tx.query_opt(
        "SELECT sealed_at FROM audit_seal WHERE asp_id = $1 AND seal_no = $2",
        &[asp.as_str().into(), seal_no.into()],
    )?;
    row.map(|row| row.int(0).map(Timestamp)).transpose()
}
