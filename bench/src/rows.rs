//! What is measured, in turn.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::machine::rsa_per_second;
use crate::sandbox::{Load, Measured, Platen, Sandbox};
use crate::{Failure, bare, pgbench, say};

/// Cards of the small database, beside those that a run reissues.
pub(crate) const SMALL: usize = 10_000;
const RSA_SECONDS: u32 = 2;

/// What a run is given.
pub(crate) struct Bench {
    pub(crate) platen: Platen,
    pub(crate) folder: PathBuf,
    pub(crate) calls: usize,
    pub(crate) rounds: usize,
    pub(crate) large: usize,
    pub(crate) postgres: Option<String>,
    pub(crate) pgbench: PathBuf,
    pub(crate) only: Option<Part>,
}

/// A part of the table.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// What RSA and SQL allow.
    Limits,
    /// With a fee and without.
    Fee,
    /// Latency below full load.
    Latency,
    /// A large database and a small one.
    Size,
    /// PostgreSQL.
    Postgres,
}

/// A line of the table.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) compared_with: String,
    pub(crate) measured: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) aim: Aim,
}

/// What is aimed at.
#[derive(Clone, Copy)]
pub(crate) enum Aim {
    AtLeast(f64),
    AtMost(f64),
}

/// All figures of a run.
pub(crate) struct Results {
    pub(crate) rows: Vec<Row>,
    /// Share of full load, and what it was answered in.
    pub(crate) latency: Vec<(usize, Measured)>,
    /// Cards in the database, and calls a second.
    pub(crate) throughput: Vec<(usize, f64)>,
}

impl Bench {
    /// Everything, one after the other.
    pub(crate) async fn run(&self) -> Result<Results, Failure> {
        let mut results = Results { rows: Vec::new(), latency: Vec::new(), throughput: Vec::new() };
        let wanted = |part| self.only.is_none_or(|only| only == part);
        if wanted(Part::Limits) {
            self.limits(&mut results).await?;
        }
        if wanted(Part::Fee) {
            self.fee(&mut results)?;
        }
        if wanted(Part::Latency) {
            self.half_load(&mut results)?;
        }
        if wanted(Part::Size) {
            self.size(&mut results)?;
        }
        if let Some(server) = self.postgres.as_ref().filter(|_| wanted(Part::Postgres)) {
            self.on_postgres(server, &mut results).await?;
        }
        Ok(results)
    }

    /// A sandbox on a new SQLite database with this many cards to be reissued.
    fn filled(&self, name: &str, cards: usize, more: &[&str]) -> Result<Filled, Failure> {
        let folder = self.folder.join(name);
        std::fs::create_dir(&folder)?;
        let database = folder.join("sandbox.db");
        self.fill(&folder, &database.to_string_lossy(), cards, more)
    }

    fn fill(
        &self,
        folder: &Path,
        database: &str,
        cards: usize,
        more: &[&str],
    ) -> Result<Filled, Failure> {
        let (file, log) = (folder.join("cards.jsonl"), folder.join("log"));
        let bank = folder.join("bank.db").to_string_lossy().into_owned();
        let bank = ["--bank-file".to_owned(), bank];
        let bank: Vec<&str> = bank.iter().map(String::as_str).collect();
        // Made by its first start.
        self.platen.start(database, &log, &bank)?.stop()?;
        let options: Vec<&str> = bank.iter().chain(more).copied().collect();
        let populated_in = self.platen.populate(database, cards, &file, &options)?;
        let bank = bank.iter().map(|part| (*part).to_owned()).collect();
        Ok(Filled { database: database.to_owned(), cards: file, log, bank, populated_in })
    }

    fn start(&self, filled: &Filled) -> Result<Sandbox, Failure> {
        let bank: Vec<&str> = filled.bank.iter().map(String::as_str).collect();
        self.platen.start(&filled.database, &filled.log, &bank)
    }

    fn load<'a>(&self, filled: &'a Filled, skip: usize, encrypt: &'a str) -> Load<'a> {
        Load { cards: &filled.cards, skip, calls: self.calls, encrypt, rate: None }
    }

