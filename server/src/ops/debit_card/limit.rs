//! `debit-card.limit`: the most that payments with a card may be.
//!
//! The reference lists 003_024 for a member without an account: here one without a registered bank
//! account. A PAR that is nobody's, and a card that has ended, are refused by platen's choice.
//! Limits that contradict each other are taken: the smallest of them holds.

use contract::{Object, Spec, Text, UInt, at, catalogue, errors, input, output};
use crypto::par::Par;
use domain::UserId;
use domain::card::CardState;
use serde_json::{Value, json};
use store::Tx;
use store::tables::bank_accounts::{self, Chargeable};
use store::tables::card_accounts::{self, CardKey};
use store::tables::log::Remembered;
use store::tables::members;

use crate::op::{Changes, Cx, Done, Effect, Operation, OrStop, Ruling, Write, refuse};
use crate::sandbox::world::{Bank, Card, Scenario, World};

/// The operation.
pub struct Limit;

input! {
    /// The limits of a card.
    pub struct Request {
        /// Member id given at registration.
        user_id: UInt<1, 9_999_999_999_999_999_999> = at("userId"),
        /// Payment account reference of the card, mobile or physical.
        par: Text<27, 27> = at("par"),
        /// The limits.
        limits: Object = at("limits"),
        /// The most that one payment may be, won; 0: no limit.
        once: UInt<0, 9_999_999_999> = at("limits.once"),
        /// The most that the payments of a day may be, won; 0: no limit.
        day: UInt<0, 9_999_999_999> = at("limits.day"),
        /// The most that the payments of a month may be, won; 0: no limit.
        month: UInt<0, 9_999_999_999> = at("limits.month"),
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
        CannotFindPar = catalogue::CANNOT_FIND_PAR.assigned_use(),
        AlreadyTerminated = catalogue::CARD_ALREADY_TERMINATED.assigned_use(),
        NoAccountInfo = catalogue::NO_ACCOUNT_INFO,
    }
}

impl Operation for Limit {
    const SPEC: Spec = Spec {
        id: "debit-card.limit",
        title: "Modification of the Card's Limit",
        group: "Debit cards",
        path: "/api/v1/card/payment/limit/update",
        version: "v1",
        about: "Sets the most that a payment with a card may be, and the payments of a day and \
                of a month. A card that replaces it has the same limits.",
        request_encrypted: false,
        response_encrypted: false,
        success_message: "Success",
        since: "2026-11-25",
        same_as: &[],
    };
    const CHANGES: Changes = Changes::NONE;
    type Request = Request;
    type Response = Response;
    type Error = Error;

    fn scenarios() -> Vec<Scenario> {
        scenarios()
    }
}

impl Write for Limit {
    fn run(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let (asp, user) = (&cx.call.asp, UserId(request.user_id.get()));
        let claimed = match Par::parse(request.par.as_str()) {
            Ok(par) => card_accounts::claim(tx, asp, user, CardKey::Par(par.as_str()))?,
            Err(_) => None,
        };
        if members::find(tx, asp, user)?.is_none() {
            return refuse(Error::WalletUserNotFound);
        }
        let Some(account) = claimed else { return refuse(Error::CannotFindPar) };
        match account.state {
            CardState::Active | CardState::Suspended => {}
            CardState::Terminated => return refuse(Error::AlreadyTerminated),
        }
        match bank_accounts::chargeable(tx, asp, user)? {
            Chargeable::Account(_) => {}
            Chargeable::None | Chargeable::NoneRegistered => return refuse(Error::NoAccountInfo),
        }
        let won = |limit: UInt<0, 9_999_999_999>| i64::try_from(limit.get()).ok();
        let (once, day) = (won(request.once).or_stop()?, won(request.day).or_stop()?);
        let month = won(request.month).or_stop()?;
        tx.put(
            "UPDATE card_account SET limit_once = $3, limit_day = $4, limit_month = $5
             WHERE asp_id = $1 AND account_id = $2",
            &[asp.as_str().into(), account.id.0.into(), once.into(), day.into(), month.into()],
        )?;
        cx.record(
            tx,
            &Effect {
                log_id: cx.core.supply.id(asp).or_stop()?,
                event: "card.limits_set",
                code: "000_000",
                subject: &account.id.to_string(),
                payload: &json!({
                    "par": request.par.as_str(), "once": once, "day": day, "month": month,
                }),
            },
        )?;
        Ok(Ruling::Answered(Response {}))
    }

    fn recall(_: &Cx, _: &mut Tx<'_>, _: &Remembered) -> Done<Response, Error> {
        Ok(Response {})
    }
}

/// The request of limits for the given card.
pub fn limits(world: &World) -> Value {
    json!({
        "userId": world.user_id(),
        "par": world.par(),
        "limits": { "once": 100_000, "day": 300_000, "month": 0 },
    })
}

fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| Scenario::of(World::new(number), name, title);
    vec![
        example(571, "set", "200 - Limits set").succeeds(limits, "Success", &[]),
        example(572, "invalid-input", "400 - Invalid input parameter").refuses_field(
            |world| json!({ "userId": world.user_id(), "par": world.par(), "limits": {} }),
            Error::InvalidInput,
            "limits.once",
        ),
        example(573, "membership-cancelled", "400 - Membership cancelled")
            .given(|world| world.is_member = false)
            .refuses(limits, Error::WalletUserNotFound),
        example(574, "unknown-par", "400 - Cannot find par")
            .given(|world| world.card = Card::None)
            .refuses(limits, Error::CannotFindPar),
        example(575, "already-terminated", "400 - Card already terminated")
            .given(|world| world.card = Card::Terminated)
            .refuses(limits, Error::AlreadyTerminated),
        example(576, "no-account", "400 - No registered bank account")
            .given(|world| world.bank = Bank::None)
            .refuses(limits, Error::NoAccountInfo),
    ]
}
