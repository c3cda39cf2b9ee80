//! Making cards: number, PAR, expiry and CVC, sealed and written.

use crypto::cvc::Cvc;
use crypto::pan::Pan;
use crypto::par::Par;
use domain::{AspId, CardAccountId, CardId, Expiry, ServiceId, Timestamp};
use store::Tx;
use store::tables::applications::ReservedCard;
use store::tables::cards::{self, CvcSource, Form, NewCard};

use crate::context::{Core, place};
use crate::op::{Done, OrStop, fault, unknown_key};
use crate::supply::ReservedNumber;

/// A card to be made.
pub struct Order<'a> {
    /// Its id.
    pub id: CardId,
    /// Its account; `None` for plastic that is not registered yet.
    pub account: Option<CardAccountId>,
    /// The product.
    pub service_id: &'a ServiceId,
    /// Mobile or physical.
    pub form: Form,
    /// Its number.
    pub pan: Pan,
    /// When it expires.
    pub expiry: Expiry,
    /// The application that it is made for.
    pub apply_no: Option<&'a str>,
    /// When.
    pub now: Timestamp,
}

/// A card that was made: what its member is told.
pub struct Made {
    /// Its number.
    pub pan: Pan,
    /// Its verification code, derived, never stored.
    pub cvc: Cvc,
    /// Its payment account reference.
    pub par: Par,
}

/// Makes a card and writes it.
pub fn make<E>(core: &Core, tx: &mut Tx<'_>, asp: &AspId, order: Order<'_>) -> Done<Made, E> {
    let ring = core.keys.ring();
    let (cvc_key_id, cvc_key) = ring.active_cvc_key();
    let cvc = cvc_key
        .cvc2(&order.pan, &order.expiry.yymm())
        .map_err(|error| fault(format!("card verification code: {error}")))?;
    let par = par(order.now);
    write(core, tx, asp, &order, &par, CvcSource::Key(cvc_key_id))?;
    Ok(Made { pan: order.pan, cvc, par })
}

/// The PAR of a card that is issued at this moment.
pub fn par(issued_at: Timestamp) -> Par {
    Par::issued_at(issued_at.0.unsigned_abs() / 1_000)
}

/// Writes a card whose PAR and CVC are known.
pub fn write<E>(
    core: &Core,
    tx: &mut Tx<'_>,
    asp: &AspId,
    order: &Order<'_>,
    par: &Par,
    cvc: CvcSource<'_>,
) -> Done<(), E> {
    let ring = core.keys.ring();
    let (lookup_key_id, lookup) = ring.lookup();
    let row = order.id.to_string();
    let sealed = core.seal(place(asp, "card.pan", &row), order.pan.reveal().as_bytes());
    let card = NewCard {
        id: order.id,
        account: order.account,
        service_id: order.service_id,
        form: order.form,
        pan_sealed: &sealed.or_stop()?,
        pan_index: &lookup.pan_index(asp.as_str(), &order.pan).or_stop()?,
        lookup_key_id,
        first6: order.pan.first6(),
        last4: order.pan.last4(),
        par: par.as_str(),
        expiry: order.expiry,
        cvc,
        apply_no: order.apply_no,
        issued_at: order.now,
    };
    Ok(cards::insert(tx, asp, &card)?)
}

impl ReservedNumber {
    /// As an application holds it.
    pub fn reserved(self, card: CardId) -> ReservedCard {
        let number = format!("{}/{}", self.prefix, self.serial);
        ReservedCard { card, number, number_key_id: self.number_key_id }
    }
}

/// The number that was reserved.
pub fn number<E>(core: &Core, reserved: &ReservedCard) -> Done<Pan, E> {
    let wrong = |what: &dyn std::fmt::Display| fault(format!("reserved card number: {what}"));
    let (prefix, serial) = reserved.number.split_once('/').ok_or_else(|| wrong(&"form"))?;
    let serial = serial.parse().map_err(|error| wrong(&error))?;
    let ring = core.keys.ring();
    let permuter = ring.permuter(reserved.number_key_id).ok_or_else(unknown_key)?;
    permuter.pan(prefix, serial).map_err(|error| wrong(&error))
}

/// The CVC of a card as its row has it: derived by a key, or given and sealed.
pub fn stored_cvc<E>(
    core: &Core,
    asp: &AspId,
    (card, pan, expiry_yymm): (CardId, &Pan, &str),
    (key_id, given): (Option<i64>, Option<&[u8]>),
) -> Done<Cvc, E> {
    match (key_id, given) {
        (_, Some(sealed)) => {
            let row = card.to_string();
            let text = core.open_text(place(asp, "card.given_cvc", &row), sealed).or_stop()?;
            Cvc::parse(text.expose()).map_err(|error| fault(format!("card {card}: {error}")))
        }
        (Some(key_id), None) => cvc(core, pan, expiry_yymm, key_id),
        (None, None) => Err(fault(format!("card {card} has no verification code"))),
    }
}

/// The CVC of a card that was made before.
pub fn cvc<E>(core: &Core, pan: &Pan, expiry_yymm: &str, key_id: i64) -> Done<Cvc, E> {
    let ring = core.keys.ring();
    let key = ring.cvc_key(key_id).ok_or_else(unknown_key)?;
    key.cvc2(pan, expiry_yymm).map_err(|error| fault(format!("card verification code: {error}")))
}
