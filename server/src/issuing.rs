//! Replacing a card account by a new one: what the settling of a reissue does, with a fee or
//! without, live or in recovery.

use crypto::pan::Pan;
use crypto::par::Par;
use domain::card::{self, CardEvent, CardState};
use domain::ledger::Journal;
use domain::{ApplyNo, AspId, Expiry};
use serde_json::json;
use store::Tx;
use store::tables::applications::{Application, ReservedMobile};
use store::tables::card_accounts::{self, CardAccount, NewCardAccount};
use store::tables::cards::Form;
use store::tables::log::{self, NewEntry};
use store::tables::postings;

use crate::cards::{self, Made};
use crate::context::place;
use crate::op::{CallKind, Cx, Done, Effect, OrStop, fault};

/// Settles an application whose old card this transaction has claimed: the mobile card and the
/// move of the balance where they come at the request, the plastic and its delivery where asked
/// for, the journal with `fee` in it, the row of the operation log. The mobile card, if any.
pub fn replace<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    application: &Application,
    old: &CardAccount,
    fee: Journal,
) -> Done<Option<Made>, E> {
    let (asp, now) = (&cx.call.asp, cx.call.now);
    let log_id = cx.core.supply.id(asp).or_stop()?;
    let expiry = Expiry::after(now, application.validity_months);
    let mut journal = fee;
    let mut made = None;
    if let Some(mobile) = &application.mobile {
        open_successor(cx, tx, application, old, mobile)?;
        let new = mobile.account;
        let order = cards::Order {
            id: mobile.card.card,
            account: Some(new),
            service_id: &application.service_id,
            form: Form::Mobile,
            pan: cards::number(&cx.core, &mobile.card)?,
            expiry,
            apply_no: Some(application.apply_no.as_str()),
            now,
        };
        made = Some(cards::make(&cx.core, tx, asp, order)?);
        journal = journal.and(Journal::balance_moved(old.id, new, old.balance));
    }
    if application.physical.is_some() {
        order_plastic(cx, tx, application, expiry)?;
    }
    postings::insert(tx, asp, log_id, &journal)?;
    let event = if made.is_some() { "card.reissued" } else { "card.reissue_applied" };
    let par = made.as_ref().map(|made| made.par.as_str());
    cx.record(
        tx,
        &Effect {
            log_id,
            event,
            code: "000_000",
            subject: application.apply_no.as_str(),
            payload: &json!({
                "cardApplyNo": application.apply_no.as_str(),
                "userId": application.user_id,
                "par": par,
                "fee": application.fee.minor(),
                "delivery": application.delivery.name(),
            }),
        },
    )?;
    Ok(made)
}

/// Opens the new account with the old one's balance and standing settings, and ends the old one.
fn open_successor<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    application: &Application,
    old: &CardAccount,
    mobile: &ReservedMobile,
) -> Done<(), E> {
    let (asp, now) = (&cx.call.asp, cx.call.now);
    let ended = card::next(old.state, CardEvent::Reissue)
        .ok_or_else(|| fault(format!("card account {} is not suspended", old.id)))?;
    let account = NewCardAccount {
        id: mobile.account,
        user_id: application.user_id,
        service_id: &application.service_id,
        state: CardState::Active,
        balance: old.balance,
        standing: old.standing,
        predecessor: Some(old.id),
        opened_at: now,
    };
    card_accounts::insert(tx, asp, &account)?;
    tx.put(
        "UPDATE card_account SET state = $3, balance = 0, successor_id = $4, is_main = FALSE
         WHERE asp_id = $1 AND account_id = $2",
        &[asp.as_str().into(), old.id.0.into(), ended.name().into(), mobile.account.0.into()],
    )?;
    Ok(())
}

/// Makes the plastic, which is linked to an account when it is registered, and orders its way.
fn order_plastic<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    application: &Application,
    expiry: Expiry,
) -> Done<(), E> {
    let (asp, now) = (&cx.call.asp, cx.call.now);
    let (Some(reserved), Some(recipient)) = (&application.physical, &application.recipient_sealed)
    else {
        return Err(fault("an application with plastic has no number or recipient"));
    };
    let order = cards::Order {
        id: reserved.card,
        account: None,
        service_id: &application.service_id,
        form: Form::Physical,
        pan: cards::number(&cx.core, reserved)?,
        expiry,
        apply_no: Some(application.apply_no.as_str()),
        now,
    };
    cards::make::<E>(&cx.core, tx, asp, order)?;
    tx.put(
        "INSERT INTO delivery (asp_id, apply_no, state, card_id, recipient_sealed, ordered_at,
             changed_at)
         VALUES ($1, $2, 'READY', $3, $4, $5, $5)",
        &[
            asp.as_str().into(),
            application.apply_no.as_str().into(),
            reserved.card.0.into(),
            recipient.as_slice().into(),
            now.0.into(),
        ],
    )?;
    Ok(())
}

/// The mobile card that an application issued at its request, for an answer that is built again.
/// The row that says that the card was issued stands for the first answer; each further one has a
/// row of its own, as it tells the card's number.
pub fn recall<E>(cx: &Cx, tx: &mut Tx<'_>, apply_no: &ApplyNo) -> Done<Option<Made>, E> {
    let asp: &AspId = &cx.call.asp;
    let row = tx.query_opt(
        "SELECT c.card_id, c.pan_sealed, c.par, c.expiry_yymm, c.cvc_key_id
         FROM application a JOIN card c ON c.asp_id = a.asp_id AND c.card_id = a.mobile_card_id
         WHERE a.asp_id = $1 AND a.apply_no = $2",
        &[asp.as_str().into(), apply_no.as_str().into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    let card = row.int(0)?.to_string();
    let number = cx.core.open_text(place(asp, "card.pan", &card), row.blob(1)?).or_stop()?;
    let pan = Pan::parse(number.expose()).ok().or_stop()?;
    let cvc = cards::cvc(&cx.core, &pan, row.text(3)?, row.int(4)?)?;
    let par = Par::parse(row.text(2)?).ok().or_stop()?;
    match cx.call.kind {
        CallKind::Live => tell(cx, tx, apply_no, &par)?,
        CallKind::Settling | CallKind::Settled => {}
    }
    Ok(Some(Made { pan, cvc, par }))
}

/// Writes that a card's number is told again.
fn tell<E>(cx: &Cx, tx: &mut Tx<'_>, apply_no: &ApplyNo, par: &Par) -> Done<(), E> {
    let call = &cx.call;
    let payload = json!({ "cardApplyNo": apply_no.as_str(), "par": par.as_str() });
    let entry = NewEntry {
        id: cx.core.supply.id(&call.asp).or_stop()?,
        operation: call.operation,
        event: "card.number_told",
        code: "000_000",
        correlation_id: &call.correlation_id,
        subject: apply_no.as_str(),
        payload: &payload.to_string(),
        happened_at: call.now,
        keys: None,
    };
    if log::insert(tx, &call.asp, &entry)? {
        return Ok(());
    }
    Err(fault("the log has the row's id already"))
}
