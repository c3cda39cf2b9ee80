//! Cards that expire all at once, beside the calls that go on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::{Aim, Bench, Results, Row, median};
use crate::sandbox::{Measured, Sandbox};
use crate::{Failure, say};

/// How far business is moved: beyond the last day of every populated card.
const DAYS: u32 = 2_000;
/// The job begins at once.
const INTERVAL_MS: &str = "100";
/// How often it is looked whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long it may take.
const JOB_MAX: Duration = Duration::from_secs(1_800);

/// What was seen.
struct Seen {
    cards: usize,
    took: Duration,
    alone: Measured,
    beside: Vec<Measured>,
}

impl Bench {
    /// The load by itself, then beside the job until that has ended.
    pub(super) fn expiry(&self, results: &mut Results) -> Result<(), Failure> {
        let filled = self.filled("expiry", self.large, &[])?;
        let sandbox = self.start_with(&filled, &["--jobs-interval-ms", INTERVAL_MS])?;
        let alone = sandbox.load(self.load(&filled, 0, "a256gcm"))?;
        say(&format!("expiry: {:.0} calls/s alone", alone.calls_per_second));
        let is_over = AtomicBool::new(false);
        let begun = Instant::now();
        sandbox.post("/sandbox/v1/clock", &format!("{{\"forwardDays\":{DAYS}}}"))?;
        let (took, beside) = std::thread::scope(|scope| {
            let job = scope.spawn(|| {
                let ended = until_expired(&filled.database, begun);
                is_over.store(true, Ordering::Relaxed);
                ended
            });
            let beside =
                self.beside(&sandbox, &is_over, |skip| self.load(&filled, skip, "a256gcm"));
            let took = job.join().unwrap_or_else(|_| Err(Failure("the watch ended".to_owned())));
            Ok::<_, Failure>((took?, beside?))
        })?;
        sandbox.stop()?;
        let seen = Seen { cards: self.large, took, alone, beside };
        say(&format!("expiry: {}", said(&seen)));
        results.rows.extend(rows(&seen));
        Ok(())
    }

    /// Loads, one after the other, until the job is over or the cards are used up; the last one
    /// went on beyond its end, so it does not count unless it is the only one.
    fn beside<'a>(
        &self,
        sandbox: &Sandbox,
        is_over: &AtomicBool,
        load: impl Fn(usize) -> crate::sandbox::Load<'a>,
    ) -> Result<Vec<Measured>, Failure> {
        let mut beside = Vec::new();
        let mut skip = self.calls;
        while !is_over.load(Ordering::Relaxed) && skip + self.calls <= self.large {
            let measured = sandbox.load(load(skip))?;
            if !is_over.load(Ordering::Relaxed) || beside.is_empty() {
                beside.push(measured);
            }
            skip += self.calls;
        }
        Ok(beside)
    }
}

/// Waits until no card is left that has ended and was not told so.
fn until_expired(database: &str, begun: Instant) -> Result<Duration, Failure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    let mut waiting = connection.prepare(
        "SELECT EXISTS (SELECT 1 FROM card_account
             WHERE asp_id = (SELECT asp_id FROM partner LIMIT 1) AND expiry_stage < 4
                 AND expiry_yymm <= '3109' AND state <> 'TERMINATED')",
    )?;
    while waiting.query_row([], |row| row.get::<_, bool>(0))? {
        if begun.elapsed() > JOB_MAX {
            return Err(Failure(format!("cards still wait after {} s", JOB_MAX.as_secs())));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(begun.elapsed())
}

fn rate(seen: &Seen) -> f64 {
    median(seen.beside.iter().map(|measured| measured.calls_per_second).collect())
}

fn p99_ms(seen: &Seen) -> f64 {
    median(seen.beside.iter().map(|measured| measured.latency_us.p99 / 1_000.0).collect())
}

fn said(seen: &Seen) -> String {
    format!(
        "{:.0} calls/s and p99 {:.0} ms beside it ({} loads), {:.0}/s and {:.0} ms alone",
        rate(seen),
        p99_ms(seen),
        seen.beside.len(),
        seen.alone.calls_per_second,
        seen.alone.latency_us.p99 / 1_000.0,
    )
}

fn rows(seen: &Seen) -> [Row; 3] {
    let (cards, seconds) = (seen.cards, seen.took.as_secs_f64());
    let row = |what: String, compared_with: &str, measured, value, unit, aim| Row {
        what,
        compared_with: compared_with.to_owned(),
        measured,
        value,
        unit,
        aim,
    };
    [
        row(
            format!("{cards} cards expire at once, under full load"),
            "–",
            format!("{cards} cards in {seconds:.0} s"),
            cards as f64 / seconds,
            "cards/s",
            Aim::AtLeast(1_000.0),
        ),
        row(
            format!("encrypted reissue while {cards} cards expire"),
            "without",
            said(seen),
            rate(seen) / seen.alone.calls_per_second,
            "×",
            Aim::AtLeast(0.5),
        ),
        row(
            format!("its p99 while {cards} cards expire"),
            "without",
            said(seen),
            p99_ms(seen) / (seen.alone.latency_us.p99 / 1_000.0),
            "×",
            Aim::AtMost(3.0),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Latency;

    #[test]
    fn calls_beside_the_job_are_measured_by_calls_alone() {
        let measured = |calls_per_second, p99| Measured {
            calls_per_second,
            latency_us: Latency { p50: 1.0, p90: 1.0, p99, p99_9: 1.0, max: 1.0 },
        };
        let seen = Seen {
            cards: 20_000,
            took: Duration::from_secs(10),
            alone: measured(800.0, 100_000.0),
            beside: [300.0, 500.0, 600.0].map(|rate| measured(rate, 250_000.0)).to_vec(),
        };
        let [job, calls, p99] = rows(&seen);
        assert_eq!((job.value, job.is_met()), (2_000.0, true));
        assert_eq!((calls.value, calls.is_met()), (0.625, true));
        assert_eq!((p99.value, p99.is_met()), (2.5, true));
        assert_eq!(
            calls.measured,
            "500 calls/s and p99 250 ms beside it (3 loads), 800/s and 100 ms alone"
        );
    }
}
