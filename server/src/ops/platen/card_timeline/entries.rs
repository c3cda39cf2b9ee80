//! A part of the timeline: rows of the operation log, merged by time, and what each of them tells.

use contract::{Digits, Text, UInt};
use domain::Timestamp;
use domain::product::Waiver;
use serde_json::Value;
use store::{DbError, Row, Tx};

use super::history::{Of, Source};
use super::{Entry, Kind, What};
use crate::op::{Cx, Done, OrStop, fault};
use crate::ops::platen::reissue_quote::WaiverReason;

/// The last entry that was told: its time, its row, and which of the row's entries it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// When the row was written, µs.
    time: i64,
    /// The row.
    log: i64,
    /// Counts the row's entries from 1 on.
    entry: i64,
}

impl Place {
    /// Before every entry.
    pub(crate) const BEGINNING: Self = Place { time: 0, log: 0, entry: 0 };
}

impl From<[i64; 3]> for Place {
    fn from([time, log, entry]: [i64; 3]) -> Self {
        Place { time, log, entry }
    }
}

impl From<Place> for [i64; 3] {
    fn from(place: Place) -> Self {
        [place.time, place.log, place.entry]
    }
}

/// A part of the timeline.
pub(crate) struct Part {
    /// Its entries, the oldest first.
    pub(crate) entries: Vec<Entry>,
    /// Where it ends.
    pub(crate) end: Place,
    /// Whether there is more.
    pub(crate) has_more: bool,
}

/// An entry before its details are read.
struct Found<'a> {
    place: Place,
    what: What,
    generation: usize,
    card: Option<&'a str>,
    row: usize,
}

/// The entries after a place. Of each subject no more rows are read than the part could need: every
/// row has an entry at least, and the first may have been told.
pub(crate) fn part<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    sources: &[Source],
    from: Place,
    limit: usize,
) -> Done<Part, E> {
    let mut rows = Vec::new();
    for source in sources {
        for row in read(cx, tx, source, from, limit)? {
            let payload: Value = serde_json::from_str(row.text(3)?)
                .map_err(|error| fault(format!("the payload of a row of the log: {error}")))?;
            rows.push((source, row, payload));
        }
    }
    let mut found = Vec::new();
    for (at, (source, row, payload)) in rows.iter().enumerate() {
        let (time, log) = (time(row)?, row.int(0)?);
        let told = told(source, Kind::of(row.text(1)?), payload);
        for (entry, (what, generation, card)) in (1_i64..).zip(told) {
            let place = Place { time, log, entry };
            found.push(Found { place, what, generation, card, row: at });
        }
    }
    found.retain(|found| found.place > from);
    found.sort_by_key(|found| found.place);
    let has_more = found.len() > limit;
    found.truncate(limit);
    let end = found.last().map_or(from, |last| last.place);
    let mut entries = Vec::new();
    for found in &found {
        let (source, row, payload) = rows.get(found.row).or_stop()?;
        entries.push(entry(cx, tx, found, source, (row, payload))?);
    }
    Ok(Part { entries, end, has_more })
}

/// The published rows of a subject from a place on. The card's number is told to somebody by every
/// other call: those rows are left out here, so that a part is never made of them.
fn read(
    cx: &Cx,
    tx: &mut Tx<'_>,
    source: &Source,
    from: Place,
    limit: usize,
) -> Result<Vec<Row>, DbError> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(2);
    let only = match &source.of {
        Of::MainAccount(_) => Kind::CardDiscarded.word(),
        Of::Account | Of::Application(_) => "",
    };
    tx.query(
        "SELECT log_id, event, correlation_id, payload, happened_at, clock_shift_us
         FROM operation_log
         WHERE asp_id = $1 AND log_id IN (
                 SELECT l.log_id FROM operation_log l WHERE l.asp_id = $1 AND l.subject = $2)
             AND happened_at + clock_shift_us >= $3
             AND (happened_at + clock_shift_us, log_id) >= ($4, $5)
             AND (event = $6 OR CAST($6 AS TEXT) = '')
             AND event IN ('card.issued', 'card.issue_applied', 'card.reissued',
                 'card.reissue_applied', 'card.renewed', 'card.renewal_applied',
                 'card.registered', 'card.suspended', 'card.resumed', 'card.defect_reported',
                 'card.discarded', 'card.expiry_notice', 'card.expired', 'application.cancelled',
                 'delivery.changed', 'fee.refused', 'fee.return_due', 'fee.returned')
         ORDER BY happened_at + clock_shift_us, log_id LIMIT $7",
        &[
            cx.call.asp.as_str().into(),
            source.subject.as_str().into(),
            source.since.into(),
            from.time.into(),
            from.log.into(),
            only.into(),
            most.into(),
        ],
    )
}

