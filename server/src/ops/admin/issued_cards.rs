//! `admin.issued-cards`: all cards of the partner, a page at a time.
//!
//! The reference shows neither the request nor the codes: pages by number and size, as the
//! `pageResponse` has them, are platen's choice. An entry is a card account: a mobile card with its
//! plastic once that is registered; ended ones are listed too. They come in the order of their
//! ids, the last first, so that a page is read by the primary key; ids are handed to servers in
//! blocks, so that order is nearly that of issuing. What can be asked for is bounded: 1,001 pages
//! of 100, and `totalPages` counts no further than that.
//!
//! Numbers are told in full, so the answer is encrypted and leaves one `card.number_told` row in
//! the operation log.

use contract::{Digits, Preset, Spec, Text, UInt, at, catalogue, choice, errors, input, output};
use domain::card::CardState;
use domain::{Expiry, Timestamp};
use serde_json::{Value, json};
use store::tables::parsed;
use store::{DbError, Row, Tx};

use crate::op::{Changes, Cx, Done, Inquiry, Keeps, Operation, OrStop, Ruling};
use crate::sandbox::world::{Scenario, World};
use crate::telling::{self, Amount, MemberId, Status};

/// The last page that can be asked for.
const PAGE_MAX: u64 = 1_000;

/// The operation.
pub struct IssuedCards;

choice! {
    /// What a member has of a card.
    pub enum CardType {
        /// Plastic, with a mobile card.
        CardSe = "CARDSE",
        /// A mobile card alone.
        Mobile = "MOBILE",
    }
}

input! {
    /// A page.
    pub struct PageRequest {
        /// Its number, from 0.
        page: UInt<0, PAGE_MAX> = at("page").or_default(0),
        /// The most entries in it.
        page_size: UInt<1, 100> = at("pageSize").or_default(20),
    }
}

input! {
    /// A page of cards. The reference does not show these fields: they are platen's choice.
    pub struct Request {
        /// The page.
        page: PageRequest = at("pageRequest").or_default(Preset::Empty),
    }
}

output! {
    /// A mobile card with its plastic.
    pub struct IssuedCard {
        /// The product.
        service_id: Digits<15> = "serviceId",
        /// The product's name.
        service_name: Text<1, 80> = "serviceName",
        /// Name of the product's group; the product's own where it is in none.
        service_group_name: Text<1, 255> = "serviceGroupName",
        /// CARDSE: there is plastic; MOBILE: a mobile card alone.
        card_type: CardType = "cardType",
        /// Number of the mobile card.
        mobile_card_no: Option<Digits<16>> = "mobileCardNo",
        /// State of the mobile card.
        mobile_card_status: Option<Status> = "mobileCardStatus",
        /// The last day of the mobile card, yyyyMMdd.
        mobile_expiry_date: Digits<8> = "mobileExpiryDate",
        /// Number of the plastic, once it is registered.
        physical_card_no: Option<Digits<16>> = "physicalCardNo",
        /// State of the plastic.
        physical_card_status: Option<Status> = "physicalCardStatus",
        /// The last day of both, yyyyMMdd.
        expiry_date: Digits<8> = "expiryDate",
        /// What it holds, won.
        balance: Amount = "balance",
        /// The member who holds it.
        user_id: MemberId = "userId",
        /// When it was issued, yyyyMMddHHmmss in Korea.
        issued_date_time: Digits<14> = "issuedDateTime",
    }
}

output! {
    /// The page answered.
    pub struct PageResponse {
        /// Its number, from 0.
        page: UInt<0, PAGE_MAX> = "page",
        /// How many pages can be asked for: 1,001 at the most.
        total_pages: UInt<0, 1_001> = "totalPages",
    }
}

output! {
    /// A page of cards.
    pub struct Response {
        /// The cards, the last issued first.
        list: Vec<IssuedCard> = "issuedCardList",
        /// The page.
        page: PageResponse = "pageResponse",
    }
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT.assigned_use(),
    }
}

