//! Callers that want to harm: while they go on, others are served, and when they have gone,
//! connections and memory are as before. The server is a process of its own, so that its files
//! and its memory can be counted.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use client::{Client, Encryption};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::bodies::idle_state;
use crate::process::{Server, arg, client, credentials};
use crate::raw::Wire;
use crate::support::STATE;

/// Hostile callers at once; each connects again when it is let go.
const CALLERS: usize = 60;
/// Fewest calls of an honest client while they go on.
const HONEST: usize = 15;
/// Pause between two of them.
const HONEST_PAUSE: Duration = Duration::from_millis(5);
/// How long one of them may take, and how long the server may take to let go of connections.
const PATIENCE: Duration = Duration::from_secs(20);
/// Memory that a server may keep after all of it, beyond what it had before, bytes.
const KEPT_BYTES_MAX: u64 = 40 * 1024 * 1024;
/// The most memory that it may ever have had beyond that, bytes: what sixty callers may each have
/// buffered is far less.
const PEAK_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What a hostile caller knows: where the server is, and the head of a call that is signed for
/// another body, which it has seen somewhere.
struct Target {
    url: String,
    head: String,
}

type Attack = fn(Arc<Target>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

const PAUSE: Duration = Duration::from_millis(20);

/// Sends pieces with pauses between them until the server closes; reads nothing before that.
async fn drip(wire: &mut Wire, piece: &[u8]) {
    while wire.try_send(piece).await {
        tokio::time::sleep(PAUSE).await;
    }
}

/// One connection of each kind of hostile caller.
const ATTACKS: [(&str, Attack); 8] = [
    ("slow heads", |target| {
        Box::pin(async move {
            let mut wire = Wire::to(&target.url).await;
            wire.send(b"POST /api/v1/card/status HTTP/1.1\r\n").await;
            drip(&mut wire, b"X-A: b\r\n").await;
        })
    }),
    ("slow bodies", |target| {
        Box::pin(async move {
            let mut wire = Wire::to(&target.url).await;
            wire.send(format!("{}Content-Length: 60000\r\n\r\n{{", target.head).as_bytes()).await;
            drip(&mut wire, b" ").await;
        })
    }),
    ("bodies that stop", |target| {
        Box::pin(async move {
            let mut wire = Wire::to(&target.url).await;
            wire.send(format!("{}Content-Length: 60000\r\n\r\n{{", target.head).as_bytes()).await;
            let _ = wire.answer().await;
        })
    }),
    ("oversized bodies", |target| {
        Box::pin(async move {
            let mut wire = Wire::to(&target.url).await;
            let head = format!("{}Content-Length: 1000000000000\r\n\r\n", target.head);
            wire.send(head.as_bytes()).await;
            let piece = vec![b' '; 65_536];
            drip(&mut wire, &piece).await;
        })
    }),
    ("bodies without end", |target| {
        Box::pin(async move {
            let mut wire = Wire::to(&target.url).await;
            wire.send(format!("{}Transfer-Encoding: chunked\r\n\r\n", target.head).as_bytes())
                .await;
            let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
            drip(&mut wire, chunk.as_bytes()).await;
        })
    }),
    ("header floods", |target| {
        Box::pin(async move {
            let mut wire = Wire::to(&target.url).await;
            wire.send(target.head.as_bytes()).await;
            wire.send("X-Flood: 1\r\n".repeat(10_000).as_bytes()).await;
            let answer = wire.answer().await;
            assert!(answer.is_none_or(|answer| answer.status == 431));
            tokio::time::sleep(PAUSE).await;
        })
    }),
    ("garbage behind calls", |target| {
        Box::pin(async move {
            let mut wire = Wire::to(&target.url).await;
            let call = format!("{}Content-Length: 2\r\n\r\n{{}}", target.head);
            wire.send(call.repeat(20).as_bytes()).await;
            wire.send(&b"\x00\xff{}\r\n\r\nGET".repeat(1_000)).await;
            while let Some(answer) = wire.answer().await {
                assert!([400, 401].contains(&answer.status), "{}", answer.status);
            }
            tokio::time::sleep(PAUSE).await;
        })
    }),
    ("answers that nobody reads", |target| {
        Box::pin(async move {
            let mut wire = Wire::to(&target.url).await;
            let asked = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200);
            drip(&mut wire, &asked).await;
        })
    }),
];

