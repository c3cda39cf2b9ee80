//! `prepaid-card.list`: a member's cards, newest first; one entry a card account that has not
//! ended, which is a mobile card with its plastic once that is registered.
//!
//! The reference shows no codes: those here are platen's choice, and a filter that fits no card
//! leaves an empty list. Left out, as platen has none of it: points, automatic charge, the bank of
//! a debit card, and what may be charged, remitted or refunded by which way. `pendingAmount` is
//! always 0: it would be of charges that wait because the card is full, and platen takes none to
//! wait.
//!
//! Numbers are told in full, so each answer with a card in it leaves one `card.number_told` row in
//! the operation log, as the repeated answer of a reissue does. A row for all cards of an answer,
//! not one for each: a question costs four statements and one insert for a member's first eight
//! cards, and one statement for each further eight.

use std::collections::BTreeMap;

use contract::{Digits, Spec, Text, UInt, at, catalogue, errors, input, output};
use domain::card::CardState;
use domain::{Expiry, UserId};
use serde_json::{Value, json};
use store::tables::{members, parsed};
use store::{DbError, Row, Tx};

use crate::op::{Changes, Cx, Done, Inquiry, Keeps, Operation, OrStop, Ruling, refuse};
use crate::sandbox::given;
use crate::sandbox::world::{Card, Scenario, Step, World, products};
use crate::telling::{self, Amount, Status};

/// The most entries in an answer: the newest.
pub const CARDS_MAX: i64 = 100;
/// Place of the PAR in a row of [`live`].
const PAR: usize = 3;

/// The operation.
pub struct List;

input! {
    /// A member, and which card.
    pub struct Request {
        /// Member id given at registration.
        user_id: UInt<1, 9_999_999_999_999_999_999> = at("userId"),
        /// This card alone, by the PAR of the mobile card or its plastic.
        par: Option<Text<27, 27>> = at("par").optional(),
        /// This card alone, by the number of its plastic.
        physical_card_no: Option<Digits<16>> = at("physicalCardNo").optional(),
    }
}

output! {
    /// The most that payments may be, won; 0: no limit.
    pub struct Limits {
        /// Payments of a day.
        day: Option<Amount> = "day",
        /// One payment.
        once: Option<Amount> = "once",
        /// Payments of a month.
        month: Option<Amount> = "month",
    }
}

output! {
    /// A mobile card with its plastic.
    pub struct CardData {
        /// Payment account reference of the mobile card; of the plastic where there is no other.
        par: Text<27, 27> = "par",
        /// Limits of payments, where they were ever set.
        limits: Option<Limits> = "limits",
        /// What it holds, won.
        balance: Amount = "balance",
        /// Charges that wait because the card is full: always 0, as platen lets none wait.
        pending_amount: Amount = "pendingAmount",
        /// Whether it is in a verified name.
        is_named: bool = "isNamed",
        /// The product.
        service_id: Digits<15> = "serviceId",
        /// The product's name.
        service_name: Text<1, 80> = "serviceName",
        /// Where the picture of the card is, where the product has one.
        service_image_url: Option<Text<1, 255>> = "serviceImageUrl",
        /// The last day of its validity, yyyyMMdd.
        expiry_date: Digits<8> = "expiryDate",
        /// The application that it was made for, if any.
        card_apply_no: Option<Digits<22>> = "cardApplyNo",
        /// Number of the mobile card.
        mobile_card_no: Option<Digits<16>> = "mobileCardNo",
        /// State of the mobile card.
        mobile_card_status: Option<Status> = "mobileCardStatus",
        /// Number of the plastic, once it is registered.
        physical_card_no: Option<Digits<16>> = "physicalCardNo",
        /// State of the plastic.
        physical_card_status: Option<Status> = "physicalCardStatus",
        /// What it may still be charged with, won: its limit less its balance.
        rechargeable_amount: Amount = "rechargeableAmount",
    }
}

output! {
    /// The cards.
    pub struct Response {
        /// At most 100 entries, newest first.
        cards: Vec<CardData> = "cardDataInfo",
    }
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT.assigned_use(),
        WalletUserNotFound = catalogue::WALLET_USER_NOT_FOUND.assigned_use(),
    }
}

impl Operation for List {
    const SPEC: Spec = Spec {
        id: "prepaid-card.list",
        title: "Search for Card",
        group: "Prepaid cards",
        path: "/api/v1/user/card/list",
        version: "v1",
        about: "Lists a member's cards with product, balance, limits, expiry, state and numbers, \
                newest first: one entry for a mobile card with its plastic, at most 100. Ended \
                cards are not among them.",
        request_encrypted: false,
        response_encrypted: true,
        success_message: "Success.",
        since: "2026-11-25",
        same_as: &["debit-card.list"],
    };
    const CHANGES: Changes = Changes::NONE;
    type Request = Request;
    type Response = Response;
    type Error = Error;

