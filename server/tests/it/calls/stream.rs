//! The live stream, and the log's bounds under many calls.

use std::time::{Duration, Instant};

use platen::sandbox::calls::{BYTES_MAX, CALLS_MAX, READERS_MAX};
use serde_json::Value;

use super::{CALLS, get, state_body};
use crate::raw::{Raw, Wire};
use crate::support::{STATE, TestServer, on_sqlite, quick};

/// How long an event is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A reader of the stream.
struct Reader {
    answer: reqwest::Response,
    text: String,
}

impl Reader {
    async fn open(server: &TestServer, query: &str) -> Result<Self, u16> {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}{CALLS}/stream{query}", server.url);
        let answer = http.get(url).send().await.unwrap();
        if answer.status() != 200 {
            return Err(answer.status().as_u16());
        }
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        Ok(Reader { answer, text: String::new() })
    }

    /// The next event: its name and its data; `None` where the stream ends.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let of = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
                };
                let found = of("event: ").map(|name| (name, of("data: ").unwrap()));
                self.text = rest.to_owned();
                match found {
                    Some((name, data)) => {
                        return Some((name, serde_json::from_str(&data).unwrap()));
                    }
                    None => continue,
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.answer.chunk()).await.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk.unwrap()?).unwrap());
        }
    }

    async fn seqs(&mut self, count: usize) -> Vec<u64> {
        let mut seqs = Vec::new();
        while seqs.len() < count {
            let (name, data) = self.next().await.unwrap();
            assert_eq!(name, "call");
            seqs.push(data["seq"].as_u64().unwrap());
        }
        seqs
    }
}

/// So many calls, a hundred on a connection.
async fn many(server: &TestServer, count: usize) {
    let raw = Raw::plain(server, STATE, state_body(server).to_string());
    let bytes = raw.bytes();
    let mut wire = Wire::connect(server).await;
    for _ in 0..count {
        wire.send(&bytes).await;
        assert!(wire.answer().await.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_every_call_once_and_in_order() {
    on_sqlite(quick(), async |server| {
        let mut reader = Reader::open(server, "").await.unwrap();
        let calls = async { tokio::join!(many(server, 60), many(server, 60), many(server, 60)) };
        let (_, seqs) = tokio::join!(calls, reader.seqs(180));
        assert_eq!(seqs, (1..=180).collect::<Vec<u64>>());
        // One that comes back gets what it missed.
        let mut back = Reader::open(server, "?after=170").await.unwrap();
        assert_eq!(back.seqs(10).await, (171..=180).collect::<Vec<u64>>());
        // More was missed than is kept for it, or the sandbox began anew: the list has it.
        many(server, 100).await;
        for query in ["?after=0", "?after=1000"] {
            let mut behind = Reader::open(server, query).await.unwrap();
            let mut last = String::new();
            while let Some((name, _)) = behind.next().await {
                last = name;
            }
            assert_eq!(last, "reload", "{query}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_hold_under_many_calls() {
    on_sqlite(quick(), async |server| {
        // A reader that reads nothing is dropped, and holds up nobody.
        let _deaf = Reader::open(server, "").await.unwrap();
        let long = Raw::plain(
            server,
            STATE,
            format!("{{\"x\":{}1{}}}", "[".repeat(20_000), "]".repeat(20_000)),
        );
        for _ in 0..100 {
            long.send(server).await;
        }
        let call = get(server, &format!("{CALLS}/100")).await.1;
        assert!(call["request"].as_str().unwrap().len() <= 16 * 1_024);
        assert!(call["signed"]["text"].as_str().unwrap().len() <= 4 * 1_024);
        tokio::join!(many(server, 1_000), many(server, 1_000));
        let (_, list) = get(server, &format!("{CALLS}?limit=100000")).await;
        assert_eq!(list["last"], 2_100);
        let calls = list["calls"].as_array().unwrap();
        assert_eq!(calls.len(), CALLS_MAX);
        let seqs: Vec<u64> = calls.iter().map(|call| call["seq"].as_u64().unwrap()).collect();
        assert_eq!(seqs, (1_601..=2_100).rev().collect::<Vec<u64>>());
        assert_eq!(get(server, &format!("{CALLS}/1600")).await.0, 404);
        assert_eq!(get(server, &format!("{CALLS}/1601")).await.0, 200);
    })
    .await;
}

/// Long calls push out old ones before there are too many.
#[tokio::test(flavor = "multi_thread")]
async fn memory_is_bounded_too() {
    on_sqlite(quick(), async |server| {
        let long = "x".repeat(400);
        let text: Vec<String> = (0..60).map(|at| format!("\"a{at}\":\"{long}\"")).collect();
        let mut raw = Raw::plain(server, STATE, format!("{{{}}}", text.join(",")));
        for header in 0..40 {
            raw.set(&format!("X-Own-{header}"), &long);
        }
        let bytes = raw.bytes();
        let mut wire = Wire::connect(server).await;
        for _ in 0..CALLS_MAX {
            wire.send(&bytes).await;
            assert!(wire.answer().await.is_some());
        }
        let (_, list) = get(server, &format!("{CALLS}?limit=500")).await;
        let calls = list["calls"].as_array().unwrap();
        assert!(calls.len() < CALLS_MAX, "{}", calls.len());
        let (mut bytes, mut kept) = (0, 0);
        for call in calls {
            let (status, whole) = get(server, &format!("{CALLS}/{}", call["seq"])).await;
            assert_eq!(status, 200);
            bytes += whole.to_string().len() + call.to_string().len();
            kept += 1;
        }
        assert!(bytes <= BYTES_MAX && bytes > BYTES_MAX / 2, "{bytes} of {kept} calls");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_are_few_and_hold_up_no_stop() {
    on_sqlite(quick(), async |server| {
        let mut readers = Vec::new();
        for _ in 0..READERS_MAX {
            readers.push(Reader::open(server, "").await.unwrap());
        }
        assert_eq!(Reader::open(server, "").await.err(), Some(503));
        // Who has gone makes room, once the server has noticed.
        readers.pop();
        // Two heartbeats: the first write after it has gone still succeeds.
        let until = Instant::now() + 3 * PATIENCE;
        let again = loop {
            match Reader::open(server, "").await {
                Ok(reader) => break reader,
                Err(status) => assert!(status == 503 && Instant::now() < until, "{status}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        readers.push(again);
        *LAST.lock().unwrap() = readers;
    })
    .await;
    // The server has stopped, though they were there: each was ended, and not told to come back.
    let readers = std::mem::take(&mut *LAST.lock().unwrap());
    for mut reader in readers {
        assert_eq!(reader.next().await, None);
    }
}

/// Readers that outlive their server.
static LAST: std::sync::Mutex<Vec<Reader>> = std::sync::Mutex::new(Vec::new());
