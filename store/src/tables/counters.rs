//! Ids come in blocks, each taken in a short transaction of its own: gaps are fine.

use domain::AspId;

use crate::{DbError, Tx};

/// Takes `count` values of the counter `name`; the first of them.
pub fn take(tx: &mut Tx<'_>, asp: &AspId, name: &str, count: i64) -> Result<i64, DbError> {
    let row = tx.query_one(
        "INSERT INTO counter (asp_id, name, next_value) VALUES ($1, $2, CAST($3 AS BIGINT) + 1)
         ON CONFLICT (asp_id, name)
         DO UPDATE SET next_value = counter.next_value + CAST($3 AS BIGINT)
         RETURNING next_value",
        &[asp.as_str().into(), name.into(), count.into()],
    )?;
    Ok(row.int(0)? - count)
}

/// Makes the counter begin no lower than `first`.
pub fn begin_at(tx: &mut Tx<'_>, asp: &AspId, name: &str, first: i64) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO counter (asp_id, name, next_value) VALUES ($1, $2, $3)
         ON CONFLICT (asp_id, name) DO NOTHING",
        &[asp.as_str().into(), name.into(), first.into()],
    )?;
    Ok(())
}

/// The value that the counter gives next, which stays; 1 where nothing was counted yet.
pub fn peek(tx: &mut Tx<'_>, asp: &AspId, name: &str) -> Result<i64, DbError> {
    let row = tx.query_opt(
        "SELECT next_value FROM counter WHERE asp_id = $1 AND name = $2",
        &[asp.as_str().into(), name.into()],
    )?;
    row.map_or(Ok(1), |row| row.int(0))
}
