//! A named example of an operation: it seeds the sandbox, is the portal's test data, and runs as
//! a test on both engines.

use serde_json::{Value, json};

/// Request and expected answer of a scenario. What is given before it stands in the server.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name within the operation: lower-case words joined by `-`.
    pub name: &'static str,
    /// Its title, as the reference prints it where it does.
    pub title: &'static str,
    /// The request body in clear.
    pub request: Value,
    /// Expected HTTP status.
    pub status: u16,
    /// Expected code.
    pub code: &'static str,
    /// Expected description.
    pub description: String,
    /// The names of the fields that a success carries beside `response`.
    pub fields: &'static [&'static str],
}

impl Scenario {
    /// The expected answer in clear; a value that differs from call to call stands as
    /// `{"pattern": "..."}`, a regular expression for the whole value.
    pub fn expected_body(&self, patterns: impl Fn(&str) -> Option<String>) -> Value {
        let mut body = json!({
            "response": { "code": self.code, "description": self.description }
        });
        for name in self.fields {
            if let Some(pattern) = patterns(name) {
                body[*name] = json!({ "pattern": pattern });
            }
        }
        body
    }
}
