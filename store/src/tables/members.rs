//! Members of a partner.

use domain::{AspId, Timestamp};

use crate::{DbError, Tx};

/// A member to be written; what is personal comes sealed.
pub struct NewMember<'a> {
    /// Its id.
    pub user_id: i64,
    /// Whether the membership was cancelled.
    pub is_cancelled: bool,
    /// Name, sealed.
    pub name_sealed: &'a [u8],
    /// Telephone number, sealed.
    pub phone_sealed: &'a [u8],
    /// Date of birth, sealed.
    pub birth_date_sealed: &'a [u8],
    /// When the ID card was verified.
    pub id_verified_at: Option<Timestamp>,
    /// When the member registered.
    pub registered_at: Timestamp,
}

/// Writes a member.
pub fn insert(tx: &mut Tx<'_>, asp: &AspId, member: &NewMember<'_>) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO member (asp_id, user_id, state, name_sealed, phone_sealed,
             birth_date_sealed, id_verified_at, registered_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            asp.as_str().into(),
            member.user_id.into(),
            if member.is_cancelled { "CANCELLED" } else { "ACTIVE" }.into(),
            member.name_sealed.into(),
            member.phone_sealed.into(),
            member.birth_date_sealed.into(),
            member.id_verified_at.map(|at| at.0).into(),
            member.registered_at.0.into(),
        ],
    )?;
    Ok(())
}

/// Whether the partner has this member and the membership stands.
pub fn is_active(tx: &mut Tx<'_>, asp: &AspId, user: domain::UserId) -> Result<bool, DbError> {
    let Some(user) = user.stored() else { return Ok(false) };
    let found = tx.query_opt(
        "SELECT 1 FROM member WHERE asp_id = $1 AND user_id = $2 AND state = 'ACTIVE'",
        &[asp.as_str().into(), user.into()],
    )?;
    Ok(found.is_some())
}
