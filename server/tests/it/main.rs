//! The server as its callers and operators meet it: over HTTP, on SQLite and on PostgreSQL.

#![expect(unreachable_pub, reason = "the test's own modules share helpers")]

#[cfg(test)]
mod bodies;
#[cfg(test)]
mod boundaries;
#[cfg(test)]
mod edge;
#[cfg(test)]
mod encryption;
#[cfg(test)]
mod input;
#[cfg(test)]
mod mutations;
#[cfg(test)]
mod raw;
#[cfg(test)]
mod sandbox;
mod fees;
#[cfg(test)]
mod given;
#[cfg(test)]
mod interrupted;
#[cfg(test)]
mod races;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod reissue;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod support;
#[cfg(test)]
mod wire;
