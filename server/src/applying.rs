//! Writing an application that was granted, with all that its settling needs reserved: so that
//! settling a fee that was taken cannot fail.

use bank::BankTranId;
use contract::{Digits, Text, at, input, output};
use domain::application::{self, Event, State};
use domain::product::{Issuance, Product};
use domain::terms::{Delivery, Price, Terms};
use domain::{ApplyNo, CardAccountId, CardId, ServiceId, UserId};
use serde_json::{Value, json};
use store::tables::applications::{
    self, Application, FeeOrder, Open, ReservedCard, ReservedMobile,
};
use store::tables::bank_accounts::{self, Chargeable};
use store::tables::card_accounts::{self, CardAccount, CardKey};
use store::tables::members::Member;
use store::{DbError, Tx, TxError};

use crate::cards::Made;
use crate::context::{Core, place};
use crate::op::{Cx, Done, OrStop, Stop, fault};
use crate::supply::Need;

input! {
    /// Where the physical card goes.
    pub struct AddressInfo {
        /// Road-name address.
        address: Text<1, 255> = at("address").personal(),
        /// Detail of the road-name address.
        address_detail: Text<1, 255> = at("addressDetail").personal(),
        /// Zip code.
        zip_code: Digits<5> = at("zipCode").personal(),
    }
}

output! {
    /// An application that was taken. The mobile card's fields are there where it is issued at
    /// the request.
    pub struct Response {
        /// Card application number.
        card_apply_no: Digits<22> = "cardApplyNo",
        /// Number of the new mobile card.
        mobile_card_no: Option<Digits<16>> = "mobileCardNo",
        /// Verification code of the new mobile card.
        mobile_card_cvc: Option<Digits<3>> = "mobileCardCVC",
        /// Payment account reference of the new mobile card.
        mobile_card_par: Option<Text<27, 27>> = "mobileCardPar",
    }
}

impl Response {
    /// The answer to an application.
    pub fn of<E>(apply_no: &ApplyNo, made: Option<Made>) -> Done<Self, E> {
        Ok(Response {
            card_apply_no: Digits::new(apply_no.as_str()).or_stop()?,
            mobile_card_no: made.as_ref().and_then(|made| Digits::new(made.pan.reveal())),
            mobile_card_cvc: made.as_ref().and_then(|made| Digits::new(made.cvc.reveal())),
            mobile_card_par: made.as_ref().and_then(|made| Text::new(made.par.as_str())),
        })
    }
}

/// An address for examples.
pub fn example_address() -> Value {
    json!({
        "address": "서울특별시 강남구 테헤란로 152",
        "addressDetail": "3층 301호",
        "zipCode": "06236",
    })
}

/// What was asked for.
pub const fn delivery(is_required: bool) -> Delivery {
    if is_required { Delivery::Physical } else { Delivery::MobileOnly }
}

/// What a price would be drawn from; looked up where there is one.
pub fn chargeable(
    cx: &Cx,
    tx: &mut Tx<'_>,
    user: UserId,
    price: Option<Price>,
) -> Result<Chargeable, DbError> {
    match price {
        Some(price) if !price.fee.is_zero() => bank_accounts::chargeable(tx, &cx.call.asp, user),
        Some(_) | None => Ok(Chargeable::None),
    }
}

/// Claims the account of a member's card by its number, mobile or physical.
pub fn claim<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    user: UserId,
    number: &str,
) -> Done<Option<CardAccount>, E> {
    let asp = &cx.call.asp;
    for index in cx.core.pan_indexes(asp, number).or_stop()? {
        let claimed = card_accounts::claim(tx, asp, user, CardKey::Number(&index))?;
        if claimed.is_some() {
            return Ok(claimed);
        }
    }
    Ok(None)
}

/// The same account, looked at and not claimed: what is read is good for an answer alone.
pub fn look<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    user: UserId,
    number: &str,
) -> Done<Option<CardAccount>, E> {
    let asp = &cx.call.asp;
    for index in cx.core.pan_indexes(asp, number).or_stop()? {
        let found = card_accounts::look(tx, asp, user, &index)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The open application, where the same call is charging its fee already.
pub fn awaited(cx: &Cx, open: Option<&Open>) -> Option<ApplyNo> {
    let charging = open.filter(|open| open.state == State::CostPaying);
    let same = charging.filter(|open| cx.call.is_same(&open.replay_key));
    same.map(|open| open.apply_no.clone())
}

/// An application that was granted.
pub struct Granted<'a> {
    /// The card account to be replaced; `None` for a first card.
    pub old_account: Option<CardAccountId>,
    /// Where the plastic goes, if any.
    pub delivery_to: Option<PostalAddress<'a>>,
    /// The member.
    pub member: Member,
    /// What is promised.
    pub terms: Terms,
    /// The product of the new card.
    pub product: Product,
    /// What a fee is drawn from; looked up where one is due.
    pub chargeable: Chargeable,
}

/// An address as the caller gave it.
pub struct PostalAddress<'a> {
    /// Road-name address.
    pub address: &'a str,
    /// Its detail.
    pub detail: &'a str,
    /// Zip code.
    pub zip_code: &'a str,
}

