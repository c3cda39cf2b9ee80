//! The server as its callers and operators meet it: over HTTP, on SQLite and on PostgreSQL.

#![expect(unreachable_pub, reason = "the test's own modules share helpers")]

#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod support;
