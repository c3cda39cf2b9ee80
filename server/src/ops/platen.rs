//! What platen has beyond the reference.

pub mod delivery_call_off;
pub mod delivery_resend;
pub mod events;
pub mod product_policy;
