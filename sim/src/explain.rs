//! What a committed job has done, explained by the model: each change must be one that the model
//! would make in the same place, and nothing beside it.

mod call;
mod deliver;
mod grant;
mod job;
mod parts;
mod returns;
pub(crate) mod settle;
mod turn;

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use platen::context::Core;
use store::{Change, Image};

pub(crate) use self::job::{Job, Want, row_is};
pub(crate) use self::parts::add_card;
use crate::bank::SimBank;
use crate::broken::{Check, broken, hold};
use crate::call::Spec;
use crate::model::{CallKey, Partner};

/// The model of all partners.
pub type Model = BTreeMap<String, Partner>;

/// What explaining needs beside the model.
pub struct Around<'a> {
    /// Microseconds of the platform's time.
    pub now_us: i64,
    /// The bank.
    pub bank: &'a SimBank,
    /// Keys, to read card numbers with.
    pub core: &'a Core,
    /// All calls by what recognises them.
    pub specs: &'a HashMap<Vec<u8>, Rc<Spec>>,
}

/// What a job was that changed nothing of what calls may be answered.
pub const IDLE: [&str; 6] =
    ["nothing", "claimed alone", "number told again", "put off", "refilled", "recipients erased"];

/// Explains a committed job and takes it over into the model; a word for what it was.
pub fn explain(model: &mut Model, around: &Around<'_>, changes: &[Change]) -> Check<&'static str> {
    if changes.is_empty() {
        return Ok("nothing");
    }
    let mut job = Job::of(changes)?;
    job.forgotten(model, around)?;
    job.supplied()?;
    let what = cause(model, around, &mut job)?;
    job.explained()?;
    Ok(what)
}

/// Finds what has caused the job, and explains it from there.
fn cause(model: &mut Model, around: &Around<'_>, job: &mut Job<'_>) -> Check<&'static str> {
    if let Some(applied) = job.applied.pop() {
        return grant::granted(model, around, job, applied);
    }
    if let Some(returning) = job.returning.pop() {
        return returns::went_on(partner_of(model, returning.1)?, around, job, returning);
    }
    let settled = |pair: &(&Image, &Image)| {
        let from = pair.0.text("state").unwrap_or_default();
        ["COST_PAYING", "COST_PAY_FAILED"].contains(&from)
            && pair.0.text("state") != pair.1.text("state")
    };
    if let Some(pair) = Job::take(&mut job.applications, settled) {
        return settle::settled(partner_of(model, pair.1)?, around, job, pair);
    }
    if let Some(log) = Job::take(&mut job.logs, |log| log.blob("replay_key").is_some()) {
        return call::done(model, around, job, log);
    }
    if let Some(report) = job.first_report() {
        return deliver::reported(partner_of(model, report)?, around, job, report);
    }
    if let Some(guess) = job.guesses.pop() {
        return turn::guessed(model, around, job, guess);
    }
    if let Some(log) = job.logs.first().copied() {
        return match log.text("event") {
            Some("card.number_told") => turn::told(partner_of(model, log)?, job),
            _ => turn::expiring(partner_of(model, log)?, job),
        };
    }
    if !job.deliveries.is_empty() {
        return turn::erased(around, job);
    }
    put_off(around, job)
}

/// Recovery has taken fees that are due, or nothing has happened but what is taken in stock.
fn put_off(around: &Around<'_>, job: &mut Job<'_>) -> Check<&'static str> {
    let put_off = std::mem::take(&mut job.applications);
    for (old, new) in &put_off {
        let only = new.changed_since(old) == ["deadline_at"];
        let is_paying = new.text("state") == Some("COST_PAYING");
        let is_due = old.int("deadline_at") < Some(around.now_us);
        hold("recovery-takes-what-is-due", only && is_paying && is_due, || {
            format!("application {} was put off", new.key())
        })?;
    }
    Ok(match (job.supplies, put_off.len()) {
        (0, 0) => "claimed alone",
        (0, _) => "put off",
        (..) => "refilled",
    })
}

fn partner_of<'m>(model: &'m mut Model, row: &Image) -> Check<&'m mut Partner> {
    match model.get_mut(row.text("asp_id").unwrap_or_default()) {
        Some(partner) => Ok(partner),
        None => broken("model-agrees", format!("{} {} is no partner's", row.table(), row.key())),
    }
}

/// The call behind an effect, and the partner whose it is.
fn caller<'m>(
    model: &'m mut Model,
    around: &Around<'_>,
    row: &Image,
) -> Check<(&'m mut Partner, Rc<Spec>)> {
    let spec = row.blob("replay_key").and_then(|replay| around.specs.get(replay));
    let Some(spec) = spec else {
        let (table, event) = (row.table(), row.text("event").unwrap_or_default());
        return broken(
            "an-effect-has-its-call",
            format!("no call has the key of {table} {} {event}", row.key()),
        );
    };
    Ok((partner_of(model, row)?, Rc::clone(spec)))
}

/// A call that is remembered is not done again.
fn not_done_before(partner: &Partner, spec: &Spec, at_us: i64) -> Check {
    hold("a-call-is-done-once", !partner.is_remembered(&spec.key.replay, at_us), || {
        format!("{} {} was done again", spec.operation, spec.correlation)
    })?;
    hold("a-flawed-call-does-nothing", spec.flaw.code().is_none(), || {
        format!("{:?} had an effect", spec.flaw)
    })
}

/// Holds a log row to the call that it remembers.
fn remembered(log: &Image, key: &CallKey, correlation: &str, more: &[(&str, Want<'_>)]) -> Check {
    let strict = key.strict.as_deref().map_or(Want::Null, Want::Blob);
    row_is(
        "an-effect-is-remembered",
        log,
        &[
            ("replay_key", Want::Blob(&key.replay)),
            ("strict_key", strict),
            ("correlation_id", Want::Text(correlation)),
        ],
    )?;
    row_is("an-effect-is-remembered", log, more)
}
