//! Issue, list and state change beside what RSA and SQL allow.

use super::limits::RSA_SECONDS;
use super::{Aim, Bench, Results, Row, SMALL, median};
use crate::machine::rsa_per_second;
use crate::record::Called;
use crate::sandbox::Load;
use crate::{Failure, say};

/// Each with its name on the page.
const CALLED: [(Called, &str); 3] =
    [(Called::Issue, "issue"), (Called::List, "list"), (Called::State, "state change")];

impl Bench {
    /// Each operation as a reissue is measured: the server's core, and how much of it is got.
    pub(super) fn operations(&self, results: &mut Results) -> Result<(), Failure> {
        for (called, name) in CALLED {
            let (mut of_both, mut of_sql, mut said) = (Vec::new(), Vec::new(), Vec::new());
            for round in 0..self.rounds {
                let cards = SMALL + 2 * self.calls;
                let operation = called.name();
                let filled = self.filled(&format!("{operation}-{round}"), cards, &[])?;
                let rsa = rsa_per_second(RSA_SECONDS)?;
                let sandbox = self.start(&filled)?;
                let load = Load { called, ..self.load(&filled, 0, "a256gcm") };
                let encrypted = sandbox.load(load)?.calls_per_second;
                let load = Load { called, ..self.load(&filled, self.calls, "no") };
                let plain = sandbox.load(load)?.calls_per_second;
                sandbox.stop()?;
                let again = self.filled(&format!("bare-{operation}-{round}"), cards, &[])?;
                let bare = self.bare(called, &again)?;
                let sql = bare.calls as f64 / bare.elapsed.as_secs_f64();
                of_both.push(encrypted * (1.0 / rsa + 1.0 / sql));
                of_sql.push(plain / sql);
                let each = bare.statements as f64 / bare.calls as f64;
                said.push(format!(
                    "encrypted {encrypted:.0}/s, plain {plain:.0}/s; RSA {rsa:.0}/s, bare loop \
                     {sql:.0}/s ({each:.1} statements each)"
                ));
                say(&format!("{name}, round {}: {}", round + 1, said[round]));
            }
            let said = said.join("; ");
            let mut row = |what: String, with: &str, values, aim| {
                results.rows.push(Row {
                    what,
                    compared_with: with.to_owned(),
                    measured: said.clone(),
                    value: median(values),
                    unit: "×",
                    aim: Aim::AtLeast(aim),
                });
            };
            let what = format!("encrypted {name}, SQLite, one server core");
            row(what, "1/(t_rsa + t_sql) on that core", of_both, 0.75);
            let what = format!("plain {name}, durable, SQLite");
            row(what, "the bare loop of its statements", of_sql, 0.55);
        }
        Ok(())
    }
}
