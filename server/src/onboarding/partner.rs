//! Partners.

use domain::AspId;
use domain::partner::PartnerState;
use serde_json::json;
use store::Tx;
use store::tables::partners::{self, Partner};
use store::tables::projects::{self, Project};

use super::{Made, Refused, note, refused};
use crate::keys::change::Change;

/// Makes a partner, whose calls are taken once it has a project.
pub fn create(tx: &mut Tx<'_>, asp: &AspId, name: &str, change: &Change) -> Made<()> {
    if !partners::insert(tx, asp, name)? {
        return refused(Refused::PartnerThere(asp.clone()));
    }
    note(tx, asp, change, ("partner.created", &subject(asp)), json!({ "name": name }))
}

/// Suspends, resumes or discards a partner; `false` where it was in that state. The calls of a
/// suspended or discarded one are refused; its open fees, its deliveries and its cards' expiry go
/// on. A discarded one stays so.
pub fn set_state(tx: &mut Tx<'_>, asp: &AspId, to: PartnerState, change: &Change) -> Made<bool> {
    let Some(before) = partners::claim(tx, asp)? else {
        return refused(Refused::NoPartner(asp.clone()));
    };
    if before.state == to {
        return Ok(false);
    }
    if before.state == PartnerState::Discarded {
        return refused(Refused::PartnerDiscarded(asp.clone()));
    }
    partners::set_state(tx, asp, to, change.now)?;
    let event = match to {
        PartnerState::Active => "partner.resumed",
        PartnerState::Suspended => "partner.suspended",
        PartnerState::Discarded => "partner.discarded",
    };
    note(tx, asp, change, (event, &subject(asp)), json!({}))?;
    Ok(true)
}

/// A partner with its projects.
pub fn show(tx: &mut Tx<'_>, asp: &AspId) -> Made<(Partner, Vec<Project>)> {
    match partners::find(tx, asp)? {
        Some(partner) => Ok((partner, projects::all(tx, asp)?)),
        None => refused(Refused::NoPartner(asp.clone())),
    }
}

/// What the operation log calls a partner.
fn subject(asp: &AspId) -> String {
    format!("partner:{asp}")
}
