//! Ranges of card numbers; serials come in blocks.

use domain::{AspId, ServiceId};

use crate::{DbError, Tx};

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

/// Adds a range; `false` where it overlaps with another one of the partner: the same numbers would
/// be given twice.
pub fn insert(tx: &mut Tx<'_>, asp: &AspId, range: &NewRange<'_>) -> Result<bool, DbError> {
    let others =
        tx.query("SELECT prefix FROM number_range WHERE asp_id = $1", &[asp.as_str().into()])?;
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
                 AND next_serial + $3 <= serial_end
             ORDER BY prefix LIMIT 1",
            &[asp.as_str().into(), service.as_str().into(), BLOCK.into()],
        )?;
        let Some(first) = first else { return Ok(None) };
        let row = tx.query_opt(
            "UPDATE number_range SET next_serial = next_serial + $4
             WHERE asp_id = $1 AND service_id = $2 AND prefix = $3
                 AND next_serial + $4 <= serial_end
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
