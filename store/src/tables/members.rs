//! Members of a partner.

use domain::terms::Membership;
use domain::{ApplyNo, AspId, Timestamp, UserId};

use crate::{DbError, Row, Tx};

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

/// Writes a member; `false` where the partner has one of this id.
pub fn insert(tx: &mut Tx<'_>, asp: &AspId, member: &NewMember<'_>) -> Result<bool, DbError> {
    let written = tx.execute(
        "INSERT INTO member (asp_id, user_id, state, name_sealed, phone_sealed,
             birth_date_sealed, id_verified_at, registered_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (asp_id, user_id) DO NOTHING",
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
    Ok(written == 1)
}

/// A member whose membership stands.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its id.
    pub user_id: i64,
    /// Whether the ID card was verified.
    pub is_verified: bool,
    /// Name, sealed.
    pub name_sealed: Vec<u8>,
    /// Telephone number, sealed.
    pub phone_sealed: Vec<u8>,
}

/// Claims the partner's member of this id, where the membership stands: other transactions that
/// would give it a card wait until this one ends.
pub fn claim(tx: &mut Tx<'_>, asp: &AspId, user: UserId) -> Result<Option<Member>, DbError> {
    let Some(user_id) = user.stored() else { return Ok(None) };
    let row = tx.query_opt(
        "UPDATE member SET version = version + 1
         WHERE asp_id = $1 AND user_id = $2 AND state = 'ACTIVE'
         RETURNING id_verified_at IS NOT NULL, name_sealed, phone_sealed",
        &[asp.as_str().into(), user_id.into()],
    )?;
    row.map(|row| read(row, user_id)).transpose()
}

/// Claims the member of an application, whether the membership stands or not.
pub fn claim_of(tx: &mut Tx<'_>, asp: &AspId, apply_no: &ApplyNo) -> Result<(), DbError> {
    tx.put(
        "UPDATE member SET version = version + 1
         WHERE asp_id = $1 AND user_id = (
             SELECT a.user_id FROM application a WHERE a.asp_id = $1 AND a.apply_no = $2)",
        &[asp.as_str().into(), apply_no.as_str().into()],
    )?;
    Ok(())
}

/// The partner's member of this id, where the membership stands.
pub fn find(tx: &mut Tx<'_>, asp: &AspId, user: UserId) -> Result<Option<Member>, DbError> {
    let Some(user_id) = user.stored() else { return Ok(None) };
    let row = tx.query_opt(
        "SELECT id_verified_at IS NOT NULL, name_sealed, phone_sealed FROM member
         WHERE asp_id = $1 AND user_id = $2 AND state = 'ACTIVE'",
        &[asp.as_str().into(), user_id.into()],
    )?;
    row.map(|row| read(row, user_id)).transpose()
}

fn read(mut row: Row, user_id: i64) -> Result<Member, DbError> {
    Ok(Member {
        user_id,
        is_verified: row.boolean(0)?,
        name_sealed: row.take_blob(1)?,
        phone_sealed: row.take_blob(2)?,
    })
}

impl Member {
    /// What is known of a member who was looked for.
    pub const fn membership(found: Option<&Self>) -> Membership {
        match found {
            None => Membership::None,
            Some(member) if member.is_verified => Membership::Verified,
            Some(_) => Membership::Unverified,
        }
    }
}
