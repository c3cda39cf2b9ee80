//! Projects of partners: how they may call.

use domain::AspId;
use domain::partner::{CorrelationIds, PlainRequests, ProjectKind, ProjectState};

use super::access_keys::{self, NewKey};
use super::parsed;
use crate::{DbError, Row, Tx};

/// A project, without its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its number within the partner.
    pub project_id: i64,
    /// What it is for.
    pub kind: ProjectKind,
    /// Its state.
    pub state: ProjectState,
    /// Whether plain requests are taken where encryption is asked for.
    pub plain: PlainRequests,
    /// Whether a correlation id may come again.
    pub correlation: CorrelationIds,
    /// How far the caller's clock may be off, milliseconds.
    pub tran_time_window_ms: i64,
    /// How long outcomes are remembered, milliseconds.
    pub replay_window_ms: i64,
    /// From where, and how often, it may be called.
    pub access: Access,
}

/// From where, and how often, a project may be called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Networks with commas between them; empty: any.
    pub allowed_addresses: String,
    /// Calls a second at each server; 0: as many as it likes.
    pub rate_limit_per_second: i64,
    /// Calls at once after a pause; 0: those of a second.
    pub rate_limit_burst: i64,
}

/// Adds a project with its first key; `false` where the partner has one of this number.
pub fn insert(
    tx: &mut Tx<'_>,
    asp: &AspId,
    project: &Project,
    key: NewKey<'_>,
) -> Result<bool, DbError> {
    let added = tx.execute(
        "INSERT INTO project (asp_id, project_id, kind, state, access_key_digest, digest_key_id,
             secret_key_sealed, plain_requests, correlation_ids, tran_time_window_ms,
             replay_window_ms, allowed_addresses, rate_limit_per_second, rate_limit_burst)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (asp_id, project_id) DO NOTHING",
        &[
            asp.as_str().into(),
            project.project_id.into(),
            project.kind.name().into(),
            project.state.name().into(),
            key.access_key_digest.into(),
            key.digest_key_id.into(),
            key.secret_key_sealed.into(),
            project.plain.name().into(),
            project.correlation.name().into(),
            project.tran_time_window_ms.into(),
            project.replay_window_ms.into(),
            project.access.allowed_addresses.as_str().into(),
            project.access.rate_limit_per_second.into(),
            project.access.rate_limit_burst.into(),
        ],
    )?;
    if added == 0 {
        return Ok(false);
    }
    access_keys::insert(tx, asp, project.project_id, key)?;
    Ok(true)
}

/// A partner's projects, in the order of their numbers.
pub fn all(tx: &mut Tx<'_>, asp: &AspId) -> Result<Vec<Project>, DbError> {
    let rows = tx.query(
        "SELECT project_id, kind, state, plain_requests, correlation_ids, tran_time_window_ms,
             replay_window_ms, allowed_addresses, rate_limit_per_second, rate_limit_burst
         FROM project WHERE asp_id = $1 ORDER BY project_id",
        &[asp.as_str().into()],
    )?;
    rows.into_iter().map(read).collect()
}

/// The partner's project of this number.
pub fn find(tx: &mut Tx<'_>, asp: &AspId, project_id: i64) -> Result<Option<Project>, DbError> {
    let row = tx.query_opt(
        "SELECT project_id, kind, state, plain_requests, correlation_ids, tran_time_window_ms,
             replay_window_ms, allowed_addresses, rate_limit_per_second, rate_limit_burst
         FROM project WHERE asp_id = $1 AND project_id = $2",
        &[asp.as_str().into(), project_id.into()],
    )?;
    row.map(read).transpose()
}

/// Claims the partner's project of this number: other changes of it wait until this transaction
/// ends.
pub fn claim(tx: &mut Tx<'_>, asp: &AspId, project_id: i64) -> Result<Option<Project>, DbError> {
    let row = tx.query_opt(
        "UPDATE project SET state = state WHERE asp_id = $1 AND project_id = $2
         RETURNING project_id, kind, state, plain_requests, correlation_ids, tran_time_window_ms,
             replay_window_ms, allowed_addresses, rate_limit_per_second, rate_limit_burst",
        &[asp.as_str().into(), project_id.into()],
    )?;
    row.map(read).transpose()
}

fn read(mut row: Row) -> Result<Project, DbError> {
    Ok(Project {
        project_id: row.int(0)?,
        kind: parsed(&row, 1, ProjectKind::parse)?,
        state: parsed(&row, 2, ProjectState::parse)?,
        plain: parsed(&row, 3, PlainRequests::parse)?,
        correlation: parsed(&row, 4, CorrelationIds::parse)?,
        tran_time_window_ms: row.int(5)?,
        replay_window_ms: row.int(6)?,
        access: Access {
            allowed_addresses: row.take_text(7)?,
            rate_limit_per_second: row.int(8)?,
            rate_limit_burst: row.int(9)?,
        },
    })
}

/// Sets its state.
pub fn set_state(
    tx: &mut Tx<'_>,
    asp: &AspId,
    project_id: i64,
    state: ProjectState,
) -> Result<(), DbError> {
    tx.put(
        "UPDATE project SET state = $3 WHERE asp_id = $1 AND project_id = $2",
        &[asp.as_str().into(), project_id.into(), state.name().into()],
    )
}

/// Sets from where, and how often, it may be called.
pub fn set_access(
    tx: &mut Tx<'_>,
    asp: &AspId,
    project_id: i64,
    access: &Access,
) -> Result<(), DbError> {
    tx.put(
        "UPDATE project SET allowed_addresses = $3, rate_limit_per_second = $4,
             rate_limit_burst = $5
         WHERE asp_id = $1 AND project_id = $2",
        &[
            asp.as_str().into(),
            project_id.into(),
            access.allowed_addresses.as_str().into(),
            access.rate_limit_per_second.into(),
            access.rate_limit_burst.into(),
        ],
    )
}
