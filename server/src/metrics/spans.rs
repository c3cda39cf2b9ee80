//! Traces on their way to a collector.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use super::Metrics;

/// What became of them.
#[derive(Default)]
pub(super) struct Spans {
    sent: Counter,
    dropped: Counter,
}

impl Spans {
    pub(super) fn register(&self, registry: &mut Registry) {
        let (sent, dropped) = (self.sent.clone(), self.dropped.clone());
        registry.register("spans_sent", "Spans that the collector of traces has taken", sent);
        let help = "Spans that it did not take, or that did not fit into the queue";
        registry.register("spans_dropped", help, dropped);
    }
}

impl Metrics {
    /// The collector of traces has taken so many spans.
    pub fn spans_sent(&self, count: u64) {
        self.spans.sent.inc_by(count);
    }

    /// So many spans were dropped.
    pub fn spans_dropped(&self, count: u64) {
        self.spans.dropped.inc_by(count);
    }
}
