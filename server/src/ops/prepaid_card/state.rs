//! `prepaid-card.state`: the member reports a card lost, or withdraws the report.

use contract::{Digits, Spec, Text, UInt, at, catalogue, choice, errors, input, output};
use crypto::par::Par;
use domain::card::{self, CardEvent, CardState, Facts, Refusal};
use domain::{CardAccountId, UserId};
use serde_json::json;
use store::Tx;
use store::tables::card_accounts::{self, CardAccount, CardKey};
use store::tables::log::Remembered;
use store::tables::{applications, members};

use super::reissue::{Reissue, with_plastic};
use crate::op::{Changes, Cx, Done, Effect, Operation, OrStop, Ruling, Write, refuse};
use crate::sandbox::world::{Bank, Card, Scenario, Step, World, products};

/// The operation.
pub struct State;

choice! {
    /// What happens to the card.
    pub enum Change {
        /// Stop the card: it is lost.
        Suspend = "SUSPEND",
        /// Lift the stop: it was found.
        Resume = "RESUME",
    }
}

input! {
    /// A change of a card's state.
    pub struct Request {
        /// Member id given at registration.
        user_id: UInt<1, 9_999_999_999_999_999_999> = at("userId"),
        /// Payment account reference of the card, 27 characters, instead of its number.
        par: Option<Text<27, 27>> = at("par").either("cardNo"),
        /// Number of the card, mobile or physical; with `par`, both must name the same card.
        card_no: Option<Digits<16>> = at("cardNo").unless("par"),
        /// SUSPEND reports the card lost; RESUME withdraws the report. The state is that of the
        /// mobile card and its plastic together. A card that is in the state already stays so.
        status: Change = at("status"),
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
        CannotFindPar = catalogue::CANNOT_FIND_PAR,
        InvalidCardInfo = catalogue::INVALID_CARD_INFO.saying("Invalid card info"),
        AlreadyTerminated = catalogue::CARD_ALREADY_TERMINATED,
        FeeInProgress = catalogue::FEE_IN_PROGRESS
            .meaning("RESUME while the fee of the card's reissue is being charged.")
            .assigned(),
        ReissueInProgress = catalogue::REISSUE_IN_PROGRESS
            .meaning("RESUME while a paid reissue of the card is open.")
            .assigned_use(),
    }
}

impl Operation for State {
    const SPEC: Spec = Spec {
        id: "prepaid-card.state",
        title: "Modification of the Card's State",
        group: "Prepaid cards",
        path: "/api/v1/card/status",
        version: "v1",
        about: "Reports a card lost (SUSPEND) or withdraws the report (RESUME). Only a card that \
                is reported lost can be reissued.",
        request_encrypted: false,
        response_encrypted: false,
        success_message: "Success",
        since: "2026-11-22",
        same_as: &["debit-card.state"],
    };
    const CHANGES: Changes =
        Changes { card: &[CardEvent::Suspend, CardEvent::Resume], ..Changes::NONE };
    type Request = Request;
    type Response = Response;
    type Error = Error;

    fn scenarios() -> Vec<Scenario> {
        scenarios()
    }
}

impl Write for State {
    fn run(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let user = UserId(request.user_id.get());
        if members::find(tx, &cx.call.asp, user)?.is_none() {
            return refuse(Error::WalletUserNotFound);
        }
        let account = claim(cx, tx, user, request)?;
        let open = applications::open_for(tx, &cx.call.asp, account.id)?;
        let facts = Facts {
            state: account.state,
            open_application: open.as_ref().map(|open| open.state),
            fee_due: open.is_some_and(|open| open.has_fee),
        };
        let event = match request.status {
            Change::Suspend => CardEvent::Suspend,
            Change::Resume => CardEvent::Resume,
        };
        let state = match card::change(facts, event) {
            Ok(state) => state,
            Err(Refusal::Terminated) => return refuse(Error::AlreadyTerminated),
            Err(Refusal::FeeInProgress) => return refuse(Error::FeeInProgress),
            Err(Refusal::ReissueInProgress) => return refuse(Error::ReissueInProgress),
        };
        if state != account.state {
            set(cx, tx, &account, state)?;
        }
        Ok(Ruling::Answered(Response {}))
    }

    fn recall(_: &Cx, _: &mut Tx<'_>, _: &Remembered) -> Done<Response, Error> {
        Ok(Response {})
    }
}

