//! The changes of a job, by what they are. What is explained is taken out; nothing may be left.

use std::collections::{BTreeMap, HashMap};

use store::{Change, Image};

use super::{Around, Model};
use crate::broken::{Check, broken, hold};

/// What a column has to be.
pub(crate) enum Want<'a> {
    Int(i64),
    Text(&'a str),
    Blob(&'a [u8]),
    Null,
}

impl Want<'_> {
    /// A number, or nothing.
    pub(crate) fn int(value: Option<i64>) -> Self {
        value.map_or(Want::Null, Want::Int)
    }
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

/// Only these columns of a row may have changed.
pub(crate) fn only_changed((old, new): (&Image, &Image), columns: &[&str]) -> Check {
    let changed = new.changed_since(old);
    let other = changed.iter().find(|name| !columns.contains(name));
    hold("unexplained-change", other.is_none(), || {
        format!("{other:?} of {} {}", new.table(), new.key())
    })
}

/// A row that was there, before and after.
pub(crate) type Pair<'a> = (&'a Image, &'a Image);

/// The changes of one job that are not explained yet.
#[derive(Default)]
pub(crate) struct Job<'a> {
    pub(super) applied: Vec<&'a Image>,
    pub(super) applications: Vec<Pair<'a>>,
    pub(super) opened: Vec<&'a Image>,
    pub(super) accounts: Vec<Pair<'a>>,
    pub(super) made: Vec<&'a Image>,
    pub(super) plastics: Vec<Pair<'a>>,
    pub(super) ordered: Vec<&'a Image>,
    pub(super) deliveries: Vec<Pair<'a>>,
    pub(super) reports: Vec<&'a Image>,
    pub(super) owed: Vec<&'a Image>,
    pub(super) returning: Vec<Pair<'a>>,
    /// Counts of wrong guesses, before and after.
    pub(super) guesses: Vec<(Option<&'a Image>, Option<&'a Image>)>,
    pub(super) logs: Vec<&'a Image>,
    forgotten: Vec<Pair<'a>>,
    stock: Vec<(Option<&'a Image>, &'a Image)>,
    postings: Vec<&'a Image>,
    /// Ids of all its log rows.
    entries: Vec<i64>,
    /// What must have been posted.
    journal: Vec<(String, String, i64)>,
    /// Blocks that were taken of what is given out by number.
    pub(super) supplies: usize,
}

impl<'a> Job<'a> {
    /// Sorts changes, each row's from its first to its last.
    pub(super) fn of(changes: &'a [Change]) -> Check<Self> {
        let mut job = Job::default();
        for (before, after) in net(changes) {
            let Some(row) = after.or(before) else { continue };
            match (row.table(), before, after) {
                ("application", None, Some(new)) => job.applied.push(new),
                ("application", Some(old), Some(new)) => job.applications.push((old, new)),
                ("card_account", None, Some(new)) => job.opened.push(new),
                // A claim leaves a mark and changes nothing.
                ("card_account" | "member", Some(old), Some(new))
                    if new.changed_since(old) == ["version"] => {}
                ("card_account", Some(old), Some(new)) => job.accounts.push((old, new)),
                ("card", None, Some(new)) => job.made.push(new),
                ("card", Some(old), Some(new)) => job.plastics.push((old, new)),
                ("delivery", None, Some(new)) => job.ordered.push(new),
                ("delivery", Some(old), Some(new)) => job.deliveries.push((old, new)),
                ("delivery_event", None, Some(new)) => job.reports.push(new),
                // What was told too early counts, once it is done.
                ("delivery_event", Some(old), Some(new))
                    if new.changed_since(old) == ["is_effective"] =>
                {
                    job.reports.push(new);
                }
                ("fee_return", None, Some(new)) => job.owed.push(new),
                ("fee_return", Some(old), Some(new)) => job.returning.push((old, new)),
                ("card_check", old, new) => job.guesses.push((old, new)),
                ("posting", None, Some(new)) => job.postings.push(new),
                ("operation_log", None, Some(new)) => {
                    job.entries.extend(new.int("log_id"));
                    job.logs.push(new);
                }
                ("operation_log", Some(old), Some(new)) => job.forgotten.push((old, new)),
                ("counter" | "number_range", old, Some(new)) => job.stock.push((old, new)),
                (table, ..) => return broken("unexplained-change", format!("of table {table}")),
            }
        }
        Ok(job)
    }

    /// Takes one out.
    pub(super) fn take<T: Copy>(from: &mut Vec<T>, is: impl Fn(&T) -> bool) -> Option<T> {
        let place = from.iter().position(is)?;
        Some(from.remove(place))
    }

