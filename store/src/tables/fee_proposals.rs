//! What one operator has proposed about a fee that the bank does not speak of.

use domain::{ApplyNo, AspId, Timestamp, states};

use super::parsed;
use crate::{DbError, Tx};

states! {
    /// What is said to have happened at the bank.
    pub enum Verdict {
        /// The bank has taken the fee.
        Taken = "TAKEN",
        /// The bank has not taken it, and never will.
        Refused = "REFUSED",
    }
}

/// A proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// What is said to have happened.
    pub verdict: Verdict,
    /// What shows it.
    pub evidence: String,
    /// Why it is ruled by hand.
    pub reason: String,
    /// Who proposes it.
    pub by: String,
    /// When, by the real clock.
    pub at: Timestamp,
}

/// Writes a proposal; `false` where there is one for the fee.
pub fn insert(
    tx: &mut Tx<'_>,
    asp: &AspId,
    apply_no: &ApplyNo,
    new: &Proposal,
) -> Result<bool, DbError> {
    let written = tx.execute(
        "INSERT INTO fee_proposal (asp_id, apply_no, verdict, evidence, reason, proposed_by,
             proposed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT DO NOTHING",
        &[
            asp.as_str().into(),
            apply_no.as_str().into(),
            new.verdict.name().into(),
            new.evidence.as_str().into(),
            new.reason.as_str().into(),
            new.by.as_str().into(),
            new.at.0.into(),
        ],
    )?;
    Ok(written == 1)
}

/// The proposal for a fee.
pub fn load(tx: &mut Tx<'_>, asp: &AspId, apply_no: &ApplyNo) -> Result<Option<Proposal>, DbError> {
    let row = tx.query_opt(
        "SELECT verdict, evidence, reason, proposed_by, proposed_at FROM fee_proposal
         WHERE asp_id = $1 AND apply_no = $2",
        &[asp.as_str().into(), apply_no.as_str().into()],
    )?;
    let Some(mut row) = row else { return Ok(None) };
    Ok(Some(Proposal {
        verdict: parsed(&row, 0, Verdict::parse)?,
        evidence: row.take_text(1)?,
        reason: row.take_text(2)?,
        by: row.take_text(3)?,
        at: Timestamp(row.int(4)?),
    }))
}

/// Takes a proposal away; `false` where it is not there any more, or is another one.
pub fn take(
    tx: &mut Tx<'_>,
    asp: &AspId,
    apply_no: &ApplyNo,
    seen: &Proposal,
) -> Result<bool, DbError> {
    let changed = tx.execute(
        "DELETE FROM fee_proposal
         WHERE asp_id = $1 AND apply_no = $2 AND verdict = $3 AND proposed_by = $4
             AND proposed_at = $5",
        &[
            asp.as_str().into(),
            apply_no.as_str().into(),
            seen.verdict.name().into(),
            seen.by.as_str().into(),
            seen.at.0.into(),
        ],
    )?;
    Ok(changed == 1)
}
