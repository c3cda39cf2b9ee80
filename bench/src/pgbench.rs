//! `pgbench` with the recorded statements.

mod script;

use std::fs;
use std::path::Path;
use std::time::Duration;

use platen::cli::bench::called::Called;
use store::Target;
use tokio_postgres::NoTls;

use crate::Failure;
use crate::machine::{SERVER_CORE, output, pinned};
use crate::record::{self, Transaction};
use script::{BATCH, Varying, alike, script, staging};

/// Connections: as many as the server has.
pub(crate) const CLIENTS: usize = 8;
/// A server that takes longer to be connected to is taken for none.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Reissues a second that `pgbench` makes of the statements of these cards, on the core that
/// platen has when it is measured: both are PostgreSQL's client there.
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
    let transactions = record::calls(Called::Reissue, &target, cards, calls).await?;
    let alike = alike(transactions);
    let batches: Vec<&[Transaction]> = alike.chunks_exact(BATCH).collect();
    let runs = batches.len() / CLIENTS;
    let varying = Varying::of(&alike);
    script_on(&url(server, database), &staging(&varying, &batches)).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("reissues.sql");
    fs::write(&file, script(&varying, alike.first().map_or(&[], Vec::as_slice), runs))?;
    let mut pgbench = pinned(SERVER_CORE, program);
    pgbench.args(["-n", "-M", "prepared", "-c", &CLIENTS.to_string(), "-j", "1", "-D", "i=-1"]);
    pgbench.args(["-t", &runs.to_string()]).arg("-f").arg(&file).arg(url(server, database));
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

/// Whether a server answers there.
pub(crate) async fn answers(server: &str) -> Result<(), Failure> {
    let answered = tokio::time::timeout(CONNECT_WITHIN, script_on(server, "SELECT 1")).await;
    let problem = match answered {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(Failure(problem))) => problem,
        Err(_) => format!("nothing within {} s", CONNECT_WITHIN.as_secs()),
    };
    Err(Failure(format!("no PostgreSQL answers at the URL of --postgres: {problem}")))
}

/// Runs a script.
async fn script_on(url: &str, sql: &str) -> Result<(), Failure> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    client.batch_execute(sql).await?;
    drop(client);
    Ok(connection.await??)
}
