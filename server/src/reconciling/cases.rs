//! Cases: a difference waits for somebody until a later file no longer shows it or a person closes
//! it. What a person has closed stays so while the file says the same.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use domain::AspId;
use serde_json::{Value, json};
use store::tables::reconciliation_cases::{self, Case, Closing, Difference};
use store::tables::{PLATFORM, counters};
use store::{DbError, Store, Tx, TxError};

use super::compare::{Compared, Counts};
use super::file::BankFile;
use super::{ReconcileError, Report};
use crate::context::Core;
use crate::delivery::work::{done, seen};
use crate::keys::change::Change;
use crate::op::{Done, NoRefusal, Stop, refuse};
use crate::operator::{Mode, moment, partners_of};

/// What the operation log calls the command.
const OPERATION: &str = "platen.reconcile";
/// Who closes what a later file no longer shows. No person has a name like this.
pub const BY_FILE: &str = "platen reconcile";
/// Counts the runs; its row is the lock.
const RUNS: &str = "reconciliation-run";
/// Counts the cases.
const CASES: &str = "reconciliation-case";

/// What a run is to write for a partner.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    open: Vec<Difference>,
    close: Vec<i64>,
    standing: u64,
}

/// What follows from what was found, beside the day's cases in the order of their numbers.
fn plan(cases: &[Case], found: &[Difference]) -> Plan {
    let key = |it: &Difference| (it.bank_tran_id.clone(), it.direction.name());
    let latest: BTreeMap<_, _> = cases.iter().map(|case| (key(&case.difference), case)).collect();
    let mut plan = Plan::default();
    let mut still = BTreeMap::new();
    for difference in found {
        still.insert(key(difference), ());
        let told = |it: &Difference| (it.kind, it.ours, it.theirs);
        let Some(case) = latest.get(&key(difference)) else {
            plan.open.push(difference.clone());
            continue;
        };
        let is_same = told(&case.difference) == told(difference);
        match &case.closing {
            None if is_same => plan.standing += 1,
            None => {
                plan.close.push(case.id);
                plan.open.push(difference.clone());
            }
            Some(closing) if is_same && closing.by != BY_FILE => {}
            Some(_) => plan.open.push(difference.clone()),
        }
    }
    let gone =
        latest.iter().filter(|(key, case)| case.closing.is_none() && !still.contains_key(*key));
    plan.close.extend(gone.map(|(_, case)| case.id));
    plan
}

/// What a run has found, and in whose books it has looked.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) day: String,
    pub(super) digest: [u8; 32],
    pub(super) only: Option<AspId>,
    pub(super) scope: Vec<AspId>,
    pub(super) counts: Counts,
    pub(super) differences: BTreeMap<AspId, Vec<Difference>>,
}

impl Found {
    pub(super) fn of(
        file: &BankFile,
        compared: Compared,
        (only, scope): (Option<&AspId>, Vec<AspId>),
    ) -> Self {
        let Compared { counts, differences } = compared;
        let (day, digest) = (file.day.clone(), file.digest);
        Found { day, digest, only: only.cloned(), scope, counts, differences }
    }

    fn plans(&self, tx: &mut Tx<'_>) -> Result<Vec<(AspId, Plan)>, DbError> {
        let mut plans = Vec::new();
        for asp in &self.scope {
            let cases = reconciliation_cases::of_day(tx, asp, &self.day)?;
            let found = self.differences.get(asp).map_or(&[][..], Vec::as_slice);
            plans.push((asp.clone(), plan(&cases, found)));
        }
        Ok(plans)
    }

    fn report(&self, plans: &[(AspId, Plan)]) -> Report {
        let sum = |of: fn(&Plan) -> u64| plans.iter().map(|(_, plan)| of(plan)).sum::<u64>();
        let opened = sum(|plan| len(plan.open.len()));
        let closed = sum(|plan| len(plan.close.len()));
        let open = opened + sum(|plan| plan.standing);
        Report { day: self.day.clone(), counts: self.counts, opened, closed, open }
    }
}

