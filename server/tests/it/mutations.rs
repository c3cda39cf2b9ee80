//! Whatever comes is answered with a code, never with a fault, and the server lives on.

use client::Encryption;
use crypto::jwe::Enc;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::bodies::{idle_state, refused_reissue};
use crate::raw::{Raw, RawAnswer, Wire};
use crate::support::{REISSUE, STATE, TestServer, on_sqlite, quick};

const CASES: usize = 200;

/// Answers that are not the platform's fault.
fn check(answer: &RawAnswer, what: &dyn std::fmt::Debug) {
    let code = answer.code();
    let sealed = answer.json()["encData"].is_string();
    assert!(sealed || code.len() == 7, "no code for {what:?}");
    assert!([200, 400, 401, 403, 404, 405, 413, 415].contains(&answer.status), "{code} {what:?}");
}

async fn is_alive(server: &TestServer) {
    let body = idle_state().to_string();
    let exchange = server.client.call(STATE, &body, Encryption::Plain, None).await.unwrap();
    assert_eq!(exchange.status, 200);
}

/// JSON of any shape, with the values that break programs among it.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        "[0-9]{0,20}".prop_map(Value::from),
        prop::sample::select(vec!["SUSPEND", "RESUME", "\u{0}", "Q1"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((".{0,8}", inner), 0..5)
                .prop_map(|members| json!(members.into_iter().collect::<serde_json::Map<_, _>>())),
        ]
    })
}

/// Every place within a value, as JSON pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let Some(members) = value.as_object() else { return };
    for (name, inner) in members {
        let place = format!("{at}/{name}");
        places(inner, &place, found);
        found.push(place);
    }
}

fn mutated(base: &Value, changes: &[(Index, Option<Value>)]) -> Value {
    let mut body = base.clone();
    let mut all = Vec::new();
    places(base, "", &mut all);
    for (at, change) in changes {
        let (parent, name) = at.get(&all).rsplit_once('/').unwrap();
        let Some(Value::Object(members)) = body.pointer_mut(parent) else { continue };
        match change {
            Some(value) => members.insert(name.to_owned(), value.clone()),
            None => members.shift_remove(name),
        };
    }
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn mutated_bodies_are_answered() {
    on_sqlite(quick(), async |server| {
        let mut runner = TestRunner::deterministic();
        let changes = vec((any::<Index>(), prop::option::of(any_json())), 1..4);
        for (path, base) in [(REISSUE, refused_reissue()), (STATE, idle_state())] {
            for case in 0..CASES {
                let changes = changes.new_tree(&mut runner).unwrap().current();
                let body = mutated(&base, &changes).to_string();
                let raw = match case % 8 {
                    0 => Raw::encrypted(server, path, &body, Enc::A256Gcm),
                    1 => Raw::answer_only(server, path, &body),
                    _ => Raw::plain(server, path, &body),
                };
                check(&raw.send(server).await, &body);
            }
        }
        is_alive(server).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_with_changed_bytes_are_answered() {
    on_sqlite(quick(), async |server| {
        let mut runner = TestRunner::deterministic();
        let edits = vec((any::<Index>(), any::<u8>(), 0..3_u8), 1..6);
        let noise = vec(any::<u8>(), 0..300);
        for (path, base) in [(REISSUE, refused_reissue()), (STATE, idle_state())] {
            for _ in 0..CASES {
                let mut bytes = base.to_string().into_bytes();
                for (at, byte, how) in edits.new_tree(&mut runner).unwrap().current() {
                    let at = at.index(bytes.len());
                    match how {
                        0 => bytes[at] = byte,
                        1 => bytes.insert(at, byte),
                        _ => drop(bytes.remove(at)),
                    }
                }
                check(&Raw::plain(server, path, &bytes).send(server).await, &bytes);
            }
            for case in 0..CASES / 2 {
                let bytes = noise.new_tree(&mut runner).unwrap().current();
                let raw = match case % 4 {
                    0 => Raw::encrypted(server, path, &bytes, Enc::A128Gcm),
                    _ => Raw::plain(server, path, &bytes),
                };
                check(&raw.send(server).await, &bytes);
            }
        }
        is_alive(server).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_with_changed_bytes_and_noise_are_survived() {
    on_sqlite(quick(), async |server| {
        let mut runner = TestRunner::deterministic();
        let change = (any::<Index>(), vec(any::<u8>(), 0..80));
        let noise = vec(any::<u8>(), 0..400);
        let good = Raw::plain(server, STATE, idle_state().to_string());
        for _ in 0..CASES {
            let (at, value) = change.new_tree(&mut runner).unwrap().current();
            let mut raw = good.clone();
            let framing = |byte: &u8| matches!(byte, b'\r' | b'\n');
            let value: Vec<u8> = value.into_iter().filter(|byte| !framing(byte)).collect();
            let at = at.index(raw.headers.len());
            raw.headers[at].1 = value;
            let answer = raw.send(server).await;
            // Control characters are not HTTP, which the edge refuses without a body.
            if answer.status != 400 || !answer.body.is_empty() {
                check(&answer, &raw.headers[at]);
            }
        }
        for _ in 0..CASES / 2 {
            let mut wire = Wire::connect(server).await;
            wire.send(&noise.new_tree(&mut runner).unwrap().current()).await;
            wire.end_sending().await;
            let answer = wire.answer().await;
            assert!(answer.is_none_or(|answer| answer.status < 500));
        }
        is_alive(server).await;
    })
    .await;
}
