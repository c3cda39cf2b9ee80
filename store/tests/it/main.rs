//! The engine on SQLite and PostgreSQL.

// Clippy grants tests their `unwrap` only within `cfg(test)`.
#[cfg(test)]
mod jobs;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod put;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod sqlite;
#[cfg(test)]
mod statements;
#[cfg(test)]
mod stepped;
#[cfg(test)]
mod support;