fn len(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// Writes what a run has found, all in one transaction; the same file again changes nothing.
pub(super) async fn write(
    store: &Store,
    core: &Core,
    found: &Found,
    (change, mode): (&Change, Mode),
) -> Result<Report, ReconcileError> {
    let written = match mode {
        Mode::Dry => {
            let found = found.clone();
            let read = move |tx: &mut Tx<'_>| Ok(found.report(&found.plans(tx)?));
            seen::<_, NoRefusal, _>(store, read).await?
        }
        Mode::Real => {
            done(store, core, change.now, || {
                let (found, change) = (found.clone(), change.clone());
                move |tx: &mut Tx<'_>| write_in(tx, &found, &change)
            })
            .await?
        }
    };
    match written {
        Ok(report) => Ok(report),
        Err(never) => match never {},
    }
}

fn write_in(tx: &mut Tx<'_>, found: &Found, change: &Change) -> Done<Report, NoRefusal> {
    let report = found.report(&found.plans(tx)?);
    if report.opened + report.closed == 0 && found.is_known(tx)? {
        return Ok(report);
    }
    let platform = AspId::new(PLATFORM);
    counters::take(tx, &platform, RUNS, 1)?;
    // As it is now that nobody else is at it.
    let plans = found.plans(tx)?;
    let report = found.report(&plans);
    if report.opened + report.closed == 0 && found.is_known(tx)? {
        return Ok(report);
    }
    let count = i64::try_from(report.opened).unwrap_or(i64::MAX);
    let mut next = if count > 0 { counters::take(tx, &platform, CASES, count)? } else { 0 };
    let closing = Closing {
        by: BY_FILE.to_owned(),
        reason: format!("the bank's file of {} does not show it any more", found.day),
        at: change.now,
    };
    for (asp, plan) in &plans {
        for id in &plan.close {
            came_first(reconciliation_cases::close(tx, asp, *id, &closing)?)?;
        }
        for difference in &plan.open {
            let at = (next, found.day.as_str());
            came_first(reconciliation_cases::open(tx, asp, at, difference, change.now)?)?;
            next += 1;
        }
    }
    found.note(tx, &report, change)?;
    Ok(report)
}

/// A person may have closed a case meanwhile: the run is planned anew.
fn came_first(is_done: bool) -> Done<(), NoRefusal> {
    if is_done { Ok(()) } else { Err(TxError::Refused(Stop::CameFirst)) }
}

impl Found {
    fn subject(&self) -> String {
        let whose = self.only.as_ref().map_or_else(String::new, |asp| format!(":{asp}"));
        format!("bank-day:{}{whose}", self.day)
    }

    /// What the log says of a run, beside what it has changed.
    fn told(&self) -> Value {
        json!({
            "digest": HEXLOWER.encode(&self.digest),
            "matched": self.counts.matched,
            "oursOnly": self.counts.ours_only,
            "theirsOnly": self.counts.theirs_only,
            "amountDiffers": self.counts.amount_differs,
        })
    }

    /// Whether the last run that was written down was this one.
    fn is_known(&self, tx: &mut Tx<'_>) -> Result<bool, DbError> {
        let row = tx.query_opt(
            "SELECT payload FROM operation_log WHERE asp_id = $1 AND log_id IN (
                 SELECT l.log_id FROM operation_log l WHERE l.asp_id = $1 AND l.subject = $2)
             ORDER BY happened_at DESC, log_id DESC LIMIT 1",
            &[PLATFORM.into(), self.subject().as_str().into()],
        )?;
        let Some(row) = row else { return Ok(false) };
        let last: Option<Value> = serde_json::from_str(row.text(0)?).ok();
        Ok(last.is_some_and(|last| last["run"] == self.told()))
    }

    fn note(&self, tx: &mut Tx<'_>, report: &Report, change: &Change) -> Result<(), DbError> {
        let more = json!({
            "run": self.told(),
            "opened": report.opened,
            "closed": report.closed,
            "open": report.open,
        });
        let subject = self.subject();
        let deed = (OPERATION, "reconciliation.read", subject.as_str());
        change.record(tx, &AspId::new(PLATFORM), deed, more)
    }
}

/// A case with the partner whose it is.
pub type Whose = (AspId, Case);

/// Cases that are open, the oldest first, and whether there are more.
pub async fn open_ones(
    store: &Store,
    only: Option<&AspId>,
    limit: usize,
) -> Result<(Vec<Whose>, bool), ReconcileError> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut all: Vec<Whose> = Vec::new();
    for asp in scope(store, only).await? {
        let of = asp.clone();
        let read = move |tx: &mut Tx<'_>| -> Done<Vec<Case>, NoRefusal> {
            Ok(reconciliation_cases::open_ones(tx, &of, most)?)
        };
        match seen(store, read).await? {
            Ok(cases) => all.extend(cases.into_iter().map(|case| (asp.clone(), case))),
            Err(never) => match never {},
        }
        all.sort_by_key(|(_, case)| (case.opened_at, case.id));
        all.truncate(limit.saturating_add(1));
    }
    let has_more = all.len() > limit;
    all.truncate(limit);
    Ok((all, has_more))
}

/// In whose books is looked: a partner's, or everybody's with what is nobody's.
pub(super) async fn scope(
    store: &Store,
    only: Option<&AspId>,
) -> Result<Vec<AspId>, ReconcileError> {
    let mut scope = partners_of(store, only).await?;
    if only.is_none() {
        scope.push(AspId::new(PLATFORM));
    }
    Ok(scope)
}

