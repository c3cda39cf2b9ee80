//! Fees that go back: each step of their driver is one that what the bank has done permits.

use super::job::{Pair, only_changed};
use super::parts::application;
use super::{Around, Job, Want, row_is};
use crate::bank::{Done, ORDER_LIFETIME_US, OrderId, SimBank};
use crate::broken::{Check, broken, hold};
use crate::mirror::order_of;
use crate::model::{AppState, CLEARING, Fee, Partner};

/// A return has gone on.
pub(super) fn went_on(
    partner: &mut Partner,
    around: &Around<'_>,
    job: &mut Job<'_>,
    pair: Pair<'_>,
) -> Check<&'static str> {
    let (old, new) = pair;
    let no = new.text("apply_no").unwrap_or_default();
    hold("no-return-without-a-fee", application(partner, no)?.money == Fee::Owed, || {
        format!("the fee of {no} is not owed back")
    })?;
    if new.text("state") == Some("RETURNED") {
        return given_back(partner, around, job, pair);
    }
    let was_sent = old.int("is_sent") == Some(1);
    let is_sent = new.int("is_sent") == Some(1);
    match (was_sent, is_sent, order_of(old) == order_of(new)) {
        (false, true, _) => sent(partner, around, pair),
        (true, false, true) => {
            let is_unknown = order_of(old).is_none_or(|id| around.bank.order(&id).is_none());
            hold("one-deposit-at-a-time", is_unknown, || {
                format!("{no}: an order that the bank has is said not to have been sent")
            })?;
            only_changed(pair, &["is_sent", "next_at"])?;
            Ok("return to be sent again")
        }
        (true, false, false) => anew(around, pair),
        (..) => {
            // Others that were taken with it.
            for other in std::mem::take(&mut job.returning).into_iter().chain([pair]) {
                only_changed(other, &["next_at"])?;
            }
            super::put_off(around, job)?;
            Ok("put off")
        }
    }
}

/// An order is about to be sent, of this day: no other one may give the money any more.
fn sent(partner: &mut Partner, around: &Around<'_>, pair: Pair<'_>) -> Check<&'static str> {
    let (old, new) = pair;
    let no = new.text("apply_no").unwrap_or_default();
    only_changed(pair, &["is_sent", "bank_tran_day", "ordered_at", "next_at"])?;
    let ordered_us = new.int("ordered_at").unwrap_or(0);
    let day = bank::kst_date(ordered_us);
    row_is(
        "model-predicts-effects",
        new,
        &[
            ("bank_tran_day", Want::Text(&day)),
            ("bank_tran_id", old.text("bank_tran_id").map_or(Want::Null, Want::Text)),
        ],
    )?;
    let Some(id) = order_of(new) else { return broken("a-fee-has-an-order", no) };
    let deposits = &mut application(partner, no)?.deposits;
    let given = executed(around.bank, deposits);
    hold("one-deposit-at-a-time", given.is_none(), || {
        format!("{no} is given back again, though {given:?} was executed")
    })?;
    if !deposits.contains(&id) {
        deposits.push(id);
    }
    Ok("return sent")
}

/// The first of these orders that the bank has executed.
fn executed<'a>(bank: &SimBank, orders: &'a [OrderId]) -> Option<&'a OrderId> {
    orders.iter().find(|id| bank.order(id).is_some_and(|order| order.done == Done::Executed))
}

/// Another order takes the place of one that will never be executed.
fn anew(around: &Around<'_>, pair: Pair<'_>) -> Check<&'static str> {
    let (old, new) = pair;
    let no = new.text("apply_no").unwrap_or_default();
    only_changed(
        pair,
        &[
            "is_sent",
            "bank_tran_id",
            "bank_tran_day",
            "ordered_at",
            "attempt",
            "refusal",
            "next_at",
        ],
    )?;
    let attempt = old.int("attempt").map(|attempt| attempt + 1);
    row_is("model-predicts-effects", new, &[("attempt", Want::int(attempt))])?;
    let is_over = around.now_us > old.int("ordered_at").unwrap_or(0) + ORDER_LIFETIME_US;
    let done = order_of(old).and_then(|id| around.bank.order(&id)).map(|order| order.done);
    let is_final = match done {
        Some(Done::Refused(_)) => true,
        Some(Done::Executed) => false,
        None => is_over,
    };
    hold("one-deposit-at-a-time", is_final, || {
        format!("{no}: an order that may be executed was given up")
    })?;
    Ok("return ordered anew")
}

/// The member has the money.
fn given_back(
    partner: &mut Partner,
    around: &Around<'_>,
    job: &mut Job<'_>,
    pair: Pair<'_>,
) -> Check<&'static str> {
    let no = pair.1.text("apply_no").unwrap_or_default();
    only_changed(pair, &["state", "api_tran_id", "returned_at"])?;
    let application = application(partner, no)?;
    let given = executed(around.bank, &application.deposits);
    hold("the-bank-decides", given.is_some(), || format!("{no}: nothing was given back"))?;
    job.posts("return-payable", CLEARING, application.fee);
    application.money = Fee::GivenBack;
    if application.state == AppState::ReturnDue {
        application.state = AppState::Returned;
        let moved = job.application(no)?;
        row_is("model-predicts-effects", moved.1, &[("state", Want::Text("RETURNED"))])?;
    }
    let log = job.log("fee.returned", no)?;
    let wanted = [("operation", Want::Text("platform.fee-return")), ("replay_key", Want::Null)];
    row_is("an-effect-is-remembered", log, &wanted)?;
    partner.owed.remove(no);
    Ok("RETURNED")
}