impl AddressInfo {
    /// As an application takes it.
    pub fn postal(&self) -> PostalAddress<'_> {
        PostalAddress {
            address: self.address.as_str(),
            detail: self.address_detail.as_str(),
            zip_code: self.zip_code.as_str(),
        }
    }
}

/// Writes the application. Where one is there that it cannot be beside, its call came first: in a
/// strict project that may be another call under this correlation id whose fee is being charged.
pub fn apply<E>(cx: &Cx, tx: &mut Tx<'_>, granted: &Granted<'_>) -> Done<Application, E> {
    let (asp, supply, terms) = (&cx.call.asp, &cx.core.supply, granted.terms);
    let now = cx.call.now;
    let apply_no = match &cx.call.given_apply_no {
        Some(given) => given.clone(),
        None => ApplyNo::of(now.business_day(), supply.id(asp).or_stop()?),
    };
    let mobile = match terms.issuance {
        Issuance::PreIssuance => Some(ReservedMobile {
            account: CardAccountId(supply.id(asp).or_stop()?),
            card: reserve(cx, &granted.product.service_id).or_stop()?,
        }),
        Issuance::Ordinary => None,
    };
    let (physical, recipient_sealed) = match &granted.delivery_to {
        Some(to) => (
            Some(reserve(cx, &granted.product.service_id).or_stop()?),
            Some(recipient(cx, &granted.member, to, &apply_no)?),
        ),
        None => (None, None),
    };
    if let (Some(mobile), Some(physical)) = (&mobile, &physical)
        && mobile.card.number_key_id != physical.number_key_id
    {
        // The numbers came from two ranges; an application names one key for both.
        return Err(TxError::Refused(Stop::CameFirst));
    }
    let order = order(cx, granted)?;
    let state = match order {
        Some(_) => application::next(State::Ready, Event::ChargeFee).or_stop()?,
        None => terms.settled_state(),
    };
    let application = Application {
        apply_no,
        kind: terms.kind,
        state,
        user_id: granted.member.user_id,
        old_account: granted.old_account,
        service_id: granted.product.service_id.clone(),
        issuance: terms.issuance,
        delivery: terms.delivery,
        recipient_sealed,
        fee: terms.fee,
        waiver: terms.waiver,
        returned_fee: terms.returned_fee,
        balance_limit: granted.product.limits.unnamed,
        vat_basis_points: u32::try_from(cx.core.settings.vat_basis_points).ok().or_stop()?,
        validity_months: granted.product.validity_months,
        mobile,
        physical,
        order,
        applied_at: now,
        correlation_id: cx.call.correlation_id.clone(),
        keys: cx.call.keys.clone(),
    };
    match applications::insert(tx, asp, &application)? {
        true => Ok(application),
        false => Err(TxError::Refused(Stop::CameFirst)),
    }
}

/// Reserves a card of a product: its id and number.
pub fn reserve(cx: &Cx, service: &ServiceId) -> Result<ReservedCard, Need> {
    let (asp, supply) = (&cx.call.asp, &cx.core.supply);
    let card = CardId(supply.id(asp)?);
    Ok(supply.number(asp, service)?.reserved(card))
}

/// The order for the fee, fixed before it is sent.
fn order<E>(cx: &Cx, granted: &Granted<'_>) -> Done<Option<FeeOrder>, E> {
    let Chargeable::Account(bank_account_id) = granted.chargeable else { return Ok(None) };
    let settings = &cx.core.settings;
    let patience_ms = settings.fee_deadline_ms.saturating_add(settings.fee_recovery_margin_ms);
    Ok(Some(FeeOrder {
        bank_account_id,
        bank_tran_id: bank_tran_id(&cx.core)?,
        bank_tran_day: cx.call.now.business_day().to_string(),
        ordered_at: cx.call.real_now,
        deadline_at: cx.call.real_now.plus_ms(patience_ms),
    }))
}

/// A new id of an order to the bank.
pub fn bank_tran_id<E>(core: &Core) -> Done<String, E> {
    let serial = core.supply.bank_tran_serial().or_stop()?;
    let id = BankTranId::new(&core.institution_code, serial);
    Ok(id.map_err(|error| fault(format!("bank transaction id: {error}")))?.to_string())
}

/// Whom the plastic goes to: a copy, sealed, as the member's own data may change.
fn recipient<E>(
    cx: &Cx,
    member: &Member,
    to: &PostalAddress<'_>,
    apply_no: &ApplyNo,
) -> Done<Vec<u8>, E> {
    let (core, asp) = (&cx.core, &cx.call.asp);
    let row = member.user_id.to_string();
    let name = core.open_text(place(asp, "member.name", &row), &member.name_sealed).or_stop()?;
    let phone = core.open_text(place(asp, "member.phone", &row), &member.phone_sealed).or_stop()?;
    let recipient = json!({
        "name": name.expose(),
        "phone": phone.expose(),
        "address": to.address,
        "addressDetail": to.detail,
        "zipCode": to.zip_code,
    });
    let at = place(asp, "delivery.recipient", apply_no.as_str());
    core.seal(at, recipient.to_string().as_bytes()).or_stop()
}
