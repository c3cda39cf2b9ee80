//! The HTTP edge: connections within bounds, and what is served beside the API.

mod stream;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt as _;

use crate::address::Peer;
use crate::context::App;
use crate::pipeline;
use crate::portal::Pages;
use stream::Stream;

/// How long `/readyz` waits for the database: who asks has little patience, and a database that
/// says nothing is away.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// What every handler is given.
#[derive(Clone)]
pub struct Served {
    /// The server.
    pub app: Arc<App>,
    /// Whether it takes new calls.
    pub ready: Arc<AtomicBool>,
    /// `/openapi.json`, made once.
    pub openapi: Arc<str>,
    /// The developer portal, where it is on.
    pub portal: Option<Arc<Pages>>,
}

/// The routes; `sandbox` adds those of the sandbox.
pub fn router(served: Served, sandbox: Option<Router<Served>>) -> Router {
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(openapi))
        .merge(sandbox.unwrap_or_default())
        .fallback(call);
    routes.with_state(served)
}

async fn call(State(served): State<Served>, request: Request) -> Response {
    let page = served
        .portal
        .and_then(|pages| pages.answer(request.method(), request.uri(), request.headers()));
    match page {
        Some(page) => page,
        None => pipeline::handle(served.app, request).await,
    }
}

async fn readyz(State(served): State<Served>) -> Response {
    if !served.ready.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    match tokio::time::timeout(READY_WITHIN, served.app.store.ping()).await {
        Ok(Ok(())) => "ready\n".into_response(),
        Ok(Err(_)) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "database away\n").into_response(),
    }
}

async fn metrics(State(served): State<Served>) -> Response {
    let Served { app, .. } = served;
    app.metrics.pools(&app.store.pools());
    let text = app.metrics.text();
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

async fn openapi(State(served): State<Served>) -> Response {
    let document = served.openapi.to_string();
    ([(header::CONTENT_TYPE, "application/json")], document).into_response()
}

/// Serves until `stop`, then lets running calls end within the drain time.
pub async fn serve(
    listener: TcpListener,
    served: Served,
    router: Router,
    stop: impl Future<Output = ()>,
) {
    let settings = Arc::clone(&served.app.core.settings);
    let limit = usize::try_from(settings.connections_max).unwrap_or(usize::MAX);
    raise_file_limit(limit);
    let connections = Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)));
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // A caller may end its sending and still wait for the answer; a call that has begun is
        // not broken off halfway because its caller has gone.
        .half_close(true)
        .header_read_timeout(Duration::from_millis(settings.header_timeout_ms))
        .max_headers(usize::try_from(settings.headers_max).unwrap_or(usize::MAX))
        .max_buf_size(usize::try_from(settings.head_bytes_max).unwrap_or(usize::MAX).max(8_192));
    let write_timeout = Duration::from_millis(settings.write_timeout_ms);
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        let Some((stream, peer, permit)) = accepted else { continue };
        let router = router.clone().map_request(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(peer);
            request
        });
        let service = TowerToHyperService::new(router);
        let stream = TokioIo::new(Stream::new(stream, write_timeout));
        let connection = graceful.watch(builder.serve_connection(stream, service));
        tokio::spawn(async move {
            // A connection that breaks is the caller's affair; its call was logged.
            let _ = connection.await;
            drop(permit);
        });
    }
    served.ready.store(false, Ordering::Relaxed);
    drop(listener);
    let drain = Duration::from_millis(settings.drain_ms);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("some calls did not end in time; recovery goes on with their fees");
    }
}

type Accepted = (TcpStream, Peer, OwnedSemaphorePermit);

/// Open files that are not connections: database, bank, log.
const FILES_BESIDE: u64 = 256;

/// Pause after a failed accept: out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

async fn accept(listener: &TcpListener, connections: &Arc<Semaphore>) -> Option<Accepted> {
    let permit = Arc::clone(connections).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, from)) => {
            // Small answers should not wait for more to send.
            let _ = stream.set_nodelay(true);
            Some((stream, Peer(from.ip()), permit))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Files that a process may have open, as far as its hard limit goes: each connection is one.
fn raise_file_limit(connections: usize) {
    let limit = getrlimit(Resource::Nofile);
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(FILES_BESIDE);
    let wanted = limit.maximum.map_or(wanted, |most| most.min(wanted));
    if limit.current.is_some_and(|now| now < wanted) {
        let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
        if setrlimit(Resource::Nofile, raised).is_err() || limit.maximum == Some(wanted) {
            tracing::warn!(files = wanted, "the limit of open files allows fewer connections");
        }
    }
}

/// Refuses what comes from a page of another site: its Origin says so, or, where the site's name
/// was made to lead to this address, its Host does.
pub async fn only_own_host(request: Request, next: Next) -> Response {
    if is_from_here(request.headers()) {
        return next.run(request).await;
    }
    let sentence = r#"{"error":"The sandbox answers to localhost and 127.0.0.1 alone."}"#;
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::FORBIDDEN, kind, sentence).into_response()
}

fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host_is_own = text(header::HOST).is_some_and(is_own);
    let origin_is_own = match text(header::ORIGIN) {
        None => !headers.contains_key(header::ORIGIN),
        Some(origin) => origin.strip_prefix("http://").is_some_and(is_own),
    };
    // A browser says so of what a page of another site makes it ask for, where it sends no Origin.
    let is_foreign = text(HeaderName::from_static("sec-fetch-site")) == Some("cross-site");
    host_is_own && origin_is_own && !is_foreign
}

/// Whether a host, with its port or without, is this machine by its own name.
fn is_own(host: &str) -> bool {
    let port = |rest: &str| rest.is_empty() || rest.starts_with(':');
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|own| host.strip_prefix(own).is_some_and(port))
}
