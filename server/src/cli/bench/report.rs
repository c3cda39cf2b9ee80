//! The result: codes, throughput, percentiles.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use client::Client;
use serde_json::json;

use super::load::Measured;

/// The percentiles that are told, in tenths of a percent.
const TOLD: [(&str, usize); 5] =
    [("p50", 500), ("p90", 900), ("p99", 990), ("p99_9", 999), ("max", 1_000)];

/// How it was called.
pub(super) struct How {
    pub(super) callers: u16,
    pub(super) rate: Option<u32>,
    /// What was called.
    pub(super) operation: String,
    pub(super) encrypt: String,
    pub(super) plastic: bool,
}

/// A result, ready to be printed.
pub(super) struct Report {
    how: How,
    calls: usize,
    codes: BTreeMap<String, usize>,
    elapsed: Duration,
    /// Of every call, ascending, microseconds.
    took_us: Vec<u128>,
}

impl Report {
    /// Opens every answer and counts.
    pub(super) fn of(client: &Client, how: How, measured: Measured) -> Self {
        let elapsed = measured.elapsed;
        let (mut codes, mut took_us) = (BTreeMap::new(), Vec::new());
        for call in measured.calls {
            took_us.push(call.took.as_micros());
            let code = match call.answer.and_then(|answer| client.open(answer)) {
                Ok(exchange) => exchange.code.unwrap_or_else(|| "no code".to_owned()),
                Err(error) => error.to_string(),
            };
            *codes.entry(code).or_default() += 1;
        }
        took_us.sort_unstable();
        Report { how, calls: took_us.len(), codes, elapsed, took_us }
    }

    /// Whether every call succeeded.
    pub(super) fn is_clean(&self) -> bool {
        self.codes.keys().all(|code| code == "000_000")
    }

    /// How often each code, or failure, was the answer.
    pub(super) fn codes(&self) -> String {
        let codes = self.codes.iter().map(|(code, count)| format!("{count} × {code}"));
        codes.collect::<Vec<_>>().join(", ")
    }

    fn calls_per_second(&self) -> u128 {
        self.calls as u128 * 1_000_000 / self.elapsed.as_micros().max(1)
    }

    /// The time within which this many of a thousand calls were answered.
    fn within_us(&self, per_mille: usize) -> u128 {
        let rank = (self.took_us.len() * per_mille).div_ceil(1_000).max(1);
        self.took_us.get(rank - 1).copied().unwrap_or_default()
    }

    /// For a person.
    pub(super) fn text(&self) -> String {
        let How { callers, rate, operation, encrypt, plastic } = &self.how;
        let sent = match rate {
            None => "as fast as answered".to_owned(),
            Some(rate) => format!("{rate} a second"),
        };
        let plastic = if *plastic { " with plastic" } else { "" };
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "calls       {} by {callers} callers, {sent}", self.calls);
        let _ = writeln!(text, "each        {operation}{plastic}, encryption: {encrypt}");
        let _ = writeln!(text, "answers     {}", self.codes());
        let _ = writeln!(text, "time        {} ms", self.elapsed.as_millis());
        let _ = writeln!(text, "throughput  {} calls/s", self.calls_per_second());
        for (name, per_mille) in TOLD {
            let us = self.within_us(per_mille);
            let _ = writeln!(text, "{name:<10}  {}.{:03} ms", us / 1_000, us % 1_000);
        }
        text
    }

    /// For a program.
    pub(super) fn json(&self) -> String {
        let percentiles = TOLD.map(|(name, per_mille)| (name, self.within_us(per_mille)));
        json!({
            "calls": self.calls,
            "callers": self.how.callers,
            "rate": self.how.rate,
            "operation": self.how.operation,
            "encryption": self.how.encrypt,
            "plastic": self.how.plastic,
            "codes": self.codes,
            "elapsedUs": self.elapsed.as_micros(),
            "callsPerSecond": self.calls_per_second(),
            "latencyUs": BTreeMap::from(percentiles),
        })
        .to_string()
    }
}
