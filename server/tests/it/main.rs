//! The server as its callers and operators meet it: over HTTP, on SQLite and on PostgreSQL.

#![expect(unreachable_pub, reason = "the test's own modules share helpers")]

#[cfg(test)]
mod books;
#[cfg(test)]
mod columns;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod leaks;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod process;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod support;
