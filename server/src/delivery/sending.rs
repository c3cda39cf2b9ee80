//! Plastic that goes out anew: what came back is sent again, for what was lost a new card is made.

use domain::delivery::{self, DeliveryState, Effect as Told, Event, Report, Standing};
use domain::{ApplyNo, CardId, Expiry, ServiceId};
use serde_json::Value;
use store::Tx;
use store::tables::cards::Form;
use store::tables::parsed;

use super::{Beside, By, Delivery, Tracking, claim, end_plastic, say, write_down};
use crate::applying::PostalAddress;
use crate::cards;
use crate::context::place;
use crate::op::{Cx, Done, OrStop, fault};

/// What became of the wish to send a plastic again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resent {
    /// It is sent again: this is the attempt.
    Sent(u32),
    /// It has not come back: it is in this state.
    NotReturned(DeliveryState),
    /// The application has no delivery.
    Unknown,
}

/// Sends a plastic that came back again, to the same recipient or to a new address of theirs.
pub fn resend<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    apply_no: &ApplyNo,
    to: Option<&PostalAddress<'_>>,
) -> Done<Resent, E> {
    let Some(mut delivery) = claim(cx, tx, apply_no)? else { return Ok(Resent::Unknown) };
    let Standing { state, .. } = delivery.standing;
    if delivery::next(state, Event::SendAgain).is_none() {
        return Ok(Resent::NotReturned(state));
    }
    if let Some(to) = to {
        readdress(cx, tx, apply_no, to)?;
    }
    begin_anew(cx, tx, &mut delivery, By::Call)?;
    Ok(Resent::Sent(delivery.standing.attempt))
}

/// A new plastic goes out for a lost one. The mobile card lives on.
pub(super) fn replace<E>(cx: &Cx, tx: &mut Tx<'_>, delivery: &mut Delivery) -> Done<(), E> {
    if delivery::next(delivery.standing.state, Event::Replace).is_none() {
        return Err(fault(format!("the plastic of {} is not lost", delivery.apply_no)));
    }
    let asp = &cx.call.asp;
    let old = tx.query_one(
        "SELECT service_id, expiry_yymm FROM card WHERE asp_id = $1 AND card_id = $2",
        &[asp.as_str().into(), delivery.card.0.into()],
    )?;
    let service = ServiceId::new(old.text(0)?);
    let expiry = parsed(&old, 1, Expiry::from_yymm)?;
    end_plastic(cx, tx, delivery)?;
    let id = CardId(cx.core.supply.id(asp).or_stop()?);
    let reserved = cx.core.supply.number(asp, &service).or_stop()?.reserved(id);
    let order = cards::Order {
        id,
        account: None,
        service_id: &service,
        form: Form::Physical,
        pan: cards::number(&cx.core, &reserved)?,
        expiry,
        apply_no: Some(delivery.apply_no.as_str()),
        now: cx.call.now,
    };
    cards::make::<E>(&cx.core, tx, asp, order)?;
    // The number that was reserved with the application stays there: it made the first plastic.
    tx.put(
        "UPDATE application SET physical_card_id = $3 WHERE asp_id = $1 AND apply_no = $2",
        &[asp.as_str().into(), delivery.apply_no.as_str().into(), id.0.into()],
    )?;
    delivery.card = id;
    begin_anew(cx, tx, delivery, By::Report)
}

/// The next attempt begins: it is in no card maker's file and nobody carries it.
fn begin_anew<E>(cx: &Cx, tx: &mut Tx<'_>, delivery: &mut Delivery, by: By) -> Done<(), E> {
    let now = cx.call.now.max(delivery.standing.since);
    let attempt = delivery.standing.attempt.saturating_add(1);
    let state = DeliveryState::Ready;
    delivery.standing = Standing { state, since: now, attempt };
    (delivery.carrier, delivery.tracking_no, delivery.written) = (None, None, None);
    tx.put(
        "UPDATE delivery SET state = $3, changed_at = $4, attempt = $5, card_id = $6,
             maker_id = NULL, file_sequence = NULL, carrier = NULL, tracking_no = NULL
         WHERE asp_id = $1 AND apply_no = $2",
        &[
            cx.call.asp.as_str().into(),
            delivery.apply_no.as_str().into(),
            state.name().into(),
            now.0.into(),
            i64::from(attempt).into(),
            delivery.card.0.into(),
        ],
    )?;
    let begun = Tracking::of(Report { state, occurred_at: now, attempt });
    write_down::<E>(cx, tx, &delivery.apply_no, Told::Takes(state), begun)?;
    say(cx, tx, delivery, by, Beside::default())
}

/// Seals the recipient anew with another address.
fn readdress<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    apply_no: &ApplyNo,
    to: &PostalAddress<'_>,
) -> Done<(), E> {
    let asp = &cx.call.asp;
    let row = tx.query_one(
        "SELECT recipient_sealed FROM delivery WHERE asp_id = $1 AND apply_no = $2",
        &[asp.as_str().into(), apply_no.as_str().into()],
    )?;
    let at = || place(asp, "delivery.recipient", apply_no.as_str());
    let sealed = row.opt_blob(0)?.or_stop()?;
    let old = cx.core.open_text(at(), sealed).or_stop()?;
    let mut recipient: Value = serde_json::from_str(old.expose()).ok().or_stop()?;
    for (name, value) in
        [("address", to.address), ("addressDetail", to.detail), ("zipCode", to.zip_code)]
    {
        recipient[name] = value.into();
    }
    let sealed = cx.core.seal(at(), recipient.to_string().as_bytes()).or_stop()?;
    tx.put(
        "UPDATE delivery SET recipient_sealed = $3 WHERE asp_id = $1 AND apply_no = $2",
        &[asp.as_str().into(), apply_no.as_str().into(), sealed.as_slice().into()],
    )?;
    Ok(())
}
