//! The way of a call: headers, body, token, decryption, the operation, and back.

mod auth;
mod envelope;
mod headers;
pub mod observe;

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use contract::output::error_body;
use contract::{Code, pipeline};
use crypto::digest::DigestKey;
use crypto::jwe::{self, Enc};
use crypto::pan::mask_numbers;
use crypto::secret::SecretBytes;
use domain::AspId;
use store::tables::log::{CallKeys, Since};

use crate::address;
use crate::context::App;
use crate::directory::{CryptoKey, Project};
use crate::op::{Answer, Call, CallKind, Handler, fresh_keys};
use crate::spans::{Sampled, Told, inner};
use envelope::Opened;
use headers::Headers;
use observe::{End, Notes, Reason, Step};

/// The failure of a step: a code of the pipeline.
#[derive(Debug)]
struct Failure {
    code: &'static Code,
    /// The name of the header at fault.
    name: Option<&'static str>,
    /// Seconds after which the call may be made again.
    retry_after_seconds: Option<u64>,
    /// What the code does not say, for an observer.
    reason: Option<Reason>,
}

impl From<&'static Code> for Failure {
    fn from(code: &'static Code) -> Self {
        Failure { code, name: None, retry_after_seconds: None, reason: None }
    }
}

/// What is wrong with a call's headers, as a code and the header at fault; `None` where they are
/// well-formed. For what tries headers without a server: the fuzz targets.
pub fn headers_at_fault(map: &HeaderMap) -> Option<(&'static Code, Option<&'static str>)> {
    Headers::read(map).err().map(|failure| (failure.code, failure.name))
}

/// What one call leaves in the log, in the metrics and with an observer.
#[derive(Clone, Default)]
struct Trace {
    operation: Option<&'static str>,
    asp_id: Option<AspId>,
    correlation_id: Option<String>,
    step: Step,
    notes: Notes,
    sampled: Sampled,
}

impl Trace {
    /// What a call that begins is known by.
    fn begin(app: &App, request: &Request<Body>) -> Self {
        let correlation_id = headers::correlation_id(request.headers());
        let notes = Notes::begin(app, request);
        let sampled = app.spans.begin(request.headers());
        Trace { correlation_id, notes, sampled, ..Trace::default() }
    }
}

/// Answers any request below the API's paths. The call runs in a task of its own: a caller that
/// hangs up does not stop it, and should it panic, the caller is answered all the same.
pub async fn handle(app: Arc<App>, request: Request<Body>) -> Response<Body> {
    let begun = Instant::now();
    let correlation = headers::answered(request.headers());
    let told = Trace::begin(&app, &request);
    let (running, mut trace) = (Arc::clone(&app), told.clone());
    let call = tokio::spawn(told.sampled.clone().gather(async move {
        let (parts, mut body) = request.into_parts();
        let outcome = run(&running, &parts, &mut body, &mut trace).await;
        let reply = outcome.unwrap_or_else(|failure| {
            trace.notes.add(|seen| {
                seen.fault = failure.name.map(str::to_owned);
                seen.reason = failure.reason;
            });
            Reply::failed(failure)
        });
        report(&running, &trace, &reply, begun);
        if reply.code != pipeline::BODY_TIMEOUT.code {
            envelope::drain(&running.core.settings, body).await;
        }
        reply
    }));
    let reply = match call.await {
        Ok(reply) => reply,
        Err(_) => {
            let reply = Reply::failed((&pipeline::SERVER_FAULT).into());
            let told = Trace { step: Step::Operation, ..told };
            report(&app, &told, &reply, begun);
            reply
        }
    };
    reply.into_response(correlation)
}

