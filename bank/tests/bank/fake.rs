//! A bank that answers what a test tells it to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bank::OpenBanking;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::common::*;

/// What the bank does with a request other than for a token.
#[derive(Clone)]
pub(crate) enum Reaction {
    Send(String),
    Hang,
}

pub(crate) struct Fake {
    pub(crate) bank: OpenBanking,
    pub(crate) orders: Arc<AtomicUsize>,
    pub(crate) tokens: Arc<AtomicUsize>,
    /// The last request other than for a token.
    pub(crate) last: Arc<Mutex<String>>,
}

/// A bank that gives out tokens and reacts to the nth order with the nth reaction, the last for
/// ever after.
pub(crate) async fn fake(reactions: Vec<Reaction>) -> Fake {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bank = OpenBanking::new(config(&format!("http://{}", listener.local_addr().unwrap())));
    let (orders, tokens, last) =
        <(Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<Mutex<String>>)>::default();
    let fake = Fake {
        bank: bank.unwrap(),
        orders: orders.clone(),
        tokens: tokens.clone(),
        last: last.clone(),
    };
    tokio::spawn(async move {
        loop {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let (orders, tokens, reactions) = (orders.clone(), tokens.clone(), reactions.clone());
            let last = last.clone();
            tokio::spawn(async move {
                let request = read_request(&mut tcp).await;
                if request.starts_with("POST /oauth/2.0/token ") {
                    assert!(request.contains("client_secret=s3cret%26x%3Dy&scope=oob"));
                    let nth = tokens.fetch_add(1, Ordering::SeqCst);
                    let token = json!({"access_token": format!("t{nth}"), "expires_in": 60});
                    tcp.write_all(ok(&token).as_bytes()).await.unwrap();
                    return;
                }
                *last.lock().unwrap() = request;
                let nth = orders.fetch_add(1, Ordering::SeqCst).min(reactions.len() - 1);
                match &reactions[nth] {
                    Reaction::Send(bytes) => tcp.write_all(bytes.as_bytes()).await.unwrap(),
                    Reaction::Hang => std::future::pending().await,
                }
            });
        }
    });
    fake
}

async fn read_request(tcp: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4_096];
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        let read = tcp.read(&mut buffer).await.unwrap();
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        if read == 0 {
            return text;
        }
    }
}

pub(crate) fn http(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
}

pub(crate) fn ok(body: &Value) -> String {
    http("200 OK", &body.to_string())
}
