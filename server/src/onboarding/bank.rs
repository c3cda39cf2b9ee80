//! The banks that members' accounts are with. No order goes to one that is suspended or discarded;
//! one that is not listed is taken as active.

use domain::AspId;
use domain::partner::Standing;
use serde_json::json;
use store::Tx;
use store::tables::PLATFORM;
use store::tables::banks::{self, Bank};

use super::{Made, Refused, note, refused};
use crate::keys::change::Change;

/// Lists a bank.
pub fn create(tx: &mut Tx<'_>, (code, name): (&str, &str), change: &Change) -> Made<()> {
    if !banks::insert(tx, code, name, change.now)? {
        return refused(Refused::BankThere(code.to_owned()));
    }
    let platform = AspId::new(PLATFORM);
    note(tx, &platform, change, ("bank.created", &subject(code)), json!({ "name": name }))
}

/// Sets a bank's state; `false` where it was in that state. A discarded one stays so.
pub fn set_state(tx: &mut Tx<'_>, (code, to): (&str, Standing), change: &Change) -> Made<bool> {
    let Some(before) = banks::claim(tx, code)? else {
        return refused(Refused::NoBank(code.to_owned()));
    };
    if before.state == to {
        return Ok(false);
    }
    if before.state == Standing::Discarded {
        return refused(Refused::BankDiscarded(code.to_owned()));
    }
    banks::set_state(tx, code, to)?;
    let event = match to {
        Standing::Active => "bank.resumed",
        Standing::Suspended => "bank.suspended",
        Standing::Discarded => "bank.discarded",
    };
    let more = json!({ "from": before.state.name() });
    note(tx, &AspId::new(PLATFORM), change, (event, &subject(code)), more)?;
    Ok(true)
}

/// A bank that is listed.
pub fn show(tx: &mut Tx<'_>, code: &str) -> Made<Bank> {
    match banks::find(tx, code)? {
        Some(bank) => Ok(bank),
        None => refused(Refused::NoBank(code.to_owned())),
    }
}

/// What the operation log calls a bank.
fn subject(code: &str) -> String {
    format!("bank:{code}")
}
