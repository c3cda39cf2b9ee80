//! `prepaid-card.physical-register`: a member registers a physical card: it joins the mobile card
//! that was issued before, or one is issued with it.
//!
//! The reference does not show the request: its fields are those of a public client. Nor does it
//! show the encryption: a client is seen to encrypt the request, and the answer tells a number.

use contract::{Digits, Spec, Text, UInt, at, catalogue, errors, input, output};
use domain::application::{self, Event, State};
use domain::card::{CardEvent, CardState};
use domain::delivery::Event as DeliveryEvent;
use domain::ledger::Journal;
use domain::register::{self, Awaits, Facts, Mobile, Named, Plan, Refusal};
use domain::{ApplyNo, CardAccountId, Expiry, UserId};
use serde_json::{Value, json};
use store::tables::applications::{self, Application, ReservedMobile};
use store::tables::card_accounts::{self, CardAccount};
use store::tables::log::Remembered;
use store::tables::members::{self, Member};
use store::tables::{postings, products};
use store::{Tx, TxError};

use super::issue::{self, Issue};
use super::reissue::{self, Reissue};
use super::terminate;
use crate::cards::Made;
use crate::op::{Changes, Cx, Done, Effect, Operation, OrStop, Ruling, Stop, Write, fault, refuse};
use crate::sandbox::world::{
    Card, Draft, GIVEN_EXPIRY_YYMM, Scenario, Step, World, products as given,
};
use crate::verification::{self, OnCard, Plastic};
use crate::{applying, delivery, issuing};

/// The operation.
pub struct PhysicalRegister;

input! {
    /// A physical card as its holder reads it.
    pub struct Request {
        /// Member id given at registration.
        user_id: UInt<1, 9_999_999_999_999_999_999> = at("userId"),
        /// Number of the physical card.
        physical_card_no: Digits<16> = at("physicalCardNo"),
        /// Expiry of the physical card, YYMM.
        physical_card_exp_date: Digits<4> = at("physicalCardExpDate"),
        /// Verification code of the physical card.
        physical_card_cvc: Digits<3> = at("physicalCardCVC").secret(),
        /// The application whose mobile card it joins. May be left out where the card was made for
        /// an application, or is to get a mobile card of its own.
        card_apply_no: Option<Digits<22>> = at("cardApplyNo").optional(),
    }
}

output! {
    /// The mobile card to which the physical one is linked.
    pub struct Response {
        /// Number of the mobile card.
        mobile_card_no: Digits<16> = "mobileCardNo",
        /// Payment account reference of the mobile card.
        par: Text<27, 27> = "par",
    }
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT.assigned_use(),
        WalletUserNotFound = catalogue::WALLET_USER_NOT_FOUND.assigned_use(),
        InvalidCardInfo = catalogue::INVALID_CARD_INFO
            .meaning("Number, expiry and CVC do not belong together, the card is registered, has \
                      ended or is another member's, or its check is locked after wrong guesses: \
                      which of them is not told."),
        IssueNotFound = catalogue::ISSUE_NOT_FOUND,
        DigitalCardTerminated = catalogue::DIGITAL_CARD_TERMINATED,
        IssueNotReady = catalogue::ISSUE_NOT_READY,
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotAMember => Error::WalletUserNotFound,
            Refusal::InvalidCard => Error::InvalidCardInfo,
            Refusal::NoSuchApplication => Error::IssueNotFound,
            Refusal::MobileEnded => Error::DigitalCardTerminated,
            Refusal::NotReady => Error::IssueNotReady,
        }
    }
}

