//! `prepaid-card.application-cancel`: the member takes an application back on its own day; the
//! mobile card that it issued is discarded, its plastic called off, its fee given back.
//!
//! The reference does not show whether the answer is encrypted: it tells a card number, so it is.
//! Nor does it show a code for an application that there is not: `cardApplyNo` is named as the
//! field at fault.

use contract::{Digits, Spec, Text, UInt, at, catalogue, errors, input, output};
use domain::application::Event;
use domain::cancel::{self, Day, Facts, Mobile, Refusal};
use domain::card::{CardEvent, CardState};
use domain::delivery::{DeliveryState, Event as DeliveryEvent};
use domain::ledger::Journal;
use domain::{ApplyNo, UserId};
use serde_json::{Value, json};
use store::tables::applications::{self, Application, Settlement};
use store::tables::card_accounts::{self, CardAccount};
use store::tables::fee_returns::Reason;
use store::tables::log::Remembered;
use store::tables::members::{self, Member};
use store::tables::postings;
use store::{Tx, TxError};

use super::issue::{self, Issue};
use super::physical_register;
use super::reissue::{self, Reissue};
use crate::fee::returning;
use crate::op::{
    Changes, Cx, Done, Effect, Operation, OrStop, Ruling, Stop, Write, refuse, refuse_at,
};
use crate::sandbox::world::{Card, Scenario, Step, World, products as given};
use crate::{delivery, ending, issuing};

/// The operation.
pub struct ApplicationCancel;

input! {
    /// A cancellation.
    pub struct Request {
        /// Card application number.
        card_apply_no: Digits<22> = at("cardApplyNo"),
        /// Member id given at registration.
        user_id: UInt<1, 9_999_999_999_999_999_999> = at("userId"),
    }
}

output! {
    /// The mobile card that was discarded with the application, if it had issued one.
    pub struct Response {
        /// Number of the mobile card that was discarded.
        mobile_card_no: Option<Digits<16>> = "mobileCardNo",
        /// Payment account reference of the mobile card that was discarded.
        par: Option<Text<27, 27>> = "par",
    }
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT,
        WalletUserNotFound = catalogue::WALLET_USER_NOT_FOUND,
        NotCancelableDueToDay = catalogue::NOT_CANCELABLE_DUE_TO_DAY,
        NotCancelableDueToStatus = catalogue::NOT_CANCELABLE_DUE_TO_STATUS,
    }
}

impl Operation for ApplicationCancel {
    const SPEC: Spec = Spec {
        id: "prepaid-card.application-cancel",
        title: "Cancellation of Card Application",
        group: "Prepaid cards",
        path: "/api/v1/card/delivery/cancel",
        version: "v1",
        about: "Takes an application back, on the day on which it was made (Korean time) and only \
                while its mobile card has not been used and its plastic is not on its way. The \
                mobile card is discarded with it, and a fee goes back to the member's bank \
                account. A reissue or renewal whose balance has moved cannot be cancelled.",
        request_encrypted: false,
        response_encrypted: true,
        success_message: "Success.",
        since: "2026-11-25",
        same_as: &["debit-card.application-cancel"],
    };
    const CHANGES: Changes = Changes {
        card: &[CardEvent::Discard],
        application: &[Event::Cancel],
        delivery: &[DeliveryEvent::Cancel],
    };
    type Request = Request;
    type Response = Response;
    type Error = Error;

    fn scenarios() -> Vec<Scenario> {
        scenarios()
    }
}

impl Write for ApplicationCancel {
    fn run(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let (asp, user) = (&cx.call.asp, UserId(request.user_id.get()));
        let apply_no = ApplyNo::new(request.card_apply_no.as_str());
        let member = members::find(tx, asp, user)?;
        let found = find(cx, tx, user, &apply_no)?;
        let facts = Facts {
            membership: Member::membership(member.as_ref()),
            application: match &found {
                Some(found) => Some(known(cx, tx, found)?),
                None => None,
            },
        };
        let to = match cancel::decide(&facts) {
            Ok(to) => to,
            Err(Refusal::NotAMember) => return refuse(Error::WalletUserNotFound),
            Err(Refusal::NoSuchApplication) => {
                return refuse_at(Error::InvalidInput, "cardApplyNo");
            }
            Err(Refusal::OtherDay) => return refuse(Error::NotCancelableDueToDay),
            Err(Refusal::Status) => return refuse(Error::NotCancelableDueToStatus),
        };
        let Found { application, mobile, .. } = found.or_stop()?;
        let settlement = Settlement {
            from: application.state,
            to,
            holds_old_card: false,
            refusal: None,
            api_tran_id: None,
            at: cx.call.now,
        };
        if !applications::settle(tx, asp, &apply_no, &settlement)? {
            return Err(TxError::Refused(Stop::CameFirst));
        }
        let mut pars = Vec::new();
        if let Some(account) = &mobile {
            ending::end_account(cx, tx, account)?;
            pars = card_accounts::pars(tx, asp, account.id)?;
        }
        delivery::stop(cx, tx, &apply_no)?;
        let journal = returning::owe(cx, tx, &application, Reason::Cancelled)?;
        record(cx, tx, &application, (&journal, &pars))?;
        answer(cx, tx, &apply_no).map(Ruling::Answered)
    }

    fn recall(cx: &Cx, tx: &mut Tx<'_>, remembered: &Remembered) -> Done<Response, Error> {
        answer(cx, tx, &ApplyNo::new(&remembered.subject))
    }
}

/// An application of the member, with the account of the mobile card that it has issued and how
/// far its plastic is.
struct Found {
    application: Application,
    mobile: Option<CardAccount>,
    delivery: Option<DeliveryState>,
}

