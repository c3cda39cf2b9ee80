//! Prepaid cards.

pub mod reissue;
pub mod state;
pub mod unregistered_info;
