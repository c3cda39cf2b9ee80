//! The sandbox's log of calls: what it tells of each call, to whom, and within which bounds.

mod masking;
mod stream;

use crypto::jwe::Enc;
use serde_json::{Value, json};

use crate::raw::{Raw, RawAnswer};
use crate::support::{REISSUE, STATE, TestServer, on_each_engine, on_sqlite, quick};

/// Path of a list, a call or the stream.
const CALLS: &str = "/sandbox/v1/calls";

/// What an address of the sandbox answers.
pub async fn get(server: &TestServer, path: &str) -> (u16, Value) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http.get(format!("{}{path}", server.url)).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

/// The newest call, whole.
async fn newest(server: &TestServer) -> Value {
    let (_, list) = get(server, &format!("{CALLS}?limit=1")).await;
    let (status, call) = get(server, &format!("{CALLS}/{}", list["last"])).await;
    assert_eq!(status, 200);
    let told = list["calls"][0].as_object().unwrap();
    for (name, value) in told {
        assert_eq!(&call[name], value, "{name}");
    }
    call
}

/// A call with what the log has to say of it.
struct Case {
    what: &'static str,
    raw: Raw,
    status: u16,
    code: &'static str,
    step: &'static str,
    cause: &'static str,
    field: Option<&'static str>,
}

async fn check(server: &TestServer, case: Case) -> Value {
    let Case { what, raw, status, code, step, cause, field } = case;
    let answer: RawAnswer = raw.send(server).await;
    assert_eq!(answer.status, status, "{what}");
    let call = newest(server).await;
    let told = |name: &str| call[name].as_str().unwrap_or("-");
    assert_eq!((told("code"), told("step")), (code, step), "{what}: {call}");
    assert!(told("cause").contains(cause), "{what}: {call}");
    assert_eq!(call["field"], json!(field), "{what}: {call}");
    assert_eq!(call["status"], status, "{what}");
    assert!(told("at").ends_with('Z') && told("method") == raw.method, "{what}: {call}");
    call
}

fn state_body(server: &TestServer) -> Value {
    let handler = server.app.operations.by_id("prepaid-card.state").unwrap();
    handler.scenarios.iter().find(|it| it.told.name == "suspended").unwrap().told.request.clone()
}

/// What goes wrong before the body is looked at.
fn heads(server: &TestServer) -> Vec<Case> {
    let good = Raw::plain(server, STATE, state_body(server).to_string());
    let case = |what, raw, status, code, cause, field| Case {
        what,
        raw,
        status,
        code,
        step: "headers",
        cause,
        field,
    };
    let at = |path: &str| Raw { path: path.to_owned(), ..good.clone() };
    let time = "X-KM-Tran-Time";
    vec![
        case("path", at("/open-api/api/v1/card/state"), 404, "000_905", "No operation", None),
        case("method", at(STATE).by("PUT"), 405, "000_906", "`PUT`", None),
        case("missing", at(STATE).without(time), 400, "000_901", "is missing", Some(time)),
        case("empty", at(STATE).with(time, ""), 400, "000_901", "is empty", Some(time)),
        case("short", at(STATE).with(time, "2026"), 400, "000_901", "has 4 char", Some(time)),
        case(
            "no time",
            at(STATE).with(time, "20261322120000"),
            400,
            "000_901",
            "no date",
            Some(time),
        ),
        case(
            "letters",
            at(STATE).with(time, "2026112212000x"),
            400,
            "000_901",
            "An example",
            Some(time),
        ),
        case(
            "twice",
            at(STATE).doubled(time, "20261122120000"),
            400,
            "000_901",
            "twice",
            Some(time),
        ),
    ]
}

/// What goes wrong with who calls, and when.
fn signatures(server: &TestServer) -> Vec<Case> {
    let good = Raw::plain(server, STATE, state_body(server).to_string());
    let case = |what, raw, code, cause| Case {
        what,
        raw,
        status: 401,
        code,
        step: "token",
        cause,
        field: None,
    };
    let mut other = good.clone();
    other.body.push(b' ');
    let with = |header, value| good.clone().with(header, value);
    let (nobody, stale, early) = (
        "unknown partner or access key",
        "behind the platform's clock",
        "ahead of the platform's clock",
    );
    vec![
        case("token", other, "000_902", "does not fit the body"),
        case("form", with("X-KM-Tran-Token", "KMV1"), "000_902", "malformed token"),
        case("partner", with("X-KM-User-AspId", "000170000000001"), "000_902", nobody),
        case("access key", with("X-KM-Access-Key", "x"), "000_902", nobody),
        case("stale", with("X-KM-Tran-Time", "20200101000000"), "000_903", stale),
        case("early", with("X-KM-Tran-Time", "20990101000000"), "000_903", early),
    ]
}

