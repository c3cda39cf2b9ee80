//! One SQL text over SQLite and PostgreSQL, with migrations and group commit.
//!
//! [`Store::write`] and [`Store::read`] hand a closure to the engine's own threads. The closure
//! is plain synchronous code over [`Tx`]; it may be run more than once and must have no effect
//! but its statements. Parameters are written `$1` to `$n`.

mod error;
mod fault;
mod handle;
mod job;
mod migration;
pub mod moving;
mod options;
mod postgres;
mod queue;
mod row;
pub mod schema;
mod sqlite;
pub mod tables;
mod target;
pub mod testing;
mod tx;
mod value;

pub use error::{Cause, DbError, Fault, OpenError, TxError, WriteError};
pub use fault::{FaultSeam, Point};
pub use handle::{Announced, Pool, Store};
pub use migration::Migration;
pub use options::{OnEmpty, Options};
pub use row::Row;
pub use sqlite::backup::{BackupError, backup};
pub use sqlite::stepped::{Direct, Stepper, Waiting};
pub use sqlite::watch::{Change, Ended, Image, Ran, Table};
pub use target::Target;
pub use tx::{Tx, placeholders};
pub use value::{Owned, Value};
