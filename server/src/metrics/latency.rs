//! The histogram of calls' durations. It is ours because it sums [`Duration`]s: a sum of floats
//! prints digits that nobody measured (0.47392020100000006), up to 17 in a row, and what stands in
//! `/metrics` is searched for card numbers.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const NAME: &str = "platen_call_duration_seconds";
/// Upper bounds of the buckets, seconds. The bucket without a bound is not among them.
const BOUNDS_SECONDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0];

/// How long calls took, by operation.
#[derive(Default)]
pub(super) struct Latency(Mutex<BTreeMap<&'static str, Histogram>>);

#[derive(Default)]
struct Histogram {
    sum: Duration,
    count: u64,
    /// Calls of each bucket alone; those beyond the last bound are in `count` only.
    buckets: [u64; BOUNDS_SECONDS.len()],
}

impl Latency {
    /// A call of the operation took so long.
    pub(super) fn observe(&self, operation: &'static str, elapsed: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = all.entry(operation).or_default();
        of.sum = of.sum.saturating_add(elapsed);
        of.count += 1;
        let seconds = elapsed.as_secs_f64();
        let bucket = BOUNDS_SECONDS.iter().position(|bound| seconds <= *bound);
        if let Some(bucket) = bucket.and_then(|index| of.buckets.get_mut(index)) {
            *bucket += 1;
        }
    }

    /// Writes OpenMetrics text.
    pub(super) fn encode(&self, text: &mut String) -> fmt::Result {
        writeln!(text, "# HELP {NAME} Time from a call's head to its answer.")?;
        writeln!(text, "# TYPE {NAME} histogram")?;
        writeln!(text, "# UNIT {NAME} seconds")?;
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (operation, of) in &*all {
            let (seconds, micros) = (of.sum.as_secs(), of.sum.subsec_micros());
            let label = format_args!("operation=\"{operation}\"");
            writeln!(text, "{NAME}_sum{{{label}}} {seconds}.{micros:06}")?;
            writeln!(text, "{NAME}_count{{{label}}} {}", of.count)?;
            let mut up_to = 0;
            for (bound, count) in BOUNDS_SECONDS.iter().zip(of.buckets) {
                up_to += count;
                writeln!(text, "{NAME}_bucket{{le=\"{bound:?}\",{label}}} {up_to}")?;
            }
            writeln!(text, "{NAME}_bucket{{le=\"+Inf\",{label}}} {}", of.count)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(latency: &Latency) -> String {
        let mut text = String::new();
        latency.encode(&mut text).unwrap();
        text
    }

    #[test]
    fn it_is_a_histogram_as_prometheus_reads_it() {
        let latency = Latency::default();
        for micros in [400, 1_000, 1_001, 20_000_000] {
            latency.observe("prepaid-card.state", Duration::from_micros(micros));
        }
        let text = text_of(&latency);
        let (head, lines) = text.split_at(text.find("platen_call_duration_seconds_sum").unwrap());
        assert_eq!(
            head,
            "# HELP platen_call_duration_seconds Time from a call's head to its answer.\n\
             # TYPE platen_call_duration_seconds histogram\n\
             # UNIT platen_call_duration_seconds seconds\n"
        );
        let values = lines.lines().map(|line| {
            let line = line.strip_prefix("platen_call_duration_seconds_").unwrap();
            line.replace("operation=\"prepaid-card.state\"", "O")
        });
        assert_eq!(
            values.collect::<Vec<_>>(),
            [
                "sum{O} 20.002401",
                "count{O} 4",
                "bucket{le=\"0.001\",O} 2",
                "bucket{le=\"0.0025\",O} 3",
                "bucket{le=\"0.005\",O} 3",
                "bucket{le=\"0.01\",O} 3",
                "bucket{le=\"0.025\",O} 3",
                "bucket{le=\"0.05\",O} 3",
                "bucket{le=\"0.1\",O} 3",
                "bucket{le=\"0.25\",O} 3",
                "bucket{le=\"0.5\",O} 3",
                "bucket{le=\"1.0\",O} 3",
                "bucket{le=\"5.0\",O} 3",
                "bucket{le=\"10.0\",O} 3",
                "bucket{le=\"+Inf\",O} 4",
            ]
        );
    }

    /// As floats, these sum to 0.47392020100000006.
    #[test]
    fn a_sum_shows_microseconds_and_no_more() {
        let latency = Latency::default();
        for nanos in [473_920_100, 101] {
            latency.observe("a", Duration::from_nanos(nanos));
        }
        assert!(text_of(&latency).contains("_sum{operation=\"a\"} 0.473920\n"));
        for _ in 0..10 {
            latency.observe("a", Duration::from_nanos(999_999_999));
        }
        assert!(text_of(&latency).contains("_sum{operation=\"a\"} 10.473920\n"));
    }
}
