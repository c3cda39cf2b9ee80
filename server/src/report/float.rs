//! What is owed to card holders at the end of a day, and what the books hold beside it, by product.
//!
//! All sums are made of postings, by the time of business at which each was made: a day that is
//! over comes out the same for ever. Postings and accounts are read along their keys, so many at a
//! time, on one snapshot: the stored balances of that moment must be what all postings make.

use std::collections::BTreeMap;

use domain::ledger::Account;
use domain::time::BusinessDay;
use domain::{AspId, Timestamp};
use store::{DbError, Row, Store, Tx, TxError, WriteError};

/// Rows that are read at once.
const ROWS_MAX: i64 = 2_000;

/// A product's part of the books, won.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums {
    /// Card accounts that were open.
    pub accounts: i64,
    /// Owed to card holders.
    pub liability: i64,
    /// Fees taken, without the tax within them and without those that go back.
    pub fee_income: i64,
    /// The tax within these fees.
    pub vat_payable: i64,
    /// Fees to be given back, and not given yet.
    pub return_payable: i64,
    /// What payment gateways have taken for us and not paid out.
    pub pg_clearing: i64,
}

/// A product's line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// The product; empty for what is of none: what a sandbox has taken away again.
    pub service_id: String,
    /// Its name.
    pub name: String,
    /// What the books hold.
    pub sums: Sums,
    /// Owed to card holders by all postings that there are.
    pub posted_now: i64,
    /// What its card accounts hold, as it is stored.
    pub stored_now: i64,
}

/// A partner's report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Float {
    /// The partner.
    pub asp: AspId,
    /// Its products, by id.
    pub lines: Vec<Line>,
    /// All of them.
    pub total: Line,
    /// Postings that have no row of the operation log, and so no day: they count for none.
    pub undated: u64,
}

impl Float {
    /// Whether the stored balances are what the postings make, and every posting has its day.
    pub fn is_sound(&self) -> bool {
        self.undated == 0 && self.lines.iter().all(|line| line.posted_now == line.stored_now)
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum FloatError {
    /// The books hold what they cannot.
    #[error("the books cannot be added up: {0}; see `platen audit verify`")]
    Books(String),
    /// The database could not be used.
    #[error("the database could not be used: {0}")]
    Database(String),
}

type Read<T> = Result<T, TxError<FloatError>>;

/// The report of a partner at the end of a day, or of what there is of it yet. Blocks.
pub fn at_end_of(store: &Store, asp: &AspId, day: BusinessDay) -> Result<Float, FloatError> {
    let (asp, end) = (asp.clone(), day.end());
    let read = move |tx: &mut Tx<'_>| -> Read<Float> {
        let mut books = Books { end, ..Books::default() };
        books.read_products(tx, &asp)?;
        books.read_postings(tx, &asp)?;
        books.read_accounts(tx, &asp)?;
        books.close(asp.clone())
    };
    store.read_blocking(read).map_err(unwrapped)
}

fn unwrapped(error: WriteError<FloatError>) -> FloatError {
    error.refusal_or(FloatError::Database)
}

/// The books as far as they were read.
struct Books {
    end: Timestamp,
    lines: BTreeMap<String, Line>,
    undated: u64,
}

impl Default for Books {
    fn default() -> Self {
        Books { end: Timestamp(i64::MIN), lines: BTreeMap::new(), undated: 0 }
    }
}

/// Adds; a sum beyond all money is a fault of the books.
fn add(place: &mut i64, amount: i64) -> Read<()> {
    let sum = place.checked_add(amount).ok_or_else(|| {
        TxError::Refused(FloatError::Books("a sum is greater than all money".to_owned()))
    });
    *place = sum?;
    Ok(())
}

impl Books {
    fn line(&mut self, service_id: Option<&str>) -> &mut Line {
        let service_id = service_id.unwrap_or_default();
        self.lines.entry(service_id.to_owned()).or_default()
    }

