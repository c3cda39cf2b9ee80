//! The bare loop: recorded statements through rusqlite, in groups, and nothing else.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::Args;
use platen::cli::bench::called::Called;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use store::{Owned, Target, Value, testing};

use crate::machine::{SERVER_CORE, output, pinned};
use crate::record::{self, Statement, Transaction};
use crate::{Failure, runtime, say};

/// Calls in one commit.
const GROUP: usize = 64;

/// Measure the bare loop on a stopped sandbox, whose cards are called for thereby.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The sandbox's SQLite file.
    #[arg(long, value_name = "FILE")]
    database: PathBuf,
    /// Its cards, as `platen populate` wrote them.
    #[arg(long, value_name = "FILE")]
    cards: PathBuf,
    /// How many of them.
    #[arg(long, value_name = "N")]
    calls: usize,
    /// What is called for each.
    #[arg(long, value_name = "NAME", value_enum, default_value_t = Called::Reissue)]
    operation: Called,
}

impl Arguments {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let loop_ = run(self.operation, &self.database, &self.cards, self.calls);
        say(&serde_json::to_string(&runtime()?.block_on(loop_)?)?);
        Ok(())
    }
}

/// The loop in a process of its own, on the server's core.
pub(crate) fn on_server_core(
    called: Called,
    database: &Path,
    cards: &Path,
    calls: usize,
) -> Result<Bare, Failure> {
    let own = std::env::current_exe()?;
    let mut command = pinned(SERVER_CORE, own);
    command.arg("bare").arg("--database").arg(database).arg("--cards").arg(cards);
    command.args(["--operation", &called.name()]);
    Ok(serde_json::from_str(&output(command.args(["--calls", &calls.to_string()]))?)?)
}

/// What the loop took.
#[derive(Serialize, Deserialize)]
pub(crate) struct Bare {
    /// Operations.
    pub(crate) calls: usize,
    /// Statements of them.
    pub(crate) statements: usize,
    /// From the first statement to the last commit.
    pub(crate) elapsed: Duration,
}

/// Calls for `calls` cards of a stopped sandbox on a copy and sends the same statements to the
/// original.
async fn run(called: Called, database: &Path, cards: &Path, calls: usize) -> Result<Bare, Failure> {
    let folder = tempfile::tempdir_in(database.parent().unwrap_or(Path::new(".")))?;
    let copy = folder.path().join("copy.db");
    // Whatever the sandbox has left in its log.
    let whole = Connection::open(database)?;
    whole.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    drop(whole);
    fs::copy(database, &copy)?;
    let target = Target::parse(&copy.to_string_lossy())?;
    let transactions = record::calls(called, &target, cards, calls).await?;
    let statements = transactions.iter().map(Vec::len).sum();
    let numbered = numbered(transactions);
    let connection = testing::sqlite_writer(database)?;
    let begun = Instant::now();
    for group in numbered.chunks(GROUP) {
        send(&connection, group)?;
    }
    Ok(Bare { calls, statements, elapsed: begun.elapsed() })
}

/// A statement as SQLite takes it without looking names up.
type Numbered = (Rc<str>, Vec<Owned>);

fn numbered(transactions: Vec<Transaction>) -> Vec<Vec<Numbered>> {
    let mut texts: HashMap<&'static str, Rc<str>> = HashMap::new();
    let mut number = |statement: Statement| {
        let text = texts.entry(statement.sql);
        let text = text.or_insert_with(|| statement.sql.replace('$', "?").into());
        (Rc::clone(text), statement.values)
    };
    transactions.into_iter().map(|each| each.into_iter().map(&mut number).collect()).collect()
}

fn send(connection: &Connection, group: &[Vec<Numbered>]) -> Result<(), Failure> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    for (sql, values) in group.iter().flatten() {
        let mut prepared = connection.prepare_cached(sql)?;
        for (index, value) in values.iter().enumerate() {
            prepared.raw_bind_parameter(index + 1, Value::from(value))?;
        }
        let mut rows = prepared.raw_query();
        while rows.next()?.is_some() {}
    }
    Ok(connection.execute_batch("COMMIT")?)
}
