//! OpenAPI 3.1 from the registry, through a typed model of it.
/// x
pub fn x() {}