async fn run(
    app: &Arc<App>,
    parts: &Parts,
    body: &mut Body,
    trace: &mut Trace,
) -> Result<Reply, Failure> {
    let handler = app.operations.by_path(parts.uri.path()).ok_or(&pipeline::UNKNOWN_OPERATION)?;
    trace.operation = Some(handler.entry.spec.id);
    if parts.method != Method::POST {
        return Err((&pipeline::METHOD_NOT_ALLOWED).into());
    }
    let headers = Headers::read(&parts.headers)?;
    trace.notes.add(|seen| seen.tran_time = Some(headers.tran_time));
    trace.step = Step::Body;
    let settings = &app.core.settings;
    let body = inner("receive", envelope::receive(settings, &parts.headers, body)).await?;
    trace.notes.add(|seen| seen.body = Some(body.clone()));
    trace.step = Step::Token;
    if fresh_keys(app).await.is_err() {
        return Err((&pipeline::UNAVAILABLE).into());
    }
    let from = address::caller(&parts.extensions, &parts.headers, settings.trusted_proxies);
    let known = auth::authenticate(app, &headers, (&body, from), &mut trace.notes);
    let project = inner("authenticate", known).await?;
    trace.asp_id = Some(headers.asp.clone());
    limit(app, &headers.asp, &project)?;
    let project = auth::with_key(app, &headers, project).await?;
    trace.notes.add(|seen| seen.project = Some(Arc::clone(&project)));
    let opened = envelope::open(app, handler, &headers, &project, body, trace).await?;
    trace.step = Step::Operation;
    let call = identify(app, handler, headers, &project, &opened);
    let answer = inner("operation", handler.perform(app, call, &opened.json)).await;
    inner("answer", async { reply(handler, &opened, answer, trace) }).await
}

/// Refuses a call too many, before anything is decrypted for it.
fn limit(app: &App, asp: &AspId, project: &Project) -> Result<(), Failure> {
    let now = app.clock.now();
    let own = app.limits.take_of_project(asp, (project.id, project.rate), now);
    own.and_then(|()| app.limits.take(asp, now)).map_err(|too_many| Failure {
        retry_after_seconds: Some(too_many.retry_after_seconds),
        ..Failure::from(&pipeline::TOO_MANY_CALLS)
    })
}

/// What recognises the call. The digest is over the body in clear, as a client that encrypts
/// again sends other bytes.
fn identify(
    app: &App,
    handler: &Handler,
    headers: Headers,
    project: &Project,
    opened: &Opened,
) -> Call {
    let operation = handler.entry.spec.id;
    let (asp, id) = (headers.asp.as_str().as_bytes(), headers.correlation_id.as_bytes());
    let replay = [asp, operation.as_bytes(), id, opened.clear.expose()];
    let strict = [asp, operation.as_bytes(), id];
    let keys_by = |key: &DigestKey| CallKeys {
        replay: key.digest("replay", &replay).to_vec(),
        cipher: opened.cipher_text.as_ref().map(|text| {
            key.digest("cipher", &[asp, operation.as_bytes(), text.as_bytes()]).to_vec()
        }),
        strict: project.is_strict.then(|| key.digest("strict", &strict).to_vec()),
    };
    let ring = app.core.keys.ring();
    let now = app.moment();
    Call {
        operation,
        keys: keys_by(ring.digest_key()),
        other_keys: ring.digest_keys().skip(1).map(keys_by).collect(),
        asp: headers.asp,
        // The caller's own text goes into rows and the log; what recognises the call is a digest.
        correlation_id: mask_numbers(&headers.correlation_id),
        now: now.business,
        real_now: now.real,
        since: Since {
            call: now.real.minus_ms(project.replay_window_ms),
            cipher: now.real.minus_ms(project.tran_time_window_ms),
        },
        kind: CallKind::Live,
        given_apply_no: None,
    }
}