impl Operation for PhysicalRegister {
    const SPEC: Spec = Spec {
        id: "prepaid-card.physical-register",
        title: "Physical Card Registration",
        group: "Prepaid cards",
        path: "/api/v1/prepay-card/physical/register",
        version: "v1",
        about: "Registers a physical card to a member, who proves to hold it by number, expiry and \
                CVC. A card that was delivered for an application completes it: it joins the \
                mobile card issued before; of an ordinary product the mobile card is issued now, \
                and the balance of a card that it replaces moves now. A card that was made for \
                nobody gets a mobile card of its own, or joins the one of the application named.",
        request_encrypted: true,
        response_encrypted: true,
        success_message: "Success.",
        since: "2026-11-25",
        same_as: &["debit-card.physical-register"],
    };
    const CHANGES: Changes = Changes {
        card: &[CardEvent::Replace],
        application: &[Event::IssueMobile, Event::RegisterPhysical],
        delivery: &[DeliveryEvent::Register],
    };
    type Request = Request;
    type Response = Response;
    type Error = Error;

    fn scenarios() -> Vec<Scenario> {
        scenarios()
    }
}

impl Write for PhysicalRegister {
    fn run(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let (asp, user) = (&cx.call.asp, UserId(request.user_id.get()));
        let Some(member) = members::claim(tx, asp, user)? else {
            return refuse(Error::WalletUserNotFound);
        };
        let on_card = OnCard {
            number: request.physical_card_no.as_str(),
            expiry_yymm: request.physical_card_exp_date.as_str(),
            cvc: request.physical_card_cvc.as_str(),
        };
        let Some(plastic) = verification::unregistered(cx, tx, &on_card)? else {
            // The wrong guess is kept.
            return Ok(Ruling::Refused(Error::InvalidCardInfo));
        };
        let named = match &request.card_apply_no {
            Some(no) => Some(find(cx, tx, &member, &ApplyNo::new(no.as_str()))?),
            None => None,
        };
        let made_for = match &plastic.apply_no {
            Some(apply_no) => Some(find(cx, tx, &member, apply_no)?),
            None => None,
        };
        let facts = Facts {
            membership: Member::membership(Some(&member)),
            plastic: Some(known_plastic(cx, &plastic, made_for.as_ref())?),
            named: match &named {
                None => Named::None,
                Some(None) => Named::Unknown,
                Some(Some(found)) => Named::Known(known(found, &plastic)),
            },
        };
        let plan = register::decide(&facts).or_else(|refusal| refuse(refusal.into()))?;
        let application = named.flatten().or(made_for.flatten());
        let registering = Registering { plastic: &plastic, user_id: member.user_id };
        let made = match (plan, application) {
            (Plan::Link, Some(found)) => link(cx, tx, &registering, found)?,
            (Plan::IssueMobile, Some(found)) => issue_mobile(cx, tx, &registering, found)?,
            (Plan::Open, _) => open(cx, tx, &registering)?,
            (Plan::Link | Plan::IssueMobile, None) => {
                return Err(fault("an application that the rules promise is missing"));
            }
        };
        respond(&made).map(Ruling::Answered)
    }

    fn recall(cx: &Cx, tx: &mut Tx<'_>, remembered: &Remembered) -> Done<Response, Error> {
        let made = match remembered.subject.parse().map(CardAccountId) {
            Ok(account) if remembered.subject.len() < APPLY_NO_DIGITS => {
                issuing::recall_of(cx, tx, account)?
            }
            Ok(_) | Err(_) => issuing::recall(cx, tx, &ApplyNo::new(&remembered.subject))?,
        };
        respond(&made.or_stop()?)
    }
}

/// Digits of an application number: an account's id has fewer.
const APPLY_NO_DIGITS: usize = 22;

/// Who registers what.
struct Registering<'a> {
    plastic: &'a Plastic,
    user_id: i64,
}

/// An application of the member, with what it has issued and what it replaces, claimed.
struct Found {
    application: Application,
    mobile: Option<CardAccount>,
    old: Option<CardAccount>,
}

