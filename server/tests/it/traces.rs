//! Traces, as a collector of OpenTelemetry receives them over a real socket.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use client::Encryption;
use crypto::jwe::Enc;
use platen::ops::BASE;
use platen::ops::prepaid_card::reissue::with_plastic;
use platen::sandbox::ASP_ID;
use platen::sandbox::world::products::STANDARD;
use platen::settings::Settings;
use platen::spans::export::flush;
use serde_json::{Value, json};
use store::testing::TestDatabase;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::given::given_of;
use crate::process::{Server, arg, database_arg};
use crate::support::{REISSUE, STATE, TestServer, code, on_each_database, on_sqlite, quick};

/// All calls, of a million.
const ALL: u64 = 1_000_000;
/// Another's span: its flag asks for a sample.
const CALLERS: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What a collector has received, and how it answers.
#[derive(Clone)]
pub struct Collector {
    pub url: String,
    bodies: Arc<Mutex<Vec<Value>>>,
    answers: StatusCode,
}

impl Collector {
    pub async fn start(answers: StatusCode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let collector = Collector { url, bodies: Arc::default(), answers };
        let router = axum::Router::new().route("/v1/traces", post(take));
        let router = router.with_state(collector.clone());
        // It ends with its runtime.
        tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        collector
    }

    /// All spans that have come.
    pub fn spans(&self) -> Vec<Value> {
        let bodies = self.bodies.lock().unwrap();
        let mut all = Vec::new();
        for body in bodies.iter() {
            let resource = &body["resourceSpans"][0];
            let service = &resource["resource"]["attributes"][0];
            assert_eq!(service["key"], "service.name");
            assert_eq!(service["value"]["stringValue"], "platen");
            all.extend(resource["scopeSpans"][0]["spans"].as_array().unwrap().iter().cloned());
        }
        all
    }
}

impl Collector {
    /// The words of all spans, without ids and times, which are numbers by their form; and how
    /// many calls there are among them.
    pub fn told(&self) -> (String, usize) {
        let (mut words, mut calls) = (String::new(), 0);
        for mut span in self.spans() {
            let members = span.as_object_mut().unwrap();
            calls += usize::from(!members.contains_key("parentSpanId"));
            for (name, digits) in [("traceId", 32), ("spanId", 16), ("parentSpanId", 16)] {
                let Some(id) = members.remove(name) else { continue };
                let is_hex = |letter: char| matches!(letter, '0'..='9' | 'a'..='f');
                assert!(id.as_str().is_some_and(|id| id.len() == digits && id.chars().all(is_hex)));
            }
            for name in ["startTimeUnixNano", "endTimeUnixNano"] {
                let time = members.remove(name).unwrap();
                assert!(time.as_str().unwrap().parse::<u64>().is_ok(), "{time}");
            }
            words.push_str(&span.to_string());
        }
        (words, calls)
    }
}

async fn take(State(to): State<Collector>, headers: HeaderMap, body: String) -> StatusCode {
    assert_eq!(headers["content-type"], "application/json");
    to.bodies.lock().unwrap().push(serde_json::from_str(&body).unwrap());
    to.answers
}

fn traced(url: &str) -> Settings {
    Settings { otlp_endpoint: url.to_owned(), otlp_sample_ratio: ALL, ..quick() }
}

fn text<'a>(span: &'a Value, name: &str) -> &'a str {
    span[name].as_str().unwrap_or_default()
}

fn time(span: &Value, name: &str) -> u64 {
    text(span, name).parse().unwrap()
}

/// A span's attributes by name.
fn attributes(span: &Value) -> BTreeMap<String, Value> {
    let all = span["attributes"].as_array().unwrap().iter();
    all.map(|each| (text(each, "key").to_owned(), each["value"].clone())).collect()
}

/// The spans of one call, its own first.
fn of_call(spans: &[Value], id: &str) -> Vec<Value> {
    let is_root = |span: &&Value| {
        span.get("parentSpanId").is_none()
            && attributes(span).get("platen.correlation_id") == Some(&json!({ "stringValue": id }))
    };
    let root = spans.iter().find(is_root).unwrap_or_else(|| panic!("no {id}: {spans:?}"));
    let of_it = spans.iter().filter(|span| span["traceId"] == root["traceId"]);
    let parts = of_it.filter(|span| span["spanId"] != root["spanId"]);
    std::iter::once(root).chain(parts).cloned().collect()
}