    /// A partner's products are few.
    fn read_products(&mut self, tx: &mut Tx<'_>, asp: &AspId) -> Result<(), DbError> {
        let mut last = String::new();
        loop {
            let rows = tx.query(
                "SELECT service_id, name FROM product WHERE asp_id = $1 AND service_id > $2
                 ORDER BY service_id LIMIT $3",
                &[asp.as_str().into(), last.as_str().into(), ROWS_MAX.into()],
            )?;
            let Some(end) = rows.last() else { return Ok(()) };
            end.text(0)?.clone_into(&mut last);
            for row in rows {
                row.text(1)?.clone_into(&mut self.line(Some(row.text(0)?)).name);
            }
        }
    }

    /// Postings with their time and the products of the accounts that they name; a fee is of its
    /// application's product. An application's number is given again when a sandbox is armed again:
    /// what was booked before is of none that there is.
    fn read_postings(&mut self, tx: &mut Tx<'_>, asp: &AspId) -> Read<()> {
        let mut last = (i64::MIN, 0);
        loop {
            // A subquery for each, as PostgreSQL might else join the whole log.
            let rows = tx.query(
                "SELECT p.log_id, p.line, p.debit, p.credit, p.amount,
                     (SELECT l.happened_at + l.clock_shift_us FROM operation_log l
                         WHERE l.asp_id = p.asp_id AND l.log_id = p.log_id),
                     (SELECT a.service_id FROM card_account a
                         WHERE a.asp_id = p.asp_id AND a.account_id = CASE
                             WHEN p.debit LIKE 'card:%'
                             THEN CAST(SUBSTR(p.debit, 6) AS BIGINT) END),
                     (SELECT a.service_id FROM card_account a
                         WHERE a.asp_id = p.asp_id AND a.account_id = CASE
                             WHEN p.credit LIKE 'card:%'
                             THEN CAST(SUBSTR(p.credit, 6) AS BIGINT) END),
                     (SELECT a.service_id FROM operation_log l, application a
                         WHERE l.asp_id = p.asp_id AND l.log_id = p.log_id
                             AND a.asp_id = l.asp_id AND a.apply_no = l.subject
                             AND a.applied_at <= l.happened_at + l.clock_shift_us)
                 FROM posting p WHERE p.asp_id = $1 AND (p.log_id, p.line) > ($2, $3)
                 ORDER BY p.log_id, p.line LIMIT $4",
                &[asp.as_str().into(), last.0.into(), last.1.into(), ROWS_MAX.into()],
            )?;
            let Some(end) = rows.last() else { return Ok(()) };
            last = (end.int(0)?, end.int(1)?);
            for row in &rows {
                self.post(row)?;
            }
        }
    }

    fn post(&mut self, row: &Row) -> Read<()> {
        let amount = row.int(4)?;
        let at = row.opt_int(5)?;
        self.undated += u64::from(at.is_none());
        let counts = at.is_some_and(|at| at < self.end.0);
        let of_application = row.opt_text(8)?;
        for (key, card, credited) in [(2, 6, -amount), (3, 7, amount)] {
            let key = row.text(key)?;
            let account = Account::of_key(key).ok_or_else(|| {
                TxError::Refused(FloatError::Books(format!("a posting names `{key}`")))
            })?;
            let is_card = matches!(account, Account::Card(_));
            let product = if is_card { row.opt_text(card)? } else { of_application };
            let line = self.line(product);
            if is_card {
                add(&mut line.posted_now, credited)?;
            }
            if counts {
                line.sums.credit(&account, credited)?;
            }
        }
        Ok(())
    }

