//! The client: prepares, sends and opens calls.

use std::fmt;
use std::time::{Duration, Instant};

use crypto::jwe::{self, Enc};
use crypto::tran_token::TokenKey;
use reqwest::redirect::Policy;
use serde_json::{Value, json};

use crate::{Answer, ClientError, Credentials, Exchange, Prepared, headers, stamp};

/// How long a call may take, from connecting to the last byte, where nothing else is set.
pub const TIMEOUT_MS_DEFAULT: u64 = 30_000;
/// Longest answer that is read, in bytes.
pub const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What of a call is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Neither direction: no crypto key id is sent.
    Plain,
    /// The request is sent plain; the crypto key id lets the answer be encrypted.
    AnswerOnly,
    /// The request is encrypted; the answer is where the operation says so.
    Encrypted(Enc),
}

/// Calls a platform with the credentials of one project. Keeps connections open; a clone shares
/// them.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base_url: String,
    credentials: Credentials,
    token_key: TokenKey,
    timeout: Duration,
    now_ms: fn() -> i64,
}

impl Client {
    /// `base_url` is what stands before an operation's path, as
    /// `http://127.0.0.1:8080/open-api`; `now_ms` tells milliseconds since 1970.
    pub fn new(
        base_url: &str,
        credentials: Credentials,
        now_ms: fn() -> i64,
    ) -> Result<Self, ClientError> {
        let base_url = base_url.trim_end_matches('/').to_owned();
        // A signed call is meant for one address: it follows no redirect.
        let mut http = reqwest::Client::builder().redirect(Policy::none());
        if base_url.starts_with("http://") {
            // Without TLS no root certificates are needed, and a machine may have none.
            http = http.tls_certs_only([]);
        }
        if is_loopback(&base_url) {
            http = http.no_proxy();
        }
        Ok(Self {
            http: http.build().map_err(ClientError::NotSendable)?,
            base_url,
            token_key: TokenKey::new(&credentials.secret_key),
            credentials,
            timeout: Duration::from_millis(TIMEOUT_MS_DEFAULT),
            now_ms,
        })
    }

    /// The same client with another limit for the time of each call.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The credentials that the client calls with.
    #[must_use]
    pub const fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Prepares, sends and opens; draws a correlation id where none is given.
    pub async fn call(
        &self,
        path: &str,
        body: &str,
        encryption: Encryption,
        correlation_id: Option<&str>,
    ) -> Result<Exchange, ClientError> {
        self.send(&self.prepare(path, body, encryption, correlation_id)?).await
    }

    /// Makes the signed call without sending it. `path` begins with a slash.
    pub fn prepare(
        &self,
        path: &str,
        body: &str,
        encryption: Encryption,
        correlation_id: Option<&str>,
    ) -> Result<Prepared, ClientError> {
        let now_ms = (self.now_ms)();
        let own = &self.credentials;
        let (body_sent, key_id) = match encryption {
            Encryption::Plain => (body.to_owned(), None),
            Encryption::AnswerOnly => (body.to_owned(), Some(own.crypto_key_id.clone())),
            Encryption::Encrypted(enc) => {
                let compact = jwe::encrypt(body.as_bytes(), &own.server_public_key, enc)
                    .map_err(ClientError::NotEncrypted)?;
                (json!({ "encData": compact }).to_string(), Some(own.crypto_key_id.clone()))
            }
        };
        let correlation_id = match correlation_id {
            Some(id) => id.to_owned(),
            None => stamp::correlation_id(now_ms)?,
        };
        let token = self.token_key.issue(&stamp::token_time(now_ms)?, body_sent.as_bytes());
        let fixed = [
            ("Content-Type", "application/json".to_owned()),
            ("Accept", "application/json".to_owned()),
            (headers::ASP_ID, own.asp_id.clone()),
            (headers::CORRELATION_ID, correlation_id),
            (headers::ACCESS_KEY, own.access_key.clone()),
            (headers::TRAN_TOKEN, token),
            (headers::TRAN_TIME, stamp::tran_time(now_ms)?),
            (headers::TIME_ZONE, "UTC".to_owned()),
        ];
        let key_id = key_id.map(|id| (headers::CRYPTO_KEY_ID, id));
        let all = fixed.into_iter().chain(key_id);
        Ok(Prepared {
            url: format!("{}{path}", self.base_url),
            headers: all.map(|(name, value)| (name.to_owned(), value)).collect(),
            body_sent,
            body_clear: body.to_owned(),
        })
    }

    /// Sends and opens.
    pub async fn send(&self, prepared: &Prepared) -> Result<Exchange, ClientError> {
        self.open(self.transmit(prepared).await?)
    }

    /// Sends, and brings the answer as received: spares a load generator the decryption.
    pub async fn transmit(&self, prepared: &Prepared) -> Result<Answer, ClientError> {
        let sort = |error| ClientError::sort(error, &prepared.url, self.timeout.as_millis());
        let mut request = self.http.post(&prepared.url).timeout(self.timeout);
        for (name, value) in &prepared.headers {
            request = request.header(name, value);
        }
        let started = Instant::now();
        let mut answer = request.body(prepared.body_sent.clone()).send().await.map_err(sort)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(sort)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                let status = answer.status().as_u16();
                return Err(ClientError::NotUnderstood { status, problem: "it is too long" });
            }
            body.extend_from_slice(&chunk);
        }
        let elapsed = started.elapsed();
        let headers = answer.headers().iter().filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        });
        Ok(Answer {
            status: answer.status().as_u16(),
            headers: headers.collect(),
            body_received: body,
            elapsed,
        })
    }

    /// Decrypts an answer where it is encrypted, and reads its code.
    pub fn open(&self, answer: Answer) -> Result<Exchange, ClientError> {
        let Answer { status, headers, body_received, elapsed } = answer;
        let not_understood = |problem| ClientError::NotUnderstood { status, problem };
        let body_received =
            String::from_utf8(body_received).map_err(|_| not_understood("it is not UTF-8"))?;
        let received: Value =
            serde_json::from_str(&body_received).map_err(|_| not_understood("it is not JSON"))?;
        let (body_clear, clear) = match enc_data(&received) {
            None => (body_received.clone(), received),
            Some(compact) => {
                let (clear, _) = jwe::decrypt(compact, &self.credentials.client_private_key)
                    .map_err(|_| not_understood("its encData does not open with our key"))?;
                let clear = String::from_utf8(clear.expose().clone())
                    .map_err(|_| not_understood("its encData holds no UTF-8"))?;
                let value = serde_json::from_str(&clear)
                    .map_err(|_| not_understood("its encData holds no JSON"))?;
                (clear, value)
            }
        };
        let code = clear["response"]["code"].as_str().map(str::to_owned);
        Ok(Exchange { status, headers, body_received, body_clear, code, elapsed })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.base_url)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The JWE of an envelope, which has no other member.
fn enc_data(body: &Value) -> Option<&str> {
    body.as_object().filter(|object| object.len() == 1)?.get("encData")?.as_str()
}

/// Whether a proxy would be wrong: it has another loopback.
fn is_loopback(base_url: &str) -> bool {
    let host = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    ["127.", "localhost", "[::1]"].iter().any(|own| host.starts_with(own))
}

#[cfg(test)]
mod tests;