/// When a row was written, by the clock of business.
fn time(row: &Row) -> Result<i64, DbError> {
    Ok(row.int(4)?.saturating_add(row.int(5)?))
}

/// What a row tells, of which generation and card, in order.
fn told<'a>(
    source: &'a Source,
    kind: Option<Kind>,
    payload: &Value,
) -> Vec<(What, usize, Option<&'a str>)> {
    let Some(kind) = kind else { return Vec::new() };
    let of = |what, card: &'a Option<String>| (what, source.generation, card.as_deref());
    let own = of(What::Logged(kind), &source.card);
    match kind {
        Kind::CardIssued
        | Kind::CardIssueApplied
        | Kind::CardReissued
        | Kind::CardReissueApplied
        | Kind::CardRenewed
        | Kind::CardRenewalApplied => {
            let fee = payload.get("fee").and_then(Value::as_u64).unwrap_or_default();
            let taken = (fee > 0).then(|| of(What::FeeTaken, &source.card));
            let ended = ended(source, kind);
            taken.into_iter().chain(ended).chain([own]).collect()
        }
        Kind::ApplicationCancelled => {
            let ended = has_opened(source).then(|| of(What::CardEnded, &source.card));
            std::iter::once(own).chain(ended).collect()
        }
        Kind::CardRegistered | Kind::DeliveryChanged => {
            let card = if source.plastic.is_some() { &source.plastic } else { &source.card };
            vec![of(What::Logged(kind), card)]
        }
        Kind::CardDiscarded => {
            if is_among(source, payload) {
                vec![own]
            } else {
                Vec::new()
            }
        }
        Kind::CardSuspended
        | Kind::CardResumed
        | Kind::CardDefectReported
        | Kind::CardExpiryNotice
        | Kind::CardExpired
        | Kind::FeeRefused
        | Kind::FeeReturnDue
        | Kind::FeeReturned => vec![own],
    }
}

/// The end of the card that is replaced, where its balance has moved.
fn ended(source: &Source, kind: Kind) -> Option<(What, usize, Option<&str>)> {
    let Of::Application(application) = &source.of else { return None };
    let (generation, card) = application.replaced.as_ref()?;
    let has_moved = matches!(kind, Kind::CardReissued | Kind::CardRenewed);
    has_moved.then_some((What::CardEnded, *generation, card.as_deref()))
}

fn has_opened(source: &Source) -> bool {
    match &source.of {
        Of::Application(application) => application.has_opened,
        Of::Account | Of::MainAccount(_) => false,
    }
}

/// Whether the card is one of those that were discarded: a sub card ends with its main card, unless
/// it has ended before.
fn is_among(source: &Source, payload: &Value) -> bool {
    let Of::MainAccount(pars) = &source.of else { return true };
    let discarded = payload.get("pars").and_then(Value::as_array).into_iter().flatten();
    discarded.filter_map(Value::as_str).any(|par| pars.iter().any(|own| own == par))
}

