//! An application that was granted, with the replacement itself where no fee is due.

use store::Image;

use super::settle::replaced;
use super::{Around, Job, Model, Want, caller, hold, not_done_before, remembered, row_is};
use crate::broken::{Check, broken};
use crate::call::Spec;
use crate::mirror::order_of;
use crate::model::{AppState, Application, Ask, Grant, Memory, Plastic, SUCCESS, Verdict};
use crate::server::settings;

pub(super) fn granted(
    model: &mut Model,
    around: &Around<'_>,
    job: &Job<'_>,
    row: &Image,
) -> Check<&'static str> {
    let (partner, spec) = caller(model, around, row)?;
    let applied_us = row.int("applied_at").unwrap_or(0);
    not_done_before(partner, &spec, applied_us)?;
    let verdict = partner.decide(&spec.ask, &spec.key.replay);
    let Verdict::Grant(grant) = verdict else {
        return broken("model-predicts-effects", format!("{verdict:?}, but it was granted"));
    };
    let state = match (grant.fee, grant.is_pre_issuance) {
        (1.., _) => AppState::Paying,
        (_, true) => AppState::Digital,
        (_, false) => AppState::Ready,
    };
    promised(row, &spec, &grant, state)?;
    let order = order_of(row);
    let Ask::Reissue { user, .. } = spec.ask else {
        return broken("model-predicts-effects", "an application by a change of state");
    };
    let application = Application {
        state,
        replay: spec.key.replay.clone(),
        strict: spec.key.strict.clone(),
        user,
        account: grant.account,
        is_pre_issuance: grant.is_pre_issuance,
        fee: grant.fee,
        order,
        applied_us,
        refusal: None,
        mobile: None,
        may_be_told: 1,
    };
    let (asp, no) = (row.text("asp_id").unwrap_or_default(), row.text("apply_no"));
    let no = no.unwrap_or_default().to_owned();
    let Some(partner) = model.get_mut(asp) else { return broken("model-agrees", "no partner") };
    if state.is_open() {
        partner.open.insert(grant.account, no.clone());
    }
    partner.applications.insert(no.clone(), application.clone());
    if state == AppState::Paying {
        partner.paying.insert(no);
        let alone = job.logs.is_empty() && job.cards.is_empty() && job.accounts.is_empty();
        let alone = alone && job.opened.is_empty() && job.postings.is_empty();
        hold("nothing-before-the-fee", alone, || format!("{} did more", row.key()))?;
        return Ok("granted, to be paid");
    }
    replaced(partner, around, job, (&no, &application), row)?;
    let [log] = job.logs[..] else { return broken("an-effect-is-remembered", "not one log row") };
    remembered(
        log,
        &spec.key,
        &spec.correlation,
        &[
            ("operation", Want::Text(spec.operation)),
            ("code", Want::Text(SUCCESS)),
            ("subject", Want::Text(&no)),
        ],
    )?;
    let memory = Memory { code: SUCCESS.to_owned(), subject: no, at_us: applied_us };
    partner.remember(&spec.key, memory);
    Ok("granted and done")
}

/// The application's row is what the model would promise.
fn promised(row: &Image, spec: &Spec, grant: &Grant, state: AppState) -> Check {
    let Ask::Reissue { user, plastic, .. } = &spec.ask else {
        return broken("model-predicts-effects", "an application by a change of state");
    };
    let settings = settings();
    let applied_us = row.int("applied_at").unwrap_or(0);
    let patience_ms = settings.fee_deadline_ms + settings.fee_recovery_margin_ms;
    let patience_us = i64::try_from(patience_ms * 1_000).unwrap_or(0);
    let is_due = grant.fee > 0;
    let day = bank::kst_date(applied_us);
    let int_or_null = |value: Option<i64>| value.map_or(Want::Null, Want::Int);
    row_is(
        "model-predicts-effects",
        row,
        &[
            ("state", Want::Text(state.text())),
            ("user_id", Want::Int(i64::try_from(*user).unwrap_or(-1))),
            ("old_account_id", Want::Int(grant.account)),
            ("holds_old_card", Want::Int(i64::from(state.is_open()))),
            ("service_id", Want::Text(&grant.service)),
            (
                "issuance",
                Want::Text(if grant.is_pre_issuance { "PRE_ISSUANCE" } else { "ORDINARY" }),
            ),
            (
                "delivery",
                Want::Text(match plastic {
                    Plastic::Wanted => "PHYSICAL",
                    Plastic::Unwanted => "MOBILE_ONLY",
                }),
            ),
            ("fee", Want::Int(grant.fee)),
            ("bank_account_id", int_or_null(grant.bank)),
            ("bank_tran_day", if is_due { Want::Text(&day) } else { Want::Null }),
            ("ordered_at", int_or_null(is_due.then_some(applied_us))),
            ("deadline_at", int_or_null(is_due.then_some(applied_us + patience_us))),
            ("correlation_id", Want::Text(&spec.correlation)),
            ("refusal", Want::Null),
        ],
    )?;
    let has = |column| row.int(column).is_some();
    let wants_plastic = *plastic == Plastic::Wanted;
    let keeps_address = row.blob("recipient_sealed").is_some();
    let reserved = has("mobile_card_id") == grant.is_pre_issuance
        && has("new_account_id") == grant.is_pre_issuance
        && has("physical_card_id") == wants_plastic
        && keeps_address == (wants_plastic && is_due);
    hold("what-settling-needs-is-reserved", reserved, || format!("not in {}", row.key()))
}
