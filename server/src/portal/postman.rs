//! The Postman collection.

use contract::Registry;
use serde_json::{Value, json};

/// The collection.
pub fn collection(_: &Registry) -> Value {
    json!({})
}
