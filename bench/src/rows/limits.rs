//! What RSA and SQL allow of an operation, and how much of it a call gets.

use std::path::Path;

use platen::cli::bench::called::Called;

use super::{Aim, Bench, Results, Row, SMALL, median};
use crate::machine::rsa_per_second;
use crate::sandbox::Load;
use crate::{Failure, bare, say};

const RSA_SECONDS: u32 = 2;

/// How much of each limit was got, a value a round.
#[derive(Default)]
pub(super) struct Shares {
    /// Of RSA and SQL one after the other.
    of_both: Vec<f64>,
    /// Of RSA alone.
    of_rsa: Vec<f64>,
    /// Of the bare loop, by plain calls.
    of_sql: Vec<f64>,
    said: Vec<String>,
}

impl Bench {
    /// The server's core, and how much of it a reissue gets.
    pub(super) fn limits(&self, results: &mut Results) -> Result<(), Failure> {
        let shares = self.shares(Called::Reissue, "reissue")?;
        let encrypted = "encrypted reissue, no fee, SQLite, one server core";
        let of_rsa = shares.row(encrypted, "the RSA limit alone", &shares.of_rsa, 0.60);
        let [of_both, of_sql] = shares.rows(encrypted, "plain reissue, durable, SQLite");
        results.rows.extend([of_both, of_rsa, of_sql]);
        Ok(())
    }

    /// An operation on the server's core, beside what RSA and SQL allow there.
    pub(super) fn shares(&self, called: Called, name: &str) -> Result<Shares, Failure> {
        let mut shares = Shares::default();
        let (cards, operation) = (SMALL + 2 * self.calls, called.name());
        for round in 0..self.rounds {
            let filled = self.filled(&format!("{operation}-{round}"), cards, &[])?;
            let rsa = rsa_per_second(RSA_SECONDS)?;
            let sandbox = self.start(&filled)?;
            let load = |skip, encrypt| Load { called, ..self.load(&filled, skip, encrypt) };
            let encrypted = sandbox.load(load(0, "a256gcm"))?.calls_per_second;
            let plain = sandbox.load(load(self.calls, "no"))?.calls_per_second;
            sandbox.stop()?;
            // A database that was filled alike, as the loop has to call for cards too.
            let again = self.filled(&format!("bare-{operation}-{round}"), cards, &[])?;
            let database = Path::new(&again.database);
            let bare = bare::on_server_core(called, database, &again.cards, self.calls)?;
            let sql = bare.calls as f64 / bare.elapsed.as_secs_f64();
            let both = 1.0 / (1.0 / rsa + 1.0 / sql);
            shares.of_both.push(encrypted / both);
            shares.of_rsa.push(encrypted / rsa);
            shares.of_sql.push(plain / sql);
            let each = bare.statements as f64 / bare.calls as f64;
            let said = format!(
                "encrypted {encrypted:.0}/s, plain {plain:.0}/s; RSA {rsa:.0}/s, bare loop \
                 {sql:.0}/s ({each:.1} statements each)"
            );
            say(&format!("{name}, round {}: {said}", round + 1));
            shares.said.push(said);
        }
        Ok(shares)
    }
}

impl Shares {
    /// The rows that every operation has: encrypted and plain.
    pub(super) fn rows(&self, encrypted: &str, plain: &str) -> [Row; 2] {
        [
            self.row(encrypted, "1/(t_rsa + t_sql) on that core", &self.of_both, 0.75),
            self.row(plain, "the bare loop of its statements", &self.of_sql, 0.55),
        ]
    }

    fn row(&self, what: &str, with: &str, values: &[f64], aim: f64) -> Row {
        Row {
            what: what.to_owned(),
            compared_with: with.to_owned(),
            measured: self.said.join("; "),
            value: median(values.to_vec()),
            unit: "×",
            aim: Aim::AtLeast(aim),
        }
    }
}
