//! The way of plastic: what is reported of it, and what follows.

use store::Image;

use super::job::only_changed;
use super::parts::{NewCard, application, fee_owed, plastic_ended};
use super::{Around, Job, Want, row_is};
use crate::broken::{Check, broken, hold};
use crate::model::card::DAY_US;
use crate::model::{AppState, Delivery, Fee, Partner, Way};
use crate::server::{REPORTING, settings};

/// What the log says did it where plastic that came back was given up.
const CALL_OFF_JOB: &str = "job.call-off";

/// What is reported of deliveries, by a carrier or by a job.
pub(super) fn reported(
    partner: &mut Partner,
    around: &Around<'_>,
    job: &mut Job<'_>,
    report: &Image,
) -> Check<&'static str> {
    let mut what = report_of(partner, around, job, report)?;
    while let Some(next) = job.first_report() {
        what = report_of(partner, around, job, next)?;
    }
    Ok(what)
}

fn report_of(
    partner: &mut Partner,
    around: &Around<'_>,
    job: &mut Job<'_>,
    report: &Image,
) -> Check<&'static str> {
    let no = report.text("apply_no").unwrap_or_default();
    let (at_us, now_us) = (report.int("occurred_at"), report.int("received_at"));
    let (at_us, now_us) = (at_us.unwrap_or(0), now_us.unwrap_or(0));
    let way = report.text("state").and_then(Way::parse);
    let (Some(way), Some(standing)) = (way, application(partner, no)?.delivery) else {
        return broken("model-predicts-effects", format!("a report of {no}, which has no plastic"));
    };
    let attempt = report.int("attempt").unwrap_or(0);
    hold("model-predicts-effects", (1..=standing.attempt).contains(&attempt), || {
        format!("attempt {attempt} of {no} was never made")
    })?;
    // Never backwards, neither in time nor on its way.
    let counts = attempt == standing.attempt
        && at_us >= standing.since_us
        && standing.way.may_be_reported(way);
    let wanted = [("is_effective", Want::Int(i64::from(counts)))];
    row_is("a-delivery-goes-forward", report, &wanted)?;
    match (counts, way) {
        (false, _) => Ok("a report that came too late"),
        (true, Way::Lost) => lost(partner, around, job, (no, at_us, now_us)),
        (true, Way::Cancel) => {
            let log = called_off(partner, job, (no, at_us, now_us))?;
            let is_job = log.text("operation") == Some(CALL_OFF_JOB);
            let kept_us = i64::try_from(settings().returned_kept_days).unwrap_or(0) * DAY_US;
            let is_due = standing.way == Way::Return && standing.since_us + kept_us < now_us;
            hold("plastic-is-kept", is_due || !is_job, || format!("{no} was given up too early"))?;
            Ok(if is_job { "given up" } else { "reported: called off" })
        }
        (
            true,
            Way::Ready
            | Way::Receipt
            | Way::PreShipping
            | Way::Shipping
            | Way::Arrival
            | Way::Return
            | Way::Etc,
        ) => {
            took(partner, job, no, (way, at_us))?;
            said(job, no, way, REPORTING)?;
            Ok(if way == Way::Return { "reported: came back" } else { "reported" })
        }
    }
}

/// A new plastic goes out for a lost one, which ends.
fn lost(
    partner: &mut Partner,
    around: &Around<'_>,
    job: &mut Job<'_>,
    (no, at_us, now_us): (&str, i64, i64),
) -> Check<&'static str> {
    let application = application(partner, no)?;
    let old = application.plastic;
    let Some(Delivery { attempt, .. }) = application.delivery else {
        return broken("model-agrees", format!("{no} has no delivery"));
    };
    plastic_ended(partner, job, no, now_us)?;
    let Some(old) = old.and_then(|place| partner.cards.get(place)).cloned() else {
        return broken("model-agrees", format!("{no} awaits no plastic"));
    };
    let pair = job.application(no)?;
    only_changed(pair, &["physical_card_id"])?;
    let id = pair.1.int("physical_card_id").unwrap_or(0);
    let (service, expiry) = (old.service, old.expiry);
    let plastic = NewCard { id, account: None, form: "PHYSICAL", no: Some(no), service, expiry };
    let place = plastic.made(partner, around, job)?;
    said(job, no, Way::Lost, REPORTING)?;
    // It counts from when it was lost, if a carrier's clock is ahead.
    let since_us = now_us.max(at_us);
    let next = Delivery { way: Way::Ready, since_us, attempt: attempt + 1 };
    sent_anew(partner, job, no, (next, id))?;
    said(job, no, Way::Ready, REPORTING)?;
    super::parts::application(partner, no)?.plastic = Some(place);
    Ok("reported: lost")
}

