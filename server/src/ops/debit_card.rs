//! Debit cards.

pub mod limit;
