//! Money, states and rules of prepaid cards: pure functions that take facts and return a decision
//! or a plan. No clock, no IO: the present time is a parameter.

pub mod application;
pub mod card;
pub mod delivery;
pub mod fee;
pub mod ids;
pub mod ledger;
pub mod money;
pub mod product;
pub mod reissue;
pub mod state;
pub mod time;

pub use ids::{ApplyNo, AspId, CardAccountId, CardId, ServiceId, UserId};
pub use money::Money;
pub use time::{BusinessDay, Expiry, Timestamp};
