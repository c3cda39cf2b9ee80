//! Messages encrypted both ways, and what does not open.

use crypto::jwe::{self, Enc};
use data_encoding::BASE64URL_NOPAD;
use platen::ops::BASE;
use platen::settings::Settings;
use serde_json::{Value, json};

use crate::bodies::{REFUSED, idle_state, refused_reissue, with};
use crate::raw::{Raw, RawAnswer};
use crate::support::{REISSUE, STATE, TestServer, change, on_sqlite, quick};

const KEY_ID: &str = "X-KM-Crypto-Key-Id";
const CORRELATION_ID: &str = "X-KM-Correlation-Id";

fn sealed(server: &TestServer, body: impl AsRef<[u8]>) -> Raw {
    Raw::encrypted(server, REISSUE, body, Enc::A128Gcm)
}

/// An answer in clear, without a key id.
async fn expect_plain(server: &TestServer, raw: &Raw, code: &str, what: &str) -> RawAnswer {
    let answer = raw.send(server).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, code), "{what}");
    assert_eq!(answer.header(KEY_ID), None, "{what}");
    answer
}

/// An encrypted answer, opened.
async fn expect_sealed(server: &TestServer, raw: &Raw, code: &str, enc: Enc) -> Value {
    let answer = raw.send(server).await;
    let (clear, used) = answer.open(server);
    assert_eq!((clear["response"]["code"].as_str(), used), (Some(code), enc));
    assert_eq!(answer.header(KEY_ID), Some(server.credentials.crypto_key_id.as_str()));
    clear
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_encrypted_as_its_request_was() {
    on_sqlite(quick(), async |server| {
        let body = refused_reissue().to_string();
        for enc in Enc::ALL {
            let raw = Raw::encrypted(server, REISSUE, &body, enc);
            expect_sealed(server, &raw, REFUSED, enc).await;
        }
        let raw = Raw::answer_only(server, REISSUE, &body);
        expect_sealed(server, &raw, REFUSED, Enc::A128Gcm).await;
        // An operation's own refusal of a field is encrypted, too.
        let wrong = with(&refused_reissue(), "/userInfo/userId", json!(0)).to_string();
        let clear = expect_sealed(server, &sealed(server, &wrong), "000_002", Enc::A128Gcm).await;
        assert_eq!(clear["response"]["description"], "Invalid input parameter. userId");
        let raw = Raw::answer_only(server, REISSUE, &wrong);
        expect_sealed(server, &raw, "000_002", Enc::A128Gcm).await;
        expect_plain(server, &Raw::plain(server, REISSUE, &body), REFUSED, "no key id").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_does_not_encrypt_takes_both_and_answers_in_clear() {
    on_sqlite(quick(), async |server| {
        let body = idle_state().to_string();
        for raw in [
            Raw::plain(server, STATE, &body),
            Raw::answer_only(server, STATE, &body),
            Raw::plain(server, STATE, &body).with(KEY_ID, "unknown-but-not-needed"),
            Raw::encrypted(server, STATE, &body, Enc::A128Gcm),
            Raw::encrypted(server, STATE, &body, Enc::A256Gcm),
        ] {
            let answer = raw.send(server).await;
            assert_eq!((answer.status, answer.code().as_str()), (200, "000_000"));
            assert_eq!(answer.header(KEY_ID), None);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_to_be_named_known_and_live() {
    on_sqlite(Settings { directory_ttl_ms: 0, ..quick() }, async |server| {
        let body = refused_reissue().to_string();
        let good = sealed(server, &body);
        expect_plain(server, &good.clone().without(KEY_ID), "000_910", "missing").await;
        expect_plain(server, &good.clone().with(KEY_ID, ""), "000_910", "empty").await;
        for id in ["0", "00112233445566778899aabbccddeeff"] {
            expect_plain(server, &good.clone().with(KEY_ID, id), "000_911", id).await;
            let plain = Raw::plain(server, REISSUE, &body).with(KEY_ID, id);
            expect_plain(server, &plain, "000_911", id).await;
        }
        change(server, "UPDATE crypto_key SET state = 'RETIRED' WHERE asp_id = $1").await;
        expect_plain(server, &good, "000_911", "retired").await;
        let plain = Raw::answer_only(server, REISSUE, &body);
        expect_plain(server, &plain, "000_911", "retired, plain").await;
        change(server, "UPDATE crypto_key SET state = 'ACTIVE' WHERE asp_id = $1").await;
        expect_sealed(server, &good, REFUSED, Enc::A128Gcm).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_can_ask_for_encryption() {
    on_sqlite(Settings { directory_ttl_ms: 0, ..quick() }, async |server| {
        change(server, "UPDATE project SET plain_requests = 'REFUSED' WHERE asp_id = $1").await;
        let body = refused_reissue().to_string();
        for raw in [
            Raw::plain(server, REISSUE, &body),
            Raw::answer_only(server, REISSUE, &body),
            Raw::plain(server, REISSUE, "{}"),
        ] {
            expect_plain(server, &raw, "000_913", "plain").await;
        }
        expect_sealed(server, &sealed(server, &body), REFUSED, Enc::A128Gcm).await;
        let state = Raw::plain(server, STATE, idle_state().to_string());
        assert_eq!(state.send(server).await.status, 200, "not encrypted by the reference");
    })
    .await;
}

/// Texts that are no JWE for the platform's key.
fn unopenable(server: &TestServer, body: &str) -> Vec<(String, String)> {
    let key = &server.credentials.server_public_key;
    let compact = jwe::encrypt(body.as_bytes(), key, Enc::A128Gcm).unwrap();
    let parts: Vec<&str> = compact.split('.').collect();
    let headed = |header: &str| {
        let header = BASE64URL_NOPAD.encode(header.as_bytes());
        format!("{header}.{}", parts[1..].join("."))
    };
    let mut texts = Vec::new();
    for header in [
        r#"{"alg":"RSA-OAEP","enc":"A128GCM"}"#,
        r#"{"alg":"RSA1_5","enc":"A128GCM"}"#,
        r#"{"alg":"dir","enc":"A128GCM"}"#,
        r#"{"alg":"none","enc":"A128GCM"}"#,
        r#"{"alg":"RSA-OAEP-256","enc":"A192GCM"}"#,
        r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#,
        r#"{"alg":"RSA-OAEP-256","enc":"A128CBC-HS256"}"#,
        r#"{"alg":"RSA-OAEP-256","enc":"A128GCM","zip":"DEF"}"#,
        r#"{"alg":"RSA-OAEP-256","enc":"A128GCM","crit":["x"]}"#,
        r#"{"alg":"RSA-OAEP-256","enc":"A128GCM","kid":"1"}"#,
        r#"{"enc":"A128GCM"}"#,
        "[]",
        "",
    ] {
        texts.push((format!("header {header}"), headed(header)));
    }
    for count in 0..5 {
        texts.push((format!("{count} parts"), parts[..count].join(".")));
    }
    texts.push(("6 parts".to_owned(), format!("{compact}.")));
    texts.push(("padded".to_owned(), format!("{compact}==")));
    texts.push(("a space".to_owned(), format!(" {compact}")));
    texts.push(("not Base64url".to_owned(), compact.replace('.', ".+")));
    texts.push(("Hangul".to_owned(), compact.replacen('.', "가.", 1)));
    for at in 0..5 {
        let mut changed: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
        let first = if changed[at].starts_with('A') { "B" } else { "A" };
        changed[at].replace_range(0..1, first);
        texts.push((format!("part {at} tampered"), changed.join(".")));
        changed[at] = String::new();
        texts.push((format!("part {at} empty"), changed.join(".")));
    }
    let own = server.credentials.client_private_key.public_key();
    let foreign = jwe::encrypt(body.as_bytes(), &own, Enc::A128Gcm).unwrap();
    texts.push(("for another key".to_owned(), foreign));
    texts
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_open_gets_one_plain_answer() {
    on_sqlite(quick(), async |server| {
        let body = refused_reissue().to_string();
        let good = sealed(server, &body);
        let compact = serde_json::from_slice::<Value>(&good.body).unwrap()["encData"].clone();
        let mut first: Option<RawAnswer> = None;
        let texts = unopenable(server, &body).into_iter();
        let mut wrong: Vec<(String, String)> =
            texts.map(|(what, text)| (what, json!({ "encData": text }).to_string())).collect();
        for value in [json!(null), json!(1), json!(true), json!([compact]), json!({ "a": 1 })] {
            wrong.push((format!("encData {value}"), json!({ "encData": value }).to_string()));
        }
        let beside = [
            json!({ "encData": compact, "userInfo": {} }),
            json!({ "a": null, "encData": compact }),
        ];
        wrong.extend(beside.map(|body| ("beside".to_owned(), body.to_string())));
        wrong
            .push(("twice".to_owned(), format!("{{\"encData\":{compact},\"encData\":{compact}}}")));
        for (what, text) in wrong {
            let raw = good.clone().with_body(server, text);
            let answer = expect_plain(server, &raw, "000_912", &what).await.comparable();
            assert_eq!(&answer, first.get_or_insert_with(|| answer.clone()), "{what}");
        }
        expect_sealed(server, &good, REFUSED, Enc::A128Gcm).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_opens_but_is_no_object_is_answered_in_clear() {
    on_sqlite(quick(), async |server| {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(16), "]".repeat(16));
        for clear in [
            b"".as_slice(),
            b" ",
            b"null",
            b"[]",
            b"1",
            b"\"x\"",
            b"{",
            b"{}x",
            b"{\"userInfo\":\"\xff\"}",
            b"\xef\xbb\xbf{}",
            b"\xff\xfe{\0}\0",
            deep.as_bytes(),
        ] {
            let what = String::from_utf8_lossy(clear);
            expect_plain(server, &sealed(server, clear), "000_909", &what).await;
        }
        // Encrypted twice: the inner envelope is a body without any field that is known.
        let inner = sealed(server, refused_reissue().to_string()).body;
        let clear = expect_sealed(server, &sealed(server, inner), "000_002", Enc::A128Gcm).await;
        assert_eq!(clear["response"]["description"], "Invalid input parameter. userInfo");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_text_serves_one_call() {
    on_sqlite(quick(), async |server| {
        let handler = server.app.operations.by_id("prepaid-card.reissue").unwrap();
        let scenarios = &handler.entry.scenarios;
        let scenario = scenarios.iter().find(|scenario| scenario.name == "mobile-only").unwrap();
        let raw = sealed(server, scenario.request.to_string());
        let first = expect_sealed(server, &raw, "000_000", Enc::A128Gcm).await;
        let again = expect_sealed(server, &raw, "000_000", Enc::A128Gcm).await;
        assert_eq!(again, first, "the same call again");
        let based = Raw { path: format!("{BASE}{REISSUE}"), ..raw.clone() };
        let again = expect_sealed(server, &based, "000_000", Enc::A128Gcm).await;
        assert_eq!(again, first, "by its other path");
        let other = raw.clone().with(CORRELATION_ID, "another");
        let answer = other.send(server).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "000_914"));
        assert_eq!(answer.header(KEY_ID), None);
        let own = raw.header(CORRELATION_ID).to_vec();
        let anew = sealed(server, scenario.request.to_string()).with(CORRELATION_ID, own);
        let anew = expect_sealed(server, &anew, "000_000", Enc::A128Gcm).await;
        assert_eq!(anew, first, "encrypted again");
        let ciphers: [Vec<u8>; 2] = [raw.send(server).await.body, raw.send(server).await.body];
        assert_ne!(ciphers[0], ciphers[1], "each answer is encrypted afresh");
    })
    .await;
}
