//! The sandbox's log of calls, for the developer whose code makes them: what came, which step
//! failed and why, what was answered. It lies in memory, within bounds, and masked.

mod cause;
mod mask;
mod query;
mod record;
mod routes;
mod stream;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::http::Method;
use tokio::sync::mpsc;

use crate::context::App;
use crate::ops::BASE;
use crate::pipeline::observe::{End, Observer, Seen};
pub use mask::{Masked, Rules, Shown};
use query::Wanted;
pub use record::{BODY_BYTES_MAX, rfc3339};
use record::{Summary, Whole};
pub(super) use routes::{document, routes};
use stream::Events;

/// Calls that are kept; the oldest go first.
pub const CALLS_MAX: usize = 500;
/// Bytes that they take together.
pub const BYTES_MAX: usize = 8 * 1_024 * 1_024;
/// Readers of the stream at a time.
pub const READERS_MAX: usize = 32;
/// Calls that wait for a reader; one that is further behind is dropped.
const WAITING_MAX: usize = 256;

/// The log.
#[derive(Default)]
pub struct Calls {
    kept: Mutex<Kept>,
    stopping: Arc<AtomicBool>,
}

#[derive(Default)]
struct Kept {
    calls: VecDeque<Call>,
    bytes: usize,
    last: u64,
    readers: Vec<mpsc::Sender<Bytes>>,
}

/// A call as JSON texts.
struct Call {
    seq: u64,
    correlation_id: Option<Masked>,
    summary: Arc<str>,
    whole: Arc<str>,
}

impl Call {
    fn bytes(&self) -> usize {
        let id = self.correlation_id.as_ref().map_or(0, |id| id.as_str().len());
        size_of::<Self>() + id + self.summary.len() + self.whole.len()
    }
}

/// A JSON object with its number put in front.
fn numbered(seq: u64, object: &str) -> Arc<str> {
    format!("{{\"seq\":{seq},{}", object.strip_prefix('{').unwrap_or("}")).into()
}

impl Calls {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends every stream, and begins none any more: the server stops.
    pub fn end_streams(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.kept().readers.clear();
    }

    /// Calls as a JSON text, the newest first.
    fn list(&self, wanted: &Wanted) -> String {
        let id = wanted.correlation_id.as_deref().map(Masked::correlation_id);
        let kept = self.kept();
        let is_wanted = |call: &&Call| id.is_none() || call.correlation_id == id;
        let newer = kept.calls.iter().rev().take_while(|call| call.seq > wanted.after);
        let found = newer.filter(is_wanted).take(wanted.limit);
        let found: Vec<Arc<str>> = found.map(|call| Arc::clone(&call.summary)).collect();
        let last = kept.last;
        drop(kept);
        format!("{{\"calls\":[{}],\"last\":{last}}}", found.join(","))
    }

    /// One call, whole.
    fn whole(&self, seq: u64) -> Option<Arc<str>> {
        let kept = self.kept();
        let place = kept.calls.binary_search_by_key(&seq, |call| call.seq).ok()?;
        kept.calls.get(place).map(|call| Arc::clone(&call.whole))
    }

    /// A stream that begins after this call, or with the next one; `None` where there are as many
    /// as may be, or the server stops.
    fn stream(&self, after: Option<u64>) -> Option<Events> {
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        let mut kept = self.kept();
        kept.readers.retain(|reader| !reader.is_closed());
        if kept.readers.len() >= READERS_MAX || self.stopping.load(Ordering::Relaxed) {
            return None;
        }
        if kept.catch_up(after.unwrap_or(kept.last), &sender) {
            kept.readers.push(sender);
        }
        Some(Events::new(waiting, Arc::clone(&self.stopping)))
    }

    fn keep(&self, correlation_id: Option<Masked>, summary: &str, whole: &str) {
        let mut kept = self.kept();
        let seq = kept.last + 1;
        let (summary, whole) = (numbered(seq, summary), numbered(seq, whole));
        let event = stream::event(seq, &summary);
        // One that has no room left for it is slow, or has gone.
        kept.readers.retain(|reader| reader.try_send(event.clone()).is_ok());
        kept.push(Call { seq, correlation_id, summary, whole });
    }
}

impl Kept {
    /// Sends what came after a call; whether nothing is missing then.
    fn catch_up(&self, after: u64, reader: &mpsc::Sender<Bytes>) -> bool {
        let missed = self.calls.iter().rev().take_while(|call| call.seq > after).count();
        let is_known = self.last.checked_sub(after) == u64::try_from(missed).ok();
        is_known
            && self
                .calls
                .iter()
                .skip(self.calls.len() - missed)
                .all(|call| reader.try_send(stream::event(call.seq, &call.summary)).is_ok())
    }

    fn push(&mut self, call: Call) {
        self.last = call.seq;
        self.bytes += call.bytes();
        self.calls.push_back(call);
        while self.calls.len() > CALLS_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.calls.pop_front() else { break };
            self.bytes -= oldest.bytes();
        }
    }
}

impl Observer for Calls {
    fn ended(&self, app: &App, seen: &Seen, end: &End<'_>) {
        if !is_call(seen) {
            return;
        }
        let summary = Summary::of(seen, end);
        let whole = serde_json::to_string(&Whole::of(app, seen, end, &summary));
        match (serde_json::to_string(&summary), whole) {
            (Ok(text), Ok(whole)) => self.keep(summary.correlation_id, &text, &whole),
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(%error, "a call could not be kept");
            }
        }
    }
}

/// Whether it was meant for the API: a browser asks for pages and pictures that there are not.
fn is_call(seen: &Seen) -> bool {
    let is_question = [Method::GET, Method::HEAD].contains(&seen.method);
    let is_below = |base: &str| seen.path.starts_with(base);
    !is_question || is_below(BASE) || is_below("/api/v") || is_below("/platen/v")
}