    /// The server's core, and how much of it a reissue gets.
    async fn limits(&self, results: &mut Results) -> Result<(), Failure> {
        let (mut of_both, mut of_rsa, mut of_sql) = (Vec::new(), Vec::new(), Vec::new());
        let mut said = Vec::new();
        for round in 0..self.rounds {
            let filled = self.filled(&format!("limits-{round}"), SMALL + 2 * self.calls, &[])?;
            let rsa = rsa_per_second(RSA_SECONDS)?;
            let sandbox = self.start(&filled)?;
            let encrypted = sandbox.load(self.load(&filled, 0, "a256gcm"))?.calls_per_second;
            let plain = sandbox.load(self.load(&filled, self.calls, "no"))?.calls_per_second;
            sandbox.stop()?;
            // A database that was filled alike, as the loop has to reissue cards too.
            let again = self.filled(&format!("bare-{round}"), SMALL + 2 * self.calls, &[])?;
            let bare = self.bare(&again)?;
            let sql = bare.calls as f64 / bare.elapsed.as_secs_f64();
            let both = 1.0 / (1.0 / rsa + 1.0 / sql);
            of_both.push(encrypted / both);
            of_rsa.push(encrypted / rsa);
            of_sql.push(plain / sql);
            let each = bare.statements as f64 / bare.calls as f64;
            said.push(format!(
                "encrypted {encrypted:.0}/s, plain {plain:.0}/s; RSA {rsa:.0}/s, bare loop \
                 {sql:.0}/s ({each:.1} statements each)"
            ));
            say(&format!("round {}: {}", round + 1, said[round]));
        }
        let said = said.join("; ");
        let mut row = |what: &str, with: &str, values: Vec<f64>, aim| {
            results.rows.push(Row {
                what: what.to_owned(),
                compared_with: with.to_owned(),
                measured: said.clone(),
                value: median(values),
                unit: "×",
                aim: Aim::AtLeast(aim),
            });
        };
        let encrypted = "encrypted reissue, no fee, SQLite, one server core";
        row(encrypted, "1/(t_rsa + t_sql) on that core", of_both, 0.75);
        row(encrypted, "the RSA limit alone", of_rsa, 0.60);
        row("plain reissue, durable, SQLite", "the bare loop of its statements", of_sql, 0.55);
        Ok(())
    }

    /// The loop, in a process of its own on the server's core.
    fn bare(&self, filled: &Filled) -> Result<bare::Bare, Failure> {
        bare::on_server_core(Path::new(&filled.database), &filled.cards, self.calls)
    }

    fn fee(&self, results: &mut Results) -> Result<(), Failure> {
        let mut ratios = Vec::new();
        let mut said = Vec::new();
        for round in 0..self.rounds {
            let free = self.filled(&format!("free-{round}"), SMALL + self.calls, &[])?;
            let paid = self.filled(&format!("paid-{round}"), SMALL + self.calls, &["--fee"])?;
            let measure = |filled: &Filled| -> Result<f64, Failure> {
                let sandbox = self.start(filled)?;
                let rate = sandbox.load(self.load(filled, 0, "a256gcm"))?.calls_per_second;
                sandbox.stop()?;
                Ok(rate)
            };
            let (free, paid) = (measure(&free)?, measure(&paid)?);
            ratios.push(paid / free);
            said.push(format!("{paid:.0}/s with, {free:.0}/s without"));
            say(&format!("fee, round {}: {}", round + 1, said[round]));
        }
        results.rows.push(Row {
            what: "encrypted reissue with fee (simulator answering at once)".to_owned(),
            compared_with: "encrypted without fee".to_owned(),
            measured: said.join("; "),
            value: median(ratios),
            unit: "×",
            aim: Aim::AtLeast(0.5),
        });
        Ok(())
    }

    fn half_load(&self, results: &mut Results) -> Result<(), Failure> {
        let shares = [25, 50, 75, 90];
        let filled = self.filled("half", SMALL + self.calls * (shares.len() + 1), &[])?;
        let sandbox = self.start(&filled)?;
        let full = sandbox.load(self.load(&filled, 0, "a256gcm"))?;
        for (position, share) in shares.into_iter().enumerate() {
            let rate = (full.calls_per_second * share as f64 / 100.0) as usize;
            let skip = self.calls * (position + 1);
            let load = Load { rate: Some(rate.max(1)), ..self.load(&filled, skip, "a256gcm") };
            results.latency.push((share, sandbox.load(load)?));
        }
        sandbox.stop()?;
        results.latency.push((100, full));
        if let Some((_, half)) = results.latency.iter().find(|(share, _)| *share == 50) {
            let Measured { latency_us: at, calls_per_second } = half;
            results.rows.push(Row {
                what: "p99 at half of full load".to_owned(),
                compared_with: "p50".to_owned(),
                measured: format!(
                    "at {calls_per_second:.0}/s: p50 {:.2} ms, p99 {:.2} ms",
                    at.p50 / 1_000.0,
                    at.p99 / 1_000.0
                ),
                value: at.p99 / at.p50,
                unit: "×",
                aim: Aim::AtMost(5.0),
            });
        }
        Ok(())
    }