    /// Takes the change of a card account out.
    pub(super) fn account(&mut self, id: i64) -> Check<Pair<'a>> {
        let is = |pair: &Pair<'_>| pair.1.int("account_id") == Some(id);
        let found = Job::take(&mut self.accounts, is);
        found.map_or_else(|| broken("model-predicts-effects", format!("account {id} stays")), Ok)
    }

    /// Takes the change of an application out.
    pub(super) fn application(&mut self, no: &str) -> Check<Pair<'a>> {
        let is = |pair: &Pair<'_>| pair.1.text("apply_no") == Some(no);
        let found = Job::take(&mut self.applications, is);
        found.map_or_else(|| broken("model-predicts-effects", format!("{no} stays")), Ok)
    }

    /// Takes the change of an application's delivery out.
    pub(super) fn delivery(&mut self, no: &str) -> Check<Pair<'a>> {
        let is = |pair: &Pair<'_>| pair.1.text("apply_no") == Some(no);
        let found = Job::take(&mut self.deliveries, is);
        let seen = || format!("the delivery of {no} stays");
        found.map_or_else(|| broken("model-predicts-effects", seen()), Ok)
    }

    /// Takes a log row out by what it says.
    pub(super) fn log(&mut self, event: &str, subject: &str) -> Check<&'a Image> {
        let is =
            |log: &&Image| log.text("event") == Some(event) && log.text("subject") == Some(subject);
        let found = Job::take(&mut self.logs, is);
        let seen = || format!("the log does not say {event} of {subject}");
        found.map_or_else(|| broken("an-effect-is-remembered", seen()), Ok)
    }

    /// The first of what is said of a delivery, by its attempt.
    pub(super) fn first_report(&mut self) -> Option<&'a Image> {
        self.reports.sort_by_key(|row| (row.text("apply_no"), row.int("attempt")));
        (!self.reports.is_empty()).then(|| self.reports.remove(0))
    }

    /// An amount must have been posted.
    pub(super) fn posts(&mut self, debit: &str, credit: &str, won: i64) {
        if won != 0 {
            self.journal.push((debit.to_owned(), credit.to_owned(), won));
        }
    }

    /// Only what is out of its window may be forgotten.
    pub(super) fn forgotten(&mut self, model: &Model, around: &Around<'_>) -> Check {
        for (old, new) in std::mem::take(&mut self.forgotten) {
            let asp = old.text("asp_id").unwrap_or_default();
            let window = model.get(asp).map_or(i64::MAX, |partner| partner.replay_window_us);
            let is_stale = old.int("happened_at") < Some(around.now_us - window);
            let changed = new.changed_since(old);
            let keys = ["replay_key", "strict_key", "cipher_digest"];
            let only_keys =
                changed.iter().all(|name| keys.contains(name) && new.blob(name).is_none());
            hold("the-log-remembers", is_stale && only_keys, || {
                format!("{changed:?} of log row {} changed", old.key())
            })?;
        }
        Ok(())
    }

    /// What is given out by number is given out once.
    pub(super) fn supplied(&mut self) -> Check {
        for (old, new) in std::mem::take(&mut self.stock) {
            let column = if new.table() == "counter" { "next_value" } else { "next_serial" };
            let value = |image: &Image| image.int(column);
            hold("a-supply-grows", old.and_then(value) < value(new), || {
                format!("{} {} went back", new.table(), new.key())
            })?;
            self.supplies += 1;
        }
        Ok(())
    }

    /// Nothing is left, and what was posted is what had to be.
    pub(super) fn explained(mut self) -> Check {
        let left = [
            ("applications made", self.applied.len()),
            ("applications", self.applications.len()),
            ("accounts opened", self.opened.len()),
            ("accounts", self.accounts.len()),
            ("cards made", self.made.len()),
            ("plastics", self.plastics.len()),
            ("deliveries ordered", self.ordered.len()),
            ("deliveries", self.deliveries.len()),
            ("reports", self.reports.len()),
            ("fees owed", self.owed.len()),
            ("returns", self.returning.len()),
            ("guesses", self.guesses.len()),
            ("log rows", self.logs.len()),
        ];
        let left: Vec<_> = left.iter().filter(|(_, count)| *count > 0).collect();
        hold("unexplained-change", left.is_empty(), || format!("{left:?}"))?;
        let stray = self
            .postings
            .iter()
            .find(|row| row.int("log_id").is_none_or(|entry| !self.entries.contains(&entry)));
        hold("a-posting-has-its-entry", stray.is_none(), || {
            format!("posting {:?} is of no row of the log", stray.map(|row| row.key()))
        })?;
        let mut found: Vec<(&str, &str, i64)> = self
            .postings
            .iter()
            .filter_map(|row| Some((row.text("debit")?, row.text("credit")?, row.int("amount")?)))
            .collect();
        found.sort_unstable();
        self.journal.sort_unstable();
        let expected = self.journal.iter().map(|(from, to, won)| (&**from, &**to, *won));
        let is_right = expected.eq(found.iter().copied());
        hold("the-journal-is-the-models", is_right, || {
            format!("posted {found:?}, not {:?}", self.journal)
        })
    }
}

/// Each row's change from its first image to its last, in the order of the first; what ends as it
/// began is none.
fn net(changes: &[Change]) -> impl Iterator<Item = (Option<&Image>, Option<&Image>)> {
    let mut places: HashMap<(&str, String), usize> = HashMap::new();
    let mut rows: BTreeMap<usize, (Option<&Image>, Option<&Image>)> = BTreeMap::new();
    for change in changes {
        let Some(row) = change.row() else { continue };
        let next = places.len();
        let place = *places.entry((row.table(), row.key())).or_insert(next);
        let (before, after) = (change.before.as_ref(), change.after.as_ref());
        rows.entry(place).or_insert((before, None)).1 = after;
    }
    rows.into_values().filter(|(before, after)| before != after)
}
