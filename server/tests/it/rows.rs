//! What stands in the database, as text: cells with a space between, `-` for NULL, blobs as hex,
//! booleans as 1 and 0 on both engines.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use platen::audit::sealer;
use platen::measure;
use platen::sandbox::ASP_ID;
use store::schema::COLUMNS;
use store::{Row, Tx, TxError, Value};

use crate::support::TestServer;

/// A parameter after the partner, which is always `$1`.
#[derive(Clone)]
pub enum Key {
    Int(i64),
    Text(String),
}

impl From<i64> for Key {
    fn from(value: i64) -> Self {
        Key::Int(value)
    }
}

impl From<u64> for Key {
    fn from(value: u64) -> Self {
        Key::Int(i64::try_from(value).unwrap())
    }
}

impl From<&str> for Key {
    fn from(value: &str) -> Self {
        Key::Text(value.to_owned())
    }
}

impl Key {
    fn value(&self) -> Value<'_> {
        match self {
            Key::Int(value) => (*value).into(),
            Key::Text(value) => value.into(),
        }
    }
}

/// All rows of all tables, each table sorted.
pub type Dump = BTreeMap<&'static str, Vec<String>>;

impl TestServer {
    /// The rows of a query.
    pub async fn rows(&self, sql: &'static str, keys: &[Key]) -> Vec<String> {
        let keys = keys.to_vec();
        let read = move |tx: &mut Tx<'_>| -> Result<Vec<String>, TxError<()>> {
            Ok(tx.query(sql, &params(&keys))?.iter().map(text).collect())
        };
        self.app.store.read(read).await.unwrap()
    }

    /// The only row of a query.
    pub async fn row(&self, sql: &'static str, keys: &[Key]) -> String {
        let mut rows = self.rows(sql, keys).await;
        assert_eq!(rows.len(), 1, "{sql}: {rows:?}");
        rows.remove(0)
    }

    /// Writes; how many rows were changed.
    pub async fn exec(&self, sql: &'static str, keys: &[Key]) -> u64 {
        let keys = keys.to_vec();
        let write = move |tx: &mut Tx<'_>| -> Result<u64, TxError<()>> {
            Ok(tx.execute(sql, &params(&keys))?)
        };
        self.app.store.write(write).await.unwrap()
    }

    /// Everything that is stored of partners and of the platform.
    pub async fn dump(&self) -> Dump {
        let tables: BTreeSet<&'static str> = COLUMNS.iter().map(|column| column.table).collect();
        let read = move |tx: &mut Tx<'_>| -> Result<Dump, TxError<()>> {
            let mut dump = Dump::new();
            for table in &tables {
                let sql: &'static str = format!("SELECT * FROM {table}").leak();
                let mut rows: Vec<String> = tx.query(sql, &[])?.iter().map(text).collect();
                // How far the books are looked through: a server goes on with that by itself.
                rows.retain(|row| !row.contains(" books {"));
                rows.sort();
                dump.insert(table, rows);
            }
            Ok(dump)
        };
        self.app.store.read(read).await.unwrap()
    }

    /// Puts recovery off for the fees that are open now, so that nothing moves by itself.
    pub async fn quiet(&self) {
        self.exec(
            "UPDATE application SET deadline_at = $2 WHERE asp_id = $1 AND state = 'COST_PAYING'",
            &[i64::MAX.into()],
        )
        .await;
        // An inquiry that was on its way ends.
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    /// Waits until the member's only application has left COST_PAYING; its state.
    pub async fn settled(&self, user_id: u64) -> String {
        const PATIENCE: Duration = Duration::from_secs(25);
        let begun = Instant::now();
        loop {
            let state = self.state(user_id).await;
            if state != "COST_PAYING" || begun.elapsed() > PATIENCE {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The state of the member's only application; `none` where there is none.
    pub async fn state(&self, user_id: u64) -> String {
        let sql = "SELECT state FROM application WHERE asp_id = $1 AND user_id = $2";
        let rows = self.rows(sql, &[user_id.into()]).await;
        assert!(rows.len() <= 1, "{rows:?}");
        rows.into_iter().next().unwrap_or_else(|| "none".to_owned())
    }

    /// Each stored balance is what its postings make it.
    pub async fn assert_balances_derive(&self) {
        let wrong = self
            .rows(
                "SELECT a.account_id, a.balance FROM card_account a
                 WHERE a.asp_id = $1 AND a.balance <>
                     COALESCE((SELECT CAST(SUM(p.amount) AS BIGINT) FROM posting p
                         WHERE p.asp_id = a.asp_id
                             AND p.credit = 'card:' || CAST(a.account_id AS TEXT)), 0)
                     - COALESCE((SELECT CAST(SUM(p.amount) AS BIGINT) FROM posting p
                         WHERE p.asp_id = a.asp_id
                             AND p.debit = 'card:' || CAST(a.account_id AS TEXT)), 0)",
                &[],
            )
            .await;
        assert_eq!(wrong, Vec::<String>::new(), "accounts whose postings make another balance");
        // The check that goes along with the log finds the same, of all that has happened.
        sealer::round(&self.app).await.unwrap();
        measure::books::measure(&self.app).await.unwrap();
        let metrics = self.app.metrics.text();
        for wanted in ["platen_balances_off 0", "platen_books_unread_seals 0"] {
            assert!(metrics.lines().any(|line| line == wanted), "{wanted}: {metrics}");
        }
    }

    /// What we hold the gateway to have taken, and what has been posted to an account in all.
    pub async fn fees_taken(&self) -> i64 {
        self.number(
            "SELECT COALESCE(CAST(SUM(CASE WHEN debit = 'pg-clearing:open-banking' THEN amount
                 ELSE -amount END) AS BIGINT), 0) FROM posting
             WHERE asp_id = $1
                 AND 'pg-clearing:open-banking' IN (debit, credit)",
        )
        .await
    }
}

fn params(keys: &[Key]) -> Vec<Value<'_>> {
    std::iter::once(ASP_ID.into()).chain(keys.iter().map(Key::value)).collect()
}

fn text(row: &Row) -> String {
    let cells: Vec<String> = (0..row.len()).map(|index| cell(row, index)).collect();
    cells.join(" ")
}

pub fn cell(row: &Row, index: usize) -> String {
    let null = || "-".to_owned();
    if let Ok(value) = row.opt_int(index) {
        return value.map_or_else(null, |value| value.to_string());
    }
    if let Ok(value) = row.opt_text(index) {
        return value.map_or_else(null, str::to_owned);
    }
    if let Ok(value) = row.opt_boolean(index) {
        return value.map_or_else(null, |value| i64::from(value).to_string());
    }
    row.blob(index).map(hex).unwrap()
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The bytes of lower-case hex.
pub fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}
