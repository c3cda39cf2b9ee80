//! The program from outside.

// Clippy grants tests their `unwrap` only within `cfg(test)`.
#[cfg(test)]
mod cli;
