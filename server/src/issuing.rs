//! Issuing the cards of an application: what its settling does, with a fee or without, live or in
//! recovery; and what registering its plastic completes.

use crypto::pan::Pan;
use crypto::par::Par;
use domain::application::Kind;
use domain::card::{self, CardEvent, CardState};
use domain::ledger::Journal;
use domain::product::Waiver;
use domain::{ApplyNo, AspId, CardAccountId, Expiry, Money, ServiceId};
use serde_json::{Value, json};
use store::tables::applications::{Application, ReservedMobile};
use store::tables::card_accounts::{self, CardAccount, NewCardAccount, Standing};
use store::tables::cards::Form;
use store::tables::log::{self, NewEntry};
use store::tables::postings;
use store::{DbError, Row, Tx};

use crate::cards::{self, Made};
use crate::context::place;
use crate::op::{CallKind, Cx, Done, Effect, OrStop, fault};

/// Settles an application; `old` is the account that it replaces, which this transaction has
/// claimed. The mobile card and the move of the balance where they come at the request, the plastic
/// and its delivery where asked for, the journal with `fee` in it, the row of the operation log.
/// The mobile card, if any.
pub fn settle<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    application: &Application,
    old: Option<&CardAccount>,
    fee: Journal,
) -> Done<Option<Made>, E> {
    let (asp, now) = (&cx.call.asp, cx.call.now);
    let log_id = cx.core.supply.id(asp).or_stop()?;
    let expiry = Expiry::after(now, application.validity_months);
    let mut journal = fee;
    let mut made = None;
    if let Some(mobile) = &application.mobile {
        let moved = issue_mobile(cx, tx, application, old, mobile, expiry)?;
        journal = journal.and(moved.journal);
        made = Some(moved.made);
    }
    if application.physical.is_some() {
        order_plastic(cx, tx, application, expiry)?;
    }
    postings::insert(tx, asp, log_id, &journal)?;
    let event = event(application.kind, made.is_some());
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

/// What has happened once an application is settled.
pub const fn event(kind: Kind, has_mobile: bool) -> &'static str {
    match (kind, has_mobile) {
        (Kind::Issue, true) => "card.issued",
        (Kind::Issue, false) => "card.issue_applied",
        (Kind::Reissue, true) => "card.reissued",
        (Kind::Reissue, false) => "card.reissue_applied",
        (Kind::Renew, true) => "card.renewed",
        (Kind::Renew, false) => "card.renewal_applied",
    }
}

/// A mobile card with its account, and the journal of the balance that moved to it.
pub struct Issued {
    /// The card.
    pub made: Made,
    /// Empty where it replaces none.
    pub journal: Journal,
}

/// Opens the account that an application has reserved, with the balance of the one that it
/// replaces, and makes its mobile card.
pub fn issue_mobile<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    application: &Application,
    old: Option<&CardAccount>,
    mobile: &ReservedMobile,
    expiry: Expiry,
) -> Done<Issued, E> {
    let (asp, now) = (&cx.call.asp, cx.call.now);
    let new = mobile.account;
    let Some(old) = old else {
        let holder = Holder {
            user_id: application.user_id,
            service_id: &application.service_id,
            balance_limit: application.balance_limit,
            apply_no: Some(application.apply_no.as_str()),
        };
        let made = open_with_mobile(cx, tx, &holder, mobile, expiry)?;
        return Ok(Issued { made, journal: Journal::default() });
    };
    replace(cx, tx, application, old, new, expiry)?;
    let journal = Journal::balance_moved(old.id, new, old.balance);
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
    Ok(Issued { made: cards::make(&cx.core, tx, asp, order)?, journal })
}

/// Whose account is opened, and of which product.
pub struct Holder<'a> {
    /// The member.
    pub user_id: i64,
    /// The product.
    pub service_id: &'a ServiceId,
    /// The most that it may hold.
    pub balance_limit: Money,
    /// The application for it, if there is one.
    pub apply_no: Option<&'a str>,
}

