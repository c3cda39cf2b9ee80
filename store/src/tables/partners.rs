//! Partners.

use domain::AspId;

use crate::{DbError, Tx};

/// All of them, in the order of their ids; without the platform itself.
pub fn all(tx: &mut Tx<'_>) -> Result<Vec<AspId>, DbError> {
    let rows = tx.query("SELECT asp_id FROM partner ORDER BY asp_id", &[])?;
    rows.iter().map(|row| row.text(0).map(AspId::new)).collect()
}