fn find(
    cx: &Cx,
    tx: &mut Tx<'_>,
    member: &Member,
    apply_no: &ApplyNo,
) -> Done<Option<Found>, Error> {
    let asp = &cx.call.asp;
    let is_members = |application: &Application| application.user_id == member.user_id;
    let Some(first) = applications::load(tx, asp, apply_no)?.filter(is_members) else {
        return Ok(None);
    };
    let old = card_accounts::claim_of(tx, asp, apply_no)?;
    let mobile = match &first.mobile {
        Some(mobile) => card_accounts::claim_by_id(tx, asp, mobile.account)?,
        None => None,
    };
    // Once more: whoever had the claim before may have moved it on.
    let application = applications::load(tx, asp, apply_no)?;
    Ok(application.map(|application| Found { application, mobile, old }))
}

fn known_plastic(
    cx: &Cx,
    plastic: &Plastic,
    made_for: Option<&Option<Found>>,
) -> Done<register::Plastic, Error> {
    if expiry(plastic)?.days_left(cx.call.now) < 0 {
        return Ok(register::Plastic::Ended);
    }
    Ok(match made_for {
        None => register::Plastic::Stock,
        Some(None) => register::Plastic::OfAnother,
        Some(Some(found)) => register::Plastic::MadeFor(known(found, plastic)),
    })
}

fn known(found: &Found, plastic: &Plastic) -> register::Application {
    let application = &found.application;
    let is_stock = plastic.apply_no.is_none() && plastic.service_id == application.service_id;
    register::Application {
        state: application.state,
        issuance: application.issuance,
        mobile: match found.mobile.as_ref().map(|account| account.state) {
            None => Mobile::None,
            Some(CardState::Active | CardState::Suspended) => Mobile::Lives,
            Some(CardState::Terminated) => Mobile::Ended,
        },
        awaits: match &application.physical {
            Some(ordered) if ordered.card == plastic.id => Awaits::ThisOne,
            None if is_stock => Awaits::AnyOfItsProduct,
            Some(_) | None => Awaits::AnotherOne,
        },
    }
}

fn expiry(plastic: &Plastic) -> Done<Expiry, Error> {
    Expiry::from_yymm(&plastic.expiry_yymm).or_stop()
}

/// The plastic joins the mobile card that its application has issued.
fn link(cx: &Cx, tx: &mut Tx<'_>, it: &Registering<'_>, found: Found) -> Done<Made, Error> {
    let (application, account) = (found.application, found.mobile.or_stop()?);
    let to = application::next(application.state, Event::RegisterPhysical).or_stop()?;
    complete(cx, tx, it, &application, account.id, to)?;
    let apply_no = &application.apply_no;
    record(cx, tx, it, apply_no.as_str(), &Journal::default())?;
    issuing::recall(cx, tx, apply_no)?.or_stop()
}

/// The mobile card of an ordinary product's application is issued, and the balance that waits for
/// it moves.
fn issue_mobile(cx: &Cx, tx: &mut Tx<'_>, it: &Registering<'_>, found: Found) -> Done<Made, Error> {
    let Found { application, old, .. } = found;
    let mobile = ReservedMobile {
        account: CardAccountId(cx.core.supply.id(&cx.call.asp).or_stop()?),
        card: applying::reserve(cx, &application.service_id).or_stop()?,
    };
    let expiry = expiry(it.plastic)?;
    let issued = issuing::issue_mobile(cx, tx, &application, old.as_ref(), &mobile, expiry)?;
    let issued_state = application::next(application.state, Event::IssueMobile).or_stop()?;
    let to = application::next(issued_state, Event::RegisterPhysical).or_stop()?;
    complete(cx, tx, it, &application, mobile.account, to)?;
    applications::set_mobile(tx, &cx.call.asp, &application.apply_no, &mobile)?;
    let payload = json!({
        "cardApplyNo": application.apply_no.as_str(),
        "userId": it.user_id,
        "par": issued.made.par.as_str(),
    });
    let event = issuing::event(application.kind, true);
    issuing::note(cx, tx, event, application.apply_no.as_str(), &payload)?;
    record(cx, tx, it, application.apply_no.as_str(), &issued.journal)?;
    Ok(issued.made)
}