/// The next attempt of a delivery begins, with this plastic.
fn sent_anew(
    partner: &mut Partner,
    job: &mut Job<'_>,
    no: &str,
    (next, plastic): (Delivery, i64),
) -> Check {
    let pair = job.delivery(no)?;
    row_is(
        "model-predicts-effects",
        pair.1,
        &[
            ("state", Want::Text("READY")),
            ("changed_at", Want::Int(next.since_us)),
            ("attempt", Want::Int(next.attempt)),
            ("card_id", Want::Int(plastic)),
            ("file_sequence", Want::Null),
            ("ended_at", Want::Null),
        ],
    )?;
    let may = ["state", "changed_at", "attempt", "card_id", "recipient_sealed"];
    only_changed(pair, &may)?;
    written_down(job, no, next)?;
    application(partner, no)?.delivery = Some(next);
    Ok(())
}

/// Plastic that came back is sent again.
pub(super) fn resent(partner: &mut Partner, job: &mut Job<'_>, no: &str, now_us: i64) -> Check {
    let place = application(partner, no)?.plastic;
    let standing = application(partner, no)?.delivery;
    let plastic = place.and_then(|place| partner.cards.get(place)).map_or(0, |card| card.id);
    let Some(Delivery { since_us, attempt, .. }) = standing else {
        return broken("model-agrees", format!("{no} has no delivery"));
    };
    let since_us = since_us.max(now_us);
    let next = Delivery { way: Way::Ready, since_us, attempt: attempt + 1 };
    sent_anew(partner, job, no, (next, plastic))
}

/// A delivery is called off by a report or a job; the log row that says so.
fn called_off<'a>(
    partner: &mut Partner,
    job: &mut Job<'a>,
    (no, at_us, now_us): (&str, i64, i64),
) -> Check<&'a Image> {
    given_up(partner, job, (no, at_us, now_us))?;
    let log = job.log("delivery.changed", no)?;
    said_is(log, Way::Cancel)?;
    let by = [REPORTING, CALL_OFF_JOB];
    let is_known = by.iter().any(|operation| log.text("operation") == Some(operation));
    hold("an-effect-is-remembered", is_known, || format!("{no} was called off by nobody"))?;
    Ok(log)
}

/// Plastic that came back, or never came, is called off by a call.
pub(super) fn called_off_by_call(
    partner: &mut Partner,
    job: &mut Job<'_>,
    no: &str,
    now_us: i64,
) -> Check {
    let Some(Delivery { since_us, attempt, .. }) = application(partner, no)?.delivery else {
        return broken("model-agrees", format!("{no} has no delivery"));
    };
    let at_us = since_us.max(now_us);
    written_down(job, no, Delivery { way: Way::Cancel, since_us: at_us, attempt })?;
    given_up(partner, job, (no, at_us, now_us))
}

/// The plastic ends; the fee goes back where that was promised; an application that waited for the
/// plastic ends, too.
fn given_up(
    partner: &mut Partner,
    job: &mut Job<'_>,
    (no, at_us, now_us): (&str, i64, i64),
) -> Check {
    took(partner, job, no, (Way::Cancel, at_us))?;
    plastic_ended(partner, job, no, now_us)?;
    let application = application(partner, no)?;
    let (state, account) = (application.state, application.account);
    let is_waiting = matches!(state, AppState::Ready | AppState::Paid);
    let is_settled = is_waiting || state == AppState::Digital;
    if is_settled && application.is_refunded && application.money == Fee::Taken {
        fee_owed(partner, job, no, "UNDELIVERABLE")?;
    }
    if !is_waiting {
        return Ok(());
    }
    let pair = job.application(no)?;
    let wanted = [("state", Want::Text("CANCELLED")), ("holds_old_card", Want::Int(0))];
    row_is("model-predicts-effects", pair.1, &wanted)?;
    only_changed(pair, &["state", "holds_old_card"])?;
    super::parts::application(partner, no)?.state = AppState::Cancelled;
    partner.let_go(account, no);
    Ok(())
}

