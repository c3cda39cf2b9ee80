//! Traces: what a call did, and how long each part of it took, for a collector of OpenTelemetry.
//! Nothing is gathered unless `otlp_endpoint` names one, nor of a call that is not sampled.

pub mod export;
mod otlp;
mod parent;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::http::HeaderMap;
use crypto::random;

use crate::context::Clock;
use crate::settings::Settings;
use export::Queue;
pub use parent::Parent;

/// What a ratio is of: all calls.
const PER_MILLION: u64 = 1_000_000;

/// Parts of one call that are kept; what comes after them is not.
const PARTS_MAX: usize = 64;

/// A span's own number.
pub type SpanId = [u8; 8];
/// The number of a trace.
pub type TraceId = [u8; 16];

tokio::task_local! {
    /// The part of a sampled call that this task is in.
    static CURRENT: Current;
}

/// What kind of work a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A call of a partner.
    Server,
    /// A part of it.
    Internal,
    /// A call of ours to the bank.
    Client,
}

/// A part of a call that has ended, named by a word of the code: nothing of a call's contents can
/// be in it.
#[derive(Debug, Clone)]
pub struct Part {
    id: SpanId,
    parent: SpanId,
    name: &'static str,
    kind: Kind,
    /// Since the call's beginning, nanoseconds.
    begun_ns: u64,
    ended_ns: u64,
    /// Whether it was given up: a deadline has passed, or the server stops.
    is_cut_off: bool,
}

/// What is told of a call beside its parts.
#[derive(Debug, Clone)]
pub struct Told {
    /// The operation's id, or `unknown`.
    pub operation: &'static str,
    /// The code that it was answered with.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// The partner, where it was authenticated.
    pub partner: Option<String>,
    /// The caller's number of the call, masked as in the log.
    pub correlation_id: Option<String>,
}

/// A call that has ended.
#[derive(Debug)]
pub struct Ended {
    trace: TraceId,
    id: SpanId,
    /// When it began, nanoseconds since 1970.
    at_ns: u64,
    took_ns: u64,
    told: Told,
    parts: Vec<Part>,
    parent: Option<Parent>,
}

impl Ended {
    /// How many spans it is.
    fn spans(&self) -> u64 {
        u64::try_from(self.parts.len()).unwrap_or(u64::MAX).saturating_add(1)
    }
}

/// Gathers the calls that are sampled, where there is a collector.
pub struct Spans(Option<Gatherer>);

struct Gatherer {
    ratio: u64,
    queue: Queue,
}

impl Spans {
    /// As the settings say.
    pub fn of(settings: &Settings) -> Self {
        let is_on = !settings.otlp_endpoint.is_empty() && settings.otlp_sample_ratio > 0;
        Spans(is_on.then(|| Gatherer {
            ratio: settings.otlp_sample_ratio,
            queue: Queue::new(&settings.otlp_endpoint),
        }))
    }

    /// A call begins. Whether it is sampled is ours to say: what its caller asks for does not
    /// count, as it could ask for all of its calls.
    pub(crate) fn begin(&self, headers: &HeaderMap) -> Sampled {
        let Some(gatherer) = &self.0 else { return Sampled(None) };
        let drawn = u64::from_be_bytes(random::bytes()) % PER_MILLION;
        Sampled((drawn < gatherer.ratio).then(|| {
            Arc::new(Begun {
                trace: random::bytes(),
                id: random::bytes(),
                at_ns: u64::try_from(Clock.now().0).unwrap_or(0).saturating_mul(1_000),
                begun: Instant::now(),
                parent: Parent::of(headers),
                parts: Mutex::default(),
            })
        }))
    }

    /// A call has ended: it goes to the collector, unless too many wait for that.
    pub(crate) fn end(&self, sampled: &Sampled, told: impl FnOnce() -> Told) {
        let (Some(Gatherer { queue, .. }), Sampled(Some(begun))) = (&self.0, sampled) else {
            return;
        };
        queue.add(Ended {
            trace: begun.trace,
            id: begun.id,
            at_ns: begun.at_ns,
            took_ns: begun.elapsed_ns(),
            told: told(),
            parts: std::mem::take(&mut *begun.parts()),
            parent: begun.parent,
        });
    }

