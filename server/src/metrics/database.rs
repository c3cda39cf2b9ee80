//! The program and its database's threads.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use store::Pool;

use super::Metrics;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
    engine: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PoolLabel {
    pool: &'static str,
}

/// What is shown of them.
#[derive(Default)]
pub(super) struct Database {
    build: Family<BuildLabels, Gauge>,
    queue: Family<PoolLabel, Gauge>,
    threads: Family<PoolLabel, Gauge>,
    busy: Family<PoolLabel, Gauge>,
}

impl Database {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "build_info",
            "The version of the program and the engine of its database; always 1",
            self.build.clone(),
        );
        registry.register("database_queue", "Jobs waiting for the database", self.queue.clone());
        registry.register(
            "database_threads",
            "Threads that work for the database, a connection each",
            self.threads.clone(),
        );
        registry.register(
            "database_threads_busy",
            "Those that work on a job at the moment",
            self.busy.clone(),
        );
    }
}

impl Metrics {
    /// All of a server on this engine.
    pub fn of(engine: &'static str) -> Self {
        let metrics = Metrics::default();
        let labels = BuildLabels { version: env!("CARGO_PKG_VERSION"), engine };
        metrics.database.build.get_or_create(&labels).set(1);
        metrics
    }

    /// What the database's threads do at the moment.
    pub fn pools(&self, pools: &[Pool]) {
        let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
        for pool in pools {
            let label = PoolLabel { pool: pool.name };
            self.database.queue.get_or_create(&label).set(number(pool.waiting));
            self.database.threads.get_or_create(&label).set(number(pool.threads));
            self.database.busy.get_or_create(&label).set(number(pool.busy));
        }
    }
}
