//! Calls as they end, as server-sent events. A reader that falls behind is told to load the list
//! anew, and dropped.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often a reader hears that the stream still runs.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A comment, which readers pass over.
const BEAT: Bytes = Bytes::from_static(b":\n\n");
/// Calls were missed: the list has to be loaded anew.
const RELOAD: Bytes = Bytes::from_static(b"event: reload\ndata: {}\n\n");

/// A call as an event; a reader that comes back names the last one that it had.
pub(super) fn event(seq: u64, summary: &str) -> Bytes {
    format!("id: {seq}\nevent: call\ndata: {summary}\n\n").into()
}

/// The body of a stream.
pub(super) struct Events {
    waiting: mpsc::Receiver<Bytes>,
    heartbeat: Interval,
    stopping: Arc<AtomicBool>,
    is_over: bool,
}

impl Events {
    /// A stream of what comes, until its sender is gone.
    pub(super) fn new(waiting: mpsc::Receiver<Bytes>, stopping: Arc<AtomicBool>) -> Self {
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Events { waiting, heartbeat, stopping, is_over: false }
    }
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let frame = match self.waiting.poll_recv(cx) {
            Poll::Ready(Some(event)) => event,
            Poll::Ready(None) => {
                self.is_over = true;
                if self.stopping.load(Ordering::Relaxed) {
                    return Poll::Ready(None);
                }
                RELOAD
            }
            Poll::Pending => {
                ready!(self.heartbeat.poll_tick(cx));
                BEAT
            }
        };
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }
}