/// Opens an account that replaces none, with its mobile card.
pub fn open_with_mobile<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    holder: &Holder<'_>,
    mobile: &ReservedMobile,
    expiry: Expiry,
) -> Done<Made, E> {
    open(cx, tx, holder, mobile.account, expiry)?;
    let order = cards::Order {
        id: mobile.card.card,
        account: Some(mobile.account),
        service_id: holder.service_id,
        form: Form::Mobile,
        pan: cards::number(&cx.core, &mobile.card)?,
        expiry,
        apply_no: holder.apply_no,
        now: cx.call.now,
    };
    cards::make(&cx.core, tx, &cx.call.asp, order)
}

/// Opens an account that replaces none: the member's first becomes the main card.
fn open<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    holder: &Holder<'_>,
    id: CardAccountId,
    expiry: Expiry,
) -> Done<(), E> {
    let asp = &cx.call.asp;
    let account = NewCardAccount {
        id,
        user_id: holder.user_id,
        service_id: holder.service_id,
        state: CardState::Active,
        balance: Money::ZERO,
        standing: Standing {
            balance_limit: holder.balance_limit,
            is_named: false,
            is_main: !has_main(tx, asp, holder.user_id)?,
        },
        predecessor: None,
        reissues: 0,
        expiry,
        opened_at: cx.call.now,
    };
    Ok(card_accounts::insert(tx, asp, &account)?)
}

/// Whether the member has a main card.
pub fn has_main(tx: &mut Tx<'_>, asp: &AspId, user_id: i64) -> Result<bool, DbError> {
    let found = tx.query_opt(
        "SELECT 1 FROM card_account
         WHERE asp_id = $1 AND account_id IN (
                 SELECT o.account_id FROM card_account o WHERE o.asp_id = $1 AND o.user_id = $2)
             AND is_main AND state <> 'TERMINATED' LIMIT 1",
        &[asp.as_str().into(), user_id.into()],
    )?;
    Ok(found.is_some())
}

/// Opens an account with the old one's balance and standing settings, and ends the old one.
fn replace<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    application: &Application,
    old: &CardAccount,
    new: CardAccountId,
    expiry: Expiry,
) -> Done<(), E> {
    let asp = &cx.call.asp;
    let ended = card::next(old.state, CardEvent::Replace)
        .ok_or_else(|| fault(format!("card account {} has ended", old.id)))?;
    // A defect that was made good leaves the first reissue free.
    let this_time = match (application.kind, application.waiver) {
        (Kind::Reissue, Some(Waiver::FirstReissue) | None) => 1,
        (Kind::Reissue, Some(Waiver::DefectiveCard)) | (Kind::Issue | Kind::Renew, _) => 0,
    };
    let account = NewCardAccount {
        id: new,
        user_id: application.user_id,
        service_id: &application.service_id,
        state: CardState::Active,
        balance: old.balance,
        standing: old.standing,
        predecessor: Some(old.id),
        reissues: old.past.reissues.saturating_add(this_time),
        expiry,
        opened_at: cx.call.now,
    };
    card_accounts::insert(tx, asp, &account)?;
    tx.put(
        "UPDATE card_account SET state = $3, balance = 0, successor_id = $4, is_main = FALSE
         WHERE asp_id = $1 AND account_id = $2",
        &[asp.as_str().into(), old.id.0.into(), ended.name().into(), new.0.into()],
    )?;
    if old.has_sub_cards {
        // They end with its successor.
        tx.put(
            "UPDATE card_account SET main_account_id = $3
             WHERE asp_id = $1 AND account_id IN (
                 SELECT o.account_id FROM card_account o
                 WHERE o.asp_id = $1 AND o.main_account_id = $2)",
            &[asp.as_str().into(), old.id.0.into(), new.0.into()],
        )?;
    }
    if old.has_virtual_account {
        move_virtual_account(cx, tx, old.id, new)?;
    }
    Ok(())
}