/// What goes wrong with the body.
fn bodies(server: &TestServer) -> Vec<Case> {
    let good = Raw::plain(server, STATE, state_body(server).to_string());
    let case = |what, raw, status, code, step, cause| Case {
        what,
        raw,
        status,
        code,
        step,
        cause,
        field: None,
    };
    let text = good.clone().with("Content-Type", "text/plain");
    let key = "00112233445566778899aabbccddeeff";
    let sealed = Raw::encrypted(server, STATE, state_body(server).to_string(), Enc::A128Gcm);
    let unknown = sealed.clone().with("X-KM-Crypto-Key-Id", key);
    let keyless = sealed.clone().without("X-KM-Crypto-Key-Id");
    let broken = Raw::encrypted(server, STATE, "[1", Enc::A128Gcm);
    let envelope = json!({ "encData": "a.b.c.d.e" }).to_string();
    vec![
        case("kind", text, 415, "000_908", "body", "`text/plain`"),
        case("empty", good.clone().with_body(server, ""), 400, "000_909", "body", "is empty"),
        case(
            "json",
            good.clone().with_body(server, "{'a':1}"),
            400,
            "000_909",
            "body",
            "The body is not JSON",
        ),
        case("array", good.clone().with_body(server, "[]"), 400, "000_909", "body", "no object"),
        case("inside", broken, 400, "000_909", "body", "What was decrypted is not JSON"),
        case("key", unknown, 400, "000_911", "key", "live keys"),
        case("no key", keyless, 400, "000_910", "key", "is missing"),
        case("jwe", Raw::answer_only(server, STATE, envelope), 400, "000_912", "decryption", "JWE"),
        case(
            "beside",
            Raw::answer_only(server, STATE, r#"{"encData":"x","a":1}"#),
            400,
            "000_912",
            "decryption",
            "only member",
        ),
    ]
}

/// Each step is told where it fails, with what only the server's log says otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn each_failing_step_is_told() {
    on_sqlite(quick(), async |server| {
        for case in heads(server).into_iter().chain(signatures(server)).chain(bodies(server)) {
            check(server, case).await;
        }
        let whole = state_body(server);
        let mut wrong = whole.clone();
        wrong["status"] = json!("LOST");
        let mut unknown = whole.clone();
        unknown["cardNo"] = json!("9491339500001010");
        let ends = [
            ("field", wrong, 400, "000_002", "fields", "one of SUSPEND, RESUME", Some("status")),
            ("refusal", unknown, 400, "003_001", "operation", "hands of this member", None),
            ("success", whole, 200, "000_000", "done", "done", None),
        ];
        for (what, body, status, code, step, cause, field) in ends {
            let raw = Raw::plain(server, STATE, body.to_string());
            check(server, Case { what, raw, status, code, step, cause, field }).await;
        }
    })
    .await;
}

/// The token as it should be is told, so that a wrong one can be put beside it.
#[tokio::test(flavor = "multi_thread")]
async fn the_expected_token_is_told() {
    on_sqlite(quick(), async |server| {
        let good = Raw::plain(server, STATE, state_body(server).to_string());
        let right = String::from_utf8(good.header("X-KM-Tran-Token").to_vec()).unwrap();
        let mut wrong = Raw::plain(server, STATE, "{}");
        wrong.body = good.body.clone();
        assert_eq!(wrong.clone().send(server).await.status, 401);
        let signed = newest(server).await["signed"].clone();
        assert_eq!(signed["expectedToken"], json!(right));
        let sent = std::str::from_utf8(wrong.header("X-KM-Tran-Token")).unwrap();
        assert_eq!(signed["receivedToken"], json!(sent));
        assert_ne!(signed["receivedToken"], signed["expectedToken"]);
        assert_eq!(signed["secretHint"], "the project's secret key");
        assert!(signed["text"].as_str().unwrap().contains("949133******"), "{signed}");
        // Of a partner that there is not, there is no key either.
        wrong.set("X-KM-User-AspId", "000170000000001");
        wrong.send(server).await;
        assert_eq!(newest(server).await["signed"]["expectedToken"], Value::Null);
    })
    .await;
}