    fn scenarios() -> Vec<Scenario> {
        scenarios()
    }
}

impl Inquiry for List {
    const KEEPS: Keeps = Keeps::Traces;

    fn ask(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let user = UserId(request.user_id.get());
        let Some(member) = members::find(tx, &cx.call.asp, user)? else {
            return refuse(Error::WalletUserNotFound);
        };
        let Some(only) = only(cx, tx, request)? else {
            return Ok(Ruling::Answered(Response { cards: Vec::new() }));
        };
        let accounts = accounts(cx, tx, member.user_id, only)?;
        let cards_of = live(cx, tx, &accounts)?;
        let mut told = Vec::new();
        let mut cards = Vec::new();
        for account in &accounts {
            // An account that has not ended, but all of its cards have, is none to be shown.
            let Some(twins) = cards_of.get(&account.int(0)?) else { continue };
            for card in twins {
                told.push(card.text(PAR)?.to_owned());
            }
            cards.push(entry(cx, account, twins)?);
        }
        telling::told(cx, tx, &given::subject(user), &told)?;
        Ok(Ruling::Answered(Response { cards }))
    }
}

/// Which account is asked for: 0 for all; `None` where the filters fit no card.
fn only(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Option<i64>, Error> {
    let asp = cx.call.asp.as_str();
    let mut only = 0;
    if let Some(par) = &request.par {
        let found = tx.query_opt(
            "SELECT account_id FROM card WHERE asp_id = $1 AND par = $2",
            &[asp.into(), par.as_str().into()],
        )?;
        let Some(account) = found.map(|row| row.opt_int(0)).transpose()?.flatten() else {
            return Ok(None);
        };
        only = account;
    }
    let Some(number) = &request.physical_card_no else { return Ok(Some(only)) };
    for index in cx.core.pan_indexes(&cx.call.asp, number.as_str()).or_stop()? {
        let found = tx.query_opt(
            "SELECT account_id FROM card
             WHERE asp_id = $1 AND pan_index = $2 AND form = 'PHYSICAL'",
            &[asp.into(), index.as_slice().into()],
        )?;
        if let Some(account) = found.map(|row| row.opt_int(0)).transpose()?.flatten() {
            return Ok((only == 0 || only == account).then_some(account));
        }
    }
    Ok(None)
}

/// The member's accounts that have not ended, the newest first.
fn accounts(cx: &Cx, tx: &mut Tx<'_>, user_id: i64, only: i64) -> Result<Vec<Row>, DbError> {
    tx.query(
        "SELECT a.account_id, a.state, a.balance, a.balance_limit, a.is_named, a.expiry_yymm,
             a.limit_once, a.limit_day, a.limit_month, p.service_id, p.name, p.card_art
         FROM card_account a
         JOIN product p ON p.asp_id = a.asp_id AND p.service_id = a.service_id
         WHERE a.asp_id = $1 AND a.account_id IN (
                 SELECT o.account_id FROM card_account o
                 WHERE o.asp_id = $1 AND o.user_id = $2)
             AND a.state <> 'TERMINATED'
             AND (CAST($3 AS BIGINT) = 0 OR a.account_id = $3)
         ORDER BY a.opened_at DESC, a.account_id DESC LIMIT $4",
        &[cx.call.asp.as_str().into(), user_id.into(), only.into(), CARDS_MAX.into()],
    )
}

/// Accounts whose cards one statement reads.
const ACCOUNTS_AT_ONCE: usize = 8;

/// The live cards of these accounts, by account. They are asked for by their keys, a few accounts
/// at a time, and not by a join: PostgreSQL, before it has statistics of a table, may take a
/// partner for as good a key as a card, and then reads all of a partner's cards for each.
fn live(cx: &Cx, tx: &mut Tx<'_>, accounts: &[Row]) -> Result<BTreeMap<i64, Vec<Row>>, DbError> {
    let mut cards: BTreeMap<i64, Vec<Row>> = BTreeMap::new();
    for some in accounts.chunks(ACCOUNTS_AT_ONCE) {
        let mut keys = vec![cx.call.asp.as_str().into()];
        for account in some {
            keys.push(account.int(0)?.into());
        }
        // No account has the number 0.
        keys.resize(1 + ACCOUNTS_AT_ONCE, 0_i64.into());
        let found = tx.query(
            "SELECT c.account_id, c.card_id, c.form, c.par, c.pan_sealed, c.apply_no FROM card c
             WHERE c.asp_id = $1 AND c.ended_at IS NULL AND c.card_id IN (
                 SELECT d.card_id FROM card d
                 WHERE d.asp_id = $1 AND d.account_id IN ($2, $3, $4, $5, $6, $7, $8, $9))
             ORDER BY c.card_id",
            &keys,
        )?;
        for card in found {
            cards.entry(card.int(0)?).or_default().push(card);
        }
    }
    Ok(cards)
}

/// What is told of an account and its cards.
fn entry(cx: &Cx, account: &Row, cards: &[Row]) -> Done<CardData, Error> {
    let (mut mobile, mut physical) = (None, None);
    for card in cards {
        let number = telling::number(cx, card.int(1)?, card.blob(4)?)?;
        let place = if card.text(2)? == "MOBILE" { &mut mobile } else { &mut physical };
        *place = Some((card, Digits::new(number.reveal()).or_stop()?));
    }
    let (card, _) = mobile.as_ref().or(physical.as_ref()).or_stop()?;
    let status = Status::from(parsed(account, 1, CardState::parse)?);
    let (balance, limit) = (account.int(2)?, account.int(3)?);
    let set = |at| account.opt_int(at)?.map(telling::amount).transpose();
    let limits = Limits { once: set(6)?, day: set(7)?, month: set(8)? };
    let was_set = limits != Limits { once: None, day: None, month: None };
    Ok(CardData {
        par: Text::new(card.text(PAR)?).or_stop()?,
        limits: was_set.then_some(limits),
        balance: telling::amount(balance)?,
        pending_amount: telling::amount(0)?,
        is_named: account.boolean(4)?,
        service_id: Digits::new(account.text(9)?).or_stop()?,
        service_name: Text::new(account.text(10)?).or_stop()?,
        service_image_url: Text::new(account.text(11)?),
        expiry_date: telling::last_day(parsed(account, 5, Expiry::from_yymm)?)?,
        card_apply_no: card.opt_text(5)?.and_then(Digits::new),
        mobile_card_status: mobile.as_ref().map(|_| status),
        physical_card_status: physical.as_ref().map(|_| status),
        rechargeable_amount: telling::amount(limit.saturating_sub(balance).max(0))?,
        mobile_card_no: mobile.as_ref().map(|(_, number)| number.clone()),
        physical_card_no: physical.as_ref().map(|(_, number)| number.clone()),
    })
}

/// The request of all cards.
pub fn all(world: &World) -> Value {
    json!({ "userId": world.user_id() })
}

/// The request of the given card.
pub fn by_par(world: &World) -> Value {
    json!({ "userId": world.user_id(), "par": world.par() })
}

fn scenarios() -> Vec<Scenario> {
    use crate::ops::debit_card::limit;
    use crate::ops::prepaid_card::issue;
    const ONE: &[&str] = &["cardDataInfo[].mobileCardNo", "cardDataInfo[].mobileCardStatus"];
    const TWO: &[&str] = &[
        "cardDataInfo*2",
        "cardDataInfo[0].cardApplyNo",
        "cardDataInfo[].mobileCardNo",
        "cardDataInfo[].mobileCardStatus",
    ];
    const LIMITED: &[&str] = &[
        "cardDataInfo[].limits.day",
        "cardDataInfo[].limits.once",
        "cardDataInfo[].limits.month",
        "cardDataInfo[].mobileCardNo",
        "cardDataInfo[].mobileCardStatus",
    ];
    let example = |number, name, title| Scenario::of(World::new(number), name, title);
    vec![
        example(521, "listed", "200 - One card").succeeds(all, "Success.", ONE),
        example(522, "two-cards", "200 - Two cards, newest first")
            .given(|world| {
                world.product = products::FREE;
                world.before = vec![Step::Call("prepaid-card.issue", issue::mobile_only)];
            })
            .succeeds(all, "Success.", TWO),
        example(523, "by-par", "200 - One card by its PAR").succeeds(by_par, "Success.", ONE),
        example(524, "with-limits", "200 - A card with limits of payments")
            .given(|world| {
                world.before = vec![Step::Call("debit-card.limit", limit::limits)];
            })
            .succeeds(all, "Success.", LIMITED),
        example(525, "no-card", "200 - No card")
            .given(|world| world.card = Card::Terminated)
            .succeeds(all, "Success.", &["cardDataInfo*0"]),
        example(526, "invalid-input", "400 - Invalid input parameter").refuses_field(
            |_| json!({ "userId": 0 }),
            Error::InvalidInput,
            "userId",
        ),
        example(527, "membership-cancelled", "400 - Membership cancelled")
            .given(|world| world.is_member = false)
            .refuses(all, Error::WalletUserNotFound),
    ]
}
