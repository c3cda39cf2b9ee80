//! A small database and a large one.

use std::time::Duration;

use super::filled::Filled;
use super::{Aim, Bench, Results, Row, SMALL, median};
use crate::{Failure, say};

/// What was seen of a server under load.
#[derive(Clone, Copy)]
struct Seen {
    calls_per_second: f64,
    peak_mib: f64,
    started_in: Duration,
}

/// The same of the small database and the large one.
struct Round {
    small: Seen,
    large: Seen,
}

impl Bench {
    /// The same load on a small database and a large one, in turn.
    pub(super) fn size(&self, results: &mut Results) -> Result<(), Failure> {
        let small = self.filled("small", SMALL + self.calls * self.rounds, &[])?;
        let large = self.filled("large", self.large, &[])?;
        results.rows.push(populate(self.large, large.populated_in));
        let mut rounds = Vec::new();
        for number in 0..self.rounds {
            let skip = self.calls * number;
            let (small, large) = (self.seen(&small, skip)?, self.seen(&large, skip)?);
            let round = Round { small, large };
            say(&format!("size, round {}: {}", number + 1, rates(&round)));
            rounds.push(round);
        }
        results.rows.push(throughput(self.large, &rounds));
        if let Some(Round { small, large }) = rounds.last() {
            results.rows.extend(memory(self.large, *small, *large));
            results.rows.push(start_up(self.large, large.started_in));
            results.throughput =
                vec![(SMALL, small.calls_per_second), (self.large, large.calls_per_second)];
        }
        Ok(())
    }

    fn seen(&self, filled: &Filled, skip: usize) -> Result<Seen, Failure> {
        let sandbox = self.start(filled)?;
        let started_in = sandbox.started_in;
        let calls_per_second = sandbox.load(self.load(filled, skip, "a256gcm"))?.calls_per_second;
        let peak_mib = sandbox.peak_memory_mib();
        sandbox.stop()?;
        Ok(Seen { calls_per_second, peak_mib, started_in })
    }
}

fn rates(round: &Round) -> String {
    let (large, small) = (round.large.calls_per_second, round.small.calls_per_second);
    format!("{large:.0}/s against {small:.0}/s")
}

fn populate(cards: usize, took: Duration) -> Row {
    let seconds = took.as_secs_f64();
    Row {
        what: "`populate` on SQLite".to_owned(),
        compared_with: "–".to_owned(),
        measured: format!("{cards} cards in {seconds:.0} s"),
        value: cards as f64 / seconds,
        unit: "cards/s",
        aim: Aim::AtLeast(10_000.0),
    }
}

fn throughput(cards: usize, rounds: &[Round]) -> Row {
    let said: Vec<String> = rounds.iter().map(rates).collect();
    let ratio = |round: &Round| round.large.calls_per_second / round.small.calls_per_second;
    Row {
        what: format!("throughput with {cards} cards"),
        compared_with: format!("with {SMALL}"),
        measured: said.join("; "),
        value: median(rounds.iter().map(ratio).collect()),
        unit: "×",
        aim: Aim::AtLeast(0.9),
    }
}

/// Beside the small database, and by itself.
fn memory(cards: usize, small: Seen, large: Seen) -> [Row; 2] {
    let row = |compared_with: String, value, unit, most| Row {
        what: format!("memory with {cards} cards, 64 callers"),
        compared_with,
        measured: format!("peak {:.0} MiB against {:.0} MiB", large.peak_mib, small.peak_mib),
        value,
        unit,
        aim: Aim::AtMost(most),
    };
    [
        row(format!("with {SMALL}"), large.peak_mib / small.peak_mib, "×", 1.5),
        row("–".to_owned(), large.peak_mib, "MiB", 150.0),
    ]
}

fn start_up(cards: usize, took: Duration) -> Row {
    Row {
        what: format!("start-up on {cards} cards to the first answer"),
        compared_with: "–".to_owned(),
        measured: format!("{} ms", took.as_millis()),
        value: took.as_secs_f64(),
        unit: "s",
        aim: Aim::AtMost(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(calls_per_second: f64, peak_mib: f64) -> Seen {
        Seen { calls_per_second, peak_mib, started_in: Duration::from_millis(200) }
    }

    #[test]
    fn the_large_database_is_measured_by_the_small_one() {
        let round = |large| Round { small: seen(1_000.0, 50.0), large: seen(large, 100.0) };
        let row = throughput(20_000, &[round(950.0), round(300.0), round(960.0)]);
        assert_eq!((row.value, row.is_met()), (0.95, true));
        assert_eq!(
            row.measured,
            "950/s against 1000/s; 300/s against 1000/s; 960/s against 1000/s"
        );
        let [relative, absolute] = memory(20_000, seen(1.0, 50.0), seen(1.0, 100.0));
        assert_eq!((relative.value, relative.is_met()), (2.0, false));
        assert_eq!((absolute.value, absolute.is_met()), (100.0, true));
    }

    #[test]
    fn populate_counts_cards_a_second() {
        let row = populate(20_000, Duration::from_secs(4));
        assert_eq!((row.value, row.is_met()), (5_000.0, false));
        assert_eq!(row.measured, "20000 cards in 4 s");
        let late = start_up(20_000, Duration::from_millis(1_001));
        assert_eq!((late.is_met(), late.measured.as_str()), (false, "1001 ms"));
    }
}
