//! Prepaid cards.

pub mod application_cancel;
pub mod deduction_status;
pub mod delivery_status;
pub mod issue;
pub mod linkable_applications;
pub mod list;
pub mod physical_register;
pub mod products;
pub mod reissue;
pub mod renew;
pub mod state;
pub mod terminate;
pub mod unregistered_info;
pub mod user_mapping;
pub mod virtual_account;
