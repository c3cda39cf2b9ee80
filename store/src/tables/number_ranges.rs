//! Ranges of card numbers; serials come in blocks.

use domain::{AspId, ServiceId, Timestamp};

use super::{PLATFORM, counters};
use crate::{DbError, Row, Tx};

/// Serials in a block. A range's capacity is a multiple of it, so that no block is short.
pub const BLOCK: i64 = 100;

/// A range of numbers of a product.
pub struct NewRange<'a> {
    /// The product.
    pub service_id: &'a ServiceId,
    /// First digits of its numbers.
    pub prefix: &'a str,
    /// `ISSUE` or `GIVEN`.
    pub kind: &'a str,
    /// The key that permutes its serials.
    pub number_key_id: i64,
    /// How many serials it has.
    pub capacity: i64,
}

/// How much of a product's ranges is used. Of one that is suspended all is: nothing is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// Serials that were taken.
    pub taken: i64,
    /// Serials that there are.
    pub all: i64,
}

/// A block of serials that nobody else has.
#[derive(Debug, Clone)]
pub struct SerialBlock {
    /// First digits of the numbers.
    pub prefix: String,
    /// The key that permutes the serials.
    pub number_key_id: i64,
    /// The first serial.
    pub first: i64,
    /// One past the last serial.
    pub end: i64,
}

/// Who takes from this counter of the platform's is alone with all ranges.
const CHANGES: &str = "number-range-change";

/// Adds a range; `false` where it overlaps with another one, of whatever partner: the same numbers
/// would be given twice. Ranges of all partners are compared, and added one after another.
pub fn insert(tx: &mut Tx<'_>, asp: &AspId, range: &NewRange<'_>) -> Result<bool, DbError> {
    counters::take(tx, &AspId::new(PLATFORM), CHANGES, 1)?;
    let others = tx.query("SELECT prefix FROM number_range", &[])?;
    for other in &others {
        let other = other.text(0)?;
        if other.starts_with(range.prefix) || range.prefix.starts_with(other) {
            return Ok(false);
        }
    }
    tx.execute(
        "INSERT INTO number_range (asp_id, service_id, prefix, kind, number_key_id, next_serial,
             serial_end)
         VALUES ($1, $2, $3, $4, $5, 0, $6)",
        &[
            asp.as_str().into(),
            range.service_id.as_str().into(),
            range.prefix.into(),
            range.kind.into(),
            range.number_key_id.into(),
            range.capacity.into(),
        ],
    )?;
    Ok(true)
}

impl Use {
    /// The share that is used, hundredths, rounded down; 100 where there are no serials.
    pub fn percent(self) -> i64 {
        self.taken.saturating_mul(100).checked_div(self.all).unwrap_or(100)
    }

    /// The same before the block that was taken last.
    pub fn percent_before(self) -> i64 {
        Use { taken: self.taken - BLOCK, ..self }.percent()
    }
}

/// How much of a product's ranges is used. In the transaction that has taken a block nobody else
/// takes one of the same range meanwhile.
pub fn use_of(tx: &mut Tx<'_>, asp: &AspId, service: &ServiceId) -> Result<Use, DbError> {
    let row = tx.query_one(
        "SELECT CAST(COALESCE(SUM(CASE WHEN suspended_at IS NULL
                 THEN next_serial ELSE serial_end END), 0) AS BIGINT),
             CAST(COALESCE(SUM(serial_end), 0) AS BIGINT)
         FROM number_range WHERE asp_id = $1 AND service_id = $2 AND kind = 'ISSUE'",
        &[asp.as_str().into(), service.as_str().into()],
    )?;
    Ok(Use { taken: row.int(0)?, all: row.int(1)? })
}

/// How much is used of the ranges of each product that numbers are issued from.
pub fn uses(tx: &mut Tx<'_>, asp: &AspId) -> Result<Vec<(ServiceId, Use)>, DbError> {
    let rows = tx.query(
        "SELECT service_id, CAST(SUM(CASE WHEN suspended_at IS NULL
                 THEN next_serial ELSE serial_end END) AS BIGINT),
             CAST(SUM(serial_end) AS BIGINT)
         FROM number_range WHERE asp_id = $1 AND kind = 'ISSUE'
         GROUP BY service_id ORDER BY service_id",
        &[asp.as_str().into()],
    )?;
    rows.iter()
        .map(|row| Ok((ServiceId::new(row.text(0)?), Use { taken: row.int(1)?, all: row.int(2)? })))
        .collect()
}