/// The head of a plain call, without what frames its body.
fn head(client: &Client) -> String {
    let prepared = client.prepare(STATE, "", Encryption::Plain, None).unwrap();
    let mut head = format!("POST {STATE} HTTP/1.1\r\nHost: localhost\r\n");
    for (name, value) in &prepared.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head
}

/// Attacks and makes honest calls meanwhile, until the server has let go of as many hostile
/// connections as there are callers. How many honest calls that were.
async fn endure(target: &Arc<Target>, client: &Client, (name, attack): (&str, Attack)) -> usize {
    let mut hostile = JoinSet::new();
    let let_go = Arc::new(AtomicUsize::new(0));
    for _ in 0..CALLERS {
        let (target, let_go) = (Arc::clone(target), Arc::clone(&let_go));
        hostile.spawn(async move {
            loop {
                attack(Arc::clone(&target)).await;
                let_go.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let (begun, mut honest) = (Instant::now(), 0);
    while honest < HONEST || let_go.load(Ordering::Relaxed) < CALLERS {
        assert!(begun.elapsed() < PATIENCE, "{name}: only {let_go:?} connections ended");
        let body = idle_state().to_string();
        let call = client.call(STATE, &body, Encryption::Plain, None);
        let exchange = tokio::time::timeout(PATIENCE, call).await;
        let exchange = exchange.unwrap_or_else(|_| panic!("{name}: nobody is served")).unwrap();
        assert_eq!(exchange.code.as_deref(), Some("000_000"), "{name}");
        honest += 1;
        tokio::time::sleep(HONEST_PAUSE).await;
    }
    let failed = hostile.try_join_next().and_then(Result::err);
    assert!(failed.is_none(), "{name}: {failed:?}");
    hostile.shutdown().await;
    honest
}

/// Connections to the bank, which recovery opens and keeps for a while as it needs them.
const BANK_FILES: usize = 4;

/// Waits until the server has no more files open than before, but for the bank's.
async fn let_go(server: &Server, files: usize, name: &str) {
    let deadline = Instant::now() + PATIENCE;
    while server.open_files() > files + BANK_FILES {
        assert!(Instant::now() < deadline, "{name}: {} files, not {files}", server.open_files());
        tokio::time::sleep(PAUSE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_served_and_nothing_is_kept() {
    let folder = TempDir::new().unwrap();
    let database = folder.path().join("platen.db");
    let args = [
        "sandbox",
        "--listen",
        "127.0.0.1:0",
        "--database",
        arg(&database),
        "--header-timeout-ms",
        "1000",
        "--body-timeout-ms",
        "1000",
        "--write-timeout-ms",
        "1000",
    ];
    let server = Server::start(folder.path(), &args);
    let client = client(&server.url, &credentials(arg(&database)));
    let target = Arc::new(Target { url: server.url.clone(), head: head(&client) });
    // An honest client and each connection that it keeps.
    for _ in 0..HONEST {
        let body = idle_state().to_string();
        client.call(STATE, &body, Encryption::Plain, None).await.unwrap();
    }
    let (files, memory) = (server.open_files(), server.memory());
    for attack in ATTACKS {
        let honest = endure(&target, &client, attack).await;
        let_go(&server, files, attack.0).await;
        println!("{}: {honest} calls, {} MiB", attack.0, server.memory() / 1024 / 1024);
    }
    let (kept, peak) = (server.memory(), server.peak_memory());
    println!("before {memory}, after {kept}, at most {peak} bytes");
    assert!(kept <= memory + KEPT_BYTES_MAX, "{memory} bytes have become {kept}");
    assert!(peak <= memory + PEAK_BYTES_MAX, "{memory} bytes were {peak} meanwhile");
    assert!(server.terminate().success());
}
