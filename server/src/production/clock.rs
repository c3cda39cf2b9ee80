//! The machine's clock, before a server goes by it: cards expire by it, and calls are refused whose
//! time is not its own.

use domain::{AspId, Timestamp};
use store::tables::{PLATFORM, counters, partners};
use store::{DbError, Store, Tx, TxError, WriteError};

use crate::audit::sealer::{SEALS, sealed_at};
use crate::operator::moment;

/// How far it may be off, seconds.
const TOLERANCE_S: i64 = 60;
/// Microseconds in a second.
const SECOND_US: i64 = 1_000_000;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// There are seals of a time to come.
    #[error(
        "this machine's clock says {now}, but a server has sealed the operation log at {sealed}: \
         set the clock; where it is right and the other one was ahead, start once with \
         --accept-clock",
        now = moment(*.now), sealed = moment(*.sealed)
    )]
    Behind {
        /// What the clock says.
        now: Timestamp,
        /// The newest seal.
        sealed: Timestamp,
    },
    /// The database's machine has another time.
    #[error(
        "this machine's clock and that of the database's machine differ by {0} s: set the one that \
         is wrong"
    )]
    Apart(i64),
    /// The database.
    #[error("the database failed: {0}")]
    Store(String),
}

/// Refuses a clock that cannot be right. One that is ahead of everything cannot be told from a
/// right one after a pause, where the database has no clock of its own.
pub fn check(store: &Store, now: Timestamp) -> Result<(), ClockError> {
    let read = move |tx: &mut Tx<'_>| -> Result<_, TxError<ClockError>> {
        Ok((newest_seal(tx)?, ahead_s(tx, now)?))
    };
    let (sealed, ahead) = store
        .read_blocking(read)
        .map_err(|error: WriteError<ClockError>| error.refusal_or(ClockError::Store))?;
    if ahead.abs() > TOLERANCE_S {
        return Err(ClockError::Apart(ahead));
    }
    match sealed {
        Some(sealed) if sealed.0 - now.0 > TOLERANCE_S * SECOND_US => {
            Err(ClockError::Behind { now, sealed })
        }
        Some(_) | None => Ok(()),
    }
}

/// When a server has sealed the operation log last, of any partner.
fn newest_seal(tx: &mut Tx<'_>) -> Result<Option<Timestamp>, DbError> {
    let mut newest = None;
    let platform = std::iter::once(AspId::new(PLATFORM));
    for asp in platform.chain(partners::all(tx)?) {
        let last = counters::peek(tx, &asp, SEALS)? - 1;
        newest = newest.max(sealed_at(tx, &asp, last)?);
    }
    Ok(newest)
}

/// How far `now` is ahead of the database's clock, whole seconds. SQLite has the machine's own.
pub fn ahead_s(tx: &mut Tx<'_>, now: Timestamp) -> Result<i64, DbError> {
    // SQLite leaves out the zone, which is UTC; PostgreSQL writes its hours.
    let row = tx.query_one("SELECT CAST(CURRENT_TIMESTAMP AS TEXT)", &[])?;
    let text = row.text(0)?;
    let zoned = if text.contains('+') { text.to_owned() } else { format!("{text}+00") };
    let theirs: Result<jiff::Timestamp, _> = zoned.parse();
    let theirs = theirs.map_err(|_| DbError::Column {
        index: 0,
        found: "a moment of another form",
        wanted: "a moment",
    })?;
    Ok(now.0 / SECOND_US - theirs.as_second())
}
