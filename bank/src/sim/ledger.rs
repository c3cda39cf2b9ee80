//! The ledger of what was taken.

use store::{DbError, Row, Tx, params};

use super::model::{LedgerEntry, Totals};
use super::orders::Withdrawal;

/// Writes down a withdrawal; an order's second one would break the table's uniqueness.
pub(super) fn append(tx: &mut Tx<'_>, seq: i64, order: &Withdrawal) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO ledger (seq, tran_id, tran_date, fintech_use_num, amount, at_us)
         VALUES ($1, $2, $3, $4, $5, $6)",
        params![
            seq,
            &order.tran_id,
            &order.tran_date,
            &order.fintech_use_num,
            order.amount,
            order.now_us,
        ],
    )?;
    Ok(())
}

pub(super) fn totals(tx: &mut Tx<'_>) -> Result<Totals, DbError> {
    let sql = "SELECT COUNT(*), COALESCE(CAST(SUM(amount) AS BIGINT), 0) FROM ledger";
    let row = tx.query_one(sql, &[])?;
    Ok(Totals { count: row.int(0)?, amount: row.int(1)? })
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
            "SELECT seq, tran_id, tran_date, fintech_use_num, amount, at_us FROM ledger
             WHERE fintech_use_num = $3 AND seq > $1 ORDER BY seq LIMIT $2",
            params![range.after, range.limit, number],
        )?,
        None => tx.query(
            "SELECT seq, tran_id, tran_date, fintech_use_num, amount, at_us FROM ledger
             WHERE seq > $1 ORDER BY seq LIMIT $2",
            params![range.after, range.limit],
        )?,
    };
    rows.into_iter().map(entry).collect()
}

fn entry(mut row: Row) -> Result<LedgerEntry, DbError> {
    Ok(LedgerEntry {
        seq: row.int(0)?,
        bank_tran_id: row.take_text(1)?,
        tran_date: row.take_text(2)?,
        fintech_use_num: row.take_text(3)?,
        amount: row.int(4)?,
        at_us: row.int(5)?,
    })
}