/// The plastic belongs to the account, its application is completed, and it has arrived.
fn complete(
    cx: &Cx,
    tx: &mut Tx<'_>,
    it: &Registering<'_>,
    application: &Application,
    account: CardAccountId,
    to: State,
) -> Done<(), Error> {
    let asp = &cx.call.asp;
    // Delivery, plastic, application: a loss takes them in this order.
    delivery::arrived(cx, tx, &application.apply_no, cx.call.now)?;
    own(cx, tx, it.plastic, account)?;
    let moved = applications::complete(
        tx,
        asp,
        &application.apply_no,
        (application.state, to),
        it.plastic.id,
    )?;
    if moved { Ok(()) } else { Err(TxError::Refused(Stop::CameFirst)) }
}

/// Gives the plastic to an account, unless it was lost meanwhile; the pair ends with whichever of
/// them expires first.
fn own(cx: &Cx, tx: &mut Tx<'_>, plastic: &Plastic, account: CardAccountId) -> Done<(), Error> {
    let asp = &cx.call.asp;
    let taken = tx.execute(
        "UPDATE card SET account_id = $3, registered_at = $4
         WHERE asp_id = $1 AND card_id = $2 AND account_id IS NULL AND ended_at IS NULL",
        &[asp.as_str().into(), plastic.id.0.into(), account.0.into(), cx.call.now.0.into()],
    )?;
    if taken != 1 {
        return Err(TxError::Refused(Stop::CameFirst));
    }
    tx.put(
        "UPDATE card_account SET expiry_yymm = $3
         WHERE asp_id = $1 AND account_id = $2 AND expiry_yymm > $3",
        &[asp.as_str().into(), account.0.into(), plastic.expiry_yymm.as_str().into()],
    )?;
    Ok(())
}

/// Opens an account with a mobile card for plastic that was made for nobody.
fn open(cx: &Cx, tx: &mut Tx<'_>, it: &Registering<'_>) -> Done<Made, Error> {
    let asp = &cx.call.asp;
    let service = &it.plastic.service_id;
    let product = products::find(tx, asp, service)?.or_stop()?;
    let mobile = ReservedMobile {
        account: CardAccountId(cx.core.supply.id(asp).or_stop()?),
        card: applying::reserve(cx, service).or_stop()?,
    };
    let holder = issuing::Holder {
        user_id: it.user_id,
        service_id: service,
        balance_limit: product.limits.unnamed,
        apply_no: None,
    };
    let made = issuing::open_with_mobile(cx, tx, &holder, &mobile, expiry(it.plastic)?)?;
    own(cx, tx, it.plastic, mobile.account)?;
    record(cx, tx, it, &mobile.account.to_string(), &Journal::default())?;
    Ok(made)
}

fn record(
    cx: &Cx,
    tx: &mut Tx<'_>,
    it: &Registering<'_>,
    subject: &str,
    journal: &Journal,
) -> Done<(), Error> {
    let log_id = cx.core.supply.id(&cx.call.asp).or_stop()?;
    postings::insert(tx, &cx.call.asp, log_id, journal)?;
    let apply_no = (subject.len() == APPLY_NO_DIGITS).then_some(subject);
    let payload = json!({ "userId": it.user_id, "par": it.plastic.par, "cardApplyNo": apply_no });
    cx.record(
        tx,
        &Effect { log_id, event: "card.registered", code: "000_000", subject, payload: &payload },
    )
}

fn respond(made: &Made) -> Done<Response, Error> {
    Ok(Response {
        mobile_card_no: Digits::new(made.pan.reveal()).or_stop()?,
        par: Text::new(made.par.as_str()).or_stop()?,
    })
}

/// The request that registers the plastic of the scenario's application.
pub fn request(world: &World) -> Value {
    json!({
        "userId": world.user_id(),
        "physicalCardNo": world.plastic_no(),
        "physicalCardExpDate": GIVEN_EXPIRY_YYMM,
        "physicalCardCVC": world.given_cvc(),
        "cardApplyNo": world.apply_no().as_str(),
    })
}