    /// The same load on a small database and a large one, in turn.
    fn size(&self, results: &mut Results) -> Result<(), Failure> {
        let small = self.filled("small", SMALL + self.calls * self.rounds, &[])?;
        let large = self.filled("large", self.large, &[])?;
        let rate = self.large as f64 / large.populated_in.as_secs_f64();
        let millions = format!("{} cards", self.large);
        let mut row = |what: String, with: String, measured, value, unit, aim| {
            results.rows.push(Row { what, compared_with: with, measured, value, unit, aim });
        };
        let seconds = large.populated_in.as_secs_f64();
        let took = format!("{millions} in {seconds:.0} s");
        row(
            "`populate` on SQLite".into(),
            "–".into(),
            took,
            rate,
            "cards/s",
            Aim::AtLeast(10_000.0),
        );
        let (mut ratios, mut said) = (Vec::new(), Vec::new());
        let (mut memory, mut started) = (Vec::new(), Duration::ZERO);
        for round in 0..self.rounds {
            let skip = self.calls * round;
            let mut measure = |filled: &Filled| -> Result<(f64, f64), Failure> {
                let sandbox = self.start(filled)?;
                started = sandbox.started_in;
                let rate = sandbox.load(self.load(filled, skip, "a256gcm"))?.calls_per_second;
                let peak = sandbox.peak_memory_mib();
                sandbox.stop()?;
                Ok((rate, peak))
            };
            let (few, many) = (measure(&small)?, measure(&large)?);
            ratios.push(many.0 / few.0);
            memory.push((few.1, many.1));
            said.push(format!("{:.0}/s against {:.0}/s", many.0, few.0));
            say(&format!("size, round {}: {}", round + 1, said[round]));
            if round + 1 == self.rounds {
                results.throughput = vec![(SMALL, few.0), (self.large, many.0)];
            }
        }
        let mut row = |what: String, with: String, measured, value, unit, aim| {
            results.rows.push(Row { what, compared_with: with, measured, value, unit, aim });
        };
        let with = format!("with {SMALL}");
        row(
            format!("throughput with {millions}"),
            with.clone(),
            said.join("; "),
            median(ratios),
            "×",
            Aim::AtLeast(0.9),
        );
        let (few, many) = memory.last().copied().unwrap_or_default();
        let peaks = format!("peak {many:.0} MiB against {few:.0} MiB");
        let what = format!("memory with {millions}, 64 callers");
        row(what.clone(), with, peaks.clone(), many / few, "×", Aim::AtMost(1.5));
        row(what, "–".into(), peaks, many, "MiB", Aim::AtMost(150.0));
        let seconds = started.as_secs_f64();
        let what = format!("start-up on {millions} to the first answer");
        let took = format!("{:.0} ms", seconds * 1_000.0);
        row(what, "–".into(), took, seconds, "s", Aim::AtMost(1.0));
        Ok(())
    }

    /// PostgreSQL where the system puts it; `pgbench` on the load's core.
    async fn on_postgres(&self, server: &str, results: &mut Results) -> Result<(), Failure> {
        let (mut ratios, mut said) = (Vec::new(), Vec::new());
        for round in 0..self.rounds {
            let name = format!("platen_bench_{}_{round}", std::process::id());
            pgbench::copy_database(server, "template0", &name).await?;
            let folder = self.folder.join(&name);
            std::fs::create_dir(&folder)?;
            let url = pgbench::url(server, &name);
            let filled = self.fill(&folder, &url, SMALL + 2 * self.calls, &[])?;
            // Both find the same database: the one that is loaded second is a copy.
            let second = format!("{name}_second");
            pgbench::copy_database(server, &name, &second).await?;
            let recorded =
                pgbench::run(&self.pgbench, server, &second, &filled.cards, self.calls).await?;
            let sandbox = self.start(&filled)?;
            let own = sandbox.load(self.load(&filled, 0, "no"))?.calls_per_second;
            sandbox.stop()?;
            ratios.push(own / recorded);
            said.push(format!("{own:.0}/s against {recorded:.0}/s"));
            say(&format!("PostgreSQL, round {}: {}", round + 1, said[round]));
        }
        results.rows.push(Row {
            what: "plain reissue on PostgreSQL".to_owned(),
            compared_with: format!(
                "`pgbench` with the same statements, {} clients, prepared",
                pgbench::CLIENTS
            ),
            measured: said.join("; "),
            value: median(ratios),
            unit: "×",
            aim: Aim::AtLeast(1.0),
        });
        Ok(())
    }
}

/// A sandbox that is filled and stopped.
struct Filled {
    database: String,
    cards: PathBuf,
    log: PathBuf,
    bank: Vec<String>,
    populated_in: Duration,
}

impl Row {
    /// Whether the aim is met.
    pub(crate) fn is_met(&self) -> bool {
        match self.aim {
            Aim::AtLeast(least) => self.value >= least,
            Aim::AtMost(most) => self.value <= most,
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
