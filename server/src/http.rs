//! The HTTP edge: connections within bounds, and what is served beside the API.

mod stream;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::future::RouteFuture;
use axum::routing::get;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::Service;

use crate::address::Peer;
use crate::context::App;
use crate::pipeline;
use crate::portal::Pages;
use crate::settings::Settings;
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

/// Where connections come in, and who answers them.
pub struct Door {
    /// Where it listens.
    pub listener: TcpListener,
    /// What a connection begins with, where it is encrypted.
    pub tls: Option<TlsAcceptor>,
    /// Answers.
    pub router: Router,
}

/// What callers of a production server reach: the API alone.
pub fn api_router(served: Served) -> Router {
    let alone = Served { portal: None, ..served };
    Router::new().route("/healthz", get(healthz)).fallback(call).with_state(alone)
}

/// What a production server's operators reach: its state and the portal, and no call.
pub fn admin_router(served: Served) -> Router {
    own_routes().fallback(page).with_state(served)
}

/// The routes; `sandbox` adds those of the sandbox.
pub fn router(served: Served, sandbox: Option<Router<Served>>) -> Router {
    own_routes().merge(sandbox.unwrap_or_default()).fallback(call).with_state(served)
}

/// What a server tells of itself.
fn own_routes() -> Router<Served> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(openapi))
}

async fn healthz() -> &'static str {
    "ok\n"
}

async fn page(State(served): State<Served>, request: Request) -> Response {
    let page = served
        .portal
        .and_then(|pages| pages.answer(request.method(), request.uri(), request.headers()));
    page.unwrap_or_else(|| (StatusCode::NOT_FOUND, "not found\n").into_response())
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
        Ok(Ok(())) => {}
        Ok(Err(_)) | Err(_) => {
            return (StatusCode::SERVICE_UNAVAILABLE, "database away\n").into_response();
        }
    }
    if served.app.core.keys.token_works(&served.app.store, READY_WITHIN).await {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "token away\n").into_response()
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
pub async fn serve(door: Door, served: &Served, stop: impl Future<Output = ()>) {
    let settings = Arc::clone(&served.app.core.settings);
    let limit = usize::try_from(settings.connections_max).unwrap_or(usize::MAX);
    raise_file_limit(limit);
    let connections = Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)));
    let Door { listener, tls, router } = door;
    let entry = Entry::new(&settings, tls);
    let graceful = GracefulShutdown::new();
    // Nothing is sent: who shakes hands sees that the other end is gone.
    let (open, stopping) = watch::channel(());
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        let Some((stream, peer, permit)) = accepted else { continue };
        let service = TowerToHyperService::new(FromPeer { router: router.clone(), peer });
        let (entry, watcher) = (entry.clone(), graceful.watcher());
        let stopping = stopping.clone();
        tokio::spawn(async move {
            entry.serve(stream, service, watcher, stopping).await;
            drop(permit);
        });
    }
    served.ready.store(false, Ordering::Relaxed);
    drop((listener, open));
    let drain = Duration::from_millis(settings.drain_ms);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("some calls did not end in time; recovery goes on with their fees");
    }
}

/// The routes, as a connection has them: each request says from where it comes.
#[derive(Clone)]
struct FromPeer {
    router: Router,
    peer: Peer,
}

impl Service<hyper::Request<Incoming>> for FromPeer {
    type Response = Response;
    type Error = Infallible;
    type Future = RouteFuture<Infallible>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<hyper::Request<Incoming>>::poll_ready(&mut self.router, cx)
    }

    fn call(&mut self, mut request: hyper::Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.router.call(request)
    }
}

/// How a connection is served.
#[derive(Clone)]
struct Entry {
    builder: Builder,
    tls: Option<TlsAcceptor>,
    handshake_timeout: Duration,
    write_timeout: Duration,
}

impl Entry {
    fn new(settings: &Settings, tls: Option<TlsAcceptor>) -> Self {
        let mut builder = Builder::new();
        let header_timeout = Duration::from_millis(settings.header_timeout_ms);
        let head_bytes = usize::try_from(settings.head_bytes_max).unwrap_or(usize::MAX);
        builder
            .timer(TokioTimer::new())
            // A caller may end its sending and still wait for the answer; a call that has begun is
            // not broken off halfway because its caller has gone.
            .half_close(true)
            .header_read_timeout(header_timeout)
            .max_headers(usize::try_from(settings.headers_max).unwrap_or(usize::MAX))
            .max_buf_size(head_bytes.max(8_192));
        let write_timeout = Duration::from_millis(settings.write_timeout_ms);
        Entry { builder, tls, handshake_timeout: header_timeout, write_timeout }
    }

    /// A connection to its end. One that breaks is the caller's affair; its call was logged.
    async fn serve(
        self,
        stream: TcpStream,
        service: TowerToHyperService<FromPeer>,
        watcher: Watcher,
        mut stopping: watch::Receiver<()>,
    ) {
        let stream = Stream::new(stream, self.write_timeout);
        let Some(tls) = self.tls else {
            let connection = self.builder.serve_connection(TokioIo::new(stream), service);
            let _ = watcher.watch(connection).await;
            return;
        };
        let shaken = tokio::select! {
            _ = stopping.changed() => return,
            shaken = tokio::time::timeout(self.handshake_timeout, tls.accept(stream)) => shaken,
        };
        if let Ok(Ok(stream)) = shaken {
            let connection = self.builder.serve_connection(TokioIo::new(stream), service);
            let _ = watcher.watch(connection).await;
        }
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
