use std::sync::LazyLock;

use crypto::jwe::PrivateKey;
use crypto::secret::Secret;
use crypto::tran_token::TranToken;

use super::*;

static SERVER: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::generate_2048().unwrap());
static OWN: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::generate_2048().unwrap());

const PATH: &str = "/api/v1/prepaid-card/reissue";
const BODY: &str = r#"{"cardNo":"9491339401250765"}"#;

fn client() -> Client {
    let credentials = Credentials {
        asp_id: "000170000000000".to_owned(),
        access_key: "access".to_owned(),
        secret_key: Secret::new("hunter2".to_owned()),
        crypto_key_id: "key-id".to_owned(),
        server_public_key: SERVER.public_key(),
        client_private_key: OWN.clone(),
    };
    Client::new("http://127.0.0.1:8080/open-api/", credentials, || 1_667_909_294_608).unwrap()
}

fn answer(body: &[u8]) -> Answer {
    let elapsed = Duration::from_millis(1);
    Answer { status: 400, headers: Vec::new(), body_received: body.to_vec(), elapsed }
}

#[test]
fn a_plain_call_is_signed_as_sent() {
    let call = client().prepare(PATH, BODY, Encryption::Plain, Some("my-id")).unwrap();
    assert_eq!(call.url, format!("http://127.0.0.1:8080/open-api{PATH}"));
    assert_eq!((call.body_sent.as_str(), call.body_clear.as_str()), (BODY, BODY));
    let check = |name, expect| assert_eq!(call.header(name), expect, "{name}");
    check("content-type", Some("application/json"));
    check("accept", Some("application/json"));
    check("x-km-user-aspid", Some("000170000000000"));
    check("x-km-correlation-id", Some("my-id"));
    check("x-km-access-key", Some("access"));
    check("x-km-crypto-key-id", None);
    check("x-km-tran-time", Some("20221108120814"));
    check("x-km-time-zone", Some("UTC"));
    let token = TranToken::parse(call.header("X-KM-Tran-Token").unwrap()).unwrap();
    assert_eq!(token.time_digits(), "20221108120814608");
    let key = TokenKey::new(&Secret::new("hunter2".to_owned()));
    assert!(token.verify(&key, BODY.as_bytes()));
}

#[test]
fn an_encrypted_call_signs_the_envelope() {
    let encryption = Encryption::Encrypted(Enc::A256Gcm);
    let call = client().prepare(PATH, BODY, encryption, None).unwrap();
    assert_eq!(call.header("X-KM-Crypto-Key-Id"), Some("key-id"));
    assert_eq!(call.header("X-KM-Correlation-Id").unwrap().len(), 20);
    let envelope: Value = serde_json::from_str(&call.body_sent).unwrap();
    let (clear, enc) = jwe::decrypt(enc_data(&envelope).unwrap(), &SERVER).unwrap();
    assert_eq!((clear.expose().as_slice(), enc), (BODY.as_bytes(), Enc::A256Gcm));
    let token = TranToken::parse(call.header("X-KM-Tran-Token").unwrap()).unwrap();
    assert!(token.verify(&client().token_key, call.body_sent.as_bytes()));
}

#[test]
fn the_key_id_alone_asks_for_an_encrypted_answer() {
    let call = client().prepare(PATH, BODY, Encryption::AnswerOnly, None).unwrap();
    assert_eq!(call.header("X-KM-Crypto-Key-Id"), Some("key-id"));
    assert_eq!(call.body_sent, BODY);
}

#[test]
fn headers_can_be_changed() {
    let mut call = client().prepare(PATH, BODY, Encryption::Plain, None).unwrap();
    call.set_header("x-km-tran-time", "1");
    call.remove_header("ACCEPT");
    assert_eq!((call.header("X-KM-Tran-Time"), call.header("Accept")), (Some("1"), None));
}

#[test]
fn answers_are_opened() {
    let clear = r#"{"response":{"code":"000_000","description":"Success."},"par":"Q1"}"#;
    let plain = client().open(answer(clear.as_bytes())).unwrap();
    assert_eq!((plain.body_clear.as_str(), plain.was_encrypted()), (clear, false));
    let compact = jwe::encrypt(clear.as_bytes(), &OWN.public_key(), Enc::A128Gcm).unwrap();
    let envelope = json!({ "encData": compact }).to_string();
    let opened = client().open(answer(envelope.as_bytes())).unwrap();
    assert_eq!((opened.body_clear.as_str(), opened.was_encrypted()), (clear, true));
    assert_eq!((opened.code.as_deref(), opened.status), (Some("000_000"), 400));
    assert_eq!(opened.body_received, envelope);
    assert_eq!(opened.json().unwrap()["par"], "Q1");
    assert_eq!(client().open(answer(b"{}")).unwrap().code, None);
}

#[test]
fn answers_that_are_none_are_not_understood() {
    let foreign = jwe::encrypt(b"{}", &SERVER.public_key(), Enc::A128Gcm).unwrap();
    let no_json = jwe::encrypt(b"?", &OWN.public_key(), Enc::A128Gcm).unwrap();
    for (body, expect) in [
        (b"<html>".to_vec(), "it is not JSON"),
        (vec![0xff], "it is not UTF-8"),
        (
            json!({ "encData": foreign }).to_string().into(),
            "its encData does not open with our key",
        ),
        (json!({ "encData": no_json }).to_string().into(), "its encData holds no JSON"),
    ] {
        let error = client().open(answer(&body)).unwrap_err();
        let expect = format!("The answer, of HTTP status 400, is not understood: {expect}.");
        assert_eq!(error.to_string(), expect);
    }
}

#[test]
fn debug_shows_neither_bodies_nor_tokens() {
    let client = client();
    let call = client.prepare(PATH, BODY, Encryption::Plain, None).unwrap();
    let came = answer(BODY.as_bytes());
    let opened = client.open(came.clone()).unwrap();
    let shown = format!("{client:?} {call:?} {came:?} {opened:?}");
    for hidden in ["9491339401250765", "KMV1", "hunter2", "access"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}

#[test]
fn loopback_is_told_from_other_hosts() {
    for url in ["http://127.0.0.1:8080", "http://localhost/x", "https://[::1]:1"] {
        assert!(is_loopback(url), "{url}");
    }
    for url in ["http://128.0.0.1", "https://example.com/localhost"] {
        assert!(!is_loopback(url), "{url}");
    }
}
