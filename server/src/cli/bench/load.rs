//! The load: callers that send, and what each call took.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use client::{Answer, Client, ClientError, Prepared};
use tokio::task::JoinSet;

/// How calls are sent.
#[derive(Clone, Copy)]
pub(super) struct Load {
    /// At the same time.
    pub(super) callers: usize,
    /// A second; without it each caller sends as soon as it is answered.
    pub(super) rate: Option<u32>,
}

/// One call: its answer as received, and its time from being due to the last byte.
pub(super) struct Call {
    pub(super) answer: Result<Answer, ClientError>,
    pub(super) took: Duration,
}

/// What a load has led to.
pub(super) struct Measured {
    pub(super) calls: Vec<Call>,
    /// From the first sending to the last answer.
    pub(super) elapsed: Duration,
}

/// What is still to be sent, with its number.
type Left = Arc<Mutex<VecDeque<(u32, Prepared)>>>;

/// Sends all calls.
pub(super) async fn run(
    client: &Client,
    prepared: Vec<Prepared>,
    load: Load,
) -> Result<Measured, tokio::task::JoinError> {
    let count = prepared.len();
    let left: Left = Arc::new(Mutex::new((0..).zip(prepared).collect()));
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..load.callers.min(count) {
        let (client, left) = (client.clone(), Arc::clone(&left));
        callers.spawn(async move { call_on(&client, &left, load.rate, begun).await });
    }
    let mut calls = Vec::with_capacity(count);
    while let Some(made) = callers.join_next().await {
        calls.extend(made?);
    }
    Ok(Measured { calls, elapsed: begun.elapsed() })
}

async fn call_on(client: &Client, left: &Left, rate: Option<u32>, begun: Instant) -> Vec<Call> {
    let mut calls = Vec::new();
    loop {
        let next = left.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some((number, prepared)) = next else { return calls };
        let due = match rate {
            None => Instant::now(),
            Some(rate) => begun + Duration::from_secs(1) * number / rate,
        };
        tokio::time::sleep_until(due.into()).await;
        let answer = client.transmit(&prepared).await;
        calls.push(Call { answer, took: due.elapsed() });
    }
}
