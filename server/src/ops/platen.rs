//! What platen has beyond the reference.

pub mod card_timeline;
pub mod defect_report;
pub mod delivery_call_off;
pub mod delivery_resend;
pub mod events;
pub mod product_policy;
pub mod product_range;
pub mod reissue_quote;
