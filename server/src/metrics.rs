//! Counters and histograms, in Prometheus' text form at `/metrics`.

mod database;
mod fees;
mod latency;
mod spans;
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
use fees::Fees;
pub use fees::{Open, Owed};
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

/// A gauge that is not told before it is set.
type Unlabelled = Family<[(String, String); 0], Gauge>;

fn certificate_expiry(registry: &mut Registry) -> Unlabelled {
    let expiry = Unlabelled::default();
    registry.register_with_unit(
        "certificate_expiry",
        "When the certificate of TLS ends, since 1970",
        Unit::Seconds,
        expiry.clone(),
    );
    expiry
}

/// All of them.
pub struct Metrics {
    registry: Registry,
    calls: Family<CallLabels, Counter>,
    latency: Latency,
    bank_answers: Family<OutcomeLabel, Counter>,
    fees: Fees,
    database: Database,
    numbers_used: Family<ProductLabels, Gauge>,
    log_unsealed: Gauge,
    log_unsealed_age: Gauge,
    log_seal_failures: Counter,
    jobs: Jobs,
    upkeep: Upkeep,
    spans: spans::Spans,
    /// Empty where no certificate is in use.
    certificate_expiry: Unlabelled,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("platen");
        let calls = Family::default();
        let bank_answers = Family::default();
        registry.register("calls", "Calls by operation and code", calls.clone());
        registry.register("bank_answers", "Answers of the bank by kind", bank_answers.clone());
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
        let (jobs, upkeep) = (Jobs::default(), Upkeep::default());
        let (fees, database) = (Fees::default(), Database::default());
        fees.register(&mut registry);
        jobs.register(&mut registry);
        upkeep.register(&mut registry);
        let spans = spans::Spans::default();
        spans.register(&mut registry);
        database.register(&mut registry);
        let certificate_expiry = certificate_expiry(&mut registry);
        Metrics {
            registry,
            calls,
            latency: Latency::default(),
            bank_answers,
            fees,
            database,
            numbers_used,
            log_unsealed,
            log_unsealed_age,
            log_seal_failures,
            jobs,
            upkeep,
            spans,
            certificate_expiry,
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

    /// The certificate of TLS ends then.
    pub fn certificate_expires(&self, at: Timestamp) {
        self.certificate_expiry.get_or_create(&[]).set(at.0 / 1_000_000);
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
