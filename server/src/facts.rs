//! What is noted of a database: above all whether it is a sandbox's or holds real partners.

use store::tables::PLATFORM;
use store::{DbError, Tx};

/// The fact that says whether the database holds a sandbox or real partners.
pub const MODE: &str = "mode";
/// What a sandbox's database is marked with.
pub const SANDBOX: &str = "SANDBOX";
/// What a database with real partners is marked with.
pub const PRODUCTION: &str = "PRODUCTION";

/// What is noted of the platform under this name.
pub fn fact(tx: &mut Tx<'_>, name: &str) -> Result<Option<String>, DbError> {
    fact_of(tx, PLATFORM, name)
}

/// What is noted of a partner under this name.
pub fn fact_of(tx: &mut Tx<'_>, asp: &str, name: &str) -> Result<Option<String>, DbError> {
    let row = tx.query_opt(
        "SELECT value FROM platform_fact WHERE asp_id = $1 AND name = $2",
        &[asp.into(), name.into()],
    )?;
    row.map(|mut row| row.take_text(0)).transpose()
}

/// Notes it of the platform; `false` where something is noted already, which stays.
pub fn put_fact(tx: &mut Tx<'_>, name: &str, value: &str) -> Result<bool, DbError> {
    put_fact_of(tx, PLATFORM, name, value)
}

/// As [`put_fact`], of a partner.
pub fn put_fact_of(tx: &mut Tx<'_>, asp: &str, name: &str, value: &str) -> Result<bool, DbError> {
    let written = tx.execute(
        "INSERT INTO platform_fact (asp_id, name, value) VALUES ($1, $2, $3)
         ON CONFLICT (asp_id, name) DO NOTHING",
        &[asp.into(), name.into(), value.into()],
    )?;
    Ok(written != 0)
}
