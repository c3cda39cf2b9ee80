//! The body: received within bounds, decrypted where it is encrypted, parsed.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use contract::{Json, pipeline};
use crypto::jwe::{self, Enc};
use crypto::secret::SecretBytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::headers::Headers;
use super::observe::{Reason, Step};
use super::{Failure, Trace};
use crate::context::App;
use crate::cpu;
use crate::directory::{CryptoKey, Project};
use crate::op::Handler;
use crate::settings::Settings;
use crate::spans;

/// A body in clear.
pub(super) struct Opened {
    /// Its bytes.
    pub clear: SecretBytes,
    /// The same, parsed.
    pub json: Json,
    /// The encrypted text that it came in.
    pub cipher_text: Option<String>,
    /// How it was encrypted.
    pub enc: Option<Enc>,
    /// The live crypto key that the caller named, where the operation encrypts anything.
    pub key: Option<(String, Arc<CryptoKey>)>,
}

/// Receives the body.
pub(super) async fn receive(
    settings: &Settings,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Bytes, Failure> {
    if let Some(content_type) = headers.get(CONTENT_TYPE)
        && !is_json(content_type.to_str().unwrap_or_default())
    {
        return Err((&pipeline::UNSUPPORTED_MEDIA_TYPE).into());
    }
    let limit = usize::try_from(settings.body_limit_bytes).unwrap_or(usize::MAX);
    let timeout = Duration::from_millis(settings.body_timeout_ms);
    let received = tokio::time::timeout(timeout, Limited::new(body, limit).collect()).await;
    match received {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err((&pipeline::BODY_TOO_LARGE).into()),
        Ok(Err(_)) | Err(_) => Err((&pipeline::BODY_TIMEOUT).into()),
    }
}

/// Most bytes of a refused body that are read and thrown away.
const DRAINED_BYTES_MAX: usize = 1_048_576;

/// Reads what is left of a refused body: a client that cannot send all of its body does not read
/// the answer.
pub(super) async fn drain(settings: &Settings, mut body: Body) {
    let all = async {
        let mut drained_bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            drained_bytes += frame.data_ref().map_or(0, Bytes::len);
            if drained_bytes > DRAINED_BYTES_MAX {
                break;
            }
        }
    };
    let timeout = Duration::from_millis(settings.body_timeout_ms);
    // Whether it arrived in time or not, the answer goes out.
    let _ = tokio::time::timeout(timeout, all).await;
}

/// `application/json`, with or without parameters. No content type at all is taken for JSON.
fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// Decrypts where there is something to decrypt, and parses.
pub(super) async fn open(
    app: &App,
    handler: &Handler,
    headers: &Headers,
    project: &Project,
    body: Bytes,
    trace: &mut Trace,
) -> Result<Opened, Failure> {
    trace.step = Step::Body;
    let sent = parse(app, &body)?;
    let spec = handler.entry.spec;
    trace.step = Step::Decryption;
    let Some(cipher_text) = cipher_text(&sent)? else {
        if spec.request_encrypted && !project.accepts_plain {
            return Err((&pipeline::ENCRYPTION_REQUIRED).into());
        }
        trace.step = Step::Key;
        // A key that nothing would be encrypted with is not looked at.
        let key = match &headers.crypto_key_id {
            Some(id) if spec.response_encrypted => Some(live_key(project, id)?),
            // Its answer would tell in clear what is to be encrypted.
            None if spec.response_encrypted && !project.accepts_plain => {
                return Err((&pipeline::CRYPTO_KEY_ID_MISSING).into());
            }
            Some(_) | None => None,
        };
        let clear = SecretBytes::new(body.to_vec());
        return Ok(Opened { clear, json: sent, cipher_text: None, enc: None, key });
    };
    trace.step = Step::Key;
    let id = headers.crypto_key_id.as_ref().ok_or(&pipeline::CRYPTO_KEY_ID_MISSING)?;
    let (id, key) = live_key(project, id)?;
    trace.step = Step::Decryption;
    // Of the calls whose turn to be decrypted comes, most will write.
    let announced = app.store.announce();
    let (clear, enc) = spans::inner("decrypt", decrypt(app, &key, cipher_text.clone())).await?;
    drop(announced);
    trace.notes.add(|seen| seen.decrypted = Some(clear.clone()));
    trace.step = Step::Body;
    let json = parse(app, clear.expose())?;
    let cipher_text = Some(cipher_text);
    Ok(Opened { clear, json, cipher_text, enc: Some(enc), key: Some((id, key)) })
}

fn parse(app: &App, bytes: &[u8]) -> Result<Json, Failure> {
    let depth = usize::try_from(app.core.settings.json_depth_max).unwrap_or(usize::MAX);
    Json::parse_object(bytes, depth).map_err(|error| Failure {
        reason: Some(Reason::Json(error)),
        ..Failure::from(&pipeline::MALFORMED_BODY)
    })
}

/// The encrypted text of an envelope; `None` for a plain body. An envelope has nothing beside it.
fn cipher_text(sent: &Json) -> Result<Option<String>, Failure> {
    let Json::Object(members) = sent else { return Ok(None) };
    if !members.iter().any(|(name, _)| name == "encData") {
        return Ok(None);
    }
    match members.as_slice() {
        [(_, Json::String(text))] => Ok(Some(text.clone())),
        _ => Err(does_not_open(Reason::Envelope)),
    }
}

fn does_not_open(reason: Reason) -> Failure {
    Failure { reason: Some(reason), ..Failure::from(&pipeline::DECRYPTION_FAILED) }
}

fn live_key(project: &Project, id: &str) -> Result<(String, Arc<CryptoKey>), Failure> {
    let key = project.crypto_keys.get(id).ok_or(&pipeline::CRYPTO_KEY_UNKNOWN)?;
    Ok((id.to_owned(), Arc::clone(key)))
}

async fn decrypt(
    app: &App,
    key: &CryptoKey,
    cipher_text: String,
) -> Result<(SecretBytes, Enc), Failure> {
    let key = Arc::clone(&key.server_private);
    match app.cpu.run(move || jwe::decrypt(&cipher_text, &key)).await {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(error)) => Err(does_not_open(Reason::Jwe(error))),
        Err(cpu::Failed::Panicked) => Err((&pipeline::SERVER_FAULT).into()),
        Err(cpu::Failed::Busy) => {
            tracing::warn!("more calls wait to be decrypted than can be");
            Err((&pipeline::UNAVAILABLE).into())
        }
    }
}