/// Why a case was not closed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// There is none.
    #[error("there is no case {0}: `platen reconcile cases` tells which are open")]
    Unknown(i64),
    /// It is closed.
    #[error("case {id} is closed, by {by} at {at}: {reason}", by = .closing.by,
        at = moment(.closing.at), reason = .closing.reason)]
    Closed {
        /// The case.
        id: i64,
        /// How it was closed.
        closing: Box<Closing>,
    },
}

/// Closes a case; what it was.
pub async fn close(
    store: &Store,
    core: &Core,
    (only, id): (Option<&AspId>, i64),
    change: &Change,
    mode: Mode,
) -> Result<Whose, ReconcileError> {
    let scope = scope(store, only).await?;
    let closed = match mode {
        Mode::Dry => seen(store, move |tx: &mut Tx<'_>| find_open(tx, &scope, id)).await?,
        Mode::Real => {
            done(store, core, change.now, || {
                let (scope, change) = (scope.clone(), change.clone());
                move |tx: &mut Tx<'_>| close_in(tx, &scope, id, &change)
            })
            .await?
        }
    };
    Ok(closed?)
}

fn find_open(tx: &mut Tx<'_>, scope: &[AspId], id: i64) -> Done<Whose, Refusal> {
    for asp in scope {
        let Some(case) = reconciliation_cases::load(tx, asp, id)? else { continue };
        return match case.closing {
            None => Ok((asp.clone(), case)),
            Some(closing) => refuse(Refusal::Closed { id, closing: Box::new(closing) }),
        };
    }
    refuse(Refusal::Unknown(id))
}

fn close_in(tx: &mut Tx<'_>, scope: &[AspId], id: i64, change: &Change) -> Done<Whose, Refusal> {
    let (asp, case) = find_open(tx, scope, id)?;
    let (by, reason, at) = (change.by.clone(), change.reason.clone(), change.now);
    if !reconciliation_cases::close(tx, &asp, id, &Closing { by, reason, at })? {
        return Err(TxError::Refused(Stop::CameFirst));
    }
    let subject = format!("case:{id}");
    let deed = (OPERATION, "reconciliation.case_closed", subject.as_str());
    let found = &case.difference;
    let more = json!({
        "partner": asp.as_str(),
        "kind": found.kind.name(),
        "bankDay": case.bank_day,
        "bankTranId": found.bank_tran_id,
        "ours": found.ours,
        "theirs": found.theirs,
    });
    change.record(tx, &AspId::new(PLATFORM), deed, more)?;
    Ok((asp, case))
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use store::tables::reconciliation_cases::{Direction, Kind};

    use super::*;

    fn found(id: &str, theirs: i64) -> Difference {
        Difference {
            kind: Kind::TheirsOnly,
            direction: Direction::Withdrawal,
            bank_tran_id: id.to_owned(),
            apply_no: None,
            ours: None,
            theirs: Some(theirs),
        }
    }

    fn case(id: i64, difference: Difference, by: Option<&str>) -> Case {
        let at = Timestamp(7);
        let closing = |by: &str| Closing { by: by.to_owned(), reason: "x".to_owned(), at };
        let bank_day = "20261129".to_owned();
        Case { id, bank_day, difference, opened_at: at, closing: by.map(closing) }
    }

    #[test]
    fn what_is_found_meets_what_is_known() {
        let check = |cases: &[Case], now: &[Difference], expected: (usize, &[i64], u64)| {
            let plan = plan(cases, now);
            assert_eq!((plan.open.len(), plan.close.as_slice(), plan.standing), expected);
        };
        let one = || found("one", 3);
        check(&[], &[one(), found("two", 3)], (2, &[], 0));
        check(&[case(1, one(), None)], &[one()], (0, &[], 1));
        // Gone; and another one than it was.
        check(&[case(1, one(), None)], &[], (0, &[1], 0));
        check(&[case(1, one(), None)], &[found("one", 4)], (1, &[1], 0));
        // A person's word stands while the file says the same, a file's does not.
        check(&[case(1, one(), Some("kim"))], &[one()], (0, &[], 0));
        check(&[case(1, one(), Some("kim"))], &[found("one", 4)], (1, &[], 0));
        check(&[case(1, one(), Some(BY_FILE))], &[one()], (1, &[], 0));
        let again = [case(1, one(), Some(BY_FILE)), case(2, one(), None)];
        check(&again, &[one()], (0, &[], 1));
        // The other direction is another case.
        let back = Difference { direction: Direction::Deposit, ..one() };
        check(&[case(1, one(), None)], &[back], (1, &[1], 0));
    }
}