/// The virtual account of a card that is replaced leads to its successor. Its number is sealed for
/// the place where it stands.
fn move_virtual_account<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    old: CardAccountId,
    new: CardAccountId,
) -> Done<(), E> {
    let asp = &cx.call.asp;
    let moved = tx.query_one(
        "UPDATE virtual_account SET account_id = $3 WHERE asp_id = $1 AND account_id = $2
         RETURNING account_no_sealed",
        &[asp.as_str().into(), old.0.into(), new.0.into()],
    )?;
    let (from, to) = (old.0.to_string(), new.0.to_string());
    let at = |row| place(asp, "virtual_account.account_no", row);
    let number = cx.core.open_text(at(&from), moved.blob(0)?).or_stop()?;
    let sealed = cx.core.seal(at(&to), number.expose().as_bytes()).or_stop()?;
    tx.put(
        "UPDATE virtual_account SET account_no_sealed = $3 WHERE asp_id = $1 AND account_id = $2",
        &[asp.as_str().into(), new.0.into(), sealed.as_slice().into()],
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
        "INSERT INTO delivery (asp_id, apply_no, state, card_id, attempt, recipient_sealed,
             ordered_at, changed_at)
         VALUES ($1, $2, 'READY', $3, 1, $4, $5, $5)",
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

/// The mobile card that an application issued, for an answer that is built again. The row that says
/// that the card was issued stands for the first answer; each further one has a row of its own, as
/// it tells the card's number.
pub fn recall<E>(cx: &Cx, tx: &mut Tx<'_>, apply_no: &ApplyNo) -> Done<Option<Made>, E> {
    let row = tx.query_opt(
        "SELECT c.card_id, c.pan_sealed, c.par, c.expiry_yymm, c.cvc_key_id
         FROM application a JOIN card c ON c.asp_id = a.asp_id AND c.card_id = a.mobile_card_id
         WHERE a.asp_id = $1 AND a.apply_no = $2",
        &[cx.call.asp.as_str().into(), apply_no.as_str().into()],
    )?;
    recalled(cx, tx, row, apply_no.as_str())
}

/// The same of an account's mobile card.
pub fn recall_of<E>(cx: &Cx, tx: &mut Tx<'_>, account: CardAccountId) -> Done<Option<Made>, E> {
    let row = tx.query_opt(
        "SELECT c.card_id, c.pan_sealed, c.par, c.expiry_yymm, c.cvc_key_id
         FROM card c
         WHERE c.asp_id = $1 AND c.card_id IN (
                 SELECT o.card_id FROM card o WHERE o.asp_id = $1 AND o.account_id = $2)
             AND c.form = 'MOBILE'",
        &[cx.call.asp.as_str().into(), account.0.into()],
    )?;
    recalled(cx, tx, row, &account.to_string())
}

fn recalled<E>(cx: &Cx, tx: &mut Tx<'_>, row: Option<Row>, subject: &str) -> Done<Option<Made>, E> {
    let Some(row) = row else { return Ok(None) };
    let card = row.int(0)?.to_string();
    let number =
        cx.core.open_text(place(&cx.call.asp, "card.pan", &card), row.blob(1)?).or_stop()?;
    let pan = Pan::parse(number.expose()).ok().or_stop()?;
    let cvc = cards::cvc(&cx.core, &pan, row.text(3)?, row.int(4)?)?;
    let par = Par::parse(row.text(2)?).ok().or_stop()?;
    match cx.call.kind {
        CallKind::Live => {
            let payload = json!({ "par": par.as_str() });
            note(cx, tx, "card.number_told", subject, &payload)?;
        }
        CallKind::Settling | CallKind::Settled => {}
    }
    Ok(Some(Made { pan, cvc, par }))
}

/// Writes a row of the operation log beside the one by which the call is remembered.
pub fn note<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    event: &str,
    subject: &str,
    payload: &Value,
) -> Done<(), E> {
    let call = &cx.call;
    let entry = NewEntry {
        id: cx.core.supply.id(&call.asp).or_stop()?,
        operation: call.operation,
        event,
        code: "000_000",
        correlation_id: &call.correlation_id,
        subject,
        payload: &payload.to_string(),
        happened_at: call.moment(),
        keys: None,
    };
    if log::insert(tx, &call.asp, &entry)? {
        return Ok(());
    }
    Err(fault("the log has the row's id already"))
}
