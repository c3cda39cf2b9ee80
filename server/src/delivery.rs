//! Deliveries of plastic: what is reported about them, sending again, calling off; and the files
//! that go to card makers and come back. Whatever moves a delivery claims its row first.

mod calling_off;
pub mod exchange;
pub mod file;
pub mod makers;
pub mod reading;
mod sending;
pub mod work;
pub mod writing;

use domain::delivery::{self, DeliveryState, Effect as Told, Report, Standing};
use domain::ledger::Journal;
use domain::{ApplyNo, AspId, CardId, Timestamp};
use serde_json::{Value, json};
use store::tables::log::{self, CallKeys, Moment, NewEntry, Since};
use store::tables::{applications, number, parsed, postings};
use store::{Tx, TxError};

use crate::context::Core;
use crate::op::{Call, CallKind, Cx, Done, Effect, OrStop, Stop, fault};

pub use calling_off::{CalledOff, call_off, stop};
pub use sending::{Resent, resend};

/// A delivery as a transaction finds it once it has claimed it.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The application that ordered it.
    pub apply_no: ApplyNo,
    /// How far it is.
    pub standing: Standing,
    /// The plastic.
    pub card: CardId,
    /// Who carries it.
    pub carrier: Option<String>,
    /// The carrier's number for it.
    pub tracking_no: Option<String>,
    /// The card maker whose file has it, and the number of that file.
    pub written: Option<(String, i64)>,
}

/// A report with what it says beside the state.
#[derive(Debug, Clone, Copy)]
pub struct Tracking<'a> {
    /// The state, when, and of which attempt.
    pub report: Report,
    /// Who carries it; as before where it is left out.
    pub carrier: Option<&'a str>,
    /// The carrier's number for it; as before where it is left out.
    pub tracking_no: Option<&'a str>,
    /// Where it was.
    pub place: Option<&'a str>,
    /// Why, of an exit.
    pub reason: Option<&'a str>,
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The delivery took this state.
    Took(DeliveryState),
    /// It was written down and changed nothing.
    WrittenDown,
    /// It was known already.
    Known,
    /// There is no such delivery, or no such attempt of it.
    Unknown,
}

/// Whose row of the operation log says what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// The call's: it is remembered by it.
    Call,
    /// One of its own, beside the call's if there is one.
    Report,
}

/// The context of what no call of a partner causes: a carrier's report, a file, a job.
pub fn reporting(core: &Core, asp: &AspId, operation: &'static str, now: Moment) -> Cx {
    let call = Call {
        asp: asp.clone(),
        operation,
        correlation_id: "-".to_owned(),
        keys: CallKeys::default(),
        other_keys: Vec::new(),
        now: now.business,
        real_now: now.real,
        since: Since { call: now.real, cipher: now.real },
        kind: CallKind::Live,
        given_apply_no: None,
    };
    Cx { core: core.clone(), call }
}

/// Claims the delivery of an application; `None` where it has none.
pub fn claim<E>(cx: &Cx, tx: &mut Tx<'_>, apply_no: &ApplyNo) -> Done<Option<Delivery>, E> {
    let row = tx.query_opt(
        "UPDATE delivery SET attempt = attempt WHERE asp_id = $1 AND apply_no = $2
         RETURNING state, changed_at, attempt, card_id, carrier, tracking_no, maker_id,
             file_sequence",
        &[cx.call.asp.as_str().into(), apply_no.as_str().into()],
    )?;
    let Some(mut row) = row else { return Ok(None) };
    let file = row.opt_int(7)?;
    Ok(Some(Delivery {
        apply_no: apply_no.clone(),
        standing: Standing {
            state: parsed(&row, 0, DeliveryState::parse)?,
            since: Timestamp(row.int(1)?),
            attempt: number(&row, 2)?,
        },
        card: CardId(row.int(3)?),
        carrier: row.take_opt_text(4)?,
        tracking_no: row.take_opt_text(5)?,
        written: row.take_opt_text(6)?.zip(file),
    }))
}