/// Claims the card account that the request names.
fn claim(cx: &Cx, tx: &mut Tx<'_>, user: UserId, request: &Request) -> Done<CardAccount, Error> {
    let asp = &cx.call.asp;
    let number = request.card_no.as_ref();
    let indexes = number.map(|number| cx.core.pan_indexes(asp, number.as_str()).or_stop());
    let indexes = indexes.transpose()?;
    if let Some(par) = &request.par {
        let found = match Par::parse(par.as_str()) {
            Ok(par) => card_accounts::claim(tx, asp, user, CardKey::Par(par.as_str()))?,
            Err(_) => None,
        };
        let Some(account) = found else { return refuse(Error::CannotFindPar) };
        let Some(indexes) = indexes else { return Ok(account) };
        for index in indexes {
            if holds(cx, tx, account.id, &index)? {
                return Ok(account);
            }
        }
        return refuse(Error::InvalidCardInfo);
    }
    for index in indexes.unwrap_or_default() {
        if let Some(account) = card_accounts::claim(tx, asp, user, CardKey::Number(&index))? {
            return Ok(account);
        }
    }
    refuse(Error::InvalidCardInfo)
}

/// Whether the card of this number belongs to the account.
fn holds(cx: &Cx, tx: &mut Tx<'_>, account: CardAccountId, index: &[u8]) -> Done<bool, Error> {
    let found = tx.query_opt(
        "SELECT 1 FROM card WHERE asp_id = $1 AND pan_index = $2 AND account_id = $3",
        &[cx.call.asp.as_str().into(), index.into(), account.0.into()],
    )?;
    Ok(found.is_some())
}

fn set(cx: &Cx, tx: &mut Tx<'_>, account: &CardAccount, state: CardState) -> Done<(), Error> {
    let asp = &cx.call.asp;
    card_accounts::set_state(tx, asp, account.id, state)?;
    let pars = card_accounts::pars(tx, asp, account.id)?;
    let event = match state {
        CardState::Active => "card.resumed",
        CardState::Suspended | CardState::Terminated => "card.suspended",
    };
    cx.record(
        tx,
        &Effect {
            log_id: cx.core.supply.id(asp).or_stop()?,
            event,
            code: "000_000",
            subject: &account.id.to_string(),
            payload: &json!({ "userId": account.user_id, "pars": pars }),
        },
    )
}

fn request(world: &World, status: &str) -> serde_json::Value {
    json!({ "userId": world.user_id(), "cardNo": world.card_no(), "status": status })
}

fn scenarios() -> Vec<Scenario> {
    let suspend = |world: &World| request(world, "SUSPEND");
    let resume = |world: &World| request(world, "RESUME");
    let example = |number, name, title| Scenario::of(World::new(number), name, title);
    vec![
        example(201, "suspended", "200 - Loss reported")
            .given(|world| world.card = Card::Active)
            .succeeds(suspend, "Success", &[]),
        example(202, "resumed", "200 - Loss withdrawn").succeeds(resume, "Success", &[]),
        example(203, "invalid-input", "400 - Invalid input parameter").refuses_field(
            |world| json!({ "userId": 0, "cardNo": world.card_no(), "status": "SUSPEND" }),
            Error::InvalidInput,
            "userId",
        ),
        example(204, "membership-cancelled", "400 - Membership cancelled")
            .given(|world| world.is_member = false)
            .refuses(suspend, Error::WalletUserNotFound),
        example(205, "unknown-card", "400 - Invalid card info")
            .given(|world| world.card = Card::None)
            .refuses(suspend, Error::InvalidCardInfo),
        example(206, "unknown-par", "400 - Cannot find par").refuses(
            |world| {
                let par = format!("Q1{:025X}", world.number);
                json!({ "userId": world.user_id(), "par": par, "status": "SUSPEND" })
            },
            Error::CannotFindPar,
        ),
        example(207, "already-terminated", "400 - Card already terminated")
            .given(|world| world.card = Card::Terminated)
            .refuses(resume, Error::AlreadyTerminated),
        example(208, "fee-in-progress", "400 - The fee of a reissue is being charged")
            .given(|world| {
                world.bank = Bank::Behaving("hold");
                world.before = vec![Step::Call(Reissue::SPEC.id, with_plastic)];
            })
            .refuses(resume, Error::FeeInProgress),
        example(209, "reissue-in-progress", "400 - A paid reissue is open")
            .given(|world| {
                world.product = products::ORDINARY_WITH_FEE;
                world.before = vec![Step::Call(Reissue::SPEC.id, with_plastic)];
            })
            .refuses(resume, Error::ReissueInProgress),
    ]
}
