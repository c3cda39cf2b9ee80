//! `platen.card-timeline`: all that has happened to one card, through its reissues and renewals, in
//! the order of time. The reference has no such operation: path, fields and codes are platen's
//! choice.
//!
//! An entry is a row of the operation log whose event the feed publishes, or what such a row says
//! beside: that the fee was taken, that the card before has ended. Of a delivery the steps that it
//! took are told; a report that came too late changed nothing and is not. Entries stand by the time
//! at which the platform wrote them, so that what a carrier tells late does not slip in before a
//! cursor. Two servers may still write at nearly the same moment: who must miss nothing reads the
//! feed.

pub(crate) mod entries;
pub(crate) mod history;

use contract::shape::Emit;
use contract::{Digits, Kind as FieldKind, Spec, Text, UInt, at, catalogue, errors, input, output};
use domain::UserId;
use serde_json::{Value, json};
use store::Tx;
use store::tables::members;

use super::events::Kind;
use super::reissue_quote::WaiverReason;
use crate::bookmark;
use crate::op::{Changes, Cx, Done, Inquiry, Operation, OrStop, Ruling, refuse, refuse_at};
use crate::ops::prepaid_card::reissue::{Reissue, with_plastic};
use crate::sandbox::world::{Card, Scenario, Step, World, products};
use entries::Place;

/// The list in which a cursor is a place.
const LIST: &str = "platen.card-timeline.cursor.v1";

/// The operation.
pub struct CardTimeline;

/// What an entry tells: an event of the log by its name there, or what such an event says beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// An event of the log.
    Logged(Kind),
    /// The fee of an application was taken.
    FeeTaken,
    /// A card has ended, because another one replaces it or its application was cancelled.
    CardEnded,
}

impl What {
    /// The string on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            What::Logged(kind) => kind.word(),
            What::FeeTaken => "fee.taken",
            What::CardEnded => "card.ended",
        }
    }
}

/// The words of all entries.
const WORDS: [&str; Kind::ALL.len() + 2] = {
    let mut words = [What::FeeTaken.word(); Kind::ALL.len() + 2];
    let (mut at, mut rest) = (1, Kind::ALL);
    words[0] = What::CardEnded.word();
    while let [kind, others @ ..] = rest {
        words[at + 1] = kind.word();
        (at, rest) = (at + 1, others);
    }
    words
};

impl Emit for What {
    const KIND: FieldKind = FieldKind::Choice(&WORDS);

    fn emit(&self, out: &mut String) {
        contract::shape::emit_string(self.word(), out);
    }
}

input! {
    /// A card, and where the last answer ended.
    pub struct Request {
        /// Member id given at registration.
        user_id: UInt<1, 9_999_999_999_999_999_999> = at("userId"),
        /// Number of the card, mobile or physical: of any generation, an ended one too.
        card_no: Digits<16> = at("cardNo"),
        /// The `cursor` of the answer before: what comes after it is told. Without it the timeline
        /// begins with its oldest entry.
        cursor: Option<Text<1, 64>> = at("cursor").optional(),
        /// The most entries of an answer.
        limit: UInt<1, 100> = at("limit").or_default(50),
    }
}

output! {
    /// Something that has happened to the card.
    pub struct Entry {
        /// The event of the feed that says so; entries of one event stand together.
        event_id: Text<1, 20> = "eventId",
        /// What has happened.
        what: What = "type",
        /// When the platform wrote it down, in Korea (yyyyMMddHHmmss).
        occurred_at: Digits<14> = "occurredAt",
        /// Which generation of the card it tells of, from 1 on: each reissue or renewal makes one.
        generation: UInt<1, 9_999> = "generation",
        /// Number of that card, masked (first six and last four digits): of the plastic where it is
        /// about the plastic or there is no mobile card yet, else of the mobile card.
        masked_card_no: Option<Text<16, 16>> = "maskedCardNo",
        /// The application, where one is concerned.
        card_apply_no: Option<Digits<22>> = "cardApplyNo",
        /// Correlation id of the call that caused it; none where no call did.
        correlation_id: Option<Text<1, 64>> = "correlationId",
        /// The fee, won: of an entry about a fee or of an application that was cancelled.
        fee: Option<UInt<0, 9_999_999_999_999_999>> = "fee",
        /// How much of it goes back, won.
        fee_returned: Option<UInt<0, 9_999_999_999_999_999>> = "feeReturned",
        /// Why no fee was charged though the product has one.
        waiver: Option<WaiverReason> = "waiver",
        /// Why the bank refused a fee.
        refusal: Option<Text<1, 64>> = "refusal",
        /// What is wrong with a defective card, why a fee goes back, or why a delivery ended.
        reason: Option<Text<1, 255>> = "reason",
        /// The state that the delivery took.
        state: Option<Text<1, 32>> = "state",
        /// When it took that state, in Korea (yyyyMMddHHmmss), by whoever reported it.
        state_since: Option<Digits<14>> = "stateSince",
        /// Which attempt at the delivery it is, from 1 on.
        attempt: Option<UInt<1, 9_999>> = "attempt",
        /// Who carries it.
        carrier: Option<Text<1, 100>> = "carrier",
        /// The carrier's number for it.
        tracking_no: Option<Text<1, 100>> = "trackingNo",
        /// Where it was.
        place: Option<Text<1, 255>> = "place",
        /// Expiry of the card, YYMM.
        expiry_date: Option<Digits<4>> = "expiryDate",
        /// The last day on which it can be used (yyyyMMdd).
        last_day: Option<Digits<8>> = "lastDay",
        /// Which notice of the expiry it is: 60, 30 or 1 days ahead.
        days_ahead: Option<UInt<1, 60>> = "daysAhead",
    }
}