    /// Card accounts: which were open at the day's end, and what each holds now. One ends when its
    /// balance moves to the one that replaces it, when it or its main card is discarded, or when
    /// the application that opened it is cancelled.
    fn read_accounts(&mut self, tx: &mut Tx<'_>, asp: &AspId) -> Read<()> {
        let mut last = i64::MIN;
        loop {
            let rows = tx.query(
                "SELECT c.account_id, c.service_id, c.balance, c.opened_at,
                     c.state = 'TERMINATED',
                     CASE WHEN c.state = 'TERMINATED' THEN COALESCE(
                         (SELECT s.opened_at FROM card_account s
                             WHERE s.asp_id = c.asp_id AND s.account_id = c.successor_id),
                         (SELECT MIN(l.happened_at + l.clock_shift_us) FROM operation_log l
                             WHERE l.asp_id = c.asp_id AND l.event = 'card.discarded'
                                 AND l.log_id IN (SELECT o.log_id FROM operation_log o
                                     WHERE o.asp_id = c.asp_id
                                         AND o.subject = CAST(c.account_id AS TEXT))),
                         (SELECT MIN(l.happened_at + l.clock_shift_us) FROM operation_log l
                             WHERE l.asp_id = c.asp_id AND l.event = 'card.discarded'
                                 AND l.log_id IN (SELECT o.log_id FROM operation_log o
                                     WHERE o.asp_id = c.asp_id
                                         AND o.subject = CAST(c.main_account_id AS TEXT))),
                         (SELECT MIN(l.happened_at + l.clock_shift_us) FROM operation_log l
                             WHERE l.asp_id = c.asp_id AND l.event = 'application.cancelled'
                                 AND l.log_id IN (SELECT o.log_id FROM operation_log o
                                     WHERE o.asp_id = c.asp_id AND o.subject IN (
                                         SELECT a.apply_no FROM application a
                                         WHERE a.asp_id = c.asp_id
                                             AND a.new_account_id = c.account_id
                                             AND a.apply_no IN (
                                                 SELECT b.apply_no FROM application b
                                                 WHERE b.asp_id = c.asp_id
                                                     AND b.user_id = c.user_id))))) END
                 FROM card_account c WHERE c.asp_id = $1 AND c.account_id > $2
                 ORDER BY c.account_id LIMIT $3",
                &[asp.as_str().into(), last.into(), ROWS_MAX.into()],
            )?;
            let Some(end) = rows.last() else { return Ok(()) };
            last = end.int(0)?;
            for row in &rows {
                self.count(row)?;
            }
        }
    }

    fn count(&mut self, row: &Row) -> Read<()> {
        let end = self.end.0;
        let is_opened = row.int(3)? < end;
        // One that was given as ended has never been open.
        let was_open = match (row.boolean(4)?, row.opt_int(5)?) {
            (false, _) => true,
            (true, ended_at) => ended_at.is_some_and(|at| at >= end),
        };
        let line = self.line(Some(row.text(1)?));
        add(&mut line.stored_now, row.int(2)?)?;
        add(&mut line.sums.accounts, i64::from(is_opened && was_open))
    }

    /// The report. A line of no product that holds nothing is none.
    fn close(self, asp: AspId) -> Read<Float> {
        let empty = Line::default();
        let lines: Vec<Line> = self
            .lines
            .into_iter()
            .map(|(service_id, line)| Line { service_id, ..line })
            .filter(|line| *line != empty)
            .collect();
        let mut total = Line::default();
        for line in &lines {
            add(&mut total.posted_now, line.posted_now)?;
            add(&mut total.stored_now, line.stored_now)?;
            total.sums.add(&line.sums)?;
        }
        Ok(Float { asp, lines, total, undated: self.undated })
    }
}

impl Sums {
    /// Credits an account. What is owed and earned grows by it, what gateways hold shrinks.
    fn credit(&mut self, account: &Account, amount: i64) -> Read<()> {
        match account {
            Account::Card(_) => add(&mut self.liability, amount),
            Account::FeeIncome => add(&mut self.fee_income, amount),
            Account::VatPayable => add(&mut self.vat_payable, amount),
            Account::ReturnPayable => add(&mut self.return_payable, amount),
            Account::PgClearing(_) => add(&mut self.pg_clearing, -amount),
            Account::Opening => Ok(()),
        }
    }

    fn add(&mut self, other: &Sums) -> Read<()> {
        add(&mut self.accounts, other.accounts)?;
        add(&mut self.liability, other.liability)?;
        add(&mut self.fee_income, other.fee_income)?;
        add(&mut self.vat_payable, other.vat_payable)?;
        add(&mut self.return_payable, other.return_payable)?;
        add(&mut self.pg_clearing, other.pg_clearing)
    }
}
