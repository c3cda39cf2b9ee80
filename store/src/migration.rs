//! Brings a database's schema to this release.

use crate::error::{DbError, OpenError};
use crate::moving::marks::{INCOMPLETE, MOVED, Mark};
use crate::options::OnEmpty;
use crate::tx::Tx;
use crate::value::Value;

/// One step of the schema, the same text for both engines.
///
/// A `CREATE TABLE` starts a line and ends in a line `);`: SQLite makes such a table
/// `WITHOUT ROWID`, so it needs a primary key. Constraints must not be deferred: on SQLite one
/// job's violation at COMMIT would end its whole group.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Its place in the order; never changed or used again.
    pub version: i64,
    /// What it brings, in a few words.
    pub name: &'static str,
    /// The script.
    pub sql: &'static str,
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migration (
    version BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL
);";

/// Applies what is missing. The caller holds the engine's migration lock and commits.
pub(crate) fn migrate(
    tx: &mut Tx<'_>,
    migrations: &[Migration],
    on_empty: OnEmpty,
) -> Result<(), OpenError> {
    in_order(migrations)?;
    let table = tx.schema_text(TABLE);
    tx.batch(&table)?;
    let applied = applied(tx)?;
    unmarked(tx, &applied)?;
    if applied.is_empty() && on_empty == OnEmpty::Refuse {
        return Err(OpenError::Empty);
    }
    let known = migrations.last().map_or(0, |last| last.version);
    let is_known = |version: i64| migrations.iter().any(|known| known.version == version);
    if let Some(found) = applied.iter().copied().find(|version| !is_known(*version)) {
        return Err(OpenError::Newer { found, known });
    }
    for migration in migrations.iter().filter(|one| !applied.contains(&one.version)) {
        let Migration { version, name, .. } = *migration;
        apply(tx, migration).map_err(|source| OpenError::Migration { version, name, source })?;
        tracing::info!(version, name, "migrated");
    }
    Ok(())
}

fn in_order(migrations: &[Migration]) -> Result<(), OpenError> {
    for (before, after) in migrations.iter().zip(migrations.iter().skip(1)) {
        if before.version >= after.version {
            return Err(OpenError::Order(after.version));
        }
    }
    Ok(())
}

/// A database that was moved away, or is half a copy, is opened by nobody: nor by a release that
/// knows nothing of these marks, for which they are versions of a newer one.
fn unmarked(tx: &mut Tx<'_>, applied: &[i64]) -> Result<(), OpenError> {
    if !applied.iter().any(|version| [MOVED, INCOMPLETE].contains(version)) {
        return Ok(());
    }
    match Mark::read(tx)? {
        Some(Mark::Moved { to, .. }) => Err(OpenError::Moved { to }),
        Some(Mark::Incomplete { from, .. }) => Err(OpenError::Incomplete { from }),
        None => Ok(()),
    }
}

pub(crate) fn applied(tx: &mut Tx<'_>) -> Result<Vec<i64>, DbError> {
    let rows = tx.query("SELECT version FROM schema_migration ORDER BY version DESC", &[])?;
    rows.iter().map(|row| row.int(0)).collect()
}

fn apply(tx: &mut Tx<'_>, migration: &Migration) -> Result<(), DbError> {
    let text = tx.schema_text(migration.sql);
    tx.batch(&text)?;
    tx.execute(
        "INSERT INTO schema_migration (version, name) VALUES ($1, $2)",
        &[Value::Int(migration.version), Value::Text(migration.name)],
    )?;
    Ok(())
}
