//! What a committed job has done, explained by the model: each change must be one that the model
//! would make in the same place, and nothing beside it.

mod grant;
pub(crate) mod settle;

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use platen::context::Core;
use store::{Change, Image};

use crate::bank::SimBank;
use crate::broken::{Check, broken, hold};
use crate::call::Spec;
use crate::model::{CallKey, CardState, Memory, Partner, SUCCESS, Verdict};

/// What the log says where a card's number is told again.
const NUMBER_TOLD: &str = "card.number_told";

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

/// What a column has to be.
pub(crate) enum Want<'a> {
    Int(i64),
    Text(&'a str),
    Blob(&'a [u8]),
    Null,
}

/// Holds a row to what the model says of its columns.
pub(crate) fn row_is(rule: &'static str, row: &Image, wanted: &[(&str, Want<'_>)]) -> Check {
    for (column, want) in wanted {
        let (int, text, blob) = (row.int(column), row.text(column), row.blob(column));
        let fits = match want {
            Want::Int(value) => int == Some(*value),
            Want::Text(value) => text == Some(*value),
            Want::Blob(value) => blob == Some(*value),
            Want::Null => int.is_none() && text.is_none() && blob.is_none(),
        };
        hold(rule, fits, || {
            let found = int.map(|value| value.to_string()).or(text.map(str::to_owned));
            let want = match want {
                Want::Int(value) => value.to_string(),
                Want::Text(value) => (*value).to_owned(),
                Want::Blob(_) => "another value".to_owned(),
                Want::Null => "nothing".to_owned(),
            };
            let found = found.unwrap_or_else(|| "something else".to_owned());
            format!("{}.{column} of {} is {found}, not {want}", row.table(), row.key())
        })?;
    }
    Ok(())
}

/// The changes of one job, by what they are.
#[derive(Default)]
pub(crate) struct Job<'a> {
    applied: Vec<&'a Image>,
    applications: Vec<(&'a Image, &'a Image)>,
    opened: Vec<&'a Image>,
    /// Card accounts of which more changed than the mark of a claim.
    accounts: Vec<(&'a Image, &'a Image)>,
    cards: Vec<&'a Image>,
    deliveries: Vec<&'a Image>,
    postings: Vec<&'a Image>,
    logs: Vec<&'a Image>,
    forgotten: Vec<(&'a Image, &'a Image)>,
    supplies: Vec<&'a Change>,
}

impl<'a> Job<'a> {
    fn of(changes: &'a [Change]) -> Check<Self> {
        let mut job = Job::default();
        for change in changes {
            let Some(row) = change.row() else { continue };
            match (row.table(), &change.before, &change.after) {
                ("application", None, Some(new)) => job.applied.push(new),
                ("application", Some(old), Some(new)) => job.applications.push((old, new)),
                ("card_account", None, Some(new)) => job.opened.push(new),
                ("card_account", Some(old), Some(new)) => {
                    if new.changed_since(old) != ["version"] {
                        job.accounts.push((old, new));
                    }
                }
                ("card", None, Some(new)) => job.cards.push(new),
                ("delivery", None, Some(new)) => job.deliveries.push(new),
                ("posting", None, Some(new)) => job.postings.push(new),
                ("operation_log", None, Some(new)) => job.logs.push(new),
                ("operation_log", Some(old), Some(new)) => job.forgotten.push((old, new)),
                ("counter" | "number_range", _, Some(_)) => job.supplies.push(change),
                (table, ..) => return broken("unexplained-change", format!("of table {table}")),
            }
        }
        Ok(job)
    }

    fn has_nothing_new(&self) -> bool {
        self.applied.is_empty()
            && self.opened.is_empty()
            && self.accounts.is_empty()
            && self.cards.is_empty()
            && self.deliveries.is_empty()
            && self.postings.is_empty()
            && self.logs.is_empty()
    }
}

