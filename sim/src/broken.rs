//! What a check says when it does not hold.

use std::fmt;

/// A rule that was broken, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The rule.
    pub rule: &'static str,
    /// What was seen.
    pub seen: String,
}

/// What a check says.
pub type Check<T = ()> = Result<T, Broken>;

/// Says that a rule is broken.
pub fn broken<T>(rule: &'static str, seen: impl Into<String>) -> Check<T> {
    Err(Broken { rule, seen: seen.into() })
}

/// Holds a rule where `holds`.
pub fn hold(rule: &'static str, holds: impl Into<Holds>, seen: impl FnOnce() -> String) -> Check {
    match holds.into() {
        Holds::Yes => Ok(()),
        Holds::No => broken(rule, seen()),
    }
}

/// Whether a rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// It does.
    Yes,
    /// It does not.
    No,
}

impl From<bool> for Holds {
    fn from(value: bool) -> Self {
        if value { Holds::Yes } else { Holds::No }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.seen)
    }
}
