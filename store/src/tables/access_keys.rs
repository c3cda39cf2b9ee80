//! Access keys of partners' projects: each names a secret key that signs calls.

use domain::partner::Standing;
use domain::{AspId, Timestamp};

use super::parsed;
use crate::{DbError, Row, Tx};

/// The first key of a project, whose columns in `project` servers of the release before read.
pub const FIRST: i64 = 1;

/// An access key, without itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Its number within the project.
    pub key_no: i64,
    /// Its state.
    pub state: Standing,
    /// When it was made; 0: before that was noted.
    pub made_at: Timestamp,
}

/// A new access key with its secret key, as they are stored.
#[derive(Clone, Copy)]
pub struct NewKey<'a> {
    /// Its number within the project.
    pub key_no: i64,
    /// Keyed digest of the access key.
    pub access_key_digest: &'a [u8],
    /// The key of that digest.
    pub digest_key_id: i64,
    /// The secret key, sealed.
    pub secret_key_sealed: &'a [u8],
    /// When it is made.
    pub made_at: Timestamp,
}

/// A digest of an access key, and the key that made it.
pub type Digest<'a> = (&'a [u8], i64);

/// A project's access keys, in the order in which they were made.
pub fn of(tx: &mut Tx<'_>, asp: &AspId, project_id: i64) -> Result<Vec<AccessKey>, DbError> {
    let rows = tx.query(
        "SELECT key_no, state, made_at FROM access_key
         WHERE asp_id = $1 AND project_id = $2 ORDER BY key_no",
        &[asp.as_str().into(), project_id.into()],
    )?;
    let read = |row: Row| {
        let state = parsed(&row, 1, Standing::parse)?;
        Ok(AccessKey { key_no: row.int(0)?, state, made_at: Timestamp(row.int(2)?) })
    };
    rows.into_iter().map(read).collect()
}

/// Adds one, active.
pub fn insert(
    tx: &mut Tx<'_>,
    asp: &AspId,
    project_id: i64,
    key: NewKey<'_>,
) -> Result<(), DbError> {
    tx.put(
        "INSERT INTO access_key (asp_id, project_id, key_no, state, access_key_digest,
             digest_key_id, secret_key_sealed, made_at)
         VALUES ($1, $2, $3, 'ACTIVE', $4, $5, $6, $7)",
        &[
            asp.as_str().into(),
            project_id.into(),
            key.key_no.into(),
            key.access_key_digest.into(),
            key.digest_key_id.into(),
            key.secret_key_sealed.into(),
            key.made_at.0.into(),
        ],
    )
}

/// Sets its state.
pub fn set_state(
    tx: &mut Tx<'_>,
    asp: &AspId,
    (project_id, key_no): (i64, i64),
    state: Standing,
) -> Result<(), DbError> {
    tx.put(
        "UPDATE access_key SET state = $4
         WHERE asp_id = $1 AND project_id = $2 AND key_no = $3",
        &[asp.as_str().into(), project_id.into(), key_no.into(), state.name().into()],
    )
}

/// Takes its secret key away.
pub fn wipe(tx: &mut Tx<'_>, asp: &AspId, (project_id, key_no): (i64, i64)) -> Result<(), DbError> {
    tx.put(
        "UPDATE access_key SET secret_key_sealed = $4
         WHERE asp_id = $1 AND project_id = $2 AND key_no = $3",
        &[asp.as_str().into(), project_id.into(), key_no.into(), [].as_slice().into()],
    )
}

/// Sets the digest of a key that is found by another one, which an older digest key has made; in
/// `project` too, where servers of the release before look for it.
pub fn renew(
    tx: &mut Tx<'_>,
    asp: &AspId,
    from: &[u8],
    (to, digest_key_id): Digest<'_>,
) -> Result<(), DbError> {
    let values = [asp.as_str().into(), from.into(), to.into(), digest_key_id.into()];
    tx.execute(
        "UPDATE access_key SET access_key_digest = $3, digest_key_id = $4
         WHERE asp_id = $1 AND access_key_digest = $2 AND digest_key_id < $4",
        &values,
    )?;
    tx.execute(
        "UPDATE project SET access_key_digest = $3, digest_key_id = $4
         WHERE asp_id = $1 AND access_key_digest = $2 AND digest_key_id < $4",
        &values,
    )?;
    Ok(())
}

/// Has servers of the release before find a project by its first key.
pub fn put_in_project(tx: &mut Tx<'_>, asp: &AspId, project_id: i64) -> Result<(), DbError> {
    tx.put(
        "UPDATE project SET
             access_key_digest = (SELECT k.access_key_digest FROM access_key k
                 WHERE k.asp_id = $1 AND k.project_id = $2 AND k.key_no = 1),
             digest_key_id = (SELECT k.digest_key_id FROM access_key k
                 WHERE k.asp_id = $1 AND k.project_id = $2 AND k.key_no = 1)
         WHERE asp_id = $1 AND project_id = $2",
        &[asp.as_str().into(), project_id.into()],
    )
}

/// Has servers of the release before find a project by no key: its digest is one that none has.
pub fn take_from_project(tx: &mut Tx<'_>, asp: &AspId, project_id: i64) -> Result<(), DbError> {
    let none = format!("none/{project_id}");
    tx.put(
        "UPDATE project SET access_key_digest = $3, digest_key_id = 0
         WHERE asp_id = $1 AND project_id = $2",
        &[asp.as_str().into(), project_id.into(), none.as_bytes().into()],
    )
}

/// Puts a sealed value that is no secret in the place of the first key's secret in `project`.
pub fn wipe_in_project(
    tx: &mut Tx<'_>,
    asp: &AspId,
    project_id: i64,
    sealed: &[u8],
) -> Result<(), DbError> {
    tx.put(
        "UPDATE project SET secret_key_sealed = $3 WHERE asp_id = $1 AND project_id = $2",
        &[asp.as_str().into(), project_id.into(), sealed.into()],
    )
}