/// An entry with its details. Of the payload the fields that are of their form are told.
fn entry<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    found: &Found<'_>,
    source: &Source,
    (row, payload): (&Row, &Value),
) -> Done<Entry, E> {
    let (fee, waiver) = (fee(found.what, payload), waiver(found.what, source, payload));
    // What stands beside the row's own entry says nothing else of what the payload says.
    let nothing = Value::Null;
    let (payload, is_delivery) = match found.what {
        What::Logged(kind) => (payload, kind == Kind::DeliveryChanged),
        What::FeeTaken | What::CardEnded => (&nothing, false),
    };
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    let number = |name: &str| payload.get(name).and_then(Value::as_u64);
    let step = if is_delivery { step(cx, tx, source, payload)? } else { Step::default() };
    let correlation_id = row.text(2)?;
    Ok(Entry {
        event_id: Text::new(&found.place.log.to_string()).or_stop()?,
        what: found.what,
        occurred_at: Digits::new(&Timestamp(found.place.time).seoul_text()).or_stop()?,
        generation: u64::try_from(found.generation).ok().and_then(UInt::new).or_stop()?,
        masked_card_no: found.card.and_then(Text::new),
        card_apply_no: Digits::new(&source.subject),
        correlation_id: Some(correlation_id).filter(|id| *id != "-").and_then(Text::new),
        fee,
        fee_returned: number("feeReturned").and_then(UInt::new),
        waiver,
        refusal: text("refusal").and_then(Text::new),
        reason: step.reason.as_deref().or(text("reason")).and_then(Text::new),
        state: text("state").and_then(Text::new),
        state_since: step.since.and_then(|at| Digits::new(&at.seoul_text())),
        attempt: number("attempt").and_then(UInt::new),
        carrier: text("carrier").and_then(Text::new),
        tracking_no: text("trackingNo").and_then(Text::new),
        place: step.place.as_deref().and_then(Text::new),
        expiry_date: text("expiryDate").and_then(Digits::new),
        last_day: text("lastDay").and_then(Digits::new),
        days_ahead: number("daysAhead").and_then(UInt::new),
    })
}

type Fee = UInt<0, 9_999_999_999_999_999>;

/// The fee of an entry that is about one.
fn fee(what: What, payload: &Value) -> Option<Fee> {
    match what {
        What::FeeTaken
        | What::Logged(
            Kind::FeeRefused | Kind::FeeReturnDue | Kind::FeeReturned | Kind::ApplicationCancelled,
        ) => payload.get("fee").and_then(Value::as_u64).and_then(UInt::new),
        What::Logged(_) | What::CardEnded => None,
    }
}

/// Why the fee of an application was waived, with the entry that says that it was granted: the one
/// that knows its fee.
fn waiver(what: What, source: &Source, payload: &Value) -> Option<WaiverReason> {
    payload.get("fee")?;
    let Of::Application(application) = &source.of else { return None };
    match what {
        What::Logged(Kind::CardReissued | Kind::CardReissueApplied) => {
            application.waiver.map(|waiver| match waiver {
                Waiver::FirstReissue => WaiverReason::FirstReissue,
                Waiver::DefectiveCard => WaiverReason::DefectiveCard,
            })
        }
        What::Logged(_) | What::FeeTaken | What::CardEnded => None,
    }
}

/// What the history of a delivery says of one of its steps beside the log.
#[derive(Default)]
struct Step {
    since: Option<Timestamp>,
    place: Option<String>,
    reason: Option<String>,
}

fn step<E>(cx: &Cx, tx: &mut Tx<'_>, source: &Source, payload: &Value) -> Done<Step, E> {
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    let since = text("occurredAt").and_then(|at| at.parse::<jiff::Timestamp>().ok());
    let Some(since) = since.map(jiff::Timestamp::as_microsecond) else {
        return Ok(Step::default());
    };
    let attempt = payload.get("attempt").and_then(Value::as_i64).unwrap_or_default();
    let row = tx.query_opt(
        "SELECT place, reason FROM delivery_event
         WHERE asp_id = $1 AND apply_no = $2 AND attempt = $3 AND occurred_at = $4 AND state = $5",
        &[
            cx.call.asp.as_str().into(),
            source.subject.as_str().into(),
            attempt.into(),
            since.into(),
            text("state").unwrap_or_default().into(),
        ],
    )?;
    let (place, reason) = match row {
        Some(mut row) => (row.take_opt_text(0)?, row.take_opt_text(1)?),
        None => (None, None),
    };
    Ok(Step { since: Some(Timestamp(since)), place, reason })
}

#[cfg(test)]
mod tests {
    use super::Kind;

    /// The statement lists what is published.
    #[test]
    fn every_published_kind_is_read() {
        let code = include_str!("entries.rs");
        let (_, list) = code.split_once("event IN (").unwrap();
        let (list, _) = list.split_once(')').unwrap();
        let read: Vec<&str> = list.split('\'').skip(1).step_by(2).collect();
        let all: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(read, all);
    }
}
