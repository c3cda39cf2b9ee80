//! Pictures as SVG: bars with their figures, readable without colour.

use std::fmt::Write as _;

use crate::rows::Results;

const WIDTH: f64 = 720.0;
const LABEL: f64 = 170.0;
const BAR: f64 = 22.0;
const STEP: f64 = 30.0;
const TOP: f64 = 50.0;

/// A bar and what is written at its end.
struct Bar {
    label: String,
    value: f64,
    figure: String,
}

/// Percentiles of latency, by share of full load.
pub(crate) fn latency(results: &Results) -> String {
    let mut bars = Vec::new();
    for (share, measured) in &results.latency {
        let at = measured.latency_us;
        for (name, us) in [("p50", at.p50), ("p99", at.p99), ("p99.9", at.p99_9)] {
            let figure = format!("{:.1} ms", us / 1_000.0);
            bars.push(Bar { label: format!("{share} % load, {name}"), value: us, figure });
        }
    }
    picture("Latency of an encrypted reissue by load", &bars)
}

/// Calls a second, by cards in the database.
pub(crate) fn throughput(results: &Results) -> String {
    let bars: Vec<Bar> = results
        .throughput
        .iter()
        .map(|(cards, rate)| Bar {
            label: format!("{cards} cards"),
            value: *rate,
            figure: format!("{rate:.0} calls/s"),
        })
        .collect();
    picture("Encrypted reissues a second by size of the database", &bars)
}

fn picture(title: &str, bars: &[Bar]) -> String {
    let height = TOP + STEP * bars.len() as f64 + 10.0;
    let most = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"{title}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"10\" y=\"26\" font-size=\"16\" fill=\"#111\">{title}</text>\n"
    );
    for (number, bar) in bars.iter().enumerate() {
        let y = TOP + STEP * number as f64;
        let width = (WIDTH - LABEL - 110.0) * bar.value / most;
        // Writing to a String cannot fail.
        let _ = writeln!(
            svg,
            "<text x=\"10\" y=\"{0}\" fill=\"#111\">{1}</text>\
             <rect x=\"{LABEL}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"#2f5d8a\"/>\
             <text x=\"{2:.1}\" y=\"{0}\" fill=\"#111\">{3}</text>",
            y + 16.0,
            bar.label,
            LABEL + width + 8.0,
            bar.figure
        );
    }
    svg.push_str("</svg>\n");
    svg
}
