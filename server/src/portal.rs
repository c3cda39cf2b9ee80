//! The developer portal: pages made from the registry.

pub mod guides;
pub mod lang;
