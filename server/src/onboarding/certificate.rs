//! Crypto keys of projects, by the public keys and certificates that partners hand in. Made and
//! retired by the code that `platen keys rotate crypto` and `platen keys retire crypto` use.

use domain::AspId;
use store::Tx;

use super::{Made, Refused, must_be, refused};
use crate::context::Core;
use crate::keys::change::Change;
use crate::keys::of_keys;
use crate::keys::partner::{self, NewHalf, PairRow, PairState};

/// Gives a project a further crypto key.
pub fn create(
    tx: &mut Tx<'_>,
    core: &Core,
    asp: &AspId,
    (project_id, pair): (i64, &NewHalf),
    change: &Change,
) -> Made<()> {
    must_be(tx, asp)?;
    let ring = core.keys.ring();
    of_keys(partner::rotate_to(tx, &ring, asp, (project_id, &pair.half()), change))
}

/// Sets a crypto key's state; `false` where it was in that state. A retired one stays so.
pub fn set_state(
    tx: &mut Tx<'_>,
    asp: &AspId,
    (id, to): (&str, PairState),
    change: &Change,
) -> Made<bool> {
    if show(tx, asp, id)?.state == to {
        return Ok(false);
    }
    match to {
        PairState::Active | PairState::Suspended => {
            let is_suspended = to == PairState::Suspended;
            of_keys(partner::set_suspended(tx, asp, (id, is_suspended), change))
        }
        PairState::Retired => of_keys(partner::retire(tx, asp, id, change)).map(|()| true),
    }
}

/// A partner's crypto keys, or those of one project.
pub fn list(tx: &mut Tx<'_>, asp: &AspId, only: Option<i64>) -> Made<Vec<PairRow>> {
    must_be(tx, asp)?;
    let mut pairs = partner::of(tx, asp)?;
    pairs.retain(|pair| only.is_none_or(|only| pair.project_id == only));
    Ok(pairs)
}

/// A crypto key.
pub fn show(tx: &mut Tx<'_>, asp: &AspId, id: &str) -> Made<PairRow> {
    match list(tx, asp, None)?.into_iter().find(|pair| pair.id == id) {
        Some(pair) => Ok(pair),
        None => refused(Refused::NoCertificate(asp.clone(), id.to_owned())),
    }
}