/// Applies a report to the delivery of an application. Twice is the same as once; what comes too
/// late is written down and changes nothing. A lost plastic ends and a new one is ordered, with
/// the expiry that was promised; a delivery that is called off ends as [`call_off`] says.
pub fn apply<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    apply_no: &ApplyNo,
    tracking: Tracking<'_>,
) -> Done<Applied, E> {
    match claim(cx, tx, apply_no)? {
        None => Ok(Applied::Unknown),
        Some(mut delivery) => apply_to(cx, tx, &mut delivery, tracking),
    }
}

/// Applies a report to a delivery that the transaction has claimed.
pub(crate) fn apply_to<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    delivery: &mut Delivery,
    tracking: Tracking<'_>,
) -> Done<Applied, E> {
    let report = tracking.report;
    let told = delivery::report(delivery.standing, report);
    let is_new = |tx: &mut Tx<'_>| write_down(cx, tx, &delivery.apply_no, told, tracking);
    let after = match told {
        Told::UnknownAttempt => return Ok(Applied::Unknown),
        Told::WrittenDown | Told::Takes(_) if !is_new(tx)? => return Ok(Applied::Known),
        Told::WrittenDown => return Ok(Applied::WrittenDown),
        Told::Takes(after) => after,
    };
    match after {
        DeliveryState::Cancel => {
            let application =
                applications::load(tx, &cx.call.asp, &delivery.apply_no)?.or_stop()?;
            let whole = (&mut *delivery, &application);
            calling_off::finish(cx, tx, whole, report.occurred_at, By::Report)?;
        }
        DeliveryState::Lost => {
            take(cx, tx, delivery, after, tracking)?;
            say(cx, tx, delivery, By::Report, Beside::default())?;
            sending::replace(cx, tx, delivery)?;
        }
        DeliveryState::Ready
        | DeliveryState::Receipt
        | DeliveryState::PreShipping
        | DeliveryState::Shipping
        | DeliveryState::Arrival
        | DeliveryState::Return
        | DeliveryState::Etc => {
            take(cx, tx, delivery, after, tracking)?;
            say(cx, tx, delivery, By::Report, Beside::default())?;
        }
    }
    Ok(Applied::Took(after))
}

/// The plastic of an application has arrived, whatever tracking says: it was registered. Nothing
/// where it had arrived or ended before. The delivery's row is claimed here: what else claims it
/// changes the application afterwards.
pub fn arrived<E>(cx: &Cx, tx: &mut Tx<'_>, apply_no: &ApplyNo, at: Timestamp) -> Done<(), E> {
    let Some(mut delivery) = claim(cx, tx, apply_no)? else { return Ok(()) };
    let Standing { state, since, attempt } = delivery.standing;
    let Some(state) = delivery::next(state, delivery::Event::Register) else { return Ok(()) };
    let told = Tracking::of(Report { state, occurred_at: at.max(since), attempt });
    note(cx, tx, apply_no, told)?;
    take(cx, tx, &mut delivery, state, told)?;
    say(cx, tx, &delivery, By::Report, Beside::default())
}

impl Tracking<'_> {
    /// A report that says nothing but the state.
    pub const fn of(report: Report) -> Self {
        Tracking { report, carrier: None, tracking_no: None, place: None, reason: None }
    }
}

/// Writes what happened into the history; `false` where it is there.
fn write_down<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    apply_no: &ApplyNo,
    told: Told,
    tracking: Tracking<'_>,
) -> Done<bool, E> {
    let report = tracking.report;
    let written = tx.execute(
        "INSERT INTO delivery_event (asp_id, apply_no, attempt, occurred_at, state, received_at,
             is_effective, carrier, tracking_no, place, reason)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
        &[
            cx.call.asp.as_str().into(),
            apply_no.as_str().into(),
            i64::from(report.attempt).into(),
            report.occurred_at.0.into(),
            report.state.name().into(),
            cx.call.now.0.into(),
            matches!(told, Told::Takes(_)).into(),
            tracking.carrier.into(),
            tracking.tracking_no.into(),
            tracking.place.into(),
            tracking.reason.into(),
        ],
    )?;
    Ok(written == 1)
}