/// Where a range goes on.
#[derive(Debug, Clone)]
pub struct GoesOn {
    /// The product.
    pub service_id: ServiceId,
    /// First digits of the numbers.
    pub prefix: String,
    /// The next serial.
    pub next: i64,
    /// One past the last serial.
    pub end: i64,
}

/// Where the partner's ranges that numbers are issued from go on beyond so many further serials:
/// whole blocks, or their ends.
pub fn beyond(tx: &mut Tx<'_>, asp: &AspId, serials: i64) -> Result<Vec<GoesOn>, DbError> {
    let ranges = tx.query(
        "SELECT service_id, prefix, next_serial, serial_end FROM number_range
         WHERE asp_id = $1 AND kind = 'ISSUE' ORDER BY service_id, prefix",
        &[asp.as_str().into()],
    )?;
    let step = serials.div_euclid(BLOCK).saturating_add(1).saturating_mul(BLOCK);
    let read = |mut range: Row| {
        let end = range.int(3)?;
        Ok(GoesOn {
            service_id: ServiceId::new(range.text(0)?),
            next: range.int(2)?.saturating_add(step).min(end),
            prefix: range.take_text(1)?,
            end,
        })
    };
    ranges.into_iter().map(read).collect()
}

/// Has a range go on there, unless it is further already.
pub fn go_on(tx: &mut Tx<'_>, asp: &AspId, there: &GoesOn) -> Result<(), DbError> {
    tx.put(
        "UPDATE number_range SET next_serial = $4
         WHERE asp_id = $1 AND service_id = $2 AND prefix = $3 AND next_serial < $4",
        &[
            asp.as_str().into(),
            there.service_id.as_str().into(),
            there.prefix.as_str().into(),
            there.next.into(),
        ],
    )?;
    Ok(())
}

/// Has the partner's range of this prefix give out no further blocks, or again; `None` where there
/// is none, `false` where it was so.
pub fn suspend(
    tx: &mut Tx<'_>,
    asp: &AspId,
    prefix: &str,
    since: Option<Timestamp>,
) -> Result<Option<bool>, DbError> {
    let found = tx.query_opt(
        "SELECT service_id, suspended_at IS NULL FROM number_range
         WHERE asp_id = $1 AND prefix = $2",
        &[asp.as_str().into(), prefix.into()],
    )?;
    let Some(found) = found else { return Ok(None) };
    if found.boolean(1)? == since.is_none() {
        return Ok(Some(false));
    }
    tx.put(
        "UPDATE number_range SET suspended_at = $4
         WHERE asp_id = $1 AND service_id = $2 AND prefix = $3",
        &[asp.as_str().into(), found.text(0)?.into(), prefix.into(), since.map(|at| at.0).into()],
    )?;
    Ok(Some(true))
}

/// Takes [`BLOCK`] serials of the product's first range that has some left; `None` where every
/// range is used up.
pub fn take(
    tx: &mut Tx<'_>,
    asp: &AspId,
    service: &ServiceId,
) -> Result<Option<SerialBlock>, DbError> {
    loop {
        let first = tx.query_opt(
            "SELECT prefix FROM number_range
             WHERE asp_id = $1 AND service_id = $2 AND kind = 'ISSUE'
                 AND next_serial + $3 <= serial_end AND suspended_at IS NULL
             ORDER BY prefix LIMIT 1",
            &[asp.as_str().into(), service.as_str().into(), BLOCK.into()],
        )?;
        let Some(first) = first else { return Ok(None) };
        let row = tx.query_opt(
            "UPDATE number_range SET next_serial = next_serial + $4
             WHERE asp_id = $1 AND service_id = $2 AND prefix = $3
                 AND next_serial + $4 <= serial_end AND suspended_at IS NULL
             RETURNING prefix, number_key_id, next_serial",
            &[asp.as_str().into(), service.as_str().into(), first.text(0)?.into(), BLOCK.into()],
        )?;
        // Another server took the range's last block meanwhile: on to the next range.
        let Some(mut row) = row else { continue };
        let end = row.int(2)?;
        return Ok(Some(SerialBlock {
            number_key_id: row.int(1)?,
            first: end - BLOCK,
            end,
            prefix: row.take_text(0)?,
        }));
    }
}
