//! Money, states and rules of prepaid cards: pure functions that take facts and return a decision
//! or a plan. No clock, no IO: the present time is a parameter.

pub mod application;
pub mod cancel;
pub mod card;
pub mod debit;
pub mod defect;
pub mod delivery;
pub mod discard;
pub mod expiry;
pub mod fee;
pub mod fee_return;
pub mod ids;
pub mod issue;
pub mod ledger;
pub mod money;
pub mod partner;
pub mod product;
pub mod register;
pub mod reissue;
pub mod renew;
pub mod state;
pub mod terms;
pub mod time;

pub use ids::{ApplyNo, AspId, CardAccountId, CardId, ServiceId, UserId};
pub use money::Money;
pub use time::{BusinessDay, Expiry, Timestamp};