output! {
    /// A part of the timeline.
    pub struct Response {
        /// The entries, the oldest first. Of a chain of more than 101 generations, those next to
        /// the card that was named are looked at; of a card, its last 200 applications.
        entries: Vec<Entry> = "entries",
        /// Where this part ends: the next call begins there. Good for this partner for ever.
        cursor: Text<1, 64> = "cursor",
        /// Whether there is more behind the cursor.
        has_more: bool = "hasMore",
    }
}

errors! {
    /// Refusals in order of precedence.
    pub enum Error {
        InvalidInput = catalogue::INVALID_INPUT,
        WalletUserNotFound = catalogue::WALLET_USER_NOT_FOUND,
        InvalidCardInfo = catalogue::INVALID_CARD_INFO,
    }
}

impl Operation for CardTimeline {
    const SPEC: Spec = Spec {
        id: "platen.card-timeline",
        title: "Timeline of a Card",
        group: "platen extensions",
        path: "/platen/v1/card-timeline",
        version: "v1",
        about: "Tells the whole history of a card, part by part, whichever of its numbers is \
                named: applications, fees taken, refused and returned, the steps of each delivery, \
                registration, loss, defects, reissues and renewals, notices of expiry, its end.",
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

impl Inquiry for CardTimeline {
    fn ask(cx: &Cx, tx: &mut Tx<'_>, request: &Request) -> Done<Ruling<Response, Error>, Error> {
        let asp = &cx.call.asp;
        let from = match &request.cursor {
            None => Place::BEGINNING,
            Some(text) => match bookmark::parse(LIST, asp, text.as_str()).map(Place::from) {
                None => return refuse_at(Error::InvalidInput, "cursor"),
                Some(place) => place,
            },
        };
        let Some(member) = members::find(tx, asp, UserId(request.user_id.get()))? else {
            return refuse(Error::WalletUserNotFound);
        };
        let number = request.card_no.as_str();
        let Some(sources) = history::sources(cx, tx, member.user_id, number)? else {
            return refuse(Error::InvalidCardInfo);
        };
        let limit = usize::try_from(request.limit.get()).ok().or_stop()?;
        let part = entries::part(cx, tx, &sources, from, limit)?;
        let cursor = bookmark::text(LIST, asp, part.end.into());
        Ok(Ruling::Answered(Response {
            entries: part.entries,
            cursor: Text::new(&cursor).or_stop()?,
            has_more: part.has_more,
        }))
    }
}

/// The request of the scenario's card.
pub fn request(world: &World) -> Value {
    json!({ "userId": world.user_id(), "cardNo": world.card_no() })
}

fn scenarios() -> Vec<Scenario> {
    use domain::delivery::DeliveryState;
    const REISSUED: &[&str] = &[
        "entries*3",
        "entries[].maskedCardNo",
        "entries[].cardApplyNo",
        "entries[0].correlationId",
        "entries[1].correlationId",
        "entries[2].state",
        "entries[2].stateSince",
        "entries[2].attempt",
        "cursor",
        "hasMore",
    ];
    const FIRST: &[&str] = &[
        "entries[].maskedCardNo",
        "entries[].cardApplyNo",
        "entries[].correlationId",
        "cursor",
        "hasMore",
    ];
    let example = |number, name, title| Scenario::of(World::new(number), name, title);
    let reissued = |world: &mut World| {
        world.product = products::FREE;
        world.before =
            vec![Step::Call(Reissue::SPEC.id, with_plastic), Step::Report(DeliveryState::Receipt)];
    };
    let asked = |world: &World, name: &str, value: Value| {
        let mut request = request(world);
        request[name] = value;
        request
    };
    vec![
        example(830, "reissued", "200 - A card that was reissued, by its old number")
            .given(reissued)
            .succeeds(request, "Success", REISSUED),
        example(831, "first-part", "200 - The first entry, with more behind it")
            .given(reissued)
            .succeeds(|world| asked(world, "limit", json!(1)), "Success", FIRST),
        example(832, "nothing-yet", "200 - A card to which nothing has happened").succeeds(
            request,
            "Success",
            &["entries*0", "cursor", "hasMore"],
        ),
        example(833, "invalid-input", "400 - Invalid input parameter").refuses_field(
            |world| asked(world, "limit", json!(101)),
            Error::InvalidInput,
            "limit",
        ),
        example(834, "no-such-cursor", "400 - A cursor that no answer has given").refuses_field(
            |world| asked(world, "cursor", json!("AAAA")),
            Error::InvalidInput,
            "cursor",
        ),
        example(835, "membership-cancelled", "400 - Membership cancelled")
            .given(|world| world.is_member = false)
            .refuses(request, Error::WalletUserNotFound),
        example(836, "unknown-card", "400 - No such card of the member")
            .given(|world| world.card = Card::None)
            .refuses(request, Error::InvalidCardInfo),
    ]
}
