//! What RSA and SQL allow, and how much of it a reissue gets.

use std::path::Path;

use super::filled::Filled;
use super::{Aim, Bench, Results, Row, SMALL, median};
use crate::machine::rsa_per_second;
use crate::record::Called;
use crate::{Failure, bare, say};

pub(super) const RSA_SECONDS: u32 = 2;

impl Bench {
    /// The server's core, and how much of it a reissue gets.
    pub(super) async fn limits(&self, results: &mut Results) -> Result<(), Failure> {
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
            let bare = self.bare(Called::Reissue, &again)?;
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
    pub(super) fn bare(&self, called: Called, filled: &Filled) -> Result<bare::Bare, Failure> {
        bare::on_server_core(called, Path::new(&filled.database), &filled.cards, self.calls)
    }
}
