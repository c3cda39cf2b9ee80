//! `bank-account.named-card`: a card is put in its member's verified name and may hold more.
//!
//! The reference shows `userId` alone and no codes: the card, and the refusals, are platen's
//! choice. It asks for a verified real name and a linked account: here the member's real name was
//! verified and a bank account is fully registered.

use contract::{Spec, Text, UInt, at, catalogue, errors, input, output};
use crypto::par::Par;
use domain::card::CardState;
use domain::{CardAccountId, UserId};
use serde_json::{Value, json};
use store::Tx;
use store::tables::bank_accounts::{self, Chargeable};
use store::tables::card_accounts::{self, CardAccount, CardKey};
use store::tables::log::Remembered;
use store::tables::products;

use crate::op::{Changes, Cx, Done, Effect, Operation, OrStop, Ruling, Write, refuse};
use crate::sandbox::world::{Also, Bank, Card, Scenario, World};

/// The operation.
pub struct NamedCard;

input! {
    /// A member's card.
    pub struct Request {
        /// Member id given at registration.
        user_id: UInt<1, 9_999_999_999_999_999_999> = at("userId"),
        /// Payment account reference of the card; the main card where it is left out. The
        /// reference does not show this field: it is platen's choice.
        par: Option<Text<27, 27>> = at("par").optional(),
    }
}

output! {
    /// Nothing but the outcome.
    pub struct Response {}
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT.assigned_use(),
        WalletUserNotFound = catalogue::WALLET_USER_NOT_FOUND.assigned_use(),
        CannotFindPar = catalogue::CANNOT_FIND_PAR
            .meaning("No card of this member has this PAR, or the member has no main card.")
            .assigned_use(),
        AlreadyTerminated = catalogue::CARD_ALREADY_TERMINATED.assigned_use(),
        NotAuthenticated = catalogue::USER_NOT_AUTHENTICATED
            .meaning("The member's real name has not been verified.")
            .assigned_use(),
        BankAccountNotFound = catalogue::BANK_ACCOUNT_NOT_FOUND
            .meaning("The member has no bank account.")
            .assigned_use(),
        BankAccountInvalid = catalogue::USER_BANK_ACCOUNT_INVALID.assigned_use(),
    }
}

impl Operation for NamedCard {
    const SPEC: Spec = Spec {
        id: "bank-account.named-card",
        title: "Balance Limit Increase(Individual card)",
        group: "Bank accounts",
        path: "/api/v1/user/namedcard",
        version: "v1",
        about: "Puts a card in its member's verified name: it may then hold as much as the \
                product allows a named card. The member's real name must have been verified and \
                a bank account be fully registered. A card that is named already stays so.",
        request_encrypted: false,
        response_encrypted: false,
        success_message: "Success.",
        since: "2026-11-25",
        same_as: &["prepaid-card.named-card"],
    };
    const CHANGES: Changes = Changes::NONE;
    type Request = Request;
    type Response = Response;
    type Error = Error;

    fn scenarios() -> Vec<Scenario> {
        scenarios()
    }
}

impl Write for NamedCard {
    fn run(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let (asp, user) = (&cx.call.asp, UserId(request.user_id.get()));
        let claimed = match &request.par {
            None => card_accounts::claim(tx, asp, user, CardKey::Main)?,
            Some(par) => match Par::parse(par.as_str()) {
                Ok(par) => card_accounts::claim(tx, asp, user, CardKey::Par(par.as_str()))?,
                Err(_) => None,
            },
        };
        let Some(has_real_name) = has_real_name(cx, tx, user)? else {
            return refuse(Error::WalletUserNotFound);
        };
        let Some(account) = claimed else { return refuse(Error::CannotFindPar) };
        match account.state {
            CardState::Active | CardState::Suspended => {}
            CardState::Terminated => return refuse(Error::AlreadyTerminated),
        }
        if !has_real_name {
            return refuse(Error::NotAuthenticated);
        }
        match bank_accounts::chargeable(tx, asp, user)? {
            Chargeable::Account(_) => {}
            Chargeable::None => return refuse(Error::BankAccountNotFound),
            Chargeable::NoneRegistered => return refuse(Error::BankAccountInvalid),
        }
        if !account.standing.is_named {
            name(cx, tx, &account)?;
        }
        Ok(Ruling::Answered(Response {}))
    }

