//! Prepaid cards.

pub mod issue;
pub mod reissue;
pub mod renew;
pub mod state;
pub mod unregistered_info;