/// The answer as it goes out: encrypted where the operation says so and a key came.
fn reply(
    handler: &Handler,
    opened: &Opened,
    answer: Answer,
    trace: &mut Trace,
) -> Result<Reply, Failure> {
    let (code, http, clear) = match answer {
        Answer::Failed(code) => return Err(code.into()),
        Answer::Success(body) => {
            trace.step = Step::Done;
            ("000_000", 200, body)
        }
        Answer::Refused(code, field) => {
            let body = error_body(code.code, &code.description(field.as_deref()));
            if field.is_some() {
                // Of a field that can be read the operation itself refuses the value.
                if handler.check(&opened.json).is_err() {
                    trace.step = Step::Fields;
                }
                trace.notes.add(|seen| seen.fault = field);
            }
            (code.code, code.http, body)
        }
    };
    trace.notes.add(|seen| seen.answer = Some(clear.clone()));
    let key = opened.key.as_ref().filter(|_| handler.entry.spec.response_encrypted);
    let (body, key_id) = match key {
        None => (clear, None),
        Some((id, key)) => {
            let sealed = encrypt(key, opened.enc.unwrap_or(Enc::A128Gcm), clear)?;
            (sealed, Some(id.clone()))
        }
    };
    Ok(Reply { http, code, body, key_id, retry_after_seconds: None })
}

/// On this thread: unlike the private operation, RSA's public one is a matter of microseconds, and
/// handing it over would cost as much.
fn encrypt(key: &CryptoKey, enc: Enc, clear: String) -> Result<String, Failure> {
    let clear = SecretBytes::new(clear.into_bytes());
    match jwe::encrypt(clear.expose(), &key.client_public, enc) {
        Ok(compact) => Ok(format!("{{\"encData\":\"{compact}\"}}")),
        Err(_) => {
            tracing::error!("a response could not be encrypted");
            Err((&pipeline::SERVER_FAULT).into())
        }
    }
}

/// A response to be sent.
struct Reply {
    http: u16,
    code: &'static str,
    body: String,
    key_id: Option<String>,
    retry_after_seconds: Option<u64>,
}

impl Reply {
    fn failed(failure: Failure) -> Self {
        let Failure { code, name, retry_after_seconds, reason: _ } = failure;
        let body = error_body(code.code, &code.description(name));
        Reply { http: code.http, code: code.code, body, key_id: None, retry_after_seconds }
    }

    fn into_response(self, correlation: Option<HeaderValue>) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.http).unwrap_or_default();
        let headers: &mut HeaderMap = response.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(axum::http::header::CONTENT_TYPE, json);
        let no_store = HeaderValue::from_static("no-store");
        headers.insert(axum::http::header::CACHE_CONTROL, no_store);
        if self.http == 405 {
            headers.insert(axum::http::header::ALLOW, HeaderValue::from_static("POST"));
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(axum::http::header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(value) = correlation {
            headers.insert(headers::CORRELATION_ID, value);
        }
        if let Some(Ok(value)) = self.key_id.map(|id| HeaderValue::from_str(&id)) {
            headers.insert(headers::CRYPTO_KEY_ID, value);
        }
        response
    }
}

/// One line a request: never a number, key, token, name or address.
fn report(app: &App, trace: &Trace, reply: &Reply, begun: Instant) {
    let elapsed = begun.elapsed();
    let operation = trace.operation.unwrap_or("unknown");
    app.metrics.called(operation, reply.code, elapsed);
    tracing::info!(
        operation,
        code = reply.code,
        status = reply.http,
        duration_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        partner = trace.asp_id.as_ref().map_or("-", AspId::as_str),
        correlation_id = trace.correlation_id.as_deref().unwrap_or("-"),
        "call"
    );
    app.spans.end(&trace.sampled, || Told {
        operation,
        code: reply.code,
        status: reply.http,
        partner: trace.asp_id.as_ref().map(|asp| asp.as_str().to_owned()),
        correlation_id: trace.correlation_id.clone(),
    });
    let (step, operation) = (trace.step, trace.operation);
    let (status, code, body) = (reply.http, reply.code, reply.body.as_str());
    trace.notes.tell(app, &End { operation, step, status, code, body, elapsed });
}