/// The plastic of an application that ends otherwise ends wherever it is.
pub(super) fn stopped(
    partner: &mut Partner,
    job: &mut Job<'_>,
    (no, operation): (&str, &str),
    now_us: i64,
) -> Check {
    let Some(standing) = application(partner, no)?.delivery else { return Ok(()) };
    if !standing.way.may_be_reported(Way::Cancel) {
        return Ok(());
    }
    let since_us = standing.since_us.max(now_us);
    written_down(job, no, Delivery { way: Way::Cancel, since_us, ..standing })?;
    if standing.way == Way::Return {
        given_up(partner, job, (no, since_us, now_us))?;
    } else {
        took(partner, job, no, (Way::Cancel, since_us))?;
        plastic_ended(partner, job, no, now_us)?;
    }
    said(job, no, Way::Cancel, operation)
}

/// What is registered has arrived, unless that is known.
pub(super) fn arrived(
    partner: &mut Partner,
    job: &mut Job<'_>,
    (no, operation): (&str, &str),
    now_us: i64,
) -> Check {
    let Some(standing) = application(partner, no)?.delivery else { return Ok(()) };
    if !standing.way.is_under_way() && standing.way != Way::Return {
        return Ok(());
    }
    let since_us = standing.since_us.max(now_us);
    written_down(job, no, Delivery { way: Way::Arrival, since_us, ..standing })?;
    took(partner, job, no, (Way::Arrival, since_us))?;
    said(job, no, Way::Arrival, operation)
}

/// The delivery takes a state at this time.
fn took(partner: &mut Partner, job: &mut Job<'_>, no: &str, (way, at_us): (Way, i64)) -> Check {
    let pair = job.delivery(no)?;
    row_is(
        "model-predicts-effects",
        pair.1,
        &[
            ("state", Want::Text(way.text())),
            ("changed_at", Want::Int(at_us)),
            ("ended_at", if way.is_end() { Want::Int(at_us) } else { Want::Null }),
        ],
    )?;
    only_changed(pair, &["state", "changed_at", "ended_at"])?;
    if let Some(delivery) = &mut application(partner, no)?.delivery {
        (delivery.way, delivery.since_us) = (way, at_us);
    }
    Ok(())
}

/// The history of the delivery has this, as what counts.
fn written_down(job: &mut Job<'_>, no: &str, at: Delivery) -> Check {
    let is = |row: &&Image| {
        row.text("apply_no") == Some(no)
            && row.int("attempt") == Some(at.attempt)
            && row.text("state") == Some(at.way.text())
    };
    let Some(row) = Job::take(&mut job.reports, is) else {
        return broken(
            "model-predicts-effects",
            format!("the history of {no} has no {:?}", at.way),
        );
    };
    let wanted = [("occurred_at", Want::Int(at.since_us)), ("is_effective", Want::Int(1))];
    row_is("model-predicts-effects", row, &wanted)
}

/// The log says that the delivery has taken a state.
fn said(job: &mut Job<'_>, no: &str, way: Way, operation: &str) -> Check {
    let log = job.log("delivery.changed", no)?;
    said_is(log, way)?;
    let wanted = [("operation", Want::Text(operation)), ("replay_key", Want::Null)];
    row_is("an-effect-is-remembered", log, &wanted)
}

/// The event for partners tells the state.
pub(super) fn said_is(log: &Image, way: Way) -> Check {
    let payload = log.text("payload").and_then(|text| serde_json::from_str(text).ok());
    let told = payload.as_ref().and_then(|payload: &serde_json::Value| payload["state"].as_str());
    hold("an-event-tells-what-happened", told == Some(way.text()), || {
        format!("log row {} tells {told:?}, not {way:?}", log.key())
    })
}
