//! `pgbench` with the recorded statements: a script of [`BATCH`] reissues, whose values come from a
//! row that is fetched before them, so that the fetching counts for little.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use data_encoding::HEXLOWER;
use store::{Owned, Target};
use tokio_postgres::NoTls;

use crate::Failure;
use crate::machine::{LOAD_CORE, output};
use crate::record::{self, Statement, Transaction};

/// Reissues in one run of the script.
const BATCH: usize = 8;
/// Connections: as many as the server has.
pub(crate) const CLIENTS: usize = 8;

/// Reissues a second that `pgbench` makes of the statements of these cards.
pub(crate) async fn run(
    program: &Path,
    server: &str,
    database: &str,
    cards: &Path,
    calls: usize,
) -> Result<f64, Failure> {
    let copy = format!("{database}_copy");
    copy_database(server, database, &copy).await?;
    let target = Target::parse(&url(server, &copy))?;
    let transactions = record::reissues(&target, cards, calls).await?;
    let alike = alike(transactions);
    let batches: Vec<&[Transaction]> = alike.chunks_exact(BATCH).collect();
    let runs = batches.len() / CLIENTS;
    let varying = Varying::of(&alike);
    script_on(&url(server, database), &staging(&varying, &batches)).await?;
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("reissues.sql");
    fs::write(&script, self::script(&varying, alike.first().map_or(&[], Vec::as_slice), runs))?;
    let mut pgbench = Command::new("taskset");
    pgbench.args(["-c", LOAD_CORE]).arg(program);
    pgbench.args(["-n", "-M", "prepared", "-c", &CLIENTS.to_string(), "-j", "1", "-D", "i=-1"]);
    pgbench.args(["-t", &runs.to_string()]).arg("-f").arg(&script).arg(url(server, database));
    let said = output(&mut pgbench)?;
    let line = said.lines().find(|line| line.starts_with("tps = "));
    let scripts: Option<f64> = line.and_then(|line| line.split_whitespace().nth(2)?.parse().ok());
    let scripts =
        scripts.ok_or_else(|| Failure(format!("`pgbench` was not understood:\n{said}")))?;
    Ok(scripts * BATCH as f64)
}

/// The server's URL with another database.
pub(crate) fn url(server: &str, database: &str) -> String {
    let base = server.rsplit_once('/').map_or(server, |(base, _)| base);
    format!("{base}/{database}")
}

/// Makes an empty database, or a copy of one that nobody uses.
pub(crate) async fn copy_database(
    server: &str,
    template: &str,
    database: &str,
) -> Result<(), Failure> {
    let make = format!("CREATE DATABASE {database} TEMPLATE {template}");
    script_on(server, &make).await
}

/// Runs a script.
async fn script_on(url: &str, sql: &str) -> Result<(), Failure> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    client.batch_execute(sql).await?;
    drop(client);
    Ok(connection.await??)
}

/// The transactions that send the statements that most send: no supply was taken in them.
fn alike(transactions: Vec<Transaction>) -> Vec<Transaction> {
    let longest = transactions.iter().map(Vec::len).max().unwrap_or_default();
    transactions.into_iter().filter(|transaction| transaction.len() == longest).collect()
}

/// Which values differ from call to call: statement and parameter of each.
struct Varying(Vec<(usize, usize)>);

impl Varying {
    fn of(transactions: &[Transaction]) -> Self {
        let Some((first, rest)) = transactions.split_first() else { return Self(Vec::new()) };
        let places = first.iter().enumerate().flat_map(|(statement, sent)| {
            (0..sent.values.len()).map(move |parameter| (statement, parameter))
        });
        let value = |of: &Transaction, (statement, parameter): (usize, usize)| {
            of.get(statement).and_then(|sent| sent.values.get(parameter)).cloned()
        };
        // pgbench takes a colon in a text for the beginning of a variable.
        let is_odd = |value: &Option<Owned>| match value {
            Some(Owned::Text(text)) => text.contains([':', '\'', '\\']),
            Some(Owned::Int(_) | Owned::Blob(_) | Owned::Bool(_) | Owned::Null) | None => false,
        };
        let differs = |place: &(usize, usize)| {
            let own = value(first, *place);
            is_odd(&own) || rest.iter().any(|other| value(other, *place) != own)
        };
        Self(places.filter(differs).collect())
    }

    fn position(&self, place: (usize, usize)) -> Option<usize> {
        self.0.iter().position(|other| *other == place)
    }
}

/// A table with a row for each batch.
fn staging(varying: &Varying, batches: &[&[Transaction]]) -> String {
    let columns = (0..BATCH * varying.0.len()).map(|column| format!(", v{column} TEXT"));
    let mut sql =
        format!("CREATE TABLE bench (n BIGINT PRIMARY KEY{});", columns.collect::<String>());
    for (number, batch) in batches.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(sql, "INSERT INTO bench VALUES ({number}");
        for transaction in *batch {
            for (statement, parameter) in &varying.0 {
                let value =
                    transaction.get(*statement).and_then(|sent| sent.values.get(*parameter));
                let _ = write!(sql, ", {}", value.map_or_else(|| "NULL".to_owned(), as_text));
            }
        }
        sql.push_str(");\n");
    }
    sql.push_str("ANALYZE bench;");
    sql
}

/// A value as a text that the column takes.
fn as_text(value: &Owned) -> String {
    match value {
        Owned::Int(value) => format!("'{value}'"),
        Owned::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Owned::Blob(bytes) => format!("'\\x{}'", HEXLOWER.encode(bytes)),
        Owned::Bool(value) => format!("'{value}'"),
        Owned::Null => "NULL".to_owned(),
    }
}

fn script(varying: &Varying, statements: &[Statement], runs: usize) -> String {
    let mut text = format!("\\set i :i + 1\n\\set n :client_id * {runs} + :i\n");
    text.push_str("SELECT * FROM bench WHERE n = :n \\gset\n");
    for call in 0..BATCH {
        text.push_str("BEGIN;\n");
        for (number, statement) in statements.iter().enumerate() {
            text.push_str(&with_values(varying, call, number, statement));
            text.push_str(";\n");
        }
        text.push_str("COMMIT;\n");
    }
    text
}

/// The statement with a variable, or its value, for each parameter.
fn with_values(varying: &Varying, call: usize, number: usize, statement: &Statement) -> String {
    let mut text = statement.sql.split_whitespace().collect::<Vec<_>>().join(" ");
    // From the last: $1 begins $12 as well.
    for (parameter, value) in statement.values.iter().enumerate().rev() {
        let place = varying.position((number, parameter));
        let with = match place {
            Some(column) => format!(":v{}", call * varying.0.len() + column),
            None => match value {
                Owned::Int(value) => value.to_string(),
                Owned::Bool(value) => value.to_string(),
                Owned::Text(_) | Owned::Blob(_) | Owned::Null => as_text(value),
            },
        };
        text = text.replace(&format!("${}", parameter + 1), &with);
    }
    text
}
