//! docs/performance.md.

use std::fmt::Write as _;

use crate::machine::{self, LOAD_CORE, SERVER_CORE};
use crate::rows::{Aim, Results};

/// What stands below the table: what a run does not measure, and why a figure is what it is.
const NOTES: &str = include_str!("notes.txt");

/// The page.
pub(crate) fn of(results: &Results) -> String {
    let mut page = format!(
        "# Performance\n\nMade by `cargo xtask bench --write` on {}, commit `{}`: {}.\n\n\
         Ratios are of things that were run in turn on the same machine, the median of the \
         rounds shown; the table of latency is the round of its median; memory and start-up are \
         of the last round, `populate` of one run. The server is on core {SERVER_CORE}, the load \
         (and the bank) on core {LOAD_CORE}, PostgreSQL on either as the system puts it. \
         It is a sandbox without its portal, which would keep a log of the calls. Every reissue \
         writes its application, cards, journal, delivery where plastic is ordered, and \
         operation log, durably.\n\n\
         | what | compared with | aim | measured | met | figures |\n|---|---|---|---|---|---|\n",
        machine::day(),
        machine::commit(),
        machine::description(),
    );
    for row in &results.rows {
        let aim = match row.aim {
            Aim::AtLeast(value) => format!("≥ {}", number(value)),
            Aim::AtMost(value) => format!("≤ {}", number(value)),
        };
        let met = if row.is_met() { "yes" } else { "**no**" };
        // Writing to a String cannot fail.
        let _ = writeln!(
            page,
            "| {} | {} | {aim} | {} {} | {met} | {} |",
            row.what,
            row.compared_with,
            number(row.value),
            row.unit,
            row.measured
        );
    }
    page.push_str(
        "\n## Latency\n\n| load | calls/s | p50 ms | p90 ms | p99 ms | p99.9 ms | max ms |\n",
    );
    page.push_str("|---|---|---|---|---|---|---|\n");
    for (share, measured) in &results.latency {
        let at = measured.latency_us;
        let ms =
            [at.p50, at.p90, at.p99, at.p99_9, at.max].map(|us| format!("{:.2}", us / 1_000.0));
        let rate = measured.calls_per_second;
        let _ = writeln!(page, "| {share} % | {rate:.0} | {} |", ms.join(" | "));
    }
    page.push_str("\n![Latency by load](latency.svg)\n\n![Throughput by size](throughput.svg)\n\n");
    page.push_str(NOTES);
    page
}

fn number(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Row;
    use crate::sandbox::{Latency, Measured};

    fn row(value: f64, aim: Aim) -> Row {
        Row {
            what: "calls".to_owned(),
            compared_with: "the limit".to_owned(),
            measured: "a; b".to_owned(),
            value,
            unit: "×",
            aim,
        }
    }

    #[test]
    fn a_row_says_whether_its_aim_is_met() {
        let rows = vec![row(0.6, Aim::AtLeast(0.6)), row(149.6, Aim::AtMost(0.5))];
        let page = of(&Results { rows, ..Results::default() });
        assert!(
            page.contains("\n| calls | the limit | ≥ 0.60 | 0.60 × | yes | a; b |\n"),
            "{page}"
        );
        assert!(
            page.contains("| calls | the limit | ≤ 0.50 | 150 × | **no** | a; b |\n"),
            "{page}"
        );
    }

    #[test]
    fn latency_is_told_in_milliseconds() {
        let latency_us =
            Latency { p50: 1_000.0, p90: 2_345.0, p99: 3_000.0, p99_9: 4_000.0, max: 0.0 };
        let latency = vec![(25, Measured { calls_per_second: 406.4, latency_us })];
        let page = of(&Results { latency, ..Results::default() });
        let told = "| 25 % | 406 | 1.00 | 2.35 | 3.00 | 4.00 | 0.00 |\n";
        assert!(page.contains(told), "{page}");
    }
}
