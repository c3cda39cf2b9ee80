//! Fees that are open, and those that are owed back.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::Metrics;

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

/// What is shown of them.
#[derive(Default)]
pub(super) struct Fees {
    returns_due: Gauge,
    returns_due_age: Gauge,
    open: Gauge,
    open_age: Gauge,
    overdue: Gauge,
}

impl Fees {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "returns_due",
            "Fees that are owed back and not given back yet",
            self.returns_due.clone(),
        );
        registry.register_with_unit(
            "returns_due_age",
            "How long the oldest of them has been owed",
            Unit::Seconds,
            self.returns_due_age.clone(),
        );
        registry.register(
            "fees_open",
            "Fees that were ordered and are not answered yet (COST_PAYING)",
            self.open.clone(),
        );
        registry.register_with_unit(
            "fees_open_age",
            "How long ago the oldest of them was ordered",
            Unit::Seconds,
            self.open_age.clone(),
        );
        registry.register(
            "fees_overdue",
            "Fees whose deadline has passed without an outcome",
            self.overdue.clone(),
        );
    }
}

impl Metrics {
    /// These fees are open, as the database has them.
    pub fn fees_open(&self, open: Open) {
        self.fees.open.set(open.count);
        self.fees.open_age.set(open.oldest_age_s);
        self.fees.overdue.set(open.overdue);
    }

    /// These fees are owed back, as the database has them.
    pub fn returns_due(&self, owed: Owed) {
        self.fees.returns_due.set(owed.count);
        self.fees.returns_due_age.set(owed.oldest_age_s);
    }
}
