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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{Latency, Measured};

    /// Every number that places or sizes something; each element is closed on its way.
    fn coordinates(svg: &str) -> Vec<f64> {
        let (mut open, mut found) = (Vec::new(), Vec::new());
        for tag in svg.split('<').skip(1) {
            let (tag, _) = tag.split_once('>').expect("a tag ends");
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "{svg}");
                continue;
            }
            let (name, attributes) = tag.split_once(' ').unwrap();
            if !tag.ends_with('/') {
                open.push(name);
            }
            let mut words = attributes.split('"');
            while let (Some(name), Some(value)) = (words.next(), words.next()) {
                let is_number = ["x=", "y=", "width=", "height="].contains(&name.trim());
                if is_number && !value.ends_with('%') {
                    found.push(value.parse().unwrap());
                }
            }
        }
        assert!(open.is_empty(), "{open:?} stay open in {svg}");
        found
    }

    fn drawn(throughput: Vec<(usize, f64)>) -> String {
        super::throughput(&Results { throughput, ..Results::default() })
    }

    #[test]
    fn the_longest_bar_has_all_the_room_and_the_others_their_share() {
        let svg = drawn(vec![(10_000, 500.0), (20_000, 1_000.0)]);
        assert!(svg.contains("width=\"220.0\"") && svg.contains("width=\"440.0\""), "{svg}");
        assert!(svg.contains(">10000 cards</text>") && svg.contains(">500 calls/s</text>"));
        assert!(coordinates(&svg).iter().all(|at| (0.0..=WIDTH).contains(at)), "{svg}");
    }

    #[test]
    fn nothing_one_bar_and_zeros_can_be_drawn() {
        for throughput in [vec![], vec![(1, 7.0)], vec![(1, 0.0)], vec![(1, 0.0), (2, 0.0)]] {
            let bars = throughput.len();
            let found = coordinates(&drawn(throughput));
            // The title's two, then the place of a label, a bar's four, and that of its figure.
            assert_eq!(found.len(), 2 + 8 * bars);
            assert!(found.iter().all(|at| (0.0..=WIDTH).contains(at)), "{found:?}");
        }
    }

    #[test]
    fn each_load_has_its_percentiles() {
        let latency_us = Latency { p50: 1_000.0, p90: 0.0, p99: 2_500.0, p99_9: 4_000.0, max: 0.0 };
        let latency = vec![(25, Measured { calls_per_second: 1.0, latency_us })];
        let svg = super::latency(&Results { latency, ..Results::default() });
        for told in [">25 % load, p50<", ">25 % load, p99.9<", ">2.5 ms<"] {
            assert!(svg.contains(told), "{told} is not in {svg}");
        }
        coordinates(&svg);
    }
}
