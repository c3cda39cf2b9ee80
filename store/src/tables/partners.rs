//! Partners.

use domain::partner::PartnerState;
use domain::{AspId, Timestamp};

use super::parsed;
use crate::{DbError, Row, Tx};

/// A partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partner {
    /// Its id, 15 digits.
    pub asp: AspId,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: PartnerState,
}

/// All of them, in the order of their ids; without the platform itself.
pub fn all(tx: &mut Tx<'_>) -> Result<Vec<AspId>, DbError> {
    let rows = tx.query("SELECT asp_id FROM partner ORDER BY asp_id", &[])?;
    rows.iter().map(|row| row.text(0).map(AspId::new)).collect()
}

/// All of them with name and state, in the order of their ids.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Partner>, DbError> {
    let rows = tx.query(
        "SELECT asp_id, name, CASE WHEN discarded_at IS NULL THEN state ELSE 'DISCARDED' END
         FROM partner ORDER BY asp_id",
        &[],
    )?;
    rows.into_iter().map(read).collect()
}

/// The partner of this id.
pub fn find(tx: &mut Tx<'_>, asp: &AspId) -> Result<Option<Partner>, DbError> {
    let row = tx.query_opt(
        "SELECT asp_id, name, CASE WHEN discarded_at IS NULL THEN state ELSE 'DISCARDED' END
         FROM partner WHERE asp_id = $1",
        &[asp.as_str().into()],
    )?;
    row.map(read).transpose()
}

/// Claims the partner of this id: other changes of it wait until this transaction ends.
pub fn claim(tx: &mut Tx<'_>, asp: &AspId) -> Result<Option<Partner>, DbError> {
    let row = tx.query_opt(
        "UPDATE partner SET state = state WHERE asp_id = $1
         RETURNING asp_id, name, CASE WHEN discarded_at IS NULL THEN state ELSE 'DISCARDED' END",
        &[asp.as_str().into()],
    )?;
    row.map(read).transpose()
}

fn read(mut row: Row) -> Result<Partner, DbError> {
    let state = parsed(&row, 2, PartnerState::parse)?;
    Ok(Partner { asp: AspId::new(row.text(0)?), name: row.take_text(1)?, state })
}

/// Adds a partner, active; `false` where there is one of this id.
pub fn insert(tx: &mut Tx<'_>, asp: &AspId, name: &str) -> Result<bool, DbError> {
    let added = tx.execute(
        "INSERT INTO partner (asp_id, name, state) VALUES ($1, $2, 'ACTIVE')
         ON CONFLICT (asp_id) DO NOTHING",
        &[asp.as_str().into(), name.into()],
    )?;
    Ok(added != 0)
}

/// Sets its state. One that is discarded is suspended as well, for servers that know no more.
pub fn set_state(
    tx: &mut Tx<'_>,
    asp: &AspId,
    state: PartnerState,
    now: Timestamp,
) -> Result<(), DbError> {
    match state {
        PartnerState::Active | PartnerState::Suspended => tx.put(
            "UPDATE partner SET state = $2 WHERE asp_id = $1",
            &[asp.as_str().into(), state.name().into()],
        ),
        PartnerState::Discarded => tx.put(
            "UPDATE partner SET state = 'SUSPENDED', discarded_at = $2 WHERE asp_id = $1",
            &[asp.as_str().into(), now.0.into()],
        ),
    }
}
