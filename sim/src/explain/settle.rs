//! How a fee ends, and what its application does then.

use bank::RefusalCause;
use store::Image;

use super::parts::{application, fee_owed, fee_taken, issued};
use super::{Around, Job, Want, remembered, row_is};
use crate::bank::{Done, ORDER_LIFETIME_US};
use crate::broken::{Check, broken, hold};
use crate::model::{AppState, Application, CallKey, CardState, Kind, Memory, Partner, SUCCESS};

/// The code and the stored word of a refusal.
const fn refusal(cause: RefusalCause) -> (&'static str, &'static str) {
    match cause {
        RefusalCause::InvalidAccount => ("003_052", "INVALID_ACCOUNT"),
        RefusalCause::OwnerMismatch => ("003_053", "OWNER_MISMATCH"),
        RefusalCause::WithdrawFailed => ("003_054", "WITHDRAW_FAILED"),
        RefusalCause::InsufficientBalance => ("003_056", "INSUFFICIENT_BALANCE"),
        RefusalCause::TermsNotAgreed => ("003_057", "TERMS_NOT_AGREED"),
        RefusalCause::MessageError => ("003_058", "MESSAGE_ERROR"),
        RefusalCause::Other => ("003_059", "OTHER"),
    }
}

/// A renewal has one code for whatever is wrong with its fee.
const fn told_as(kind: Kind, code: &'static str) -> &'static str {
    match kind {
        Kind::Issue | Kind::Reissue => code,
        Kind::Renew => "003_010",
    }
}

pub(super) fn settled(
    partner: &mut Partner,
    around: &Around<'_>,
    job: &mut Job<'_>,
    (old, new): (&Image, &Image),
) -> Check<&'static str> {
    let no = new.text("apply_no").unwrap_or_default().to_owned();
    let application = application(partner, &no)?.clone();
    row_is("model-agrees", old, &[("state", Want::Text(application.state.text()))])?;
    let is_paying = application.state == AppState::Paying;
    let to = outcome(partner, around, &application, new);
    row_is("the-bank-decides", new, &[("state", Want::Text(to.text()))])?;
    let holds = to.is_open() && application.account.is_some();
    row_is(
        "model-predicts-effects",
        new,
        &[("holds_old_card", Want::Int(i64::from(holds))), ("recipient_sealed", Want::Null)],
    )?;
    hold("model-agrees", application.state != to, || format!("{no} is {to:?} already"))?;
    super::parts::application(partner, &no)?.state = to;
    let now_us = new.int("settled_at").unwrap_or(0);
    let has_mobile = to == AppState::Digital;
    let (code, event) = match to {
        AppState::PayFailed => (failed(around, (&no, &application), new)?, "fee.refused"),
        AppState::ReturnDue => {
            fee_taken(job, super::parts::application(partner, &no)?);
            fee_owed(partner, job, &no, "NOT_SETTLED")?;
            (told_as(application.kind, "003_059"), "fee.return_due")
        }
        AppState::Digital
        | AppState::Paid
        | AppState::Ready
        | AppState::Paying
        | AppState::Physical
        | AppState::Cancelled
        | AppState::Returned => {
            issued(partner, around, job, (&no, new), now_us)?;
            (SUCCESS, application.kind.event(has_mobile))
        }
    };
    let log = job.log(event, &no)?;
    let operation = application.operation;
    let more = [("code", Want::Text(code)), ("operation", Want::Text(operation))];
    if is_paying {
        let key = CallKey { replay: application.replay, strict: application.strict };
        remembered(log, &key, new.text("correlation_id").unwrap_or_default(), &more)?;
        let (at_us, subject) = (log.int("happened_at").unwrap_or(0), no.clone());
        let (code, may_be_told) = (code.to_owned(), u32::from(has_mobile));
        partner.remember(&key, Memory { operation, code, subject, at_us, may_be_told });
    } else {
        // Of an application that had been refused, the refusal stays the call's outcome.
        row_is("an-effect-is-remembered", log, &more)?;
    }
    partner.paying.remove(&no);
    if !to.is_open() {
        partner.let_go(application.account, &no);
    }
    Ok(to.text())
}

/// The state that an application comes to by what the bank has done.
fn outcome(
    partner: &Partner,
    around: &Around<'_>,
    application: &Application,
    new: &Image,
) -> AppState {
    let order = application.order.as_ref().and_then(|id| around.bank.order(id));
    // What the bank took against its promise may have been given up just before.
    let is_breach = order.as_ref().is_some_and(|order| order.is_breach);
    let gives_up = is_breach && new.text("state") == Some(AppState::PayFailed.text());
    if gives_up || order.is_none_or(|order| order.done != Done::Executed) {
        return AppState::PayFailed;
    }
    let old = application.account.map(|id| partner.accounts.get(&id).map(|it| it.state));
    let is_there = old.is_none_or(|state| state.is_some_and(|it| it != CardState::Terminated));
    match (application.state == AppState::Paying && is_there, application.is_pre_issuance) {
        (true, true) => AppState::Digital,
        (true, false) => AppState::Paid,
        (false, _) => AppState::ReturnDue,
    }
}

/// A refused fee: nothing but the application and its log row, and the mark of the claim.
fn failed(
    around: &Around<'_>,
    (no, application): (&str, &Application),
    new: &Image,
) -> Check<&'static str> {
    let Some(id) = &application.order else { return broken("a-fee-has-an-order", no) };
    let is_over = around.now_us > application.applied_us + ORDER_LIFETIME_US;
    let given_up = is_over && new.text("refusal") == Some("NETWORK_ISSUE");
    let order = around.bank.order(id).filter(|order| !(order.is_breach && given_up));
    let (code, word) = match order.map(|order| order.done) {
        Some(Done::Refused(cause)) => refusal(cause),
        Some(Done::Executed) => return broken("the-bank-decides", format!("{no} was taken")),
        None if is_over || around.bank.was_not_sent(id) => ("003_051", "NETWORK_ISSUE"),
        None => return broken("the-bank-decides", format!("{no} may still be taken")),
    };
    row_is("the-bank-decides", new, &[("refusal", Want::Text(word))])?;
    Ok(told_as(application.kind, code))
}