/// The same for plastic that was made for nobody.
fn stock(world: &World) -> Value {
    let mut request = request(world);
    request["physicalCardNo"] = json!(world.card_no());
    if let Some(fields) = request.as_object_mut() {
        fields.remove("cardApplyNo");
    }
    request
}

/// The same, to join the mobile card of the scenario's application.
fn stock_for_application(world: &World) -> Value {
    let mut request = stock(world);
    request["cardApplyNo"] = json!(world.apply_no().as_str());
    request
}

/// An application whose plastic has been delivered.
fn example(number: u32, name: &'static str, title: &'static str) -> Draft {
    Scenario::of(World::new(number), name, title).given(|world| {
        world.card = Card::None;
        world.product = given::FREE;
        world.before = vec![Step::Call(Issue::SPEC.id, issue::with_plastic), Step::GivePlastic];
    })
}

/// Plastic that was made for nobody, and no application.
fn unregistered(world: &mut World) {
    world.card = Card::Unregistered;
    world.before.clear();
}

#[rustfmt::skip]
fn scenarios() -> Vec<Scenario> {
    let ok: &[&str] = &["mobileCardNo", "par"];
    let mut all = vec![
        example(491, "linked", "200 - Joins the mobile card issued before")
            .succeeds(request, "Success.", ok),
        example(492, "ordinary", "200 - The mobile card is issued now")
            .given(|world| world.product = given::ORDINARY)
            .succeeds(request, "Success.", ok),
        example(493, "reissue", "200 - The card of a reissue: the balance moves now")
            .given(|world| {
                world.card = Card::Suspended;
                world.product = given::ORDINARY;
                world.before =
                    vec![Step::Call(Reissue::SPEC.id, reissue::with_plastic), Step::GivePlastic];
            })
            .succeeds(request, "Success.", ok),
        example(494, "stock", "200 - A card that was made for nobody")
            .given(unregistered)
            .succeeds(stock, "Success.", ok),
    ];
    all.extend(refusals());
    all
}

/// What is refused.
#[rustfmt::skip]
fn refusals() -> Vec<Scenario> {
    vec![
        example(495, "invalid-input", "400 - Invalid input parameter")
            .given(unregistered)
            .refuses_field(|world| {
                let mut request = stock(world);
                request["physicalCardCVC"] = json!("12");
                request
            }, Error::InvalidInput, "physicalCardCVC"),
        example(496, "membership-cancelled",
            "400 - Non-member or a member who has canceled membership")
            .given(|world| {
                unregistered(world);
                world.is_member = false;
            })
            .refuses(stock, Error::WalletUserNotFound),
        example(497, "wrong-cvc", "400 - Wrong CVC")
            .given(unregistered)
            .refuses(|world| {
                let mut request = stock(world);
                request["physicalCardCVC"] = json!("999");
                request
            }, Error::InvalidCardInfo),
        example(498, "issue-not-found", "400 - No such application")
            .given(unregistered)
            .refuses(stock_for_application, Error::IssueNotFound),
        example(499, "digital-card-terminated", "400 - The mobile card has ended")
            .given(|world| {
                world.product = given::FREE;
                world.card = Card::Unregistered;
                world.before = vec![
                    Step::Call(Issue::SPEC.id, issue::mobile_only),
                    Step::GivePar,
                    Step::Call(terminate::Terminate::SPEC.id, terminate::request),
                ];
            })
            .refuses(stock_for_application, Error::DigitalCardTerminated),
        example(500, "issue-not-ready", "400 - The application is completed already")
            .given(|world| {
                world.before.push(Step::Call(PhysicalRegister::SPEC.id, request));
                world.card = Card::Unregistered;
            })
            .refuses(stock_for_application, Error::IssueNotReady),
    ]
}
