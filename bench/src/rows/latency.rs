//! Latency below full load.

use super::filled::Filled;
use super::{Aim, Bench, Results, Row, SMALL, median};
use crate::sandbox::{Load, Measured};
use crate::{Failure, say};

/// Loads in a round.
const LOADS: usize = 5;

/// Full load, and what is measured at shares of it.
struct Round {
    half: Measured,
    /// Each share, percent, and what came of it.
    shares: Vec<(usize, Measured)>,
}

impl Round {
    /// The slowest of a hundred against the one in the middle, at half load.
    fn ratio(&self) -> f64 {
        self.half.latency_us.p99 / self.half.latency_us.p50
    }
}

impl Bench {
    /// Round by round, as one stall of a shared machine is in the p99 of the round that it hits.
    pub(super) fn latency(&self, results: &mut Results) -> Result<(), Failure> {
        let cards = SMALL + self.calls * LOADS * self.rounds;
        let filled = self.filled("latency", cards, &[])?;
        let mut rounds = Vec::new();
        for number in 0..self.rounds {
            let round = self.latency_round(&filled, self.calls * LOADS * number)?;
            say(&format!("latency, round {}: {}", number + 1, shown(&round)));
            rounds.push(round);
        }
        results.rows.push(half_load(&rounds));
        results.latency = median_round(rounds);
        Ok(())
    }

    fn latency_round(&self, filled: &Filled, first: usize) -> Result<Round, Failure> {
        let sandbox = self.start(filled)?;
        let full = sandbox.load(self.load(filled, first, "a256gcm"))?;
        let mut skip = first;
        let mut at = |share: usize| {
            skip += self.calls;
            let rate = (full.calls_per_second * share as f64 / 100.0) as usize;
            let load = self.load(filled, skip, "a256gcm");
            Ok::<_, Failure>((share, sandbox.load(Load { rate: Some(rate.max(1)), ..load })?))
        };
        let (quarter, half) = (at(25)?, at(50)?);
        let shares = vec![quarter, half, at(75)?, at(90)?, (100, full)];
        sandbox.stop()?;
        Ok(Round { half: half.1, shares })
    }
}

fn shown(round: &Round) -> String {
    let Measured { latency_us: at, calls_per_second } = round.half;
    let (p50, p99) = (at.p50 / 1_000.0, at.p99 / 1_000.0);
    format!("at {calls_per_second:.0}/s: p50 {p50:.2} ms, p99 {p99:.2} ms")
}

fn half_load(rounds: &[Round]) -> Row {
    let said: Vec<String> = rounds.iter().map(shown).collect();
    Row {
        what: "p99 at half of full load".to_owned(),
        compared_with: "p50".to_owned(),
        measured: said.join("; "),
        value: median(rounds.iter().map(Round::ratio).collect()),
        unit: "×",
        aim: Aim::AtMost(5.0),
    }
}

/// The table's round: the one in the middle, of an even number the worse of the two there.
fn median_round(mut rounds: Vec<Round>) -> Vec<(usize, Measured)> {
    rounds.sort_by(|one, other| one.ratio().total_cmp(&other.ratio()));
    let middle = rounds.len() / 2;
    rounds.into_iter().nth(middle).map(|round| round.shares).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Latency;

    fn round(p99: f64) -> Round {
        let latency_us = Latency { p50: 2_000.0, p90: 3_000.0, p99, p99_9: p99, max: p99 };
        let half = Measured { calls_per_second: 800.0, latency_us };
        Round { half, shares: vec![(50, half)] }
    }

    #[test]
    fn one_stall_is_in_the_figures_and_not_in_the_result() {
        let rounds = vec![round(8_000.0), round(104_000.0), round(6_000.0)];
        let row = half_load(&rounds);
        assert_eq!(row.value, 4.0);
        assert!(row.is_met());
        assert!(row.measured.contains("at 800/s: p50 2.00 ms, p99 104.00 ms"), "{}", row.measured);
        let [(50, table)] = median_round(rounds)[..] else { panic!("not one share") };
        assert_eq!(table.latency_us.p99, 8_000.0);
    }

    #[test]
    fn the_table_of_two_rounds_is_the_worse_ones() {
        let table = median_round(vec![round(8_000.0), round(6_000.0)]);
        assert_eq!(table[0].1.latency_us.p99, 8_000.0);
        assert!(median_round(Vec::new()).is_empty());
    }
}
