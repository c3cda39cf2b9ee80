//! HTTP with the guarantees that an order needs.

use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, retry};
use serde_json::Value;

use super::answer::Reply;
use super::config::{Config, ConfigError};
use super::token::Bearer;

/// A longer answer is none of a bank's.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Shorter than the idle times of common gateways: an order written to a connection that the other
/// side is closing would be unknown.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(10);
const POOL_IDLE_PER_HOST_MAX: usize = 64;

/// What became of one request.
pub(super) enum Outcome {
    Reply(Reply),
    /// No connection came about.
    NotSent,
    Lost(&'static str),
}

/// No redirect, no retry and no proxy: each would send an order a second time or elsewhere.
pub(super) fn client(config: &Config) -> Result<Client, ConfigError> {
    let builder = Client::builder()
        .http1_only()
        .redirect(Policy::none())
        .retry(retry::never())
        .referer(false)
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(POOL_IDLE_PER_HOST_MAX);
    let encrypted = config.base_urls().any(|url| url.starts_with("https:"));
    // A simulator works on a machine without root certificates too.
    let builder = if encrypted { builder } else { builder.tls_certs_only([]) };
    builder.build().map_err(ConfigError::Http)
}

pub(super) async fn post_json(http: &Client, url: &str, bearer: &Bearer, body: &Value) -> Outcome {
    let request = http
        .post(url)
        .bearer_auth(bearer.expose())
        .header(CONTENT_TYPE, "application/json; charset=UTF-8")
        .body(body.to_string());
    send(request).await
}

pub(super) async fn post_form(http: &Client, url: &str, fields: &[(&str, &str)]) -> Outcome {
    let body: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", form_encoded(value))).collect();
    let request = http
        .post(url)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=UTF-8")
        .body(body.join("&"));
    send(request).await
}

async fn send(request: RequestBuilder) -> Outcome {
    match request.header(ACCEPT, "application/json").send().await {
        Ok(response) => read(response).await,
        Err(e) if e.is_connect() || e.is_builder() => Outcome::NotSent,
        Err(_) => Outcome::Lost("connection lost before the answer"),
    }
}

async fn read(mut response: Response) -> Outcome {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > ANSWER_BYTES_MAX => {
                return Outcome::Lost("answer too long");
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Outcome::Reply(Reply::new(status, &body)),
            Err(_) => return Outcome::Lost("answer cut"),
        }
    }
}

fn form_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._*".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_field_cannot_make_another() {
        assert_eq!(form_encoded("a&b=c d+e/가"), "a%26b%3Dc%20d%2Be%2F%EA%B0%80");
    }
}
