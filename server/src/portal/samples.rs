//! Code to copy.

use contract::{Entry, Scenario};

/// A call in one language.
pub struct Sample {
    /// The language's name in ids.
    pub language: &'static str,
    /// The language's name for readers.
    pub label: &'static str,
    /// The file's name.
    pub file: &'static str,
    /// The program.
    pub code: String,
}

/// The call of a scenario in each language.
pub fn of(_: &Entry, _: &Scenario) -> Vec<Sample> {
    Vec::new()
}
