//! Administration, as the reference has it.

pub mod issued_cards;
pub mod product_create;
pub mod product_detail;
