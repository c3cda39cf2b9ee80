//! `prepaid-card.terminate`: a card is discarded for good, with its twin and its sub cards.
//!
//! Points, transfers not yet accepted and unpaid refunds, for which the reference refuses too, do
//! not exist in platen yet.

use contract::{Spec, Text, UInt, at, catalogue, errors, input, output};
use crypto::par::Par;
use domain::card::CardEvent;
use domain::delivery::Event;
use domain::discard::{self, Facts, Money, Refusal, Role};
use domain::{ApplyNo, CardAccountId, UserId};
use serde_json::{Value, json};
use store::Tx;
use store::tables::applications;
use store::tables::card_accounts::{self, CardAccount, CardKey};
use store::tables::log::Remembered;
use store::tables::members::{self, Member};

use super::reissue::{Reissue, with_plastic};
use crate::op::{Changes, Cx, Done, Effect, Operation, OrStop, Ruling, Write, refuse};
use crate::sandbox::world::{Bank, Card, Scenario, Step, World, products as given};
use crate::{delivery, ending};

/// Sub cards that a card has at the most.
const SUB_CARDS_MAX: i64 = 100;

/// The operation.
pub struct Terminate;

input! {
    /// A card to be discarded.
    pub struct Request {
        /// Member id given at registration.
        user_id: UInt<1, 999_999_999_999_999_999> = at("userId"),
        /// Payment account reference of the card, mobile or physical.
        par: Text<27, 27> = at("par"),
    }
}

output! {
    /// Nothing but the outcome.
    pub struct Response {}
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT,
        WalletUserNotFound = catalogue::WALLET_USER_NOT_FOUND.saying("Wallet user not found"),
        InvalidCardInfo = catalogue::CARD_DATA_NOT_VALID,
        AlreadyTerminated = catalogue::CARD_ALREADY_TERMINATED.assigned_use(),
        FeeInProgress = catalogue::FEE_IN_PROGRESS
            .meaning("The fee of an application to replace the card is being charged."),
        ReplacementInProgress = catalogue::REISSUE_IN_PROGRESS
            .meaning("An application to replace the card is open: cancel it, register its card, or \
                      call its delivery off.")
            .assigned_use(),
        HasBalance = catalogue::CARD_HAS_BALANCE,
        BasicCard = catalogue::BASIC_CARD,
        SubCard = catalogue::SUB_CARD,
        MarriedCard = catalogue::MARRIED_CARD,
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotAMember => Error::WalletUserNotFound,
            Refusal::NoSuchCard => Error::InvalidCardInfo,
            Refusal::Terminated => Error::AlreadyTerminated,
            Refusal::FeeInProgress => Error::FeeInProgress,
            Refusal::ReplacementInProgress => Error::ReplacementInProgress,
            Refusal::HasBalance => Error::HasBalance,
            Refusal::Basic => Error::BasicCard,
            Refusal::Sub => Error::SubCard,
            Refusal::Married => Error::MarriedCard,
        }
    }
}

impl Operation for Terminate {
    const SPEC: Spec = Spec {
        id: "prepaid-card.terminate",
        title: "Discarding a Card",
        group: "Prepaid cards",
        path: "/api/v1/card/terminate",
        version: "v1",
        about: "Discards a card for good, named by its own PAR or its twin's: mobile card, plastic \
                and sub cards end together, and plastic that is still on its way is called off. \
                Refused while there is money on any of them.",
        request_encrypted: false,
        response_encrypted: false,
        success_message: "Success",
        since: "2026-11-25",
        same_as: &["debit-card.terminate"],
    };
    const CHANGES: Changes =
        Changes { card: &[CardEvent::Discard], delivery: &[Event::Cancel], ..Changes::NONE };
    type Request = Request;
    type Response = Response;
    type Error = Error;

    fn scenarios() -> Vec<Scenario> {
        scenarios()
    }
}

impl Write for Terminate {
    fn run(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let (asp, user) = (&cx.call.asp, UserId(request.user_id.get()));
        let member = members::find(tx, asp, user)?;
        let account = match Par::parse(request.par.as_str()) {
            Ok(par) => card_accounts::claim(tx, asp, user, CardKey::Par(par.as_str()))?,
            Err(_) => None,
        };
        let subs = match &account {
            Some(account) => claim_subs(cx, tx, account)?,
            None => Vec::new(),
        };
        let facts = Facts {
            membership: Member::membership(member.as_ref()),
            card: match &account {
                Some(account) => Some(known(cx, tx, account, &subs)?),
                None => None,
            },
        };
        discard::decide(&facts).or_else(|refusal| refuse(refusal.into()))?;
        let account = account.or_stop()?;
        for each in subs.iter().chain([&account]) {
            ending::end_account(cx, tx, each)?;
            for apply_no in awaited_plastic(cx, tx, each)? {
                delivery::stop(cx, tx, &apply_no)?;
            }
        }
        record(cx, tx, &account, &subs)?;
        Ok(Ruling::Answered(Response {}))
    }

    fn recall(_: &Cx, _: &mut Tx<'_>, _: &Remembered) -> Done<Response, Error> {
        Ok(Response {})
    }
}

