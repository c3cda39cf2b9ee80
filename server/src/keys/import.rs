//! A card verification key from another system, whose cards go on here: two people enter a
//! component each, and no one ever has the key.

use crypto::component::{CheckValue, Component, ComponentError};
use crypto::keyring::{KeyHolder, KeyMaterial, KeyPurpose};
use crypto::seal::MasterKey;
use domain::{AspId, Timestamp};
use serde_json::json;
use store::tables::PLATFORM;
use store::{Tx, TxError};

use super::change::{self, Change};
use super::rows;
use super::{KeysError, Made, MasterOf, broken};
use crate::operator::moment;

/// A component that nobody has answered lapses after a day, milliseconds.
pub const LAPSES_MS: u64 = 24 * 60 * 60 * 1_000;
/// What a component is bound to under the master key.
const WRAPPED_FOR: &[u8] = b"platen.key-component.v1:card_verification";
/// The key that is imported.
const PURPOSE: KeyPurpose = KeyPurpose::CardVerification;

/// Why a component is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportRefused {
    /// A digit is wrong, or it is another component.
    #[error(
        "the component's check value is {found}, and {said} was given: a digit is wrong, or it is \
         another component"
    )]
    Component {
        /// What the component has.
        found: CheckValue,
        /// What was said of it.
        said: CheckValue,
    },
    /// One person is not two.
    #[error(
        "{0} has entered a component at {at}: somebody else has to enter the other one",
        at = moment(*.1)
    )]
    SamePerson(String, Timestamp),
    /// The second component comes without the key's check value.
    #[error(
        "a component waits since {at}, entered by {0}: with the other one give \
         --key-check-value, the check value of the key that they make", at = moment(*.1)
    )]
    NoKeyCheck(String, Timestamp),
    /// They do not make it.
    #[error(
        "the two components make a key of the check value {found}, and {said} was given: one of \
         them belongs to another key; --withdraw takes the one that waits away"
    )]
    Key {
        /// What the key has.
        found: CheckValue,
        /// What was said of it.
        said: CheckValue,
    },
    /// It would be no key.
    #[error("{0} --withdraw takes the one that waits away.")]
    Weak(ComponentError),
    /// Nothing waits.
    #[error("no component waits: there is nothing to withdraw")]
    NoneWaits,
}

/// A component, as one person enters it.
pub struct Entered {
    /// Itself.
    pub component: Component,
    /// What its bearer says that it is recognised by.
    pub check_value: CheckValue,
    /// What the whole key is recognised by; needed with the second one.
    pub key_check_value: Option<CheckValue>,
    /// When the key begins to make new values, once it is whole.
    pub active_from: Timestamp,
}

/// What came of a component, or would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// It waits for the other one until then.
    Waits(Timestamp),
    /// The key is whole: its number.
    Whole(i64),
}

/// A component that waits.
struct Waiting {
    component: Component,
    by: String,
    at: Timestamp,
}

/// Takes a component: keeps the first one, makes the key of the second one.
pub fn enter(
    tx: &mut Tx<'_>,
    master_of: &MasterOf,
    entered: &Entered,
    change: &Change,
) -> Made<Imported> {
    Change::lock(tx)?;
    let (found, said) = (entered.component.check_value(), entered.check_value);
    if found != said {
        return refused(ImportRefused::Component { found, said });
    }
    let rows = rows::read(tx)?;
    let master = master_of(tx, &rows)?;
    let Some(waiting) = waiting(tx, &master, change.now)? else {
        keep(tx, &master, &entered.component, change)?;
        return Ok(Imported::Waits(change.now.plus_ms(LAPSES_MS)));
    };
    if waiting.by == change.by {
        return refused(ImportRefused::SamePerson(waiting.by, waiting.at));
    }
    let Some(said) = entered.key_check_value else {
        return refused(ImportRefused::NoKeyCheck(waiting.by, waiting.at));
    };
    let key = waiting.component.combine(&entered.component);
    let key = key.map_err(|error| TxError::Refused(ImportRefused::Weak(error).into()))?;
    let found = key.check_value();
    if found != said {
        return refused(ImportRefused::Key { found, said });
    }
    let id = change::next_id(&rows, PURPOSE, change.now)?;
    let active_from_us = entered.active_from.0;
    let holder = KeyHolder::Bytes(key.into_bytes());
    let key = KeyMaterial { id, purpose: PURPOSE, active_from_us, holder };
    rows::insert(tx, &key, &master)?;
    take_away(tx)?;
    let more = json!({
        "activeFrom": active_from_us,
        "checkValue": found.to_string(),
        "componentsBy": [waiting.by, change.by],
    });
    let subject = format!("key:{PURPOSE}:{id}");
    change.note(tx, &AspId::new(PLATFORM), "key.imported", &subject, more)?;
    Ok(Imported::Whole(id))
}

