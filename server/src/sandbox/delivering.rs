//! Moving a delivery on by hand: what a carrier would report, and what follows upon an exit.

use domain::delivery::{DeliveryState, Event, Report, next};
use domain::{ApplyNo, AspId};
use store::Tx;

use super::ASP_ID;
use crate::context::App;
use crate::delivery::{self, Applied, CalledOff, Resent, Tracking};
use crate::op::{Answer, Cx, Done, NoRefusal, transact};

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advanced {
    /// It took this state.
    Took(DeliveryState),
    /// It cannot go there from this state.
    CannotFrom(DeliveryState),
    /// There is no such delivery.
    Unknown,
}

/// Moves a delivery on, to its following state where none is named.
pub async fn advance(
    app: &App,
    apply_no: &ApplyNo,
    wanted: Option<DeliveryState>,
) -> Result<Advanced, Answer> {
    let moment = app.moment();
    transact(app, || {
        let asp = AspId::new(ASP_ID);
        let cx = delivery::reporting(&app.core, &asp, "sandbox.delivery-advance", moment);
        let apply_no = apply_no.clone();
        move |tx: &mut Tx<'_>| step(&cx, tx, &apply_no, wanted)
    })
    .await
}

fn step(
    cx: &Cx,
    tx: &mut Tx<'_>,
    apply_no: &ApplyNo,
    wanted: Option<DeliveryState>,
) -> Done<Advanced, NoRefusal> {
    let Some(mut delivery) = delivery::claim(cx, tx, apply_no)? else {
        return Ok(Advanced::Unknown);
    };
    let standing = delivery.standing;
    let cannot = Ok(Advanced::CannotFrom(standing.state));
    let Some(to) = wanted.or(standing.state.following()) else { return cannot };
    if to == DeliveryState::Ready {
        return match delivery::resend(cx, tx, apply_no, None)? {
            Resent::Sent(_) => Ok(Advanced::Took(to)),
            Resent::NotReturned(_) | Resent::Unknown => cannot,
        };
    }
    if !standing.state.may_become(to) {
        return cannot;
    }
    if to == DeliveryState::Cancel && next(standing.state, Event::Cancel).is_none() {
        // Nobody reports that any more: the partner gives it up.
        return match delivery::call_off(cx, tx, apply_no)? {
            CalledOff::Done(_) => Ok(Advanced::Took(to)),
            CalledOff::NotReturned(_) | CalledOff::Unknown => cannot,
        };
    }
    let occurred_at = cx.call.now.max(standing.since);
    let report = Report { state: to, occurred_at, attempt: standing.attempt };
    match delivery::apply_to(cx, tx, &mut delivery, Tracking::of(report))? {
        Applied::Took(state) => Ok(Advanced::Took(state)),
        Applied::WrittenDown | Applied::Known | Applied::Unknown => cannot,
    }
}