/// The names from a span up to its call.
fn path(spans: &[Value], span: &Value) -> Vec<String> {
    let mut names = vec![text(span, "name").to_owned()];
    let mut above = span.get("parentSpanId");
    while let Some(id) = above {
        assert!(names.len() < 10, "a circle: {names:?}");
        let parent = spans.iter().find(|each| each["spanId"] == *id).unwrap();
        assert!(time(parent, "startTimeUnixNano") <= time(span, "startTimeUnixNano"));
        assert!(time(parent, "endTimeUnixNano") >= time(span, "endTimeUnixNano"));
        names.insert(0, text(parent, "name").to_owned());
        above = parent.get("parentSpanId");
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_told_with_its_parts_and_nothing_of_its_contents() {
    on_each_database(async |target, bank| {
        let collector = Collector::start(StatusCode::OK).await;
        let server = TestServer::start(&target, &bank, traced(&collector.url)).await;
        let world = given_of(&server, &bank, STANDARD).await;
        let body = with_plastic(&world).to_string();
        let sealed = Encryption::Encrypted(Enc::A128Gcm);
        let url = format!("{BASE}{REISSUE}");
        let mut call = server.client.prepare(&url, &body, sealed, None).unwrap();
        call.set_header("traceparent", CALLERS);
        let id = call.header("X-KM-Correlation-Id").unwrap().to_owned();
        assert_eq!(code(&server.client.send(&call).await.unwrap()), "000_000");
        flush(&server.app).await;
        let spans = of_call(&collector.spans(), &id);
        check_call(&spans, &id);
        let paths: BTreeSet<String> =
            spans.iter().map(|span| path(&spans, span).join(" ")).collect();
        let under = |name: &str| format!("prepaid-card.reissue {name}");
        let wanted = [
            "receive",
            "authenticate",
            "decrypt",
            "operation",
            "operation write",
            "operation bank.withdraw",
            "answer",
        ];
        for part in wanted {
            assert!(paths.contains(&under(part)), "{part}: {paths:?}");
        }
        let bank = spans.iter().find(|span| span["name"] == "bank.withdraw").unwrap();
        assert_eq!(bank["kind"], 3);
        let told = serde_json::to_string(&spans).unwrap();
        for secret in secrets(&server, &body) {
            assert!(!told.contains(&secret), "{secret}: {told}");
        }
        assert!(server.app.metrics.text().contains("platen_spans_dropped_total 0\n"));
        server.stop().await;
    })
    .await;
}

/// The span of the call itself.
fn check_call(spans: &[Value], id: &str) {
    let call = &spans[0];
    let told = attributes(call);
    let as_text = |text: &str| json!({ "stringValue": text });
    let wanted = BTreeMap::from([
        ("platen.operation".to_owned(), as_text("prepaid-card.reissue")),
        ("platen.code".to_owned(), as_text("000_000")),
        ("platen.partner".to_owned(), as_text(ASP_ID)),
        ("platen.correlation_id".to_owned(), as_text(id)),
        ("http.response.status_code".to_owned(), json!({ "intValue": "200" })),
    ]);
    assert_eq!(told, wanted, "no more and no less");
    assert_eq!((call["kind"].clone(), call["status"].clone()), (json!(2), json!({})));
    // Linked to its caller's, and in a trace of its own.
    let trace = "0af7651916cd43dd8448eb211c80319c";
    assert_eq!(call["links"], json!([{ "traceId": trace, "spanId": "b7ad6b7169203331" }]));
    assert_ne!(call["traceId"], trace);
    let parts = ["traceId", "spanId", "parentSpanId", "name", "kind", "status"];
    let times = ["startTimeUnixNano", "endTimeUnixNano"];
    let known: BTreeSet<&str> = parts.into_iter().chain(times).collect();
    for part in &spans[1..] {
        let names: BTreeSet<&str> = part.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, known, "a part has nothing but its name and times");
    }
    let ids: BTreeSet<&str> = spans.iter().map(|span| text(span, "spanId")).collect();
    assert_eq!(ids.len(), spans.len());
}

/// Every text and number of a request, and the keys that it was made with.
fn secrets(server: &TestServer, body: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![serde_json::from_str::<Value>(body).unwrap()];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => open.extend(members.into_iter().map(|(_, value)| value)),
            Value::Array(items) => open.extend(items),
            Value::String(text) if text.len() > 5 => found.push(text),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    assert!(found.iter().any(|text| text.len() == 16), "a card's number: {found:?}");
    found.push(server.credentials.access_key.clone());
    found.push(server.credentials.secret_key.expose().clone());
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_refused_is_told_and_one_that_is_not_sampled_is_not() {
    let collector = Collector::start(StatusCode::OK).await;
    on_sqlite(traced(&collector.url), async |server| {
        let pan = "9491339500001010";
        let url = format!("{BASE}{STATE}");
        let mut call = server.client.prepare(&url, "{}", Encryption::Plain, None).unwrap();
        call.set_header("X-KM-Access-Key", "nobody-knows-it");
        call.set_header("X-KM-Correlation-Id", pan);
        call.set_header("traceparent", format!("00-{pan}{pan}-b7ad6b7169203331-01"));
        assert_eq!(code(&server.client.send(&call).await.unwrap()), "000_902");
        flush(&server.app).await;
        let spans = collector.spans();
        let told = attributes(&of_call(&spans, "949133******1010")[0]);
        assert_eq!(told["platen.code"], json!({ "stringValue": "000_902" }));
        assert!(!told.contains_key("platen.partner"), "nobody has proved to be it");
        let all = serde_json::to_string(&spans).unwrap();
        assert!(!all.contains(pan) && !all.contains("nobody-knows-it"), "{all}");
    })
    .await;
    let seen = collector.spans().len();
    let none = Settings { otlp_sample_ratio: 0, ..traced(&collector.url) };
    on_sqlite(none, async |server| {
        let url = format!("{BASE}{STATE}");
        let mut call = server.client.prepare(&url, "{}", Encryption::Plain, None).unwrap();
        call.set_header("traceparent", CALLERS);
        server.client.send(&call).await.unwrap();
        flush(&server.app).await;
    })
    .await;
    assert_eq!(collector.spans().len(), seen, "a caller's flag decides nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_fails_costs_spans_and_no_call() {
    let refusing = Collector::start(StatusCode::SERVICE_UNAVAILABLE).await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    // It lets connections in and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_at: SocketAddr = silent.local_addr().unwrap();
    for (url, dropped_at_once) in [
        (refusing.url.clone(), true),
        (format!("http://{nobody}"), true),
        (format!("http://{silent_at}"), false),
    ] {
        on_sqlite(traced(&url), async |server| {
            let begun = Instant::now();
            for _ in 0..20 {
                let answer = server.call(STATE, &json!({})).await;
                assert_eq!(answer.status, 400, "{}", answer.body_clear);
            }
            assert!(begun.elapsed() < Duration::from_secs(15), "calls wait for {url}");
            if dropped_at_once {
                flush(&server.app).await;
                let text = server.app.metrics.text();
                let line = text.lines().find(|line| line.starts_with("platen_spans_dropped_total"));
                let count = line.unwrap().rsplit(' ').next().unwrap();
                assert!(count.parse::<u64>().unwrap() >= 20, "{line:?}");
                assert!(text.contains("platen_spans_sent_total 0\n"), "{text}");
            }
            let begun = Instant::now();
            flush(&server.app).await;
            assert!(begun.elapsed() < Duration::from_secs(4), "a stop waits for {url}");
        })
        .await;
    }
}

/// The log says it once a minute at most, and a server that stops sends what it has.
#[test]
fn a_process_says_it_once_and_sends_what_it_has_when_it_stops() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = TempDir::new().unwrap();
    let database = TestDatabase::sqlite();
    let collector = runtime.block_on(Collector::start(StatusCode::OK));
    let bank = folder.path().join("bank.db");
    let bank = Server::start(folder.path(), &["bank-sim", "--data", arg(&bank)]);
    let start = |endpoint: &str| {
        let at = database_arg(database.target());
        let own = ["sandbox", "--listen", "127.0.0.1:0", "--database", &at, "--bank", &bank.url];
        let more = ["--otlp-endpoint", endpoint, "--otlp-sample-ratio", "1000000"];
        Server::start(folder.path(), &[&own[..], &more].concat())
    };
    let ask = |server: &Server| {
        runtime.block_on(async {
            let http = reqwest::Client::builder().no_proxy().build().unwrap();
            let url = format!("{}{BASE}{STATE}", server.url);
            assert_eq!(http.post(url).body("{}").send().await.unwrap().status().as_u16(), 400);
        });
    };
    let server = start(&collector.url);
    ask(&server);
    assert!(server.terminate().success());
    let told = collector.spans();
    assert!(told.iter().any(|span| span["name"] == "prepaid-card.state"), "{told:?}");
    let server = start("http://127.0.0.1:1");
    for _ in 0..3 {
        ask(&server);
        // Longer than a batch is gathered.
        std::thread::sleep(Duration::from_millis(1_300));
    }
    let logged = server.logged();
    assert_eq!(logged.matches("takes no traces").count(), 1, "{logged}");
    assert!(server.terminate().success());
}
