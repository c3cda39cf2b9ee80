//! The way to the collector. No call waits for it: what does not fit into the queue, or what the
//! collector does not take, is dropped and counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::redirect::Policy;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Ended, otlp};
use crate::context::App;

/// Calls that wait to be sent.
const QUEUE_MAX: usize = 2_048;
/// Calls of one request.
const BATCH_MAX: usize = 256;
/// How long a request is gathered.
const GATHERED: Duration = Duration::from_secs(1);
/// How long the collector may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);
/// How long a server that stops waits for what it has still to tell.
const FLUSHED_WITHIN: Duration = Duration::from_secs(2);
/// How often the log says that the collector does not take what it is sent.
const SAID_EVERY: Duration = Duration::from_secs(60);

enum Item {
    Call(Box<Ended>),
    /// Said back when all before it was sent.
    Flush(oneshot::Sender<()>),
}

/// Where ended calls wait.
pub(super) struct Queue {
    url: String,
    sender: Sender<Item>,
    receiver: Mutex<Option<Receiver<Item>>>,
    dropped: AtomicU64,
}

impl Queue {
    pub(super) fn new(endpoint: &str) -> Self {
        let (sender, receiver) = channel(QUEUE_MAX);
        Queue {
            url: format!("{}/v1/traces", endpoint.trim_end_matches('/')),
            sender,
            receiver: Mutex::new(Some(receiver)),
            dropped: AtomicU64::new(0),
        }
    }

    pub(super) fn add(&self, call: Ended) {
        let spans = call.spans();
        if self.sender.try_send(Item::Call(Box::new(call))).is_err() {
            self.dropped.fetch_add(spans, Ordering::Relaxed);
        }
    }
}

/// Sends what has ended, until it is stopped.
pub async fn run(app: Arc<App>) {
    let Some(queue) = app.spans.queue() else { return };
    let receiver = queue.receiver.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(mut receiver) = receiver else { return };
    let http = reqwest::Client::builder().no_proxy().redirect(Policy::none());
    // Certificates of authorities, which may not be there, are needed for an https:// one alone.
    let is_clear = queue.url.starts_with("http://");
    let http = if is_clear { http.tls_certs_only([]) } else { http };
    let http = match http.timeout(ANSWERED_WITHIN).build() {
        Ok(http) => http,
        Err(error) => {
            tracing::error!(%error, "no traces are sent");
            return;
        }
    };
    let mut said: Option<Instant> = None;
    loop {
        let (calls, flushed) = batch(&mut receiver).await;
        let full = queue.dropped.swap(0, Ordering::Relaxed);
        app.metrics.spans_dropped(full);
        let spans = calls.iter().map(Ended::spans).sum();
        match send(&http, &queue.url, &calls).await {
            Ok(()) => app.metrics.spans_sent(spans),
            Err(reason) => {
                app.metrics.spans_dropped(spans);
                if said.is_none_or(|at| at.elapsed() >= SAID_EVERY) {
                    said = Some(Instant::now());
                    tracing::warn!(reason, "the collector of otlp_endpoint takes no traces");
                }
            }
        }
        if let Some(flushed) = flushed {
            // Who asked may have gone.
            let _ = flushed.send(());
        }
    }
}

/// What has ended within a while of the first, and who waits for it to be sent.
async fn batch(receiver: &mut Receiver<Item>) -> (Vec<Ended>, Option<oneshot::Sender<()>>) {
    let mut calls = Vec::new();
    let mut until = None;
    while calls.len() < BATCH_MAX {
        let next = match until {
            None => receiver.recv().await,
            Some(until) => match tokio::time::timeout_at(until, receiver.recv()).await {
                Ok(next) => next,
                Err(_) => break,
            },
        };
        match next {
            Some(Item::Call(call)) => calls.push(*call),
            Some(Item::Flush(flushed)) => return (calls, Some(flushed)),
            None => break,
        }
        until = until.or_else(|| Some(Instant::now() + GATHERED));
    }
    (calls, None)
}

async fn send(http: &reqwest::Client, url: &str, calls: &[Ended]) -> Result<(), String> {
    if calls.is_empty() {
        return Ok(());
    }
    let answer = http.post(url).json(&otlp::body(calls)).send().await;
    let status = answer.map_err(|error| error.without_url().to_string())?.status();
    if status.is_success() { Ok(()) } else { Err(format!("HTTP {}", status.as_u16())) }
}

/// Has all sent that has ended, as far as the collector takes it in time.
pub async fn flush(app: &App) {
    let Some(queue) = app.spans.queue() else { return };
    let (flushed, done) = oneshot::channel();
    let all = async {
        if queue.sender.send(Item::Flush(flushed)).await.is_ok() {
            // Nobody sends any more.
            let _ = done.await;
        }
    };
    let _ = tokio::time::timeout(FLUSHED_WITHIN, all).await;
}
