//! The server as its callers and operators meet it: over HTTP, on SQLite and on PostgreSQL.

#![expect(unreachable_pub, reason = "the test's own modules share helpers")]

#[cfg(test)]
mod audit;
#[cfg(test)]
mod bad_days;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod books;
#[cfg(test)]
mod boundaries;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod columns;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod customer;
#[cfg(test)]
mod debit;
#[cfg(test)]
mod defects;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod earlier;
#[cfg(test)]
mod edge;
#[cfg(test)]
mod encryption;
#[cfg(test)]
mod endings;
#[cfg(test)]
mod events;
#[cfg(test)]
mod failover;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fees;
#[cfg(test)]
mod first_day;
#[cfg(test)]
mod given;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod html;
#[cfg(test)]
mod input;
#[cfg(test)]
mod inquiries;
#[cfg(test)]
mod interrupted;
#[cfg(test)]
mod jobs;
#[cfg(test)]
mod key_commands;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod leaks;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod moved;
#[cfg(test)]
mod mutations;
#[cfg(test)]
mod onboarding;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod portal;
#[cfg(test)]
mod process;
#[cfg(test)]
mod products;
#[cfg(test)]
mod quote;
#[cfg(test)]
mod races;
#[cfg(test)]
mod raw;
#[cfg(test)]
mod reconciling;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod reissue;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod restore;
#[cfg(test)]
mod returns;
#[cfg(test)]
mod rolling;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod sandbox;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod secured;
#[cfg(test)]
mod seeing;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod shapes;
#[cfg(test)]
mod story;
#[cfg(test)]
mod stuck;
#[cfg(test)]
mod support;
#[cfg(test)]
mod timeline;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod traces;
#[cfg(test)]
mod trouble;
#[cfg(test)]
mod usage;
#[cfg(test)]
mod verification;
#[cfg(test)]
mod view;
#[cfg(test)]
mod wire;
