//! The banks that members' accounts are with, as the platform lists them.

use domain::Timestamp;
use domain::partner::Standing;

use super::{PLATFORM, parsed};
use crate::{DbError, Row, Tx};

/// A bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bank {
    /// Its code, 3 digits.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: Standing,
    /// When it was listed.
    pub made_at: Timestamp,
}

/// All that are listed, in the order of their codes.
pub fn all(tx: &mut Tx<'_>) -> Result<Vec<Bank>, DbError> {
    let rows = tx.query(
        "SELECT bank_code, name, state, made_at FROM bank WHERE asp_id = $1 ORDER BY bank_code",
        &[PLATFORM.into()],
    )?;
    rows.into_iter().map(read).collect()
}

/// The bank of this code, where it is listed.
pub fn find(tx: &mut Tx<'_>, code: &str) -> Result<Option<Bank>, DbError> {
    let row = tx.query_opt(
        "SELECT bank_code, name, state, made_at FROM bank WHERE asp_id = $1 AND bank_code = $2",
        &[PLATFORM.into(), code.into()],
    )?;
    row.map(read).transpose()
}

/// Claims the bank of this code: other changes of it wait until this transaction ends.
pub fn claim(tx: &mut Tx<'_>, code: &str) -> Result<Option<Bank>, DbError> {
    let row = tx.query_opt(
        "UPDATE bank SET state = state WHERE asp_id = $1 AND bank_code = $2
         RETURNING bank_code, name, state, made_at",
        &[PLATFORM.into(), code.into()],
    )?;
    row.map(read).transpose()
}

fn read(mut row: Row) -> Result<Bank, DbError> {
    let state = parsed(&row, 2, Standing::parse)?;
    let (code, name) = (row.take_text(0)?, row.take_text(1)?);
    Ok(Bank { code, name, state, made_at: Timestamp(row.int(3)?) })
}

/// Lists a bank, active; `false` where there is one of this code.
pub fn insert(
    tx: &mut Tx<'_>,
    code: &str,
    name: &str,
    made_at: Timestamp,
) -> Result<bool, DbError> {
    let added = tx.execute(
        "INSERT INTO bank (asp_id, bank_code, name, state, made_at)
         VALUES ($1, $2, $3, 'ACTIVE', $4) ON CONFLICT (asp_id, bank_code) DO NOTHING",
        &[PLATFORM.into(), code.into(), name.into(), made_at.0.into()],
    )?;
    Ok(added != 0)
}

/// Sets its state.
pub fn set_state(tx: &mut Tx<'_>, code: &str, state: Standing) -> Result<(), DbError> {
    tx.put(
        "UPDATE bank SET state = $3 WHERE asp_id = $1 AND bank_code = $2",
        &[PLATFORM.into(), code.into(), state.name().into()],
    )
}
