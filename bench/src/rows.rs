//! What is measured, in turn; a file for each part.

mod expiry;
mod fee;
mod files;
mod filled;
mod latency;
mod limits;
mod operations;
mod postgres;
mod size;

use std::path::PathBuf;

use crate::Failure;
use crate::sandbox::{Measured, Platen};

/// Cards of the small database, beside those that a run reissues.
pub(crate) const SMALL: usize = 10_000;

/// What a run is given.
pub(crate) struct Bench {
    pub(crate) platen: Platen,
    pub(crate) folder: PathBuf,
    pub(crate) calls: usize,
    pub(crate) rounds: usize,
    pub(crate) large: usize,
    pub(crate) postgres: Option<String>,
    pub(crate) pgbench: PathBuf,
    pub(crate) only: Option<Part>,
}

/// A part of the table.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// What RSA and SQL allow.
    Limits,
    /// Issue, list and state change, beside what RSA and SQL allow.
    Operations,
    /// With a fee and without.
    Fee,
    /// Latency below full load.
    Latency,
    /// A large database and a small one.
    Size,
    /// The file of many deliveries for a card maker.
    Files,
    /// Many cards that expire at once, beside calls.
    Expiry,
    /// PostgreSQL.
    Postgres,
}

/// A line of the table.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) compared_with: String,
    pub(crate) measured: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) aim: Aim,
}

/// What is aimed at.
#[derive(Clone, Copy)]
pub(crate) enum Aim {
    AtLeast(f64),
    AtMost(f64),
}

/// All figures of a run.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) rows: Vec<Row>,
    /// Share of full load, and what it was answered in.
    pub(crate) latency: Vec<(usize, Measured)>,
    /// Cards in the database, and calls a second.
    pub(crate) throughput: Vec<(usize, f64)>,
}

impl Bench {
    /// Whether this part is to be measured.
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }

    /// The PostgreSQL server, where one is to be measured.
    pub(crate) fn server(&self) -> Option<&str> {
        self.postgres.as_deref().filter(|_| self.wants(Part::Postgres))
    }

    /// Everything, one after the other.
    pub(crate) async fn run(&self) -> Result<Results, Failure> {
        let mut results = Results::default();
        if self.wants(Part::Limits) {
            self.limits(&mut results)?;
        }
        if self.wants(Part::Operations) {
            self.operations(&mut results)?;
        }
        if self.wants(Part::Fee) {
            self.fee(&mut results)?;
        }
        if self.wants(Part::Latency) {
            self.latency(&mut results)?;
        }
        if self.wants(Part::Size) {
            self.size(&mut results)?;
        }
        if self.wants(Part::Files) {
            self.files(&mut results)?;
        }
        if self.wants(Part::Expiry) {
            self.expiry(&mut results)?;
        }
        if let Some(server) = self.server() {
            self.on_postgres(server, &mut results).await?;
        }
        Ok(results)
    }
}

impl Row {
    /// Whether the aim is met; what could not be measured does not meet it.
    pub(crate) fn is_met(&self) -> bool {
        match self.aim {
            Aim::AtLeast(least) => self.value >= least,
            Aim::AtMost(most) => self.value <= most,
        }
    }
}

/// The value in the middle, or between the two that are.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values[..] {
        [] => f64::NAN,
        _ if values.len() % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        for (values, expected) in [
            (vec![3.0], 3.0),
            (vec![9.0, 1.0], 5.0),
            (vec![9.0, 1.0, 2.0], 2.0),
            (vec![100.0, 1.0, 4.0, 2.0], 3.0),
        ] {
            assert_eq!(median(values.clone()), expected, "{values:?}");
        }
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn an_aim_is_met_up_to_its_value() {
        let row = |value, aim| Row {
            what: String::new(),
            compared_with: String::new(),
            measured: String::new(),
            value,
            unit: "×",
            aim,
        };
        for (value, at_least, at_most) in
            [(0.99, false, true), (1.0, true, true), (1.01, true, false), (f64::NAN, false, false)]
        {
            assert_eq!(row(value, Aim::AtLeast(1.0)).is_met(), at_least, "{value}");
            assert_eq!(row(value, Aim::AtMost(1.0)).is_met(), at_most, "{value}");
        }
    }
}