/// Finds the application and claims what hangs on it: the card that it would replace, the one that
/// it has issued, its delivery. In this order, as everything else does.
fn find(cx: &Cx, tx: &mut Tx<'_>, user: UserId, apply_no: &ApplyNo) -> Done<Option<Found>, Error> {
    let asp = &cx.call.asp;
    let is_members = |application: &Application| Some(application.user_id) == user.stored();
    let Some(first) = applications::load(tx, asp, apply_no)?.filter(is_members) else {
        return Ok(None);
    };
    // A first card replaces none: its member is claimed instead, as by whoever settles its fee.
    if card_accounts::claim_of(tx, asp, apply_no)?.is_none() {
        members::claim_of(tx, asp, apply_no)?;
    }
    let mobile = match &first.mobile {
        Some(mobile) => card_accounts::claim_by_id(tx, asp, mobile.account)?,
        None => None,
    };
    let delivery = delivery::claim(cx, tx, apply_no)?.map(|delivery| delivery.standing.state);
    // Once more: whoever had the claim before may have moved it on.
    let application = applications::load(tx, asp, apply_no)?;
    if application.as_ref().is_some_and(|now| now.state != first.state) {
        // Its mobile card may have come with that, and is not claimed.
        return Err(TxError::Refused(Stop::CameFirst));
    }
    Ok(application.map(|application| Found { application, mobile, delivery }))
}

fn known(cx: &Cx, tx: &mut Tx<'_>, found: &Found) -> Done<cancel::Application, Error> {
    let Found { application, mobile, delivery } = found;
    let is_replaced = match mobile {
        Some(account) => applications::open_for(tx, &cx.call.asp, account.id)?.is_some(),
        None => false,
    };
    let is_today = application.applied_at.business_day() == cx.call.now.business_day();
    Ok(cancel::Application {
        kind: application.kind,
        state: application.state,
        day: if is_today { Day::Today } else { Day::Past },
        mobile: match mobile {
            Some(account) if is_replaced || is_used(account) => Mobile::Used,
            Some(_) | None => Mobile::Unused,
        },
        delivery: *delivery,
    })
}

fn is_used(account: &CardAccount) -> bool {
    account.is_used || !account.balance.is_zero() || account.state == CardState::Terminated
}

fn record(
    cx: &Cx,
    tx: &mut Tx<'_>,
    application: &Application,
    (journal, pars): (&Journal, &[String]),
) -> Done<(), Error> {
    let log_id = cx.core.supply.id(&cx.call.asp).or_stop()?;
    postings::insert(tx, &cx.call.asp, log_id, journal)?;
    let payload = json!({
        "cardApplyNo": application.apply_no.as_str(),
        "userId": application.user_id,
        "kind": application.kind.name(),
        "fee": application.fee.minor(),
        "pars": pars,
    });
    cx.record(
        tx,
        &Effect {
            log_id,
            event: "application.cancelled",
            code: "000_000",
            subject: application.apply_no.as_str(),
            payload: &payload,
        },
    )
}

fn answer(cx: &Cx, tx: &mut Tx<'_>, apply_no: &ApplyNo) -> Done<Response, Error> {
    let made = issuing::recall(cx, tx, apply_no)?;
    Ok(Response {
        mobile_card_no: made.as_ref().and_then(|made| Digits::new(made.pan.reveal())),
        par: made.as_ref().and_then(|made| Text::new(made.par.as_str())),
    })
}

/// The request that cancels the scenario's application.
pub fn request(world: &World) -> Value {
    json!({ "cardApplyNo": world.apply_no().as_str(), "userId": world.user_id() })
}

#[rustfmt::skip]
fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| {
        Scenario::of(World::new(number), name, title).given(|world| {
            world.card = Card::None;
            world.product = given::FREE;
            world.before = vec![Step::Call(Issue::SPEC.id, issue::with_plastic)];
        })
    };
    vec![
        example(451, "cancelled", "200 - Test succeeded")
            .succeeds(request, "Success.", &["mobileCardNo", "par"]),
        example(452, "ordinary", "200 - No mobile card was issued yet")
            .given(|world| world.product = given::ORDINARY)
            .succeeds(request, "Success.", &[]),
        example(453, "with-fee", "200 - The fee goes back")
            .given(|world| world.product = given::ALL_FEES)
            .succeeds(request, "Success.", &["mobileCardNo", "par"]),
        example(454, "reissue", "200 - A reissue whose balance has not moved")
            .given(|world| {
                world.card = Card::Suspended;
                world.product = given::ORDINARY;
                world.before = vec![Step::Call(Reissue::SPEC.id, reissue::with_plastic)];
            })
            .succeeds(request, "Success.", &[]),
        example(455, "invalid-input", "400 - No such application")
            .given(|world| world.before.clear())
            .refuses_field(request, Error::InvalidInput, "cardApplyNo"),
        example(456, "membership-cancelled",
            "400 - Non-member or a member who has canceled membership")
            .given(|world| {
                world.is_member = false;
                world.before.clear();
            })
            .refuses(request, Error::WalletUserNotFound),
        example(457, "other-day", "400 - The application was made yesterday")
            .given(|world| world.before.push(Step::ADayPasses))
            .refuses(request, Error::NotCancelableDueToDay),
        example(458, "balance-moved", "400 - The balance has moved to the new card")
            .given(|world| {
                world.card = Card::Suspended;
                world.before = vec![Step::Call(Reissue::SPEC.id, reissue::with_plastic)];
            })
            .refuses(request, Error::NotCancelableDueToStatus),
        example(459, "registered", "400 - The physical card is registered")
            .given(|world| {
                world.before.push(Step::GivePlastic);
                world.before.push(Step::Call(
                    physical_register::PhysicalRegister::SPEC.id, physical_register::request));
            })
            .refuses(request, Error::NotCancelableDueToStatus),
    ]
}
