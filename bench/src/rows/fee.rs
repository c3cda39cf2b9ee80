//! With a fee and without.

use super::filled::Filled;
use super::{Aim, Bench, Results, Row, SMALL, median};
use crate::{Failure, say};

impl Bench {
    /// The same reissue of a product with a fee and of one without, in turn.
    pub(super) fn fee(&self, results: &mut Results) -> Result<(), Failure> {
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
}
