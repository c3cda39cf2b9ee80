//! The connector and the simulator, against each other and against worse.

#![expect(clippy::unwrap_used, reason = "a helper fails as its test does")]

mod admin;
mod answers;
mod behaviours;
mod common;
mod deposit_answers;
mod deposits;
mod durability;
mod fake;
mod tokens;
