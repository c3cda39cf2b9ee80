//! Calls as bytes on a socket: whatever a caller might send, not only what a client would.

use std::time::Duration;

use client::Encryption;
use crypto::jwe::{self, Enc};
use crypto::tran_token;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::TestServer;

/// How long an answer is waited for: an answer that does not come fails the test.
const PATIENCE: Duration = Duration::from_secs(20);
/// The time within a token, which nothing checks.
const TOKEN_TIME: &str = "20261122120405999";

/// A call: its headers and body can be anything.
#[derive(Clone)]
pub struct Raw {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Raw {
    /// A plain call, signed, without a crypto key id.
    pub fn plain(server: &TestServer, path: &str, body: impl AsRef<[u8]>) -> Self {
        let prepared = server.client.prepare(path, "", Encryption::Plain, None).unwrap();
        let headers = prepared.headers.into_iter().map(|(name, text)| (name, text.into_bytes()));
        let mut raw = Raw {
            method: "POST".to_owned(),
            path: path.to_owned(),
            headers: headers.collect(),
            body: body.as_ref().to_vec(),
        };
        raw.sign(server);
        raw
    }

    /// A plain call with a crypto key id, which has the answer encrypted.
    pub fn answer_only(server: &TestServer, path: &str, body: impl AsRef<[u8]>) -> Self {
        let key = &server.credentials.crypto_key_id;
        Raw::plain(server, path, body).with("X-KM-Crypto-Key-Id", key)
    }

    /// An encrypted call.
    pub fn encrypted(server: &TestServer, path: &str, body: impl AsRef<[u8]>, enc: Enc) -> Self {
        let key = &server.credentials.server_public_key;
        let compact = jwe::encrypt(body.as_ref(), key, enc).unwrap();
        Raw::answer_only(server, path, json!({ "encData": compact }).to_string())
    }

    /// Signs the body anew.
    pub fn sign(&mut self, server: &TestServer) {
        let token = tran_token::issue(&server.credentials.secret_key, TOKEN_TIME, &self.body);
        self.set("X-KM-Tran-Token", token);
    }

    /// Another body, signed.
    pub fn with_body(mut self, server: &TestServer, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self.sign(server);
        self
    }

    /// Replaces or adds a header.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
    }

    /// The same with a header replaced or added.
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.set(name, value);
        self
    }

    /// The same with a further header of a name that may be there already.
    pub fn doubled(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// The same without a header.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
        self
    }

    /// The same with another method.
    pub fn by(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> &[u8] {
        let found = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_slice()).unwrap()
    }

    /// Request line and headers, without what frames the body.
    pub fn head(&self) -> Vec<u8> {
        let line = format!("{} {} HTTP/1.1\r\nHost: localhost\r\n", self.method, self.path);
        let mut bytes = line.into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    }

    /// Head with this announced length.
    pub fn announcing(&self, length: usize) -> Vec<u8> {
        let mut bytes = self.head();
        bytes.extend_from_slice(format!("Content-Length: {length}\r\n\r\n").as_bytes());
        bytes
    }

    /// The whole call.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.announcing(self.body.len());
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// The whole call in chunks, without a length.
    pub fn chunked(&self, chunk: usize) -> Vec<u8> {
        let mut bytes = self.head();
        bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        for part in self.body.chunks(chunk) {
            bytes.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
            bytes.extend_from_slice(part);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        bytes
    }

    /// Sends it on a connection of its own; its answer.
    pub async fn send(&self, server: &TestServer) -> RawAnswer {
        let mut wire = Wire::connect(server).await;
        wire.send(&self.bytes()).await;
        wire.answer().await.unwrap()
    }
}

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawAnswer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl RawAnswer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// `response.code` of a plain answer.
    pub fn code(&self) -> String {
        self.json()["response"]["code"].as_str().unwrap_or("none").to_owned()
    }

    /// `response.description` of a plain answer.
    pub fn description(&self) -> String {
        self.json()["response"]["description"].as_str().unwrap_or("none").to_owned()
    }

    /// What the partner's key opens; the encryption it came in.
    pub fn open(&self, server: &TestServer) -> (Value, Enc) {
        let body = self.json();
        assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "{body}");
        let compact = body["encData"].as_str().unwrap();
        let key = &server.credentials.client_private_key;
        let (clear, enc) = jwe::decrypt(compact, key).unwrap();
        (serde_json::from_slice(clear.expose()).unwrap(), enc)
    }

    /// The same without what differs from call to call.
    pub fn comparable(mut self) -> Self {
        self.headers.retain(|(name, _)| name != "x-km-correlation-id" && name != "date");
        self
    }
}

/// A connection.
pub struct Wire {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Wire {
    pub async fn connect(server: &TestServer) -> Self {
        Wire::to(&server.url).await
    }

    /// A connection to `http://address`.
    pub async fn to(url: &str) -> Self {
        let address = url.strip_prefix("http://").unwrap();
        Wire { stream: TcpStream::connect(address).await.unwrap(), received: Vec::new() }
    }

    /// Sends; that the other side has gone is no error, as its answer may lie here already.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Sends; whether the other side still takes anything.
    pub async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Sends no more, but listens.
    pub async fn end_sending(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// The next answer; `None` where the connection ends first.
    pub async fn answer(&mut self) -> Option<RawAnswer> {
        tokio::time::timeout(PATIENCE, self.read_answer()).await.expect("no answer in time")
    }

    async fn read_answer(&mut self) -> Option<RawAnswer> {
        let head_end = loop {
            if let Some(at) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.more().await?;
        };
        let head = String::from_utf8_lossy(&self.received[..head_end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        let headers: Vec<_> = lines.filter_map(header).collect();
        let mut answer = RawAnswer { status, headers, body: Vec::new() };
        let length: usize = answer.header("content-length").map_or(0, |text| text.parse().unwrap());
        while self.received.len() < head_end + length {
            self.more().await?;
        }
        answer.body = self.received[head_end..head_end + length].to_vec();
        self.received.drain(..head_end + length);
        Some(answer)
    }

    async fn more(&mut self) -> Option<()> {
        match self.stream.read_buf(&mut self.received).await {
            Ok(count) if count > 0 => Some(()),
            Ok(_) | Err(_) => None,
        }
    }
}
