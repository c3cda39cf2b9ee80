//! What happens in its turn, by nobody's call: cards come to their end, recipients are erased; and
//! what calls leave that were done before or refused.

use store::Image;

use super::job::only_changed;
use super::parts::account;
use super::{Around, Job, Model, Want, row_is};
use crate::broken::{Check, broken, hold};
use crate::model::card::DAY_US;
use crate::model::{CardState, Partner, SUCCESS, counted};
use crate::server::settings;

/// A remembered call is answered again, with the number of the card that it is about.
pub(super) fn told(partner: &mut Partner, job: &mut Job<'_>) -> Check<&'static str> {
    let log = job.logs.remove(0);
    let subject = log.text("subject").unwrap_or_default();
    let operation = log.text("operation").unwrap_or_default();
    let did = (operation.to_owned(), subject.to_owned());
    let Some(replay) = partner.doers.get(&did).cloned() else {
        return broken("model-agrees", format!("no call is remembered for {subject}"));
    };
    let is_right = partner.is_remembered(&replay, log.int("happened_at").unwrap_or(0));
    hold("model-predicts-effects", is_right, || format!("a number was told of {subject}"))?;
    let wanted = [("replay_key", Want::Null), ("code", Want::Text(SUCCESS))];
    row_is("an-effect-is-remembered", log, &wanted)?;
    if let Some(memory) = partner.memories.get_mut(&replay) {
        memory.may_be_told += 1;
    }
    Ok("number told again")
}

/// Cards come nearer to their end, or to it: their holders are told.
pub(super) fn expiring(partner: &mut Partner, job: &mut Job<'_>) -> Check<&'static str> {
    for log in std::mem::take(&mut job.logs) {
        let subject = log.text("subject").unwrap_or_default();
        let Ok(id) = subject.parse::<i64>() else {
            let event = log.text("event").unwrap_or_default();
            return broken("unexplained-change", format!("the log says {event} of {subject}"));
        };
        let pair = job.account(id)?;
        only_changed(pair, &["expiry_stage"])?;
        let account = account(partner, id)?;
        let due = account.expiry.told_by(log.int("happened_at").unwrap_or(0));
        hold("a-holder-is-told-once", account.told < due, || {
            format!("the holder of {id} was told {} times, {due} are due", account.told)
        })?;
        hold("the-dead-are-not-told", account.state != CardState::Terminated, || {
            format!("card account {id} had ended")
        })?;
        row_is("a-holder-is-told-once", pair.1, &[("expiry_stage", Want::Int(due))])?;
        let event = if due == 4 { "card.expired" } else { "card.expiry_notice" };
        row_is(
            "an-effect-is-remembered",
            log,
            &[
                ("event", Want::Text(event)),
                ("operation", Want::Text("job.expiry")),
                ("replay_key", Want::Null),
            ],
        )?;
        account.told = due;
    }
    Ok("holders told")
}

/// Recipients are erased some days after their delivery has come to its end.
pub(super) fn erased(around: &Around<'_>, job: &mut Job<'_>) -> Check<&'static str> {
    let kept_us = i64::try_from(settings().recipient_kept_days).unwrap_or(0) * DAY_US;
    for pair in std::mem::take(&mut job.deliveries) {
        only_changed(pair, &["recipient_sealed"])?;
        let is_over = pair.0.int("ended_at").is_some_and(|at| at + kept_us < around.now_us);
        let is_gone = pair.1.blob("recipient_sealed").is_none();
        hold("an-address-is-kept", is_over && is_gone, || format!("not of {}", pair.1.key()))?;
    }
    Ok("recipients erased")
}

/// A wrong guess at what stands on plastic is counted.
pub(super) fn guessed(
    model: &mut Model,
    around: &Around<'_>,
    job: &mut Job<'_>,
    (old, new): (Option<&Image>, Option<&Image>),
) -> Check<&'static str> {
    let Some(new) = new else {
        return broken("unexplained-change", "guesses were forgotten");
    };
    let (id, at_us) = (new.int("card_id"), new.int("failed_at").unwrap_or(0));
    let partner = super::partner_of(model, new)?;
    let card = partner.cards.iter_mut().find(|card| Some(card.id) == id);
    let known = card.and_then(|card| card.plastic.as_mut()).map(|plastic| &mut plastic.guesses);
    let is_stray = known.is_none();
    let guesses = known.unwrap_or(&mut partner.stray_guesses);
    let before = old.map_or((0, 0), |old| {
        (old.int("failures").unwrap_or(0), old.int("failed_at").unwrap_or(0))
    });
    hold("model-agrees", *guesses == before, || format!("guesses at card {id:?}"))?;
    let failures = counted(*guesses, at_us) + 1;
    row_is("a-guess-counts-once", new, &[("failures", Want::Int(failures))])?;
    hold("a-guess-counts-once", at_us <= around.now_us, || "in the future".to_owned())?;
    *guesses = (failures, at_us);
    if is_stray {
        return Ok("stray guess");
    }
    let event = if failures >= 5 { "card.check_locked" } else { "card.check_failed" };
    let log = job.log(event, &format!("card:{}", id.unwrap_or(0)))?;
    row_is("an-effect-is-remembered", log, &[("replay_key", Want::Null)])?;
    Ok("wrong guess")
}
