//! Counters and histograms, in Prometheus' text form at `/metrics`.

mod database;
mod latency;
mod upkeep;

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use database::Database;
use domain::Timestamp;
use latency::Latency;
use upkeep::Upkeep;
pub use upkeep::{BooksOff, Unacknowledged};

use crate::jobs::Job;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    operation: &'static str,
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProductLabels {
    asp: String,
    product: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabel {
    /// Not `job`, which is Prometheus' own.
    name: &'static str,
}

/// What the jobs have done.
#[derive(Default)]
struct Jobs {
    rows: Family<JobLabel, Counter>,
    failures: Family<JobLabel, Counter>,
    succeeded: Family<JobLabel, Gauge>,
}

impl Jobs {
    fn register(&self, registry: &mut Registry) {
        for job in Job::ALL {
            // An increase shows only from a value that was there before.
            let label = JobLabel { name: job.name() };
            drop(self.rows.get_or_create(&label));
            drop(self.failures.get_or_create(&label));
        }
        registry.register("job_rows", "Rows that a job has changed", self.rows.clone());
        registry.register(
            "job_failures",
            "Times that a job failed for a partner",
            self.failures.clone(),
        );
        registry.register_with_unit(
            "job_last_success",
            "When a job last ran without a failure, since 1970",
            Unit::Seconds,
            self.succeeded.clone(),
        );
    }
}

/// How long ago that was, seconds; nothing where there is nothing.
pub fn age_s(then: Option<Timestamp>, now: Timestamp) -> i64 {
    then.map_or(0, |then| now.0.saturating_sub(then.0).max(0) / 1_000_000)
}

/// Fees that were ordered and are not answered yet.
#[derive(Debug, Clone, Copy)]
pub struct Open {
    /// How many.
    pub count: i64,
    /// Those whose deadline has passed.
    pub overdue: i64,
    /// How long ago the oldest was ordered, seconds.
    pub oldest_age_s: i64,
}

/// Fees that are owed back.
#[derive(Debug, Clone, Copy)]
pub struct Owed {
    /// How many.
    pub count: i64,
    /// For how long the oldest, seconds.
    pub oldest_age_s: i64,
}

/// All of them.
pub struct Metrics {
    registry: Registry,
    calls: Family<CallLabels, Counter>,
    latency: Latency,
    bank_answers: Family<OutcomeLabel, Counter>,
    returns_due: Gauge,
    returns_due_age: Gauge,
    fees_open: Gauge,
    fees_open_age: Gauge,
    fees_overdue: Gauge,
    database: Database,
    numbers_used: Family<ProductLabels, Gauge>,
    log_unsealed: Gauge,
    log_unsealed_age: Gauge,
    log_seal_failures: Counter,
    jobs: Jobs,
    upkeep: Upkeep,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("platen");
        let calls = Family::default();
        let bank_answers = Family::default();
        let (returns_due, fees_overdue) = (Gauge::default(), Gauge::default());
        let (fees_open, fees_open_age) = (Gauge::default(), Gauge::default());
        registry.register("calls", "Calls by operation and code", calls.clone());
        registry.register("bank_answers", "Answers of the bank by kind", bank_answers.clone());
        registry.register(
            "returns_due",
            "Fees that are owed back and not given back yet",
            returns_due.clone(),
        );
        let returns_due_age = Gauge::default();
        registry.register_with_unit(
            "returns_due_age",
            "How long the oldest of them has been owed",
            Unit::Seconds,
            returns_due_age.clone(),
        );
        registry.register(
            "fees_open",
            "Fees that were ordered and are not answered yet (COST_PAYING)",
            fees_open.clone(),
        );
        registry.register_with_unit(
            "fees_open_age",
            "How long ago the oldest of them was ordered",
            Unit::Seconds,
            fees_open_age.clone(),
        );
        registry.register(
            "fees_overdue",
            "Fees whose deadline has passed without an outcome",
            fees_overdue.clone(),
        );
        let (log_unsealed, log_unsealed_age) = (Gauge::default(), Gauge::default());
        let log_seal_failures = Counter::default();
        let numbers_used = Family::default();
        registry.register(
            "card_numbers_used_percent",
            "Share of a product's card numbers that is used, in hundredths",
            numbers_used.clone(),
        );
        registry.register(
            "log_seal_failures",
            "Times that a partner's part of the operation log could not be sealed",
            log_seal_failures.clone(),
        );
        registry.register(
            "log_unsealed",
            "Rows of the operation log that are not sealed yet, at most 1,000 a partner",
            log_unsealed.clone(),
        );
        registry.register_with_unit(
            "log_unsealed_age",
            "Age of the oldest of them",
            Unit::Seconds,
            log_unsealed_age.clone(),
        );
        let (jobs, upkeep, database) = (Jobs::default(), Upkeep::default(), Database::default());
        jobs.register(&mut registry);
        upkeep.register(&mut registry);
        database.register(&mut registry);
        Metrics {
            registry,
            calls,
            latency: Latency::default(),
            bank_answers,
            returns_due,
            returns_due_age,
            fees_open,
            fees_open_age,
            fees_overdue,
            database,
            numbers_used,
            log_unsealed,
            log_unsealed_age,
            log_seal_failures,
            jobs,
            upkeep,
        }
    }
}

impl Metrics {
    /// A call was answered.
    pub fn called(&self, operation: &'static str, code: &'static str, elapsed: Duration) {
        self.calls.get_or_create(&CallLabels { operation, code }).inc();
        self.latency.observe(operation, elapsed);
    }

    /// The bank answered, or did not.
    pub fn bank_answered(&self, outcome: &'static str) {
        self.bank_answers.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// These fees are open, as the database has them.
    pub fn fees_open(&self, open: Open) {
        self.fees_open.set(open.count);
        self.fees_open_age.set(open.oldest_age_s);
        self.fees_overdue.set(open.overdue);
    }

    /// These fees are owed back, as the database has them.
    pub fn returns_due(&self, owed: Owed) {
        self.returns_due.set(owed.count);
        self.returns_due_age.set(owed.oldest_age_s);
    }

    /// A partner's part of the operation log could not be sealed.
    pub fn sealing_failed(&self) {
        self.log_seal_failures.inc();
    }

    /// So many rows of the operation log are not sealed yet; the oldest is so old.
    pub fn unsealed(&self, rows: i64, age_seconds: i64) {
        self.log_unsealed.set(rows);
        self.log_unsealed_age.set(age_seconds);
    }

    /// So much of a product's card numbers is used, hundredths.
    pub fn numbers_used(&self, asp: &str, product: &str, percent: i64) {
        let labels = ProductLabels { asp: asp.to_owned(), product: product.to_owned() };
        self.numbers_used.get_or_create(&labels).set(percent);
    }

    /// A job has changed so many rows.
    pub fn job_did(&self, job: Job, rows: u64) {
        self.jobs.rows.get_or_create(&JobLabel { name: job.name() }).inc_by(rows);
    }

    /// A job failed for a partner.
    pub fn job_failed(&self, job: Job) {
        self.jobs.failures.get_or_create(&JobLabel { name: job.name() }).inc();
    }

    /// A job ran without a failure.
    pub fn job_succeeded(&self, job: Job, now: Timestamp) {
        let seconds = now.0 / 1_000_000;
        self.jobs.succeeded.get_or_create(&JobLabel { name: job.name() }).set(seconds);
    }

    /// The text of `/metrics`.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.encode(&mut text);
        text
    }

    fn encode(&self, text: &mut String) -> fmt::Result {
        encode_registry(text, &self.registry)?;
        self.latency.encode(text)?;
        encode_eof(text)
    }
}
