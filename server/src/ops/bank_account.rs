//! Bank accounts.

pub mod named_card;
