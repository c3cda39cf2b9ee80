//! The database as the changes that were told make it: a change that nobody told shows when both
//! are compared.

use std::collections::{BTreeMap, HashMap};

use bank::OrderKind;
use store::{Change, Image};

use crate::broken::{Check, broken, hold};

/// All rows, and what follows from the postings.
#[derive(Clone, Default)]
pub struct Mirror {
    tables: BTreeMap<String, BTreeMap<String, Image>>,
    /// Credits less debits of each account of the ledger, by partner and key.
    ledger: BTreeMap<(String, String), i64>,
    /// The applications of an order at the bank that takes a fee.
    by_order: HashMap<(String, String), Vec<String>>,
    /// The applications of an order that gives one back, whether it is in force or was.
    by_deposit: HashMap<(String, String), Vec<String>>,
    /// How many open applications hold a card account, by partner and account.
    holding: HashMap<String, u32>,
}

impl Mirror {
    /// Takes changes over; what was there before must be what is known.
    pub fn apply(&mut self, changes: &[Change]) -> Check {
        for change in changes {
            let Some(row) = change.row() else { continue };
            let (name, key) = (row.table().to_owned(), row.key());
            let rows = self.tables.entry(name.clone()).or_default();
            let known = match &change.after {
                Some(after) => rows.insert(key.clone(), after.clone()),
                None => rows.remove(&key),
            };
            hold("mirror-agrees", known == change.before, || {
                format!("{name} {key} was changed behind the simulation's back")
            })?;
            match (name.as_str(), &change.before, &change.after) {
                ("posting", None, Some(posting)) => self.post(posting),
                ("posting", ..) => {
                    return broken("a-posting-stays", format!("{key} was changed"));
                }
                ("application", before, after) => {
                    if let (None, Some(application)) = (before, after) {
                        self.index(application, &key);
                    }
                    self.count_open(before.as_ref(), after.as_ref());
                }
                ("fee_return", _, Some(owed)) => self.index_deposit(owed, &key),
                _ => {}
            }
        }
        Ok(())
    }

    fn count_open(&mut self, before: Option<&Image>, after: Option<&Image>) {
        if let Some(held) = before.and_then(held_account) {
            let count = self.holding.entry(held).or_default();
            *count = count.saturating_sub(1);
        }
        if let Some(held) = after.and_then(held_account) {
            *self.holding.entry(held).or_default() += 1;
        }
    }

    /// How many open applications hold the card account that this one replaces.
    #[must_use]
    pub fn open_beside(&self, application: &Image) -> u32 {
        held_account(application).and_then(|held| self.holding.get(&held).copied()).unwrap_or(0)
    }

    fn post(&mut self, posting: &Image) {
        let amount = posting.int("amount").unwrap_or(0);
        let asp = posting.text("asp_id").unwrap_or_default();
        for (column, amount) in [("debit", -amount), ("credit", amount)] {
            let account = posting.text(column).unwrap_or_default();
            let key = (asp.to_owned(), account.to_owned());
            *self.ledger.entry(key).or_default() += amount;
        }
    }

    fn index(&mut self, application: &Image, key: &str) {
        if let Some(order) = order_of(application) {
            self.by_order.entry(order).or_default().push(key.to_owned());
        }
    }

    fn index_deposit(&mut self, owed: &Image, key: &str) {
        if let Some(order) = order_of(owed) {
            let applications = self.by_deposit.entry(order).or_default();
            if !applications.iter().any(|known| known == key) {
                applications.push(key.to_owned());
            }
        }
    }

    /// A row.
    #[must_use]
    pub fn row(&self, table: &str, key: &str) -> Option<&Image> {
        self.tables.get(table)?.get(key)
    }

    /// All rows of a table.
    pub fn rows<'a>(&'a self, table: &str) -> impl Iterator<Item = &'a Image> {
        self.tables.get(table).into_iter().flat_map(BTreeMap::values)
    }

    /// What the postings say that an account of the ledger holds: credits less debits.
    #[must_use]
    pub fn derived(&self, asp: &str, account: &str) -> i64 {
        self.ledger.get(&(asp.to_owned(), account.to_owned())).copied().unwrap_or(0)
    }

    /// The same of every account of a partner's ledger that was ever posted to.
    pub fn ledger<'a>(&'a self, asp: &'a str) -> impl Iterator<Item = (&'a str, i64)> {
        let own = self.ledger.iter().filter(move |((of, _), _)| of == asp);
        own.map(|((_, account), held)| (account.as_str(), *held))
    }

    /// The applications that an order was made for, to take a fee or to give it back.
    #[must_use]
    pub fn applications_of(&self, order: &(String, String), kind: OrderKind) -> &[String] {
        let orders = match kind {
            OrderKind::Withdrawal => &self.by_order,
            OrderKind::Deposit => &self.by_deposit,
        };
        orders.get(order).map_or(&[], Vec::as_slice)
    }

    /// Compares with all rows of the database.
    pub fn compare(&self, rows: &[Image]) -> Check {
        let known = self.tables.values().map(BTreeMap::len).sum::<usize>();
        for row in rows {
            hold("mirror-agrees", self.row(row.table(), &row.key()) == Some(row), || {
                format!("{} {} is not as the told changes make it", row.table(), row.key())
            })?;
        }
        hold("mirror-agrees", known == rows.len(), || {
            format!("the database has {} rows, the told changes make {known}", rows.len())
        })
    }
}

fn held_account(application: &Image) -> Option<String> {
    let holds = application.int("holds_old_card") == Some(1);
    let account = application.int("old_account_id")?;
    holds.then(|| format!("{}/{account}", application.text("asp_id").unwrap_or_default()))
}

/// The order at the bank that an application has, or the one in force of a fee that goes back.
#[must_use]
pub fn order_of(application: &Image) -> Option<(String, String)> {
    let id = application.text("bank_tran_id")?;
    Some((id.to_owned(), application.text("bank_tran_day")?.to_owned()))
}