    fn recall(_: &Cx, _: &mut Tx<'_>, _: &Remembered) -> Done<Response, Error> {
        Ok(Response {})
    }
}

/// Whether the member's real name was verified; `None` where the membership does not stand.
fn has_real_name(cx: &Cx, tx: &mut Tx<'_>, user: UserId) -> Done<Option<bool>, Error> {
    let Some(user) = user.stored() else { return Ok(None) };
    let found = tx.query_opt(
        "SELECT real_name_at IS NOT NULL FROM member
         WHERE asp_id = $1 AND user_id = $2 AND state = 'ACTIVE'",
        &[cx.call.asp.as_str().into(), user.into()],
    )?;
    Ok(found.map(|row| row.boolean(0)).transpose()?)
}

/// Names the card. What it may hold never becomes less.
fn name(cx: &Cx, tx: &mut Tx<'_>, account: &CardAccount) -> Done<(), Error> {
    let asp = &cx.call.asp;
    let product = products::find(tx, asp, &account.service_id)?.or_stop()?;
    let limit = product.limits.named.minor().max(account.standing.balance_limit.minor());
    let CardAccountId(id) = account.id;
    tx.put(
        "UPDATE card_account SET is_named = TRUE, balance_limit = $3
         WHERE asp_id = $1 AND account_id = $2",
        &[asp.as_str().into(), id.into(), limit.into()],
    )?;
    let pars = tx.query(
        "SELECT par FROM card WHERE asp_id = $1 AND account_id = $2 ORDER BY card_id",
        &[asp.as_str().into(), id.into()],
    )?;
    let pars: Result<Vec<&str>, _> = pars.iter().map(|row| row.text(0)).collect();
    cx.record(
        tx,
        &Effect {
            log_id: cx.core.supply.id(asp).or_stop()?,
            event: "card.named",
            code: "000_000",
            subject: &id.to_string(),
            payload: &json!({ "pars": pars?, "balanceLimit": limit }),
        },
    )
}

/// The request of the member's main card.
pub fn main_card(world: &World) -> Value {
    json!({ "userId": world.user_id() })
}

/// The request of the given card.
pub fn by_par(world: &World) -> Value {
    json!({ "userId": world.user_id(), "par": world.par() })
}

fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| {
        Scenario::of(World::new(number), name, title).given(|world| {
            world.card = Card::Active;
            world.also = vec![Also::RealName];
        })
    };
    vec![
        example(581, "named", "200 - The main card named").succeeds(main_card, "Success.", &[]),
        example(582, "by-par", "200 - A card named by its PAR").succeeds(by_par, "Success.", &[]),
        example(583, "invalid-input", "400 - Invalid input parameter").refuses_field(
            |_| json!({ "userId": 0 }),
            Error::InvalidInput,
            "userId",
        ),
        example(584, "membership-cancelled", "400 - Membership cancelled")
            .given(|world| world.is_member = false)
            .refuses(main_card, Error::WalletUserNotFound),
        example(585, "no-card", "400 - No main card")
            .given(|world| world.card = Card::None)
            .refuses(main_card, Error::CannotFindPar),
        example(586, "already-terminated", "400 - Card already terminated")
            .given(|world| world.card = Card::Terminated)
            .refuses(by_par, Error::AlreadyTerminated),
        example(587, "no-real-name", "400 - The real name was not verified")
            .given(|world| world.also = Vec::new())
            .refuses(main_card, Error::NotAuthenticated),
        example(588, "no-bank-account", "400 - No bank account")
            .given(|world| world.bank = Bank::None)
            .refuses(main_card, Error::BankAccountNotFound),
        example(589, "bank-account-invalid", "400 - No bank account is fully registered")
            .given(|world| world.bank = Bank::ConsentEnded)
            .refuses(main_card, Error::BankAccountInvalid),
    ]
}
