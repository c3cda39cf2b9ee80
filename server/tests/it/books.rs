//! Looking into a database from outside the server.

use domain::AspId;
use platen::sandbox::ASP_ID;
use store::schema::MIGRATIONS;
use store::{Options, Row, Store, Target, Tx, TxError, Value, WriteError};

/// A database opened beside its server.
pub struct Books(Store);

impl Books {
    /// Opens a database. Blocks.
    pub fn open(target: &Target) -> Self {
        let options = Options { postgres_workers: 1, sqlite_readers: 1, ..Options::default() };
        Books(Store::open(target, MIGRATIONS, options).unwrap())
    }

    /// The rows of a query without parameters.
    pub fn rows(&self, sql: &str) -> Vec<Row> {
        let sql: &'static str = String::leak(sql.to_owned());
        let read =
            move |tx: &mut Tx<'_>| -> Result<Vec<Row>, TxError<()>> { Ok(tx.query(sql, &[])?) };
        self.0.read_blocking(read).unwrap()
    }

    /// The number that a query brings.
    pub fn number(&self, sql: &str) -> i64 {
        self.rows(sql)[0].int(0).unwrap()
    }

    /// Runs a statement, whose only parameter is the sandbox's partner.
    pub fn execute(&self, sql: &'static str) -> u64 {
        let asp = AspId::new(ASP_ID);
        let write = move |tx: &mut Tx<'_>| -> Result<u64, TxError<()>> {
            Ok(tx.execute(sql, &[Value::Text(asp.as_str())])?)
        };
        let done: Result<u64, WriteError<()>> = self.0.write_blocking(write);
        done.unwrap()
    }
}

impl Drop for Books {
    fn drop(&mut self) {
        self.0.close();
    }
}