/// Takes the component that waits away.
pub fn withdraw(tx: &mut Tx<'_>, master_of: &MasterOf, change: &Change) -> Made<()> {
    Change::lock(tx)?;
    let rows = rows::read(tx)?;
    let master = master_of(tx, &rows)?;
    let Some(waiting) = waiting(tx, &master, change.now)? else {
        return refused(ImportRefused::NoneWaits);
    };
    take_away(tx)?;
    note(tx, "key.component_withdrawn", json!({ "enteredBy": waiting.by }), change)
}

fn keep(tx: &mut Tx<'_>, master: &MasterKey, component: &Component, change: &Change) -> Made<()> {
    // One that has lapsed makes room.
    take_away(tx)?;
    let wrapped = master.wrap(WRAPPED_FOR, component.expose()).or_else(broken)?;
    tx.execute(
        "INSERT INTO key_component (asp_id, purpose, wrapped, entered_by, entered_at)
         VALUES ($1, $2, $3, $4, $5)",
        &[
            PLATFORM.into(),
            PURPOSE.name().into(),
            wrapped.as_slice().into(),
            change.by.as_str().into(),
            change.now.0.into(),
        ],
    )?;
    let more = json!({ "checkValue": component.check_value().to_string() });
    note(tx, "key.component_entered", more, change)
}

/// Wraps the component that waits under another master key.
pub(super) fn rewrap(tx: &mut Tx<'_>, from: &MasterKey, to: &MasterKey) -> Made<()> {
    let row = tx.query_opt(
        "SELECT wrapped FROM key_component WHERE asp_id = $1 AND purpose = $2",
        &[PLATFORM.into(), PURPOSE.name().into()],
    )?;
    let Some(row) = row else { return Ok(()) };
    let component = from.unwrap(WRAPPED_FOR, row.blob(0)?).or_else(broken)?;
    let wrapped = to.wrap(WRAPPED_FOR, component.expose()).or_else(broken)?;
    tx.execute(
        "UPDATE key_component SET wrapped = $3 WHERE asp_id = $1 AND purpose = $2",
        &[PLATFORM.into(), PURPOSE.name().into(), wrapped.as_slice().into()],
    )?;
    Ok(())
}

/// The component that waits and has not lapsed.
fn waiting(tx: &mut Tx<'_>, master: &MasterKey, now: Timestamp) -> Made<Option<Waiting>> {
    let row = tx.query_opt(
        "SELECT wrapped, entered_by, entered_at FROM key_component
         WHERE asp_id = $1 AND purpose = $2",
        &[PLATFORM.into(), PURPOSE.name().into()],
    )?;
    let Some(mut row) = row else { return Ok(None) };
    let at = Timestamp(row.int(2)?);
    if at.plus_ms(LAPSES_MS) <= now {
        return Ok(None);
    }
    let bytes = master.unwrap(WRAPPED_FOR, row.blob(0)?).or_else(broken)?;
    let component = Component::from_bytes(bytes.expose()).or_else(broken)?;
    Ok(Some(Waiting { component, by: row.take_text(1)?, at }))
}

fn take_away(tx: &mut Tx<'_>) -> Made<()> {
    tx.execute(
        "DELETE FROM key_component WHERE asp_id = $1 AND purpose = $2",
        &[PLATFORM.into(), PURPOSE.name().into()],
    )?;
    Ok(())
}

fn note(tx: &mut Tx<'_>, event: &str, more: serde_json::Value, change: &Change) -> Made<()> {
    let subject = format!("key:{PURPOSE}");
    Ok(change.note(tx, &AspId::new(PLATFORM), event, &subject, more)?)
}

fn refused<T>(why: ImportRefused) -> Made<T> {
    Err(TxError::Refused(KeysError::Import(why)))
}
