//! Prepaid cards.

pub mod reissue;
pub mod state;
