//! What callers meet at a production server that has no partner yet, and while it stops.

use std::time::{Duration, Instant};

use client::{Client, Credentials, Encryption};
use platen::sandbox::keys::NewProject;
use store::testing::engines;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Stage, block_on, get};
use crate::process::client;
use crate::support::STATE;

/// A caller with keys that no platform has given out.
fn stranger(url: &str) -> Client {
    let told = NewProject::make().unwrap_or_else(|error| panic!("{error}")).credentials;
    client(url, &Credentials::from_json(&told.to_json().to_string()).unwrap())
}

#[test]
fn nobody_is_known_and_a_stop_is_seen_before_it_ends() {
    for database in engines() {
        let stage = Stage::set(database.target());
        stage.init();
        let (server, admin) = stage.serve();
        let stranger = stranger(&server.url);
        let ready = format!("{admin}/readyz");
        block_on(async {
            let answer = stranger.call(STATE, "{}", Encryption::Plain, None).await.unwrap();
            assert_eq!((answer.status, answer.code.as_deref()), (401, Some("000_902")));
            // A call whose body is still to come is one that runs.
            let mut late = begun(&server.url, &stranger).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert_eq!(get(&ready).await, (200, "ready\n".to_owned()));
            let ended = std::thread::spawn(move || server.terminate());
            let deadline = Instant::now() + Duration::from_secs(5);
            while get(&ready).await != (503, "stopping\n".to_owned()) {
                assert!(Instant::now() < deadline, "operators do not see that it stops");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert!(!ended.is_finished(), "it did not wait for the call");
            late.write_all(b"{}").await.unwrap();
            let mut answer = Vec::new();
            late.read_to_end(&mut answer).await.unwrap();
            let answer = String::from_utf8(answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("000_902"), "{answer}");
            assert!(ended.join().unwrap().success());
        });
    }
}

/// A call of which the head was sent.
async fn begun(url: &str, stranger: &Client) -> TcpStream {
    let prepared = stranger.prepare(STATE, "{}", Encryption::Plain, None).unwrap();
    let host = url.strip_prefix("http://").unwrap();
    let mut head = format!("POST {STATE} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n");
    let own = ["host", "content-length"];
    for (name, value) in &prepared.headers {
        if !own.contains(&name.to_ascii_lowercase().as_str()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    head.push_str("\r\n");
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}
