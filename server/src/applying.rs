//! Writing an application that was granted, with all that its settling needs reserved: so that
//! settling a fee that was taken cannot fail.

use bank::BankTranId;
use domain::application::{self, Event, State};
use domain::product::{Issuance, Product};
use domain::reissue::Terms;
use domain::{ApplyNo, CardAccountId, CardId};
use serde_json::json;
use store::tables::applications::{self, Application, FeeOrder, ReservedCard, ReservedMobile};
use store::tables::bank_accounts::Chargeable;
use store::tables::members::Member;
use store::{Tx, TxError};

use crate::context::place;
use crate::op::{Cx, Done, OrStop, Stop, fault};
use crate::supply::Need;

/// An application that was granted.
pub struct Granted<'a> {
    /// The card account to be replaced.
    pub old_account: CardAccountId,
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

/// Writes the application; `None` where another one is open for the card.
pub fn apply<E>(cx: &Cx, tx: &mut Tx<'_>, granted: &Granted<'_>) -> Done<Option<Application>, E> {
    let (asp, supply, terms) = (&cx.call.asp, &cx.core.supply, granted.terms);
    let now = cx.call.now;
    let apply_no = ApplyNo::of(now.business_day(), supply.id(asp).or_stop()?);
    let mobile = match terms.issuance {
        Issuance::PreIssuance => Some(ReservedMobile {
            account: CardAccountId(supply.id(asp).or_stop()?),
            card: reserve(cx, &granted.product).or_stop()?,
        }),
        Issuance::Ordinary => None,
    };
    let (physical, recipient_sealed) = match &granted.delivery_to {
        Some(to) => (
            Some(reserve(cx, &granted.product).or_stop()?),
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
        state,
        user_id: granted.member.user_id,
        old_account: granted.old_account,
        service_id: granted.product.service_id.clone(),
        issuance: terms.issuance,
        delivery: terms.delivery,
        recipient_sealed,
        fee: terms.fee,
        vat_basis_points: u32::try_from(cx.core.settings.vat_basis_points).ok().or_stop()?,
        validity_months: granted.product.validity_months,
        mobile,
        physical,
        order,
        applied_at: now,
        correlation_id: cx.call.correlation_id.clone(),
        keys: cx.call.keys.clone(),
    };
    let written = applications::insert(tx, asp, &application)?;
    Ok(written.then_some(application))
}

fn reserve(cx: &Cx, product: &Product) -> Result<ReservedCard, Need> {
    let (asp, supply) = (&cx.call.asp, &cx.core.supply);
    let card = CardId(supply.id(asp)?);
    Ok(supply.number(asp, &product.service_id)?.reserved(card))
}

/// The order for the fee, fixed before it is sent.
fn order<E>(cx: &Cx, granted: &Granted<'_>) -> Done<Option<FeeOrder>, E> {
    let Chargeable::Account(bank_account_id) = granted.chargeable else { return Ok(None) };
    let serial = cx.core.supply.bank_tran_serial().or_stop()?;
    let bank_tran_id = BankTranId::new(&cx.core.institution_code, serial)
        .map_err(|error| fault(format!("bank transaction id: {error}")))?;
    let settings = &cx.core.settings;
    let patience_ms = settings.fee_deadline_ms.saturating_add(settings.fee_recovery_margin_ms);
    Ok(Some(FeeOrder {
        bank_account_id,
        bank_tran_id: bank_tran_id.to_string(),
        bank_tran_day: cx.call.now.business_day().to_string(),
        deadline_at: cx.call.now.plus_ms(patience_ms),
    }))
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
