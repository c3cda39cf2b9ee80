//! Calling a delivery off: its plastic ends, and its fee goes back where that was promised.

use domain::application::{self, Event as ApplicationEvent, State};
use domain::delivery::{self, DeliveryState, Event, Report, Standing};
use domain::product::ReturnedFee;
use domain::{ApplyNo, Money, Timestamp};
use serde_json::json;
use store::Tx;
use store::tables::applications::{self, Application};
use store::tables::card_accounts;
use store::tables::fee_returns::Reason;

use super::{Beside, By, Delivery, Tracking, claim, end_plastic, note, say, take};
use crate::fee::returning;
use crate::op::{Cx, Done, OrStop, fault};
use crate::settings::DAY_MS;

/// What became of the wish to call a delivery off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalledOff {
    /// It is: this much of the fee goes back.
    Done(Money),
    /// It is on its way and not overdue, was registered or called off before: it is in this state.
    NotReturned(DeliveryState),
    /// The application has no delivery.
    Unknown,
}

/// Calls a delivery off that came back, ended otherwise, was said to have arrived and did not, or
/// is heard of no more: its plastic ends. An application whose mobile card was to follow the
/// plastic ends too and lets go of the card that it was to replace; one that has its mobile card
/// keeps it. Where the fee of what comes back was promised to go back, it is owed.
pub fn call_off<E>(cx: &Cx, tx: &mut Tx<'_>, apply_no: &ApplyNo) -> Done<CalledOff, E> {
    // Before the delivery, as everything that moves cards.
    card_accounts::claim_of(tx, &cx.call.asp, apply_no)?;
    let Some(mut delivery) = claim(cx, tx, apply_no)? else { return Ok(CalledOff::Unknown) };
    let Standing { state, since, attempt } = delivery.standing;
    let Some(after) = delivery::next(state, Event::GiveUp) else {
        return Ok(CalledOff::NotReturned(state));
    };
    let silent_ms = cx.core.settings.delivery_silent_days.saturating_mul(DAY_MS);
    if state.is_under_way() && since.plus_ms(silent_ms) > cx.call.now {
        return Ok(CalledOff::NotReturned(state));
    }
    let application = applications::load(tx, &cx.call.asp, apply_no)?.or_stop()?;
    if application.state == State::PhysicalIssued {
        return Ok(CalledOff::NotReturned(state));
    }
    let occurred_at = cx.call.now.max(since);
    let report = Report { state: after, occurred_at, attempt };
    note::<E>(cx, tx, apply_no, Tracking::of(report))?;
    let owed = finish(cx, tx, (&mut delivery, &application), occurred_at, By::Call)?;
    Ok(CalledOff::Done(owed))
}

/// Calls off the plastic of an application or of a card that ends otherwise: it ends wherever it
/// is, and can be registered no more. Nothing where it has arrived or ended before. What becomes of
/// the application is the caller's; the fee of what had come back goes back as promised.
pub fn stop<E>(cx: &Cx, tx: &mut Tx<'_>, apply_no: &ApplyNo) -> Done<(), E> {
    let Some(mut delivery) = claim(cx, tx, apply_no)? else { return Ok(()) };
    let Standing { state, since, attempt } = delivery.standing;
    let Some(after) = delivery::next(state, Event::Cancel) else { return Ok(()) };
    let report = Report { state: after, occurred_at: cx.call.now.max(since), attempt };
    note::<E>(cx, tx, apply_no, Tracking::of(report))?;
    if state == DeliveryState::Return {
        let application = applications::load(tx, &cx.call.asp, apply_no)?.or_stop()?;
        let whole = (&mut delivery, &application);
        return finish(cx, tx, whole, report.occurred_at, By::Report).map(drop);
    }
    take(cx, tx, &mut delivery, after, Tracking::of(report))?;
    end_plastic(cx, tx, &delivery)?;
    say(cx, tx, &delivery, By::Report, Beside::default())
}

/// Ends a delivery that may be called off or given up; what of the fee goes back.
pub(super) fn finish<E>(
    cx: &Cx,
    tx: &mut Tx<'_>,
    (delivery, application): (&mut Delivery, &Application),
    at: Timestamp,
    by: By,
) -> Done<Money, E> {
    let (after, attempt) = (DeliveryState::Cancel, delivery.standing.attempt);
    let report = Report { state: after, occurred_at: at, attempt };
    take(cx, tx, delivery, after, Tracking::of(report))?;
    end_plastic(cx, tx, delivery)?;
    let mut beside = Beside::default();
    let mut owed = Money::ZERO;
    if goes_back(application) {
        beside.journal = returning::owe(cx, tx, application, Reason::Undeliverable)?;
        owed = application.fee;
    }
    let ends = end_application(cx, tx, application)?;
    beside.told =
        vec![("applicationState", json!(ends.name())), ("feeReturned", json!(owed.minor()))];
    say(cx, tx, delivery, by, beside)?;
    Ok(owed)
}

/// Whether the application's fee was taken and is promised to go back.
fn goes_back(application: &Application) -> bool {
    let was_taken = match application.state {
        State::CostPaid | State::DigitalIssued => application.order.is_some(),
        State::Ready
        | State::CostPaying
        | State::CostPayFailed
        | State::PhysicalIssued
        | State::Cancelled
        | State::ReturnDue
        | State::Returned => false,
    };
    was_taken && application.returned_fee == ReturnedFee::Refunded
}

/// Ends an application that awaited its plastic; the state that it has then.
fn end_application<E>(cx: &Cx, tx: &mut Tx<'_>, application: &Application) -> Done<State, E> {
    if !matches!(application.state, State::Ready | State::CostPaid) {
        return Ok(application.state);
    }
    let after = application::next(application.state, ApplicationEvent::Cancel).or_stop()?;
    let changed = tx.execute(
        "UPDATE application SET state = $4, holds_old_card = FALSE
         WHERE asp_id = $1 AND apply_no = $2 AND state = $3",
        &[
            cx.call.asp.as_str().into(),
            application.apply_no.as_str().into(),
            application.state.name().into(),
            after.name().into(),
        ],
    )?;
    if changed == 1 {
        return Ok(after);
    }
    Err(fault(format!("application {} has left its state meanwhile", application.apply_no)))
}
