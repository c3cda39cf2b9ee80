//! docs/performance.md.

use std::fmt::Write as _;

use crate::machine;
use crate::rows::{Aim, Results};

/// What stands below the table: what a run does not measure, and why a figure is what it is.
const NOTES: &str = include_str!("notes.txt");

/// The page.
pub(crate) fn of(results: &Results) -> String {
    let mut page = format!(
        "# Performance\n\nMade by `cargo xtask bench --write` on {}, commit `{}`: {}.\n\n\
         Ratios are of things that were run in turn on the same machine, the median of the \
         rounds shown; latency, memory, start-up and `populate` are of one run. The server has \
         one core to itself, the load (and the bank) the other. Every reissue writes its \
         application, cards, journal, delivery where plastic is ordered, and operation log, \
         durably.\n\n\
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
