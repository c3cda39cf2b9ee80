//! The developer portal: pages and files made from the registry.

pub mod llms;
pub mod markdown;
pub mod postman;
pub mod samples;
