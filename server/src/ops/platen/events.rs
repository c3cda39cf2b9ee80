//! `platen.events`: what has happened to the partner's cards, applications, deliveries and fees, as
//! a feed. The reference has no such operation: path, fields and codes are platen's choice.
//!
//! The feed is the operation log in the order of its seals: a seal is made of rows that are
//! committed, and the next one after it is. Ids alone would not do: a server takes them in blocks,
//! and a row with a lower id may be committed after one with a higher id was read.

mod cursor;
mod kind;

use contract::{Digits, Spec, Text, UInt, at, catalogue, errors, input, output};
use domain::Timestamp;
use serde_json::{Value, json};
use store::tables::counters;
use store::{DbError, Row, Tx};

use crate::audit::sealer::{SEALS, sealed_at};
use crate::op::{Changes, Cx, Done, Inquiry, Operation, OrStop, Ruling, fault, refuse_at};
use crate::sandbox::ASP_ID;
use crate::sandbox::world::{Scenario, World};
pub use cursor::{Cursor, KEPT_DAYS};
pub use kind::Kind;

/// Rows of the log that a call looks at beyond those that it may publish.
const ROWS_BESIDE: i64 = 500;

/// The operation.
pub struct Events;

input! {
    /// Where the last call ended.
    pub struct Request {
        /// The `cursor` of the answer before: what comes after it is told. Without it the feed
        /// begins 30 days ago.
        cursor: Option<Text<1, 64>> = at("cursor").optional(),
        /// The most events of an answer.
        limit: UInt<1, 500> = at("limit").or_default(100),
    }
}

output! {
    /// Something that has happened.
    pub struct Event {
        /// Its number, unique and for ever the same: an event may be told more than once. Numbers
        /// are in no order.
        event_id: Text<1, 20> = "eventId",
        /// What has happened.
        kind: Kind = "type",
        /// When, in Korea (yyyyMMddHHmmss).
        occurred_at: Digits<14> = "occurredAt",
        /// The member, where one is concerned.
        user_id: Option<UInt<1, 9_999_999_999_999_999_999>> = "userId",
        /// The application, where one is concerned.
        card_apply_no: Option<Digits<22>> = "cardApplyNo",
        /// Payment account references of the cards concerned: mobile card and plastic of a card
        /// account. May be empty.
        pars: Vec<Text<27, 27>> = "pars",
        /// Payment account references of the cards that have ended with it: those that a reissue or
        /// a renewal has replaced.
        ended_pars: Option<Vec<Text<27, 27>>> = "endedPars",
        /// The fee of the application, won: taken with the event of its card, or refused.
        fee: Option<UInt<0, 9_999_999_999_999_999>> = "fee",
        /// How much of it goes back, won.
        fee_returned: Option<UInt<0, 9_999_999_999_999_999>> = "feeReturned",
        /// Why the bank refused a fee.
        refusal: Option<Text<1, 64>> = "refusal",
        /// What is wrong with a defective card, or why a fee goes back.
        reason: Option<Text<1, 64>> = "reason",
        /// The state that the delivery has now.
        state: Option<Text<1, 32>> = "state",
        /// Which attempt at the delivery it is, from 1 on.
        attempt: Option<UInt<1, 9_999>> = "attempt",
        /// Who carries it.
        carrier: Option<Text<1, 100>> = "carrier",
        /// The carrier's number for it.
        tracking_no: Option<Text<1, 100>> = "trackingNo",
        /// Expiry of the card, YYMM.
        expiry_date: Option<Digits<4>> = "expiryDate",
        /// The last day on which it can be used (yyyyMMdd).
        last_day: Option<Digits<8>> = "lastDay",
        /// Which notice of the expiry it is: 60, 30 or 1 days ahead.
        days_ahead: Option<UInt<1, 60>> = "daysAhead",
    }
}

