//! The ledger of what was taken and given.

use store::{DbError, Row, Tx, params};

use super::model::{LedgerEntry, Totals};
use super::orders::{self, Received};
use crate::OrderKind;

/// Writes down an executed order; its second time would break the table's uniqueness.
pub(super) fn append(tx: &mut Tx<'_>, seq: i64, order: &Received) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO ledger (seq, tran_id, tran_date, fintech_use_num, amount, at_us, kind)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        params![
            seq,
            &order.tran_id,
            &order.tran_date,
            &order.fintech_use_num,
            order.amount,
            order.now_us,
            orders::kind_name(order.kind),
        ],
    )?;
    Ok(())
}

pub(super) fn totals(tx: &mut Tx<'_>) -> Result<Totals, DbError> {
    let sql = "SELECT kind, COUNT(*), CAST(SUM(amount) AS BIGINT) FROM ledger GROUP BY kind";
    let mut totals = Totals::default();
    for row in tx.query(sql, &[])? {
        let (count, amount) = (row.int(1)?, row.int(2)?);
        match orders::kind(row.text(0)?) {
            OrderKind::Withdrawal => (totals.count, totals.amount) = (count, amount),
            OrderKind::Deposit => {
                (totals.deposit_count, totals.deposit_amount) = (count, amount);
            }
        }
    }
    Ok(totals)
}

/// Which part of the ledger; no account is every account.
#[derive(Clone)]
pub(super) struct LedgerRange {
    pub(super) fintech_use_num: Option<String>,
    pub(super) after: i64,
    pub(super) limit: i64,
}

pub(super) fn read(tx: &mut Tx<'_>, range: &LedgerRange) -> Result<Vec<LedgerEntry>, DbError> {
    let rows = match &range.fintech_use_num {
        Some(number) => tx.query(
            "SELECT seq, tran_id, tran_date, fintech_use_num, amount, at_us, kind
             FROM ledger WHERE fintech_use_num = $3 AND seq > $1 ORDER BY seq LIMIT $2",
            params![range.after, range.limit, number],
        )?,
        None => tx.query(
            "SELECT seq, tran_id, tran_date, fintech_use_num, amount, at_us, kind
             FROM ledger WHERE seq > $1 ORDER BY seq LIMIT $2",
            params![range.after, range.limit],
        )?,
    };
    rows.into_iter().map(entry).collect()
}

/// The bank's daily file of one institution's orders of a Korean day, as an operator of a platform
/// is sent it: a head, a row an order, a trailer with the sums.
pub(super) fn day_file(tx: &mut Tx<'_>, day: &str, institution: &str) -> Result<String, DbError> {
    let rows = tx.query(
        "SELECT tran_id, kind, amount FROM ledger
         WHERE tran_date = $1 AND SUBSTR(tran_id, 1, 10) = $2 ORDER BY seq",
        params![day, institution],
    )?;
    let mut text = format!("H,{day},{institution}\n");
    let (mut taken, mut given) = (0, 0);
    for row in &rows {
        let (id, amount) = (row.text(0)?, row.int(2)?);
        let direction = match orders::kind(row.text(1)?) {
            OrderKind::Withdrawal => {
                taken += amount;
                'W'
            }
            OrderKind::Deposit => {
                given += amount;
                'D'
            }
        };
        text.push_str(&format!("R,{id},{direction},{amount}\n"));
    }
    text.push_str(&format!("T,{},{taken},{given}\n", rows.len()));
    Ok(text)
}

fn entry(mut row: Row) -> Result<LedgerEntry, DbError> {
    Ok(LedgerEntry {
        seq: row.int(0)?,
        bank_tran_id: row.take_text(1)?,
        tran_date: row.take_text(2)?,
        fintech_use_num: row.take_text(3)?,
        amount: row.int(4)?,
        at_us: row.int(5)?,
        kind: orders::kind(row.text(6)?),
    })
}
