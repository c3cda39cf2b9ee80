//! A sandbox in a process of its own, on the server's core.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use platen::cli::bench::called::Called;
use serde::Deserialize;

use crate::Failure;
use crate::machine::{BOTH_CORES, LOAD_CORE, SERVER_CORE, output, peak_memory_mib, pinned};

/// The programs that are measured.
#[derive(Debug, Clone)]
pub(crate) struct Platen(pub(crate) PathBuf);

/// A running sandbox.
pub(crate) struct Sandbox {
    platen: Platen,
    child: Child,
    /// Kept open: a server whose output nobody can take would fail to print.
    _stdout: BufReader<ChildStdout>,
    url: String,
    database: String,
    /// From its start to the answer of its first request.
    pub(crate) started_in: Duration,
}

/// A load and what came of it; as `platen bench --format json` prints it.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Measured {
    pub(crate) calls_per_second: f64,
    pub(crate) latency_us: Latency,
}

/// Percentiles, microseconds.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p99_9: f64,
    pub(crate) max: f64,
}

/// Which cards are called how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load<'a> {
    pub(crate) cards: &'a Path,
    pub(crate) skip: usize,
    pub(crate) calls: usize,
    pub(crate) encrypt: &'a str,
    pub(crate) rate: Option<usize>,
    pub(crate) called: Called,
}

impl Platen {
    fn command(&self, core: &str) -> Command {
        pinned(core, &self.0)
    }

    /// `platen delivery` with these words, on a stopped sandbox's database and both cores.
    pub(crate) fn delivery(&self, database: &str, words: &[&str]) -> Command {
        let mut delivery = self.command(BOTH_CORES);
        delivery.arg("delivery").args(words).args(["--database", database]);
        delivery
    }

    /// Fills a sandbox that has been started once; how long it took.
    pub(crate) fn populate(
        &self,
        database: &str,
        cards: usize,
        out: &Path,
        more: &[&str],
    ) -> Result<Duration, Failure> {
        let begun = Instant::now();
        let mut populate = self.command(LOAD_CORE);
        populate.args(["populate", "--cards", &cards.to_string(), "--database", database]);
        output(populate.arg("--out").arg(out).args(more))?;
        Ok(begun.elapsed())
    }

    /// Starts a sandbox and waits until it answers.
    pub(crate) fn start(
        &self,
        database: &str,
        log: &Path,
        more: &[&str],
    ) -> Result<Sandbox, Failure> {
        let begun = Instant::now();
        let mut command = self.command(SERVER_CORE);
        // Without the log of calls, which a production server has not either.
        command.args(["sandbox", "--listen", "127.0.0.1:0", "--log", "warn", "--portal", "off"]);
        command.args(["--database", database]).args(more);
        command.stdout(Stdio::piped()).stderr(Stdio::from(File::create(log)?));
        let mut child = command.spawn()?;
        let stdout = child.stdout.take();
        let stdout = stdout.ok_or_else(|| Failure("the sandbox has no output".to_owned()))?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        while !line.starts_with("listening on ") {
            line.clear();
            if stdout.read_line(&mut line)? == 0 {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                return Err(Failure(format!("the sandbox did not start: {}", said.trim())));
            }
        }
        let url = line.trim().trim_start_matches("listening on ").to_owned();
        ready(&url)?;
        let started_in = begun.elapsed();
        let database = database.to_owned();
        Ok(Sandbox { platen: self.clone(), child, _stdout: stdout, url, database, started_in })
    }
}

fn ready(url: &str) -> Result<(), Failure> {
    ask(url, "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

/// Sends a request that has to be answered 200.
fn ask(url: &str, request: &str) -> Result<(), Failure> {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://"))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200") {
        return Ok(());
    }
    let line = request.lines().next().unwrap_or_default();
    Err(Failure(format!("the sandbox does not take `{line}`: {answer}")))
}

impl Sandbox {
    /// Calls it from the other core.
    pub(crate) fn load(&self, load: Load<'_>) -> Result<Measured, Failure> {
        let mut bench = self.platen.command(LOAD_CORE);
        bench.args(["bench", "--url", &self.url, "--database", &self.database]);
        bench.args(["--format", "json", "--encrypt", load.encrypt]);
        bench.args(["--operation", &load.called.name()]).arg("--cards").arg(load.cards);
        bench.args(["--skip", &load.skip.to_string(), "--calls", &load.calls.to_string()]);
        if let Some(rate) = load.rate {
            bench.args(["--rate", &rate.to_string()]);
        }
        Ok(serde_json::from_str(&output(&mut bench)?)?)
    }

    /// Sends JSON to one of the sandbox's own endpoints.
    pub(crate) fn post(&self, path: &str, body: &str) -> Result<(), Failure> {
        let host = self.url.trim_start_matches("http://");
        let head = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        let kind = "Content-Type: application/json";
        let length = body.len();
        ask(&self.url, &format!("{head}{kind}\r\nContent-Length: {length}\r\n\r\n{body}"))
    }

    /// The most memory that it has had, MiB.
    pub(crate) fn peak_memory_mib(&self) -> f64 {
        peak_memory_mib(self.child.id()).unwrap_or(f64::NAN)
    }

    /// Stops it as an operator would.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        output(Command::new("kill").arg(self.child.id().to_string()))?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Where a measurement has failed; one that was stopped is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
