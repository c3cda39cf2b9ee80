//! Debit cards.

pub mod issue;
pub mod limit;