impl Operation for IssuedCards {
    const SPEC: Spec = Spec {
        id: "admin.issued-cards",
        title: "발급 카드 목록 조회 (관리자용)",
        group: "Administration",
        path: "/api/v1/admin/issued-card/list",
        version: "v1",
        about: "Lists all cards of the partner, a page of up to 100 at a time, the last issued \
                first: one entry for a mobile card with its plastic, ended ones among them.",
        request_encrypted: false,
        response_encrypted: true,
        success_message: "Success.",
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

impl Inquiry for IssuedCards {
    const KEEPS: Keeps = Keeps::Traces;

    fn ask(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let (page, size) = (request.page.page, request.page.page_size.get());
        let size = i64::try_from(size).ok().or_stop()?;
        let offset = i64::try_from(page.get()).ok().or_stop()?.saturating_mul(size);
        let total = total_pages(cx, tx, size)?;
        let accounts = tx.query(
            "SELECT a.account_id, a.service_id, p.name, p.service_group, a.state, a.expiry_yymm,
                 a.balance, a.user_id, a.opened_at
             FROM card_account a
             JOIN product p ON p.asp_id = a.asp_id AND p.service_id = a.service_id
             WHERE a.asp_id = $1 ORDER BY a.account_id DESC LIMIT $2 OFFSET $3",
            &[cx.call.asp.as_str().into(), size.into(), offset.into()],
        )?;
        let cards = cards(cx, tx, &accounts)?;
        let (mut list, mut told) = (Vec::new(), Vec::new());
        for account in &accounts {
            let id = account.int(0)?;
            let own: Vec<&Row> = cards.iter().filter(|card| card.int(0) == Ok(id)).collect();
            list.push(entry(cx, account, &own)?);
            for card in own {
                told.push(card.text(3)?.to_owned());
            }
        }
        telling::told(cx, tx, IssuedCards::SPEC.id, &told)?;
        let page = PageResponse { page, total_pages: total };
        Ok(Ruling::Answered(Response { list, page }))
    }
}

/// How many pages can be asked for.
fn total_pages(cx: &Cx, tx: &mut Tx<'_>, size: i64) -> Done<UInt<0, 1_001>, Error> {
    let pages = i64::try_from(PAGE_MAX).ok().or_stop()? + 1;
    let row = tx.query_one(
        "SELECT COUNT(*) FROM (
             SELECT a.account_id FROM card_account a WHERE a.asp_id = $1 LIMIT $2) AS counted",
        &[cx.call.asp.as_str().into(), pages.saturating_mul(size).into()],
    )?;
    let total = row.int(0)?.saturating_add(size - 1) / size;
    u64::try_from(total).ok().and_then(UInt::new).or_stop()
}

/// The live cards of a page's accounts, whose ids lie between its first and its last.
fn cards(cx: &Cx, tx: &mut Tx<'_>, accounts: &[Row]) -> Result<Vec<Row>, DbError> {
    let (Some(newest), Some(oldest)) = (accounts.first(), accounts.last()) else {
        return Ok(Vec::new());
    };
    tx.query(
        "SELECT account_id, card_id, form, par, pan_sealed FROM card
         WHERE asp_id = $1 AND account_id BETWEEN $2 AND $3 AND ended_at IS NULL
         ORDER BY account_id, card_id",
        &[cx.call.asp.as_str().into(), oldest.int(0)?.into(), newest.int(0)?.into()],
    )
}

fn entry(cx: &Cx, account: &Row, cards: &[&Row]) -> Done<IssuedCard, Error> {
    let (mut mobile, mut physical) = (None, None);
    for card in cards {
        let number = telling::number(cx, card.int(1)?, card.blob(4)?)?;
        let number: Digits<16> = Digits::new(number.reveal()).or_stop()?;
        let place = if card.text(2)? == "MOBILE" { &mut mobile } else { &mut physical };
        *place = Some(number);
    }
    let status = Status::from(parsed(account, 4, CardState::parse)?);
    let last_day = telling::last_day(parsed(account, 5, Expiry::from_yymm)?)?;
    let group = Text::new(account.text(3)?).or_else(|| Text::new(account.text(2).ok()?));
    Ok(IssuedCard {
        service_id: Digits::new(account.text(1)?).or_stop()?,
        service_name: Text::new(account.text(2)?).or_stop()?,
        service_group_name: group.or_stop()?,
        card_type: if physical.is_some() { CardType::CardSe } else { CardType::Mobile },
        mobile_card_status: mobile.as_ref().map(|_| status),
        mobile_card_no: mobile,
        mobile_expiry_date: last_day.clone(),
        physical_card_status: physical.as_ref().map(|_| status),
        physical_card_no: physical,
        expiry_date: last_day,
        balance: telling::amount(account.int(6)?)?,
        user_id: telling::member_id(account.int(7)?)?,
        issued_date_time: telling::moment(Timestamp(account.int(8)?))?,
    })
}

/// The request of one card.
pub fn one(_: &World) -> Value {
    json!({ "pageRequest": { "page": 0, "pageSize": 1 } })
}

fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| Scenario::of(World::new(number), name, title);
    const ONE: &[&str] =
        &["issuedCardList[].mobileCardNo", "issuedCardList[].mobileCardStatus", "pageResponse"];
    vec![
        example(606, "listed", "200 - The card issued last").succeeds(one, "Success.", ONE),
        example(607, "invalid-input", "400 - Invalid input parameter").refuses_field(
            |_| json!({ "pageRequest": { "pageSize": 0 } }),
            Error::InvalidInput,
            "pageRequest.pageSize",
        ),
    ]
}