/// Explains a committed job and takes it over into the model; a word for what it was.
pub fn explain(model: &mut Model, around: &Around<'_>, changes: &[Change]) -> Check<&'static str> {
    if changes.is_empty() {
        return Ok("nothing");
    }
    let job = Job::of(changes)?;
    forgotten(model, around, &job)?;
    let moved = job.applications.iter().find(|(old, new)| old.text("state") != new.text("state"));
    if let Some(applied) = job.applied.first() {
        return grant::granted(model, around, &job, applied);
    }
    if let Some((old, new)) = moved {
        return settle::settled(model, around, &job, (old, new));
    }
    if let [log] = job.logs[..] {
        if log.text("event") == Some(NUMBER_TOLD) {
            return told(model, &job, log);
        }
        return changed(model, around, &job, log);
    }
    hold("unexplained-change", job.has_nothing_new(), || "rows without a cause".to_owned())?;
    for (old, new) in &job.applications {
        let only = new.changed_since(old) == ["deadline_at"];
        let is_paying = new.text("state") == Some("COST_PAYING");
        let is_due = old.int("deadline_at") < Some(around.now_us);
        hold("recovery-takes-what-is-due", only && is_paying && is_due, || {
            format!("application {} was put off", new.key())
        })?;
    }
    for supply in &job.supplies {
        let column = if supply.row().is_some_and(|row| row.table() == "counter") {
            "next_value"
        } else {
            "next_serial"
        };
        let value = |image: &Option<Image>| image.as_ref().and_then(|image| image.int(column));
        hold("a-supply-grows", value(&supply.before) < value(&supply.after), || {
            "a counter went back".to_owned()
        })?;
    }
    Ok(match (job.supplies.len(), job.applications.len()) {
        (0, 0) => "claimed alone",
        (0, _) => "put off",
        (..) => "refilled",
    })
}

/// Only what is out of its window may be forgotten.
fn forgotten(model: &Model, around: &Around<'_>, job: &Job<'_>) -> Check {
    for (old, new) in &job.forgotten {
        let asp = old.text("asp_id").unwrap_or_default();
        let window = model.get(asp).map_or(i64::MAX, |partner| partner.replay_window_us);
        let is_stale = old.int("happened_at") < Some(around.now_us - window);
        let changed = new.changed_since(old);
        let keys = ["replay_key", "strict_key", "cipher_digest"];
        let only_keys = changed.iter().all(|name| keys.contains(name) && new.blob(name).is_none());
        hold("the-log-remembers", is_stale && only_keys, || {
            format!("{changed:?} of log row {} changed", old.key())
        })?;
    }
    Ok(())
}

/// A change of a card's state.
fn changed(
    model: &mut Model,
    around: &Around<'_>,
    job: &Job<'_>,
    log: &Image,
) -> Check<&'static str> {
    let (partner, spec) = caller(model, around, log)?;
    let happened_us = log.int("happened_at").unwrap_or(0);
    not_done_before(partner, &spec, happened_us)?;
    let verdict = partner.decide(&spec.ask, &spec.key.replay);
    let Verdict::Change(id, state) = verdict else {
        return broken("model-predicts-effects", format!("{verdict:?}, but a state was changed"));
    };
    let [(old, new)] = job.accounts[..] else {
        return broken("model-predicts-effects", "a change of state of not one account");
    };
    let asp = new.text("asp_id").unwrap_or_default();
    let only = new.changed_since(old).iter().all(|name| ["state", "version"].contains(name));
    let alone = job.opened.is_empty() && job.cards.is_empty() && job.postings.is_empty();
    hold("unexplained-change", only && alone && job.deliveries.is_empty(), || {
        format!("beside the state of {}", new.key())
    })?;
    row_is(
        "model-predicts-effects",
        new,
        &[("account_id", Want::Int(id)), ("state", Want::Text(state.text()))],
    )?;
    let event = if state == CardState::Active { "card.resumed" } else { "card.suspended" };
    let subject = id.to_string();
    remembered(
        log,
        &spec.key,
        &spec.correlation,
        &[
            ("operation", Want::Text(spec.operation)),
            ("event", Want::Text(event)),
            ("code", Want::Text(SUCCESS)),
            ("subject", Want::Text(&subject)),
        ],
    )?;
    let Some(partner) = model.get_mut(asp) else { return broken("model-agrees", "no partner") };
    if let Some(account) = partner.accounts.get_mut(&id) {
        account.state = state;
    }
    let memory = Memory { code: SUCCESS.to_owned(), subject, at_us: happened_us };
    partner.remember(&spec.key, memory);
    Ok(event)
}

/// A remembered call is answered again, with the number of the card that it issued.
fn told(model: &mut Model, job: &Job<'_>, log: &Image) -> Check<&'static str> {
    let alone = job.accounts.is_empty() && job.cards.is_empty() && job.postings.is_empty();
    hold("unexplained-change", alone, || "a number was told, and more".to_owned())?;
    let (asp, no) = (log.text("asp_id").unwrap_or_default(), log.text("subject"));
    let Some(partner) = model.get_mut(asp) else { return broken("model-agrees", "no partner") };
    let no = no.unwrap_or_default();
    let Some(application) = partner.applications.get(no).cloned() else {
        return broken("model-agrees", format!("application {no} is not known"));
    };
    let is_right = partner.is_remembered(&application.replay, log.int("happened_at").unwrap_or(0))
        && application.mobile.is_some();
    hold("model-predicts-effects", is_right, || format!("the number of {no} was told"))?;
    row_is(
        "an-effect-is-remembered",
        log,
        &[
            ("replay_key", Want::Null),
            ("operation", Want::Text(crate::call::REISSUE)),
            ("code", Want::Text(SUCCESS)),
        ],
    )?;
    if let Some(application) = partner.applications.get_mut(no) {
        application.may_be_told += 1;
    }
    Ok("number told again")
}

/// The call behind an effect.
fn caller<'m>(
    model: &'m Model,
    around: &Around<'_>,
    row: &Image,
) -> Check<(&'m Partner, Rc<Spec>)> {
    let spec = row.blob("replay_key").and_then(|replay| around.specs.get(replay));
    let Some(spec) = spec else {
        let (table, event) = (row.table(), row.text("event").unwrap_or_default());
        return broken(
            "an-effect-has-its-call",
            format!("no call has the key of {table} {} {event}", row.key()),
        );
    };
    match model.values().nth(spec.partner) {
        Some(partner) => Ok((partner, Rc::clone(spec))),
        None => broken("an-effect-has-its-call", "of no partner"),
    }
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