    fn queue(&self) -> Option<&Queue> {
        self.0.as_ref().map(|gatherer| &gatherer.queue)
    }
}

/// A call that runs: nothing, where it is not sampled.
#[derive(Clone, Default)]
pub(crate) struct Sampled(Option<Arc<Begun>>);

impl Sampled {
    /// Does the call's work, whose parts are gathered.
    pub(crate) async fn gather<T>(self, work: impl Future<Output = T>) -> T {
        match self.0 {
            Some(call) => {
                let parent = call.id;
                CURRENT.scope(Current { call, parent }, work).await
            }
            None => work.await,
        }
    }
}

struct Begun {
    trace: TraceId,
    id: SpanId,
    at_ns: u64,
    begun: Instant,
    parent: Option<Parent>,
    parts: Mutex<Vec<Part>>,
}

impl Begun {
    fn elapsed_ns(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn parts(&self) -> std::sync::MutexGuard<'_, Vec<Part>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone)]
struct Current {
    call: Arc<Begun>,
    parent: SpanId,
}

/// A part that runs. It is written down when this is dropped, whether it has ended or was given up.
struct Open {
    call: Arc<Begun>,
    part: Part,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.part.ended_ns = self.call.elapsed_ns();
        let mut parts = self.call.parts();
        if parts.len() < PARTS_MAX {
            parts.push(self.part.clone());
        }
    }
}

/// Does a part of a call, and notes how long that took where the call is sampled.
async fn part<T>(name: &'static str, kind: Kind, work: impl Future<Output = T>) -> T {
    let Ok(Current { call, parent }) = CURRENT.try_with(Clone::clone) else { return work.await };
    let (id, begun_ns) = (random::bytes(), call.elapsed_ns());
    let part = Part { id, parent, name, kind, begun_ns, ended_ns: begun_ns, is_cut_off: true };
    let mut open = Open { call: Arc::clone(&call), part };
    let done = CURRENT.scope(Current { call, parent: id }, work).await;
    open.part.is_cut_off = false;
    done
}

/// As [`part`], of work within the server.
pub(crate) async fn inner<T>(name: &'static str, work: impl Future<Output = T>) -> T {
    part(name, Kind::Internal, work).await
}

/// As [`part`], of what another does for us.
pub(crate) async fn outer<T>(name: &'static str, work: impl Future<Output = T>) -> T {
    part(name, Kind::Client, work).await
}

/// Whether an endpoint is none that traces can be sent to: neither nothing nor an address.
pub(crate) fn endpoint_at_fault(endpoint: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(endpoint) else { return !endpoint.is_empty() };
    let is_plain = url.username().is_empty() && url.password().is_none() && url.path() == "/";
    let has_more = url.query().is_some() || url.fragment().is_some();
    !["http", "https"].contains(&url.scheme()) || !url.has_host() || !is_plain || has_more
}

/// Work of the same call in a task of its own.
pub(crate) fn carried<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let current = CURRENT.try_with(Clone::clone).ok();
    async move {
        match current {
            Some(current) => CURRENT.scope(current, work).await,
            None => work.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::endpoint_at_fault;

    #[test]
    fn an_endpoint_is_an_address_alone() {
        for fine in ["", "http://127.0.0.1:4318", "https://collector.example/", "http://[::1]:1"] {
            assert!(!endpoint_at_fault(fine), "{fine}");
        }
        for wrong in [
            "127.0.0.1:4318",
            "collector",
            "ftp://collector.example",
            "http://kim:secret@collector.example",
            "http://collector.example/v1/traces",
            "http://collector.example?key=secret",
        ] {
            assert!(endpoint_at_fault(wrong), "{wrong}");
        }
    }
}
