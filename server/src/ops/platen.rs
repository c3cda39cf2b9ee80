//! What platen has beyond the reference.

pub mod product_policy;