/// Claims the cards that end with this one, in the order of their ids.
fn claim_subs(cx: &Cx, tx: &mut Tx<'_>, main: &CardAccount) -> Done<Vec<CardAccount>, Error> {
    let asp = &cx.call.asp;
    let rows = tx.query(
        "SELECT account_id FROM card_account
         WHERE asp_id = $1 AND account_id IN (
                 SELECT o.account_id FROM card_account o
                 WHERE o.asp_id = $1 AND o.main_account_id = $2)
             AND state <> 'TERMINATED'
         ORDER BY account_id LIMIT $3",
        &[asp.as_str().into(), main.id.0.into(), SUB_CARDS_MAX.into()],
    )?;
    let mut subs = Vec::new();
    for row in rows {
        subs.extend(card_accounts::claim_by_id(tx, asp, CardAccountId(row.int(0)?))?);
    }
    Ok(subs)
}

fn known(
    cx: &Cx,
    tx: &mut Tx<'_>,
    account: &CardAccount,
    subs: &[CardAccount],
) -> Done<discard::Card, Error> {
    let mut open_application = None;
    let mut money = Money::None;
    for each in subs.iter().chain([account]) {
        let open = applications::open_for(tx, &cx.call.asp, each.id)?;
        open_application = open.map(|open| open.state).or(open_application);
        if !each.balance.is_zero() {
            money = Money::Some;
        }
    }
    Ok(discard::Card { state: account.state, role: account.role, money, open_application })
}

/// Applications whose mobile card is this account's and whose plastic has not been registered.
fn awaited_plastic(cx: &Cx, tx: &mut Tx<'_>, account: &CardAccount) -> Done<Vec<ApplyNo>, Error> {
    let rows = tx.query(
        "SELECT apply_no FROM application
         WHERE asp_id = $1 AND apply_no IN (
                 SELECT b.apply_no FROM application b WHERE b.asp_id = $1 AND b.user_id = $2)
             AND new_account_id = $3 AND state = 'DIGITAL_ISSUED'",
        &[cx.call.asp.as_str().into(), account.user_id.into(), account.id.0.into()],
    )?;
    Ok(rows.iter().map(|row| row.text(0).map(ApplyNo::new)).collect::<Result<_, _>>()?)
}

fn record(
    cx: &Cx,
    tx: &mut Tx<'_>,
    account: &CardAccount,
    subs: &[CardAccount],
) -> Done<(), Error> {
    let mut pars = Vec::new();
    for each in [account].into_iter().chain(subs) {
        pars.extend(card_accounts::pars(tx, &cx.call.asp, each.id)?);
    }
    cx.record(
        tx,
        &Effect {
            log_id: cx.core.supply.id(&cx.call.asp).or_stop()?,
            event: "card.discarded",
            code: "000_000",
            subject: &account.id.to_string(),
            payload: &json!({ "userId": account.user_id, "pars": pars }),
        },
    )
}

/// The request that discards the scenario's card.
pub fn request(world: &World) -> Value {
    json!({ "userId": world.user_id(), "par": world.par() })
}

#[rustfmt::skip]
fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| {
        Scenario::of(World::new(number), name, title).given(|world| {
            world.card = Card::Active;
            world.balance_won = 0;
        })
    };
    let role = |number, name, title, role, error| {
        example(number, name, title).given(move |world| world.role = role).refuses(request, error)
    };
    vec![
        example(471, "discarded", "200 - Test succeeded").succeeds(request, "Success", &[]),
        example(472, "suspended", "200 - A card reported lost")
            .given(|world| world.card = Card::Suspended)
            .succeeds(request, "Success", &[]),
        example(473, "invalid-input", "400 - Invalid input parameter")
            .refuses_field(|world| json!({ "userId": world.user_id(), "par": "Q1" }),
                Error::InvalidInput, "par"),
        example(474, "membership-cancelled",
            "400 - Non-member or a member who has canceled membership")
            .given(|world| world.is_member = false)
            .refuses(request, Error::WalletUserNotFound),
        example(475, "unknown-card", "400 - No such card of the member")
            .given(|world| world.card = Card::None)
            .refuses(request, Error::InvalidCardInfo),
        example(476, "already-terminated", "400 - The card has ended")
            .given(|world| world.card = Card::Terminated)
            .refuses(request, Error::AlreadyTerminated),
        example(477, "fee-in-progress", "400 - The fee of its reissue is being charged")
            .given(|world| {
                world.card = Card::Suspended;
                world.bank = Bank::Behaving("hold");
                world.before = vec![Step::Call(Reissue::SPEC.id, with_plastic)];
            })
            .refuses(request, Error::FeeInProgress),
        example(478, "replacement-in-progress", "400 - Its reissue is open")
            .given(|world| {
                world.card = Card::Suspended;
                world.product = given::ORDINARY;
                world.before = vec![Step::Call(Reissue::SPEC.id, with_plastic)];
            })
            .refuses(request, Error::ReplacementInProgress),
        example(479, "has-balance", "400 - Money is left on the card")
            .given(|world| world.balance_won = 1)
            .refuses(request, Error::HasBalance),
        role(480, "basic-card", "400 - A basic card", Role::Basic, Error::BasicCard),
        role(481, "sub-card", "400 - A sub card", Role::Sub, Error::SubCard),
        role(482, "married-card", "400 - Linked to the plastic of another account",
            Role::Married, Error::MarriedCard),
    ]
}
