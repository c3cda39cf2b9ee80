//! A call as it is kept and shown: whatever the caller sent or was answered is masked here, once.

use crypto::tran_token::TranToken;
use domain::Timestamp;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::cause::cause;
use super::mask::{Masked, Rules, decoded, is_moment};
use crate::context::App;
use crate::pipeline::observe::{End, Seen};

/// Most bytes of a masked request or answer that are kept.
pub const BODY_BYTES_MAX: usize = 16 * 1_024;
/// Most bytes of the signed text that are kept.
const SIGNED_BYTES_MAX: usize = 4 * 1_024;
/// Most headers that are kept.
const HEADERS_MAX: usize = 64;
/// Most parts of an encrypted text that are told.
const PARTS_MAX: usize = 8;
/// The parts of a compact JWE.
const PARTS: [&str; 5] = ["header", "encrypted key", "iv", "ciphertext", "tag"];

/// A call in the list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    at: String,
    operation: Option<&'static str>,
    method: Masked,
    path: Masked,
    status: u16,
    code: &'static str,
    description: Masked,
    duration_us: u64,
    /// The caller's number for the call.
    pub(super) correlation_id: Option<Masked>,
    partner: Option<Masked>,
    encrypted: bool,
}

/// A call, whole.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Whole<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    step: &'static str,
    cause: Masked,
    headers: Vec<(Masked, Masked)>,
    body_bytes: Option<usize>,
    signed: Signed,
    key_id: Option<Masked>,
    jwe: Option<Jwe>,
    field: Option<Masked>,
    request: Option<Box<RawValue>>,
    response: Option<Box<RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Signed {
    text: Option<Masked>,
    secret_hint: &'static str,
    expected_token: Option<Masked>,
    received_token: Option<Masked>,
}

#[derive(Serialize)]
struct Jwe {
    header: Masked,
    parts: Vec<Part>,
}

#[derive(Serialize)]
struct Part {
    name: &'static str,
    /// `None` where the part is no base64url.
    bytes: Option<usize>,
}

/// A moment as it is told.
pub fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.0).map(|at| at.to_string()).unwrap_or_default()
}

/// The text of a header, where there is one.
pub(super) fn header<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
    seen.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

impl Summary {
    /// What the list says of a call.
    pub(super) fn of(seen: &Seen, end: &End<'_>) -> Self {
        let answer = seen.answer.as_deref().unwrap_or(end.body);
        let answer: Value = serde_json::from_str(answer).unwrap_or_default();
        let description = answer["response"]["description"].as_str().unwrap_or_default();
        let masked = |name| header(seen, name).map(Masked::value);
        Summary {
            at: rfc3339(seen.at),
            operation: end.operation,
            method: Masked::value(seen.method.as_str()),
            path: Masked::value(&super::query::percent_decoded(&seen.path)),
            status: end.status,
            code: end.code,
            description: Masked::text(description),
            duration_us: u64::try_from(end.elapsed.as_micros()).unwrap_or(u64::MAX),
            correlation_id: header(seen, "x-km-correlation-id").map(Masked::correlation_id),
            partner: masked("x-km-user-aspid"),
            encrypted: cipher_text(seen).is_some(),
        }
    }
}

impl<'a> Whole<'a> {
    /// All that is known of a call.
    pub(super) fn of(app: &App, seen: &Seen, end: &End<'_>, summary: &'a Summary) -> Self {
        let entry = end.operation.and_then(|id| app.operations.by_id(id)).map(|it| &it.entry);
        let asked = Rules::request(entry.map_or(&[][..], |entry| entry.request.as_slice()));
        let answered = Rules::response(entry.map_or(&[][..], |entry| entry.response.as_slice()));
        let cipher_text = cipher_text(seen);
        let clear = match (&seen.decrypted, &cipher_text, &seen.body) {
            (Some(clear), _, _) => Some(clear.expose().as_slice()),
            (None, None, Some(body)) => Some(body.as_ref()),
            (None, Some(_), _) | (None, None, None) => None,
        };
        let answer = seen.answer.as_deref().unwrap_or(end.body).as_bytes();
        let each = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
            (Masked::value(name.as_str()), Masked::header(name.as_str(), value))
        };
        Whole {
            summary,
            step: end.step.name(),
            cause: cause(app, seen, end, entry),
            headers: seen.headers.iter().take(HEADERS_MAX).map(each).collect(),
            body_bytes: seen.body.as_ref().map(|body| body.len()),
            signed: Signed::of(seen, asked),
            key_id: header(seen, "x-km-crypto-key-id").map(Masked::value),
            jwe: cipher_text.as_deref().map(Jwe::of),
            field: seen.fault.as_deref().map(Masked::value),
            request: clear.and_then(|body| asked.mask(body, BODY_BYTES_MAX).json()),
            response: answered.mask(answer, BODY_BYTES_MAX).json(),
        }
    }
}

/// The encrypted text in the body, where it is an envelope.
fn cipher_text(seen: &Seen) -> Option<String> {
    let body: Value = serde_json::from_slice(seen.body.as_ref()?).ok()?;
    body.get("encData")?.as_str().map(str::to_owned)
}

impl Signed {
    /// The text that the token is over, with the token as it should be. In the sandbox a developer
    /// may know: the secret key is theirs.
    fn of(seen: &Seen, rules: Rules<'_>) -> Self {
        let received = header(seen, "x-km-tran-token");
        let text = seen.body.as_ref().map(|body| rules.mask(body, SIGNED_BYTES_MAX).text);
        let expected = seen.project.as_ref().zip(seen.body.as_ref()).and_then(|(project, body)| {
            let token = project.token_key.issue(&token_time(seen, received)?, body);
            Some(Masked::token(&token))
        });
        Signed {
            text,
            secret_hint: "the project's secret key",
            expected_token: expected,
            received_token: received.map(Masked::token),
        }
    }
}

/// The time within the token as it was received; where there is none, that of the call.
fn token_time(seen: &Seen, received: Option<&str>) -> Option<String> {
    let parsed = received.and_then(|text| TranToken::parse(text).ok());
    let of_token = parsed.map(|token| token.time_digits().to_owned());
    let of_call = || Some(format!("{:0<17}", header(seen, "x-km-tran-time")?));
    of_token.or_else(of_call).filter(|digits| is_moment(digits))
}

impl Jwe {
    fn of(compact: &str) -> Self {
        let mut parts = compact.split('.');
        let header = parts.clone().next().and_then(decoded).unwrap_or_default();
        let header = Rules::request(&[]).mask(&header, SIGNED_BYTES_MAX).text;
        let part = |place: usize, text: &str| Part {
            name: PARTS.get(place).copied().unwrap_or("unknown"),
            bytes: decoded(text).map(|bytes| bytes.len()),
        };
        let parts = parts.by_ref().take(PARTS_MAX).enumerate();
        Jwe { header, parts: parts.map(|(place, text)| part(place, text)).collect() }
    }
}