/// Writes what the platform itself has done into the history. A report of the same moment may have
/// said so before, when it could not count: it does now.
fn note<E>(cx: &Cx, tx: &mut Tx<'_>, apply_no: &ApplyNo, done: Tracking<'_>) -> Done<(), E> {
    let report = done.report;
    if write_down(cx, tx, apply_no, Told::Takes(report.state), done)? {
        return Ok(());
    }
    tx.put(
        "UPDATE delivery_event SET is_effective = TRUE
         WHERE asp_id = $1 AND apply_no = $2 AND attempt = $3 AND occurred_at = $4 AND state = $5",
        &[
            cx.call.asp.as_str().into(),
            apply_no.as_str().into(),
            i64::from(report.attempt).into(),
            report.occurred_at.0.into(),
            report.state.name().into(),
        ],
    )?;
    Ok(())
}

/// Gives the delivery its new state.
fn take<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    delivery: &mut Delivery,
    state: DeliveryState,
    tracking: Tracking<'_>,
) -> Done<(), E> {
    let at = tracking.report.occurred_at;
    delivery.standing = Standing { state, since: at, ..delivery.standing };
    let kept = |new: Option<&str>, old: &mut Option<String>| {
        if let Some(new) = new {
            *old = Some(new.to_owned());
        }
    };
    kept(tracking.carrier, &mut delivery.carrier);
    kept(tracking.tracking_no, &mut delivery.tracking_no);
    tx.put(
        "UPDATE delivery SET state = $3, changed_at = $4, ended_at = $5, carrier = $6,
             tracking_no = $7
         WHERE asp_id = $1 AND apply_no = $2",
        &[
            cx.call.asp.as_str().into(),
            delivery.apply_no.as_str().into(),
            state.name().into(),
            at.0.into(),
            state.is_end().then_some(at.0).into(),
            delivery.carrier.as_deref().into(),
            delivery.tracking_no.as_deref().into(),
        ],
    )?;
    Ok(())
}

/// Ends the plastic of a delivery: it can be registered no more. Where it was registered meanwhile,
/// that came first.
fn end_plastic<E>(cx: &Cx, tx: &mut Tx<'_>, delivery: &Delivery) -> Done<(), E> {
    let ended = tx.execute(
        "UPDATE card SET ended_at = $3
         WHERE asp_id = $1 AND card_id = $2 AND account_id IS NULL",
        &[cx.call.asp.as_str().into(), delivery.card.0.into(), cx.call.now.0.into()],
    )?;
    if ended == 1 { Ok(()) } else { Err(TxError::Refused(Stop::CameFirst)) }
}

/// What is told and booked beside a delivery's change.
#[derive(Default)]
struct Beside {
    /// Members of the payload.
    told: Vec<(&'static str, Value)>,
    /// What is booked.
    journal: Journal,
}

/// Writes the change as a row of the operation log: an event for partners, by no card's number.
fn say<E>(cx: &Cx, tx: &mut Tx<'_>, delivery: &Delivery, by: By, beside: Beside) -> Done<(), E> {
    let (asp, call) = (&cx.call.asp, &cx.call);
    let member = tx.query_one(
        "SELECT user_id FROM application WHERE asp_id = $1 AND apply_no = $2",
        &[asp.as_str().into(), delivery.apply_no.as_str().into()],
    )?;
    let at = jiff::Timestamp::from_microsecond(delivery.standing.since.0).ok().or_stop()?;
    let mut payload = json!({
        "cardApplyNo": delivery.apply_no.as_str(),
        "userId": member.int(0)?,
        "state": delivery.standing.state.name(),
        "occurredAt": at.to_string(),
        "attempt": delivery.standing.attempt,
        "carrier": delivery.carrier,
        "trackingNo": delivery.tracking_no,
    });
    for (name, value) in beside.told {
        payload[name] = value;
    }
    let log_id = cx.core.supply.id(asp).or_stop()?;
    postings::insert(tx, asp, log_id, &beside.journal)?;
    let (event, code, subject) = ("delivery.changed", "000_000", delivery.apply_no.as_str());
    if by == By::Call && !call.keys.replay.is_empty() {
        return cx.record(tx, &Effect { log_id, event, code, subject, payload: &payload });
    }
    let entry = NewEntry {
        id: log_id,
        operation: call.operation,
        event,
        code,
        correlation_id: &call.correlation_id,
        subject,
        payload: &payload.to_string(),
        happened_at: call.moment(),
        keys: None,
    };
    if log::insert(tx, asp, &entry)? {
        return Ok(());
    }
    Err(fault("the log has the row's id already"))
}
