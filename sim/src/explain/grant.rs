//! An application that was granted, with all that it does at once where no fee is due.

use store::Image;

use super::parts::issued;
use super::{Around, Job, Model, Want, caller, not_done_before, remembered, row_is};
use crate::broken::{Check, broken, hold};
use crate::call::Spec;
use crate::mirror::order_of;
use crate::model::{AppState, Application, Fee, Grant, Memory, Product, SUCCESS, Verdict, Wish};
use crate::server::settings;

pub(super) fn granted(
    model: &mut Model,
    around: &Around<'_>,
    job: &mut Job<'_>,
    row: &Image,
) -> Check<&'static str> {
    let (partner, spec) = caller(model, around, row)?;
    let applied_us = row.int("applied_at").unwrap_or(0);
    not_done_before(partner, &spec, applied_us)?;
    let verdict = partner.decide(&spec.ask, &spec.key.replay, applied_us);
    let Verdict::Grant(grant) = verdict else {
        return broken("model-predicts-effects", format!("{verdict:?}, but it was granted"));
    };
    let Some(product) = partner.products.get(&grant.service) else {
        return broken("model-agrees", "the product is not known");
    };
    let state = match (grant.fee, product.is_pre_issuance) {
        (1.., _) => AppState::Paying,
        (_, true) => AppState::Digital,
        (_, false) => AppState::Ready,
    };
    promised(row, &spec, (&grant, product), state)?;
    let application = application(row, &spec, &grant, (product, state));
    let no = row.text("apply_no").unwrap_or_default().to_owned();
    if let Some(old) = grant.account.filter(|_| state.is_open()) {
        partner.open.insert(old, no.clone());
    }
    if let Some(member) = partner.members.get_mut(&application.user) {
        member.applications.push(no.clone());
    }
    partner.applications.insert(no.clone(), application);
    if state == AppState::Paying {
        partner.paying.insert(no);
        return Ok("granted, to be paid");
    }
    issued(partner, around, job, (&no, row), applied_us)?;
    let has_mobile = state == AppState::Digital;
    let log = job.log(grant.kind.event(has_mobile), &no)?;
    let more = [("operation", Want::Text(spec.operation)), ("code", Want::Text(SUCCESS))];
    remembered(log, &spec.key, &spec.correlation, &more)?;
    let memory = Memory {
        operation: spec.operation,
        code: SUCCESS.to_owned(),
        subject: no,
        at_us: applied_us,
        may_be_told: u32::from(has_mobile),
    };
    partner.remember(&spec.key, memory);
    Ok(grant.kind.event(has_mobile))
}

/// What the model knows of it from now on.
fn application(
    row: &Image,
    spec: &Spec,
    grant: &Grant,
    (product, state): (&Product, AppState),
) -> Application {
    Application {
        kind: grant.kind,
        state,
        replay: spec.key.replay.clone(),
        strict: spec.key.strict.clone(),
        operation: spec.operation,
        user: spec.ask.user(),
        account: grant.account,
        service: grant.service.clone(),
        is_pre_issuance: product.is_pre_issuance,
        is_refunded: product.is_refunded,
        validity: product.validity,
        fee: grant.fee,
        money: Fee::NotTaken,
        bank: grant.bank,
        order: order_of(row),
        deposits: Vec::new(),
        applied_us: row.int("applied_at").unwrap_or(0),
        opened: None,
        mobile: None,
        plastic: None,
        delivery: None,
    }
}

/// The application's row is what the model would promise.
fn promised(
    row: &Image,
    spec: &Spec,
    (grant, product): (&Grant, &Product),
    state: AppState,
) -> Check {
    let settings = settings();
    let applied_us = row.int("applied_at").unwrap_or(0);
    let patience_ms = settings.fee_deadline_ms + settings.fee_recovery_margin_ms;
    let patience_us = i64::try_from(patience_ms * 1_000).unwrap_or(0);
    let is_due = grant.fee > 0;
    let wants_plastic = grant.plastic == Wish::Wanted;
    let day = bank::kst_date(applied_us);
    let holds = state.is_open() && grant.account.is_some();
    let either = |is: bool, yes, no| Want::Text(if is { yes } else { no });
    row_is(
        "model-predicts-effects",
        row,
        &[
            ("kind", Want::Text(grant.kind.text())),
            ("state", Want::Text(state.text())),
            ("user_id", Want::Int(i64::try_from(spec.ask.user()).unwrap_or(-1))),
            ("old_account_id", Want::int(grant.account)),
            ("holds_old_card", Want::Int(i64::from(holds))),
            ("service_id", Want::Text(&grant.service)),
            ("issuance", either(product.is_pre_issuance, "PRE_ISSUANCE", "ORDINARY")),
            ("delivery", either(wants_plastic, "PHYSICAL", "MOBILE_ONLY")),
            ("waiver", if grant.is_waived { Want::Text("FIRST_REISSUE") } else { Want::Null }),
            ("returned_fee", either(product.is_refunded, "REFUNDED", "KEPT")),
            ("validity_months", Want::Int(product.validity)),
            ("fee", Want::Int(grant.fee)),
            ("bank_account_id", Want::int(grant.bank)),
            ("bank_tran_day", if is_due { Want::Text(&day) } else { Want::Null }),
            ("ordered_at", Want::int(is_due.then_some(applied_us))),
            ("deadline_at", Want::int(is_due.then_some(applied_us + patience_us))),
            ("correlation_id", Want::Text(&spec.correlation)),
            ("refusal", Want::Null),
        ],
    )?;
    let has = |column| row.int(column).is_some();
    let keeps_address = row.blob("recipient_sealed").is_some();
    let reserved = has("mobile_card_id") == product.is_pre_issuance
        && has("new_account_id") == product.is_pre_issuance
        && has("physical_card_id") == wants_plastic
        && keeps_address == (wants_plastic && is_due);
    hold("what-settling-needs-is-reserved", reserved, || format!("not in {}", row.key()))
}
