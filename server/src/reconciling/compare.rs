//! What the books say of a bank's day, against the bank's file.

use std::collections::BTreeMap;

use domain::ledger::Account;
use domain::{ApplyNo, AspId};
use store::tables::reconciliation_cases::{Difference, Direction, Kind};
use store::{DbError, Row, Store, Tx};

use super::file::BankFile;
use super::{DIFFERENCES_MAX, ReconcileError};
use crate::delivery::work::seen;
use crate::fee::GATEWAY;
use crate::op::{Done, NoRefusal};

/// Rows of ours that are read by one transaction.
const PAGE: usize = 1_000;

/// How many transactions came out how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Both say the same.
    pub matched: u64,
    /// Our books alone have it.
    pub ours_only: u64,
    /// The bank's file alone has it.
    pub theirs_only: u64,
    /// The amounts differ.
    pub amount_differs: u64,
}

/// What has come of it.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// How many came out how.
    pub counts: Counts,
    /// The differences, by the partner whose they are.
    pub differences: BTreeMap<AspId, Vec<Difference>>,
}

/// An order of ours.
struct Order {
    bank_tran_id: String,
    apply_no: ApplyNo,
    /// What was posted to PG clearing for it; `None` where nothing was: the bank has refused it,
    /// or has not answered.
    posted: Option<i64>,
}

/// Compares what these partners' books say of the day with the file. What nobody's books know is
/// a difference of `nobody`.
pub(super) async fn compare(
    store: &Store,
    file: &BankFile,
    partners: &[AspId],
    nobody: &AspId,
) -> Result<Compared, ReconcileError> {
    let mut compared = Compared::default();
    let mut is_ours = vec![false; file.entries().len()];
    for asp in partners {
        for direction in [Direction::Withdrawal, Direction::Deposit] {
            let mut after = String::new();
            loop {
                let page = orders(store, asp, (&file.day, direction), &after).await?;
                let Some(last) = page.last() else { break };
                after.clone_from(&last.bank_tran_id);
                for order in page {
                    let at = file.find(&order.bank_tran_id, direction);
                    if let Some(is_ours) = at.and_then(|at| is_ours.get_mut(at)) {
                        *is_ours = true;
                    }
                    let theirs = at.and_then(|at| Some(file.entries().get(at)?.amount));
                    compared.put(asp, direction, order, theirs)?;
                }
            }
        }
    }
    strangers(store, file, &is_ours, (partners, nobody), &mut compared).await?;
    Ok(compared)
}

impl Compared {
    fn put(
        &mut self,
        asp: &AspId,
        direction: Direction,
        order: Order,
        theirs: Option<i64>,
    ) -> Result<(), ReconcileError> {
        let counts = &mut self.counts;
        let (kind, count) = match (order.posted, theirs) {
            (None, None) => return Ok(()),
            (Some(ours), Some(theirs)) if ours == theirs => {
                counts.matched += 1;
                return Ok(());
            }
            (Some(_), Some(_)) => (Kind::AmountDiffers, &mut counts.amount_differs),
            (Some(_), None) => (Kind::OursOnly, &mut counts.ours_only),
            // The bank moved money of which the books know nothing yet: an open fee, too.
            (None, Some(_)) => (Kind::TheirsOnly, &mut counts.theirs_only),
        };
        *count += 1;
        let Order { bank_tran_id, apply_no, posted: ours } = order;
        let apply_no = Some(apply_no);
        self.differ(asp, Difference { kind, direction, bank_tran_id, apply_no, ours, theirs })
    }

    fn differ(&mut self, asp: &AspId, found: Difference) -> Result<(), ReconcileError> {
        let Counts { ours_only, theirs_only, amount_differs, .. } = self.counts;
        if ours_only + theirs_only + amount_differs > DIFFERENCES_MAX {
            return Err(ReconcileError::TooManyDifferences);
        }
        self.differences.entry(asp.clone()).or_default().push(found);
        Ok(())
    }
}

/// Transactions of the file that no order of that day knows. One that the bank has booked on
/// another day than its order's is told with its application.
async fn strangers(
    store: &Store,
    file: &BankFile,
    is_ours: &[bool],
    (partners, nobody): (&[AspId], &AspId),
    compared: &mut Compared,
) -> Result<(), ReconcileError> {
    let left = file.entries().iter().zip(is_ours).filter(|(_, is_ours)| !**is_ours);
    for (entry, _) in left {
        compared.counts.theirs_only += 1;
        let mut found = Difference {
            kind: Kind::TheirsOnly,
            direction: entry.direction,
            bank_tran_id: entry.id(),
            apply_no: None,
            ours: None,
            theirs: Some(entry.amount),
        };
        let mut whose = nobody;
        if entry.direction == Direction::Withdrawal {
            for asp in partners {
                found.apply_no = of_another_day(store, asp, &found.bank_tran_id).await?;
                if found.apply_no.is_some() {
                    whose = asp;
                    break;
                }
            }
        }
        compared.differ(whose, found)?;
    }
    Ok(())
}

