//! The HTTP edge: paths, methods, framing, limits and slow callers.

use std::time::Duration;

use client::Encryption;
use platen::ops::BASE;
use platen::settings::Settings;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::bodies::idle_state;
use crate::raw::{Raw, RawAnswer, Wire};
use crate::support::{STATE, TestServer, on_sqlite, quick};

fn call(server: &TestServer) -> Raw {
    Raw::plain(server, STATE, idle_state().to_string())
}

/// A valid body of exactly this many bytes.
fn padded(bytes: usize) -> String {
    let body = idle_state().to_string();
    let open = body.strip_suffix('}').unwrap();
    let pad = bytes - open.len() - r#","pad":""}"#.len();
    format!("{open},\"pad\":\"{}\"}}", "x".repeat(pad))
}

fn is(answer: &RawAnswer, status: u16, code: &str, what: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{what}");
}

/// The answers to bytes, until the server has nothing more to say.
async fn converse(server: &TestServer, bytes: &[u8], count: usize) -> Vec<RawAnswer> {
    let mut wire = Wire::connect(server).await;
    wire.send(bytes).await;
    let mut answers = Vec::new();
    while answers.len() < count
        && let Some(answer) = wire.answer().await
    {
        answers.push(answer);
    }
    answers
}

async fn is_alive(server: &TestServer) {
    is(&call(server).send(server).await, 200, "000_000", "alive");
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_methods() {
    on_sqlite(quick(), async |server| {
        let good = call(server);
        for path in [STATE.to_owned(), format!("{BASE}{STATE}"), format!("{BASE}{STATE}?a=1&b")] {
            is(&Raw { path, ..good.clone() }.send(server).await, 200, "000_000", "served");
        }
        let absolute = format!("http://anywhere{BASE}{STATE}");
        is(&Raw { path: absolute, ..good.clone() }.send(server).await, 200, "000_000", "absolute");
        for path in [
            "/",
            "/api",
            BASE,
            "/open-api/",
            "/open-api//api/v1/card/status",
            "/open-api/open-api/api/v1/card/status",
            "/open-apiapi/v1/card/status",
            "/api/v1/card/status/",
            "/api/v1/CARD/status",
            "/api/v1/card/%73tatus",
            "/api/v1/card/../card/status",
            "//api/v1/card/status",
            "/api/v2/card/status",
            "/api/v1/prepay-card/reissue",
            "*",
        ] {
            let answer = Raw { path: path.to_owned(), ..good.clone() }.send(server).await;
            is(&answer, 404, "000_905", path);
            assert!(answer.header("x-km-correlation-id").is_some(), "{path}");
        }
        for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", "post"] {
            let answer = good.clone().by(method).send(server).await;
            is(&answer, 405, "000_906", method);
            assert_eq!(answer.header("allow"), Some("POST"), "{method}");
        }
        let head = good.clone().by("HEAD").announcing(0);
        let mut wire = Wire::connect(server).await;
        wire.send(&head).await;
        wire.end_sending().await;
        let connect = good.clone().by("CONNECT").send(server).await;
        assert!([404, 405, 400].contains(&connect.status), "CONNECT {}", connect.status);
        is_alive(server).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn content_types() {
    on_sqlite(quick(), async |server| {
        let good = call(server);
        is(&good.clone().without("Content-Type").send(server).await, 200, "000_000", "none");
        for kind in [
            "application/json",
            "APPLICATION/JSON",
            "application/json; charset=utf-8",
            "application/json ;charset=UTF-8",
        ] {
            let answer = good.clone().with("Content-Type", kind).send(server).await;
            is(&answer, 200, "000_000", kind);
        }
        for kind in [
            "",
            "text/plain",
            "text/json",
            "application/jsonp",
            "application/xml",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "json",
            "; application/json",
            "응용/제이슨",
        ] {
            let answer = good.clone().with("Content-Type", kind).send(server).await;
            is(&answer, 415, "000_908", kind);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_at_their_limit() {
    on_sqlite(quick(), async |server| {
        let limit = usize::try_from(Settings::default().body_limit_bytes).unwrap();
        for (bytes, status, code) in [
            (limit - 1, 200, "000_000"),
            (limit, 200, "000_000"),
            (limit + 1, 413, "000_907"),
            (limit * 2, 413, "000_907"),
            (limit * 160, 413, "000_907"),
        ] {
            let raw = Raw::plain(server, STATE, padded(bytes));
            is(&raw.send(server).await, status, code, &format!("{bytes} bytes"));
            for chunk in [1_000, limit * 2] {
                let answers = converse(server, &raw.chunked(chunk), 1).await;
                is(&answers[0], status, code, &format!("{bytes} bytes in chunks of {chunk}"));
            }
        }
        // An HTTP client that is still sending hears it, too.
        for _ in 0..20 {
            let body = padded(limit * 12);
            let sent = server.client.call(STATE, &body, Encryption::Plain, None).await;
            assert_eq!(sent.unwrap().status, 413);
        }
        // Refused for its headers or its path, a caller still hears why.
        for (raw, status, code) in [
            (Raw::plain(server, STATE, padded(limit)).without("X-KM-Tran-Time"), 400, "000_901"),
            (Raw::plain(server, "/nowhere", padded(limit * 2)), 404, "000_905"),
            (Raw::plain(server, STATE, padded(limit * 8)).by("PUT"), 405, "000_906"),
            (Raw::plain(server, STATE, padded(limit)).with("Content-Type", "a/b"), 415, "000_908"),
        ] {
            is(&raw.send(server).await, status, code, code);
        }
        is_alive(server).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn announced_lengths_that_lie() {
    let settings = Settings { body_timeout_ms: 400, header_timeout_ms: 1_000, ..quick() };
    on_sqlite(settings, async |server| {
        let good = call(server);
        for more in [1, 1_000, 1_000_000_000_000] {
            let mut bytes = good.announcing(good.body.len() + more);
            bytes.extend_from_slice(&good.body);
            let answers = converse(server, &bytes, 1).await;
            is(&answers[0], 408, "000_916", "more announced");
        }
        let mut wire = Wire::connect(server).await;
        wire.send(&good.announcing(good.body.len() + 1)).await;
        wire.send(&good.body).await;
        wire.end_sending().await;
        is(&wire.answer().await.unwrap(), 408, "000_916", "ended before its length");
        let mut bytes = good.announcing(good.body.len() - 1);
        bytes.extend_from_slice(&good.body);
        let answers = converse(server, &bytes, 2).await;
        is(&answers[0], 401, "000_902", "cut");
        assert!(answers.get(1).is_none_or(|answer| answer.status == 400), "the rest is no call");
        for framing in [
            "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
            "Content-Length: -1\r\n\r\n",
            "Content-Length: 99999999999999999999999\r\n\r\n",
            "Content-Length: x\r\n\r\n",
            "Transfer-Encoding: gzip\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            "Expect: something\r\nContent-Length: 0\r\n\r\n",
        ] {
            let mut bytes = good.head();
            bytes.extend_from_slice(framing.as_bytes());
            let answers = converse(server, &bytes, 1).await;
            let status = answers.first().map_or(0, |answer| answer.status);
            assert!([0, 400, 401, 408, 413].contains(&status), "{framing} {status}");
        }
        is_alive(server).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_callers_are_let_go() {
    let settings = Settings { body_timeout_ms: 300, header_timeout_ms: 300, ..quick() };
    on_sqlite(settings, async |server| {
        let good = call(server);
        let head = good.head();
        let mut slow_head = Wire::connect(server).await;
        slow_head.send(&head[..head.len() / 2]).await;
        let mut silent = Wire::connect(server).await;
        let mut slow_body = Wire::connect(server).await;
        slow_body.send(&good.announcing(good.body.len())).await;
        slow_body.send(&good.body[..10]).await;
        let mut dripping = Wire::connect(server).await;
        dripping.send(&good.announcing(good.body.len())).await;
        for byte in good.body.chunks(1).take(20) {
            dripping.send(byte).await;
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        is(&slow_body.answer().await.unwrap(), 408, "000_916", "slow body");
        is(&dripping.answer().await.unwrap(), 408, "000_916", "dripping body");
        assert!(slow_body.answer().await.is_none(), "the connection is closed");
        assert!(slow_head.answer().await.is_none_or(|answer| answer.status == 408), "slow head");
        assert!(silent.answer().await.is_none(), "silent");
        is_alive(server).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_does_not_read_is_let_go() {
    let settings = Settings { connections_max: 1, write_timeout_ms: 300, ..quick() };
    on_sqlite(settings, async |server| {
        // More than any socket buffers hold.
        let mut deaf = Wire::connect(server).await;
        deaf.send(&b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1_000)).await;
        is_alive(server).await;
        drop(deaf);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_kept_and_pipelined() {
    on_sqlite(quick(), async |server| {
        let mut wire = Wire::connect(server).await;
        for number in 0..50 {
            let id = format!("in-turn-{number}");
            wire.send(&call(server).with("X-KM-Correlation-Id", &id).bytes()).await;
            let answer = wire.answer().await.unwrap();
            is(&answer, 200, "000_000", &id);
            assert_eq!(answer.header("x-km-correlation-id"), Some(id.as_str()));
        }
        let mut bytes = Vec::new();
        for number in 0..20 {
            let raw = call(server).with("X-KM-Correlation-Id", format!("ahead-{number}"));
            bytes.extend(match number % 3 {
                0 => raw.bytes(),
                1 => raw.chunked(7),
                _ => raw.with("Content-Type", "text/plain").bytes(),
            });
        }
        let answers = converse(server, &bytes, 20).await;
        assert_eq!(answers.len(), 20);
        for (number, answer) in answers.iter().enumerate() {
            let id = format!("ahead-{number}");
            assert_eq!(answer.header("x-km-correlation-id"), Some(id.as_str()));
            assert_eq!(answer.status, if number % 3 == 2 { 415 } else { 200 }, "{id}");
        }
        let mut half = Wire::connect(server).await;
        half.send(&call(server).bytes()).await;
        half.end_sending().await;
        is(&half.answer().await.unwrap(), 200, "000_000", "half-closed");
        let expecting = call(server).with("Expect", "100-continue");
        let mut waiting = Wire::connect(server).await;
        waiting.send(&expecting.announcing(expecting.body.len())).await;
        assert_eq!(waiting.answer().await.unwrap().status, 100, "asked to go on");
        waiting.send(&expecting.body).await;
        is(&waiting.answer().await.unwrap(), 200, "000_000", "went on");
        let mut old = String::from_utf8(call(server).bytes()).unwrap();
        old = old.replacen("HTTP/1.1", "HTTP/1.0", 1);
        is(&converse(server, old.as_bytes(), 1).await[0], 200, "000_000", "HTTP/1.0");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_within_their_limits() {
    on_sqlite(quick(), async |server| {
        let max = usize::try_from(Settings::default().headers_max).unwrap();
        let mut raw = call(server);
        // `Host` and `Content-Length` are two more.
        while raw.headers.len() + 2 < max {
            raw = raw.clone().doubled(&format!("X-Extra-{}", raw.headers.len()), "x");
        }
        is(&raw.send(server).await, 200, "000_000", "as many headers as are taken");
        let raw = raw.doubled("X-One-Too-Many", "x");
        assert_eq!(raw.send(server).await.status, 431, "one more");
        let large = call(server).with("X-Extra", "x".repeat(8_000));
        is(&large.send(server).await, 200, "000_000", "a large header");
        let answers =
            converse(server, &call(server).with("X", "x".repeat(200_000)).bytes(), 1).await;
        assert!(answers.first().is_none_or(|answer| answer.status == 431), "a giant header");
        for garbage in [
            b"\r\n\r\n".as_slice(),
            b"GET\r\n\r\n",
            b"POST / HTTP/9.9\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"POST /api/v1/card/status HTTP/1.1\r\nbad header: x\r\n\r\n",
            b"POST /api/v1/card/status HTTP/1.1\r\nX: a\x00b\r\n\r\n",
            b"POST /\xff HTTP/1.1\r\n\r\n",
        ] {
            let mut wire = Wire::connect(server).await;
            wire.send(garbage).await;
            wire.end_sending().await;
            let status = wire.answer().await.map_or(0, |answer| answer.status);
            assert!([0, 400, 404, 505].contains(&status), "{garbage:?} {status}");
        }
        is_alive(server).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_bounded() {
    on_sqlite(Settings { connections_max: 2, ..quick() }, async |server| {
        let (first, second) = (Wire::connect(server).await, Wire::connect(server).await);
        let mut third = Wire::connect(server).await;
        third.send(&call(server).bytes()).await;
        let early = tokio::time::timeout(Duration::from_millis(300), third.answer()).await;
        assert!(early.is_err(), "a third connection waits");
        drop(first);
        is(&third.answer().await.unwrap(), 200, "000_000", "its turn");
        drop((second, third));
        is_alive(server).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_idle_connections_hold_up_nobody() {
    const IDLE: usize = 1_000;
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    setrlimit(Resource::Nofile, raised).unwrap();
    on_sqlite(quick(), async |server| {
        let mut idle = Vec::with_capacity(IDLE);
        for number in 0..IDLE {
            let mut wire = Wire::connect(server).await;
            if number % 2 == 0 {
                wire.send(b"POST /api/v1/card/status HTTP/1.1\r\nHost").await;
            }
            idle.push(wire);
        }
        for _ in 0..20 {
            is_alive(server).await;
        }
        assert_eq!(idle.len(), IDLE);
        drop(idle);
        is_alive(server).await;
    })
    .await;
}
