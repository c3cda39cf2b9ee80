//! A bank to test against: an HTTP server with a durable file of accounts, orders and a ledger.
//!
//! It answers in the shape that [`OpenBanking`](crate::OpenBanking) speaks, and misbehaves by
//! account when told to. An order is decided and written in one durable transaction before any
//! answer, so its ledger says after a crash what it said before. Its people are made up; its
//! tokens protect nothing.

mod accounts;
mod admin_api;
mod admin_client;
mod answers;
mod bank_api;
mod behaviour;
pub mod file;
mod inquire;
mod ledger;
mod lock;
mod messages;
mod model;
mod orders;
mod schema;
mod serve;
mod tokens;
mod wire;

pub use admin_client::{Admin, AdminError};
pub use behaviour::{Behaviour, BehaviourError, DELAY_MS_MAX};
pub use lock::find_running;
pub use model::{
    Account, Identity, LedgerEntry, LedgerPage, OrderRecord, OrderState, Scope, Totals,
};
pub use serve::{SimError, SimOptions, TOKEN_SECONDS_DEFAULT, ready_line, serve};