async fn of_another_day(
    store: &Store,
    asp: &AspId,
    bank_tran_id: &str,
) -> Result<Option<ApplyNo>, ReconcileError> {
    let (asp, id) = (asp.clone(), bank_tran_id.to_owned());
    let read = move |tx: &mut Tx<'_>| -> Done<Option<ApplyNo>, NoRefusal> {
        let row = tx.query_opt(
            "SELECT apply_no FROM application WHERE asp_id = $1 AND bank_tran_id = $2
             ORDER BY bank_tran_day LIMIT 1",
            &[asp.as_str().into(), id.as_str().into()],
        )?;
        match row {
            Some(row) => Ok(Some(ApplyNo::new(row.text(0)?))),
            None => Ok(None),
        }
    };
    match seen(store, read).await? {
        Ok(found) => Ok(found),
        Err(never) => match never {},
    }
}

/// The next orders of a partner, after an id.
async fn orders(
    store: &Store,
    asp: &AspId,
    (day, direction): (&str, Direction),
    after: &str,
) -> Result<Vec<Order>, ReconcileError> {
    let (asp, day, after) = (asp.clone(), day.to_owned(), after.to_owned());
    let read = move |tx: &mut Tx<'_>| -> Done<Vec<Order>, NoRefusal> {
        Ok(match direction {
            Direction::Withdrawal => withdrawals(tx, &asp, &day, &after)?,
            Direction::Deposit => deposits(tx, &asp, &day, &after)?,
        })
    };
    match seen(store, read).await? {
        Ok(page) => Ok(page),
        Err(never) => match never {},
    }
}

fn page() -> i64 {
    i64::try_from(PAGE).unwrap_or(i64::MAX)
}

fn clearing() -> String {
    Account::PgClearing(GATEWAY.to_owned()).key()
}

fn withdrawals(
    tx: &mut Tx<'_>,
    asp: &AspId,
    day: &str,
    after: &str,
) -> Result<Vec<Order>, DbError> {
    let rows = tx.query(
        "SELECT a.bank_tran_id, a.apply_no,
             (SELECT CAST(SUM(p.amount) AS BIGINT) FROM posting p
              WHERE p.asp_id = a.asp_id AND p.debit = $3 AND p.log_id IN (
                  SELECT l.log_id FROM operation_log l
                  WHERE l.asp_id = a.asp_id AND l.subject = a.apply_no))
         FROM application a
         WHERE a.asp_id = $1 AND a.bank_tran_day = $2 AND a.bank_tran_id > $4
             AND a.bank_tran_id IS NOT NULL
         ORDER BY a.bank_tran_id LIMIT $5",
        &[asp.as_str().into(), day.into(), clearing().as_str().into(), after.into(), page().into()],
    )?;
    rows.into_iter().map(read).collect()
}

fn deposits(tx: &mut Tx<'_>, asp: &AspId, day: &str, after: &str) -> Result<Vec<Order>, DbError> {
    let rows = tx.query(
        "SELECT f.bank_tran_id, f.apply_no,
             (SELECT CAST(SUM(p.amount) AS BIGINT) FROM posting p
              WHERE p.asp_id = f.asp_id AND p.credit = $3 AND p.log_id IN (
                  SELECT l.log_id FROM operation_log l
                  WHERE l.asp_id = f.asp_id AND l.subject = f.apply_no))
         FROM fee_return f
         WHERE f.asp_id = $1 AND f.bank_tran_day = $2 AND f.bank_tran_id > $4
         ORDER BY f.bank_tran_id LIMIT $5",
        &[asp.as_str().into(), day.into(), clearing().as_str().into(), after.into(), page().into()],
    )?;
    rows.into_iter().map(read).collect()
}

fn read(mut row: Row) -> Result<Order, DbError> {
    Ok(Order {
        posted: row.opt_int(2)?,
        apply_no: ApplyNo::new(row.text(1)?),
        bank_tran_id: row.take_text(0)?,
    })
}
