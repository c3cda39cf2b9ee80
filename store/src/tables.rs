//! Statements that more than one place needs, a module a table. What one operation alone needs
//! stands in its own file. Every function takes the partner first.

pub mod access_keys;
pub mod applications;
pub mod bank_accounts;
pub mod banks;
pub mod card_accounts;
pub mod card_checks;
pub mod cards;
pub mod counters;
pub mod dossier;
pub mod fee_proposals;
pub mod fee_returns;
pub mod log;
pub mod members;
pub mod number_ranges;
pub mod partners;
pub mod postings;
pub mod products;
pub mod projects;
pub mod reconciliation_cases;

use crate::{DbError, Row};

/// The partner under which the platform's own rows stand.
pub const PLATFORM: &str = "000000000000000";

/// A state read from a column, where the table's CHECK admits nothing else.
pub fn parsed<T>(
    row: &Row,
    index: usize,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, DbError> {
    let found = "text that is no such state";
    parse(row.text(index)?).ok_or(DbError::Column { index, wanted: "a state", found })
}

/// An amount read from a column, where the table's CHECK admits no negative one.
pub fn money(row: &Row, index: usize) -> Result<domain::Money, DbError> {
    let found = "a negative number";
    domain::Money::won(row.int(index)?).ok_or(DbError::Column { index, wanted: "money", found })
}

/// The same where the column may be NULL.
pub fn opt_parsed<T>(
    row: &Row,
    index: usize,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, DbError> {
    match row.opt_text(index)? {
        None => Ok(None),
        Some(_) => parsed(row, index, parse).map(Some),
    }
}

/// A number read from a column, where the table's CHECK admits none beyond its type.
pub fn number<T: TryFrom<i64>>(row: &Row, index: usize) -> Result<T, DbError> {
    let found = "a number out of range";
    T::try_from(row.int(index)?).map_err(|_| DbError::Column { index, wanted: "a number", found })
}