/// Both sides of an encrypted call, in clear and masked, on both engines.
#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_call_is_told_in_clear_and_masked() {
    on_each_engine(async |server, _, _| {
        let handler = server.app.operations.by_id("prepaid-card.reissue").unwrap();
        let told = handler.scenarios.iter().find(|it| it.told.name == "reissued").unwrap();
        let body = told.told.request.to_string();
        let raw = Raw::encrypted(&server, REISSUE, &body, Enc::A256Gcm);
        let (clear, _) = raw.send(&server).await.open(&server);
        let call = newest(&server).await;
        assert_eq!(call["step"], "done", "{call}");
        assert_eq!(call["encrypted"], true);
        assert_eq!(call["operation"], "prepaid-card.reissue");
        assert_eq!(call["bodyBytes"], raw.body.len());
        assert_eq!(call["keyId"], json!(server.credentials.crypto_key_id));
        let header: Value = serde_json::from_str(call["jwe"]["header"].as_str().unwrap()).unwrap();
        assert_eq!(header["enc"], "A256GCM");
        let bytes: Vec<_> = call["jwe"]["parts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| (part["name"].as_str().unwrap(), part["bytes"].as_u64().unwrap()))
            .collect();
        assert_eq!(bytes[1..3], [("encrypted key", 256), ("iv", 12)]);
        assert_eq!(bytes[3..], [("ciphertext", body.len() as u64), ("tag", 16)]);
        let (request, response) = (&call["request"], &call["response"]);
        let number = request["cardInfo"]["oldCardNo"].as_str().unwrap();
        assert_eq!((&number[..12], number.len()), ("949133******", 16));
        assert_eq!(request["userInfo"]["userId"], json!(told.world.user_id()));
        assert_eq!(request["userInfo"]["addressInfo"]["zipCode"], "(5 characters)");
        assert_eq!(response["cardApplyNo"], clear["cardApplyNo"]);
        assert_eq!(response["mobileCardCVC"], "***");
        assert_eq!(response["mobileCardPar"], clear["mobileCardPar"]);
        let (masked, full) = (response["mobileCardNo"].as_str(), clear["mobileCardNo"].as_str());
        let full = full.unwrap();
        assert_eq!(masked, Some(&*format!("{}******{}", &full[..6], &full[12..])));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_asked_well_or_refused() {
    on_sqlite(quick(), async |server| {
        let good = Raw::plain(server, STATE, state_body(server).to_string());
        for id in ["one", "two", "one"] {
            good.clone().with("X-KM-Correlation-Id", id).send(server).await;
        }
        // What a browser looks for beside the API is no call.
        let _ = get_status(server, "/favicon.ico").await;
        let seqs = async |query: &str| -> Vec<u64> {
            let (status, list) = get(server, &format!("{CALLS}?{query}")).await;
            assert_eq!((status, &list["last"]), (200, &json!(3)), "{query}");
            let calls = list["calls"].as_array().unwrap();
            calls.iter().map(|call| call["seq"].as_u64().unwrap()).collect()
        };
        assert_eq!(seqs("").await, [3, 2, 1]);
        assert_eq!(seqs("after=1").await, [3, 2]);
        assert_eq!(seqs("after=9").await, [0; 0]);
        assert_eq!(seqs("limit=1").await, [3]);
        assert_eq!(seqs("correlationId=%6Fne").await, [3, 1]);
        assert_eq!(seqs("correlationId=none").await, [0; 0]);
        for (path, status) in [
            (format!("{CALLS}?limit=x"), 400),
            (format!("{CALLS}?after=-1"), 400),
            (format!("{CALLS}?name=x"), 400),
            (format!("{CALLS}/stream?after=x"), 400),
            (format!("{CALLS}/4"), 404),
            (format!("{CALLS}/0"), 404),
            (format!("{CALLS}/x"), 404),
            ("/sandbox/v1/scenarios/prepaid-card.reissue/none/state".to_owned(), 404),
            ("/sandbox/v1/scenarios/none/reissued/state".to_owned(), 404),
        ] {
            assert_eq!(get(server, &path).await.0, status, "{path}");
        }
    })
    .await;
}

async fn get_status(server: &TestServer, path: &str) -> u16 {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    http.get(format!("{}{path}", server.url)).send().await.unwrap().status().as_u16()
}

/// Keys and calls are for this machine, and for no cache.
#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_for_this_machine() {
    on_sqlite(quick(), async |server| {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let state = "/sandbox/v1/scenarios/prepaid-card.reissue/reissued/state";
        for path in ["/sandbox/v1/credentials", CALLS, "/sandbox/v1/calls/1", state] {
            let url = format!("{}{path}", server.url);
            for (name, value) in
                [("Host", "evil.example"), ("Origin", "null"), ("Sec-Fetch-Site", "cross-site")]
            {
                let answer = http.get(&url).header(name, value).send().await.unwrap();
                assert_eq!(answer.status().as_u16(), 403, "{path} {name}");
                assert!(!answer.text().await.unwrap().contains("secretKey"));
            }
            let answer = http.get(&url).send().await.unwrap();
            assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
        }
        let (status, keys) = get(server, "/sandbox/v1/credentials").await;
        assert_eq!(status, 200);
        let names: Vec<&String> = keys.as_object().unwrap().keys().collect();
        let expect = [
            "aspId",
            "accessKey",
            "secretKey",
            "cryptoKeyId",
            "serverPublicKey",
            "clientPrivateKey",
        ];
        assert_eq!(names, expect);
        assert_eq!(keys["accessKey"], json!(server.credentials.access_key));
        assert_eq!(keys["secretKey"], json!(server.credentials.secret_key.expose()));
    })
    .await;
}
