//! `platen.defect-report`: the plastic of a card does not work. The reference has no such
//! operation: path, fields and codes are platen's choice.
//!
//! The report stops nothing: a reissue still needs the card suspended, by `prepaid-card.state`. It
//! makes the reissue free where the product's policy says so. Reported twice is the same as once,
//! as with the loss of a card: the first report stands.

use contract::{Digits, Spec, UInt, at, catalogue, choice, errors, input, output};
use domain::UserId;
use domain::defect::{self, Facts, Plastic, Refusal, Report};
use serde_json::{Value, json};
use store::tables::card_accounts::{self, CardAccount};
use store::tables::log::Remembered;
use store::tables::members::{self, Member};
use store::{DbError, Tx};

use crate::applying;
use crate::op::{Changes, Cx, Done, Effect, Operation, OrStop, Ruling, Write, refuse};
use crate::sandbox::world::{Also, Card, Scenario, Step, World};

/// The operation.
pub struct DefectReport;

choice! {
    /// What is wrong with the plastic.
    pub enum Reason {
        /// Terminals do not read its chip.
        Chip = "CHIP",
        /// It does not pay without contact.
        Contactless = "CONTACTLESS",
        /// Its magnetic stripe is not read.
        MagneticStripe = "MAGNETIC_STRIPE",
        /// Number, name or expiry on it are wrong or cannot be read.
        Print = "PRINT",
        /// It arrived bent or broken.
        Damaged = "DAMAGED",
        /// Something else.
        Other = "OTHER",
    }
}

input! {
    /// A card whose plastic does not work.
    pub struct Request {
        /// Member id given at registration.
        user_id: UInt<1, 9_999_999_999_999_999_999> = at("userId"),
        /// Number of the card, of the plastic or the mobile card beside it.
        card_no: Digits<16> = at("cardNo"),
        /// What is wrong. A card that was reported before keeps the first reason.
        reason: Reason = at("reason"),
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
        WalletUserNotFound = catalogue::WALLET_USER_NOT_FOUND,
        InvalidCardInfo = catalogue::INVALID_CARD_INFO,
        AlreadyTerminated = catalogue::CARD_ALREADY_TERMINATED
            .meaning("The card was discarded or replaced."),
        WithoutPlastic = catalogue::CARD_WITHOUT_PLASTIC,
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotAMember => Error::WalletUserNotFound,
            Refusal::NoSuchCard => Error::InvalidCardInfo,
            Refusal::Terminated => Error::AlreadyTerminated,
            Refusal::NoPlastic => Error::WithoutPlastic,
        }
    }
}

impl Operation for DefectReport {
    const SPEC: Spec = Spec {
        id: "platen.defect-report",
        title: "Reporting a Defective Card",
        group: "platen extensions",
        path: "/platen/v1/defect-report",
        version: "v1",
        about: "Reports that the plastic of a card does not work. The card stays as it is; once \
                it is suspended, its reissue costs nothing where the product replaces defective \
                cards for nothing. A report of a card that was reported before changes nothing.",
        request_encrypted: true,
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

impl Write for DefectReport {
    fn run(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let (asp, user) = (&cx.call.asp, UserId(request.user_id.get()));
        let member = members::find(tx, asp, user)?;
        let account = applying::claim(cx, tx, user, request.card_no.as_str())?;
        let facts = Facts {
            membership: Member::membership(member.as_ref()),
            card: match &account {
                Some(account) => Some(known(cx, tx, account)?),
                None => None,
            },
        };
        match defect::decide(&facts).or_else(|refusal| refuse(refusal.into()))? {
            Report::Known => {}
            Report::New => write_down(cx, tx, &account.or_stop()?, request.reason)?,
        }
        Ok(Ruling::Answered(Response {}))
    }

    fn recall(_: &Cx, _: &mut Tx<'_>, _: &Remembered) -> Done<Response, Error> {
        Ok(Response {})
    }
}

fn known(cx: &Cx, tx: &mut Tx<'_>, account: &CardAccount) -> Result<defect::Card, DbError> {
    let found = tx.query_opt(
        "SELECT 1 FROM card
         WHERE asp_id = $1 AND form = 'PHYSICAL' AND ended_at IS NULL AND card_id IN (
             SELECT c.card_id FROM card c WHERE c.asp_id = $1 AND c.account_id = $2) LIMIT 1",
        &[cx.call.asp.as_str().into(), account.id.0.into()],
    )?;
    Ok(defect::Card {
        state: account.state,
        plastic: found.map_or(Plastic::None, |_| Plastic::Registered),
        condition: account.past.condition,
    })
}

fn write_down(cx: &Cx, tx: &mut Tx<'_>, account: &CardAccount, reason: Reason) -> Done<(), Error> {
    let asp = &cx.call.asp;
    card_accounts::report_defect(tx, asp, account.id, cx.call.now)?;
    let pars = card_accounts::pars(tx, asp, account.id)?;
    cx.record(
        tx,
        &Effect {
            log_id: cx.core.supply.id(asp).or_stop()?,
            event: "card.defect_reported",
            code: "000_000",
            subject: &account.id.to_string(),
            payload: &json!({
                "userId": account.user_id,
                "pars": pars,
                "reason": reason.word(),
            }),
        },
    )
}

/// The request that reports the scenario's card.
pub fn request(world: &World) -> Value {
    json!({ "userId": world.user_id(), "cardNo": world.card_no(), "reason": "CHIP" })
}

fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| {
        Scenario::of(World::new(number), name, title).given(|world| {
            world.card = Card::Active;
            world.also = vec![Also::Plastic];
        })
    };
    vec![
        example(850, "reported", "200 - Reported by the mobile card's number").succeeds(
            request,
            "Success",
            &[],
        ),
        example(851, "by-plastic", "200 - Reported by the plastic's number, while suspended")
            .given(|world| world.card = Card::Suspended)
            .succeeds(
                |world| {
                    let number = world.plastic_no();
                    json!({ "userId": world.user_id(), "cardNo": number, "reason": "DAMAGED" })
                },
                "Success",
                &[],
            ),
        example(852, "reported-again", "200 - Reported again: nothing changes")
            .given(|world| world.before = vec![Step::Call(DefectReport::SPEC.id, request)])
            .succeeds(request, "Success", &[]),
        example(853, "invalid-input", "400 - Invalid input parameter").refuses_field(
            |world| {
                json!({ "userId": world.user_id(), "cardNo": world.card_no(), "reason": "LOST" })
            },
            Error::InvalidInput,
            "reason",
        ),
        example(854, "membership-cancelled", "400 - Membership cancelled")
            .given(|world| world.is_member = false)
            .refuses(request, Error::WalletUserNotFound),
        example(855, "unknown-card", "400 - No such card of the member")
            .given(|world| {
                world.card = Card::None;
                world.also.clear();
            })
            .refuses(request, Error::InvalidCardInfo),
        example(856, "already-terminated", "400 - The card has ended")
            .given(|world| world.card = Card::Terminated)
            .refuses(request, Error::AlreadyTerminated),
        example(857, "without-plastic", "400 - There is no plastic that could be defective")
            .given(|world| world.also.clear())
            .refuses(request, Error::WithoutPlastic),
    ]
}