output! {
    /// A part of the feed.
    pub struct Response {
        /// The events, in the order of the feed. May be empty though there are more.
        events: Vec<Event> = "events",
        /// Where this part ends: the next call begins there. Good for 30 days.
        cursor: Text<1, 64> = "cursor",
        /// Whether to call again at once: there is more behind the cursor.
        has_more: bool = "hasMore",
    }
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT,
        CursorTooOld = catalogue::EVENTS_CURSOR_TOO_OLD,
    }
}

impl Operation for Events {
    const SPEC: Spec = Spec {
        id: "platen.events",
        title: "Events",
        group: "platen extensions",
        path: "/platen/v1/events",
        version: "v1",
        about: "What has happened to the partner's cards, applications, deliveries and fees, part \
                by part. Each answer has a cursor; the next call begins there. Every event is told \
                at least once, none is left out, and those of a cursor are always the same. An \
                event shows within a second or so after it has happened.",
        request_encrypted: true,
        response_encrypted: true,
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

impl Inquiry for Events {
    fn ask(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let asp = &cx.call.asp;
        let now = cx.call.real_now;
        let from = match &request.cursor {
            None => {
                let seal = before_kept(cx, tx, now)?;
                Cursor { seal, log: i64::MAX, day: cursor::day(now) }
            }
            Some(text) => match Cursor::parse(asp, text.as_str()) {
                None => return refuse_at(Error::InvalidInput, "cursor"),
                Some(cursor) if !cursor.is_kept(now) => {
                    return Ok(Ruling::Refused(Error::CursorTooOld));
                }
                Some(cursor) => cursor,
            },
        };
        let limit = usize::try_from(request.limit.get()).ok().or_stop()?;
        let part = part(cx, tx, from, limit)?;
        let cursor = Cursor { day: cursor::day(now), ..part.end }.text(asp);
        Ok(Ruling::Answered(Response {
            events: part.events,
            cursor: Text::new(&cursor).or_stop()?,
            has_more: part.has_more,
        }))
    }
}

/// A part of the feed.
struct Part {
    events: Vec<Event>,
    end: Cursor,
    has_more: bool,
}

/// What comes after a cursor. Rows that are not published cost a look each: the part ends after a
/// number of them, whatever it has found.
fn part<E>(cx: &Cx, tx: &mut Tx<'_>, from: Cursor, limit: usize) -> Done<Part, E> {
    let most = i64::try_from(limit).unwrap_or(ROWS_BESIDE).saturating_add(ROWS_BESIDE);
    let rows = tx.query(
        "SELECT log_id, sealed_in, event, payload, happened_at, clock_shift_us FROM operation_log
         WHERE asp_id = $1 AND (sealed_in, log_id) > ($2, $3)
         ORDER BY sealed_in, log_id LIMIT $4",
        &[cx.call.asp.as_str().into(), from.seal.into(), from.log.into(), most.into()],
    )?;
    let was_cut = i64::try_from(rows.len()).unwrap_or(most) >= most;
    let mut part = Part { events: Vec::new(), end: from, has_more: was_cut };
    for row in &rows {
        if part.events.len() == limit {
            part.has_more = true;
            break;
        }
        part.end = Cursor { seal: row.int(1)?, log: row.int(0)?, ..part.end };
        if let Some(kind) = Kind::of(row.text(2)?) {
            let mut event = event(row, kind)?;
            event.ended_pars = ended(cx, tx, &event)?;
            part.events.push(event);
        }
    }
    Ok(part)
}

/// The event of a row. Of its payload the fields that are of their form are told.
fn event<E>(row: &Row, kind: Kind) -> Done<Event, E> {
    let payload: Value = serde_json::from_str(row.text(3)?)
        .map_err(|error| fault(format!("the payload of a row of the log: {error}")))?;
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    let number = |name: &str| payload.get(name).and_then(Value::as_u64);
    let many = payload.get("pars").and_then(Value::as_array);
    let many = many.into_iter().flatten().filter_map(Value::as_str);
    let at = Timestamp(row.int(4)?.saturating_add(row.int(5)?));
    Ok(Event {
        event_id: Text::new(&row.int(0)?.to_string()).or_stop()?,
        kind,
        occurred_at: Digits::new(&at.seoul_text()).or_stop()?,
        user_id: number("userId").and_then(UInt::new),
        card_apply_no: text("cardApplyNo").and_then(Digits::new),
        pars: text("par").into_iter().chain(many).filter_map(Text::new).collect(),
        ended_pars: None,
        fee: number("fee").and_then(UInt::new),
        fee_returned: number("feeReturned").and_then(UInt::new),
        refusal: text("refusal").and_then(Text::new),
        reason: text("reason").and_then(Text::new),
        state: text("state").and_then(Text::new),
        attempt: number("attempt").and_then(UInt::new),
        carrier: text("carrier").and_then(Text::new),
        tracking_no: text("trackingNo").and_then(Text::new),
        expiry_date: text("expiryDate").and_then(Digits::new),
        last_day: text("lastDay").and_then(Digits::new),
        days_ahead: number("daysAhead").and_then(UInt::new),
    })
}

/// The cards that a replacement has ended; `None` where the event is no such.
fn ended<E>(cx: &Cx, tx: &mut Tx<'_>, event: &Event) -> Done<Option<Vec<Text<27, 27>>>, E> {
    let (Some(apply_no), true) = (&event.card_apply_no, event.kind.replaces()) else {
        return Ok(None);
    };
    let rows = tx.query(
        "SELECT c.par FROM card c WHERE c.asp_id = $1 AND c.card_id IN (
             SELECT d.card_id FROM card d WHERE d.asp_id = $1 AND d.account_id IN (
                 SELECT o.old_account_id FROM application o
                 WHERE o.asp_id = $1 AND o.apply_no = $2))
         ORDER BY c.card_id",
        &[cx.call.asp.as_str().into(), apply_no.as_str().into()],
    )?;
    let pars = rows.iter().map(|row| Text::new(row.text(0)?).or_stop());
    let pars = pars.collect::<Done<Vec<_>, E>>()?;
    Ok((!pars.is_empty()).then_some(pars))
}

/// The last seal that is older than what is kept; 0 where there is none. Seals are made one after
/// another, so that it is found by halves.
fn before_kept(cx: &Cx, tx: &mut Tx<'_>, now: Timestamp) -> Result<i64, DbError> {
    let asp = &cx.call.asp;
    let since = cursor::kept_since(now);
    let (mut older, mut newer) = (0, counters::peek(tx, asp, SEALS)?);
    while newer - older > 1 {
        let middle = older + (newer - older) / 2;
        let is_older = sealed_at(tx, asp, middle)?.is_some_and(|at| at < since);
        if is_older { older = middle } else { newer = middle }
    }
    Ok(older)
}

fn scenarios() -> Vec<Scenario> {
    let example = |number, name, title| Scenario::of(World::new(number), name, title);
    let asp = domain::AspId::new(ASP_ID);
    let old = Cursor { seal: 1, log: 1, day: 0 }.text(&asp);
    // A place that no feed comes to, on a day that never passes.
    let end = Cursor { seal: i64::MAX, log: 0, day: i64::MAX }.text(&asp);
    vec![
        example(741, "nothing-new", "200 - Nothing new").succeeds(
            move |_| json!({ "cursor": end }),
            "Success",
            &["events*0", "cursor", "hasMore"],
        ),
        example(742, "invalid-input", "400 - Invalid input parameter").refuses_field(
            |_| json!({ "limit": 501 }),
            Error::InvalidInput,
            "limit",
        ),
        example(743, "no-such-cursor", "400 - A cursor that no answer has given").refuses_field(
            |_| json!({ "cursor": "AAAA" }),
            Error::InvalidInput,
            "cursor",
        ),
        example(744, "old-cursor", "400 - A cursor that is too old")
            .refuses(move |_| json!({ "cursor": old }), Error::CursorTooOld),
    ]
}
