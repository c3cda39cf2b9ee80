//! A call and its answer. None of them shows bodies or tokens in `Debug`.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

/// A signed call, ready to be sent; may be changed before, and sent more than once.
#[derive(Clone)]
pub struct Prepared {
    /// The whole address.
    pub url: String,
    /// All headers that are sent, in order.
    pub headers: Vec<(String, String)>,
    /// The body as sent: what the token signs.
    pub body_sent: String,
    /// The body before encryption.
    pub body_clear: String,
}

impl Prepared {
    /// The value of a header, by its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// Replaces a header, or adds it.
    pub fn set_header(&mut self, name: &str, value: impl Into<String>) {
        self.remove_header(name);
        self.headers.push((name.to_owned(), value.into()));
    }

    /// Leaves a header out.
    pub fn remove_header(&mut self, name: &str) {
        self.headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("url", &self.url)
            .field("body_sent_bytes", &self.body_sent.len())
            .finish_non_exhaustive()
    }
}

/// An answer as received.
#[derive(Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// All headers, names in lower case; a value that is no text is left out.
    pub headers: Vec<(String, String)>,
    /// The body as received.
    pub body_received: Vec<u8>,
    /// From the moment of sending until the last byte was there.
    pub elapsed: Duration,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("body_received_bytes", &self.body_received.len())
            .field("elapsed", &self.elapsed)
            .finish_non_exhaustive()
    }
}

/// An answer, decrypted where it was encrypted.
#[derive(Clone)]
pub struct Exchange {
    /// The HTTP status.
    pub status: u16,
    /// All headers, names in lower case; a value that is no text is left out.
    pub headers: Vec<(String, String)>,
    /// The body as received.
    pub body_received: String,
    /// The body in clear; the same text where it was not encrypted.
    pub body_clear: String,
    /// `response.code` of the body, as `000_000`.
    pub code: Option<String>,
    /// From the moment of sending until the last byte was there; decrypting is not counted.
    pub elapsed: Duration,
}

impl Exchange {
    /// The value of a header, by its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The body in clear as JSON; nothing where it is none.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body_clear).ok()
    }

    /// Whether the answer came encrypted.
    #[must_use]
    pub fn was_encrypted(&self) -> bool {
        self.body_received != self.body_clear
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("status", &self.status)
            .field("code", &self.code)
            .field("body_received_bytes", &self.body_received.len())
            .field("elapsed", &self.elapsed)
            .finish_non_exhaustive()
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}
