//! Nothing that must not be seen comes through masking, wherever a caller puts it.

use axum::http::HeaderValue;
use crypto::pan::Pan;
use platen::ops::Operations;
use platen::sandbox::calls::{BODY_BYTES_MAX, Masked, Rules};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Digits of a card number in a row that would be a leak: one hidden is among them.
const RUN: usize = 7;

fn assert_hidden(pan: &str, shown: &str) {
    for run in pan.as_bytes().windows(RUN) {
        let run = std::str::from_utf8(run).unwrap();
        assert!(!shown.contains(run), "{run} of {pan} in {shown}");
    }
}

/// JSON with the number at any place: as key, in texts, as a number, in lists and objects.
fn around(pan: String) -> impl Strategy<Value = String> {
    let names =
        ["cardNo", "userId", "status", "encData", "note", "cardCVC", "address", "oldCardNo"];
    let number = pan.parse::<u64>().unwrap();
    let grouped = [&pan[..4], &pan[4..8], &pan[8..12], &pan[12..]].join(" ");
    let leaf = prop_oneof![
        Just(json!(pan)),
        Just(json!(number)),
        Just(json!(grouped)),
        Just(json!(format!("x{pan}"))),
        Just(json!(format!("카드 {pan}"))),
        Just(json!([pan, number])),
        Just(Value::Null),
    ];
    let value = leaf.prop_recursive(4, 24, 4, move |inner| {
        let name = prop_oneof![
            prop::sample::select(names.to_vec()).prop_map(str::to_owned),
            Just(pan.clone())
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    });
    (value, any::<prop::sample::Index>(), any::<bool>()).prop_map(|(value, at, is_cut)| {
        let mut text = json!({ "cardInfo": value }).to_string();
        if is_cut {
            let at = text.floor_char_boundary(at.index(text.len()));
            text.truncate(at);
        }
        text
    })
}

fn a_pan() -> impl Strategy<Value = String> {
    "[3-9][0-9]{14}".prop_map(|payload| Pan::from_payload(&payload).unwrap().reveal().to_owned())
}

proptest! {
    #[test]
    fn no_number_is_seen_in_any_body(
        (pan, body) in a_pan().prop_flat_map(|pan| (Just(pan.clone()), around(pan))),
    ) {
        let operations = Operations::load().unwrap();
        for entry in operations.registry().entries() {
            for rules in [Rules::request(&entry.request), Rules::response(&entry.response)] {
                let shown = rules.mask(body.as_bytes(), BODY_BYTES_MAX);
                assert_hidden(&pan, shown.text.as_str());
                if serde_json::from_str::<Value>(&body).is_ok() {
                    let json = shown.json().unwrap();
                    prop_assert!(serde_json::from_str::<Value>(json.get()).unwrap().is_object());
                }
            }
        }
    }

    #[test]
    fn no_number_is_seen_in_any_header(
        pan in a_pan(),
        before in "[!-/:-~]{0,9}",
        after in "[!-/:-~]{0,9}",
        name in prop::sample::select(vec!["x-km-user-aspid", "x-km-correlation-id",
            "x-km-access-key", "x-km-crypto-key-id", "x-km-tran-token", "x-km-tran-time",
            "authorization", "cookie", "user-agent", "x-own"]),
    ) {
        let value = format!("{before}{pan}{after}");
        let shown = Masked::header(name, &HeaderValue::from_str(&value).unwrap());
        assert_hidden(&pan, shown.as_str());
        let token = format!("KMV1:{pan}0:{}=", "A".repeat(43));
        assert_hidden(&pan, Masked::token(&token).as_str());
    }

    #[test]
    fn any_text_is_masked_within_its_bound(body in ".{0,400}", bytes_max in 0_usize..200) {
        let shown = Rules::request(&[]).mask(body.as_bytes(), bytes_max);
        prop_assert!(shown.text.as_str().len() <= bytes_max);
    }

    #[test]
    fn any_bytes_are_masked(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Rules::request(&[]).mask(&body, BODY_BYTES_MAX);
    }
}

fn request(operation: &str, body: &str) -> String {
    let operations = Operations::load().unwrap();
    let entry = &operations.by_id(operation).unwrap().entry;
    Rules::request(&entry.request).mask(body.as_bytes(), BODY_BYTES_MAX).text.as_str().to_owned()
}

/// What frames a body stays as it was sent: it is what was signed.
#[test]
fn fields_are_shown_as_they_may_be() {
    for (operation, body, expect) in [
        (
            "prepaid-card.unregistered-info",
            "{ \"cardNo\" : \"9491339401250765\",\n\t\
             \"expiryDate\":\"3108\", \"cardCVC\":\"211\" }",
            "{ \"cardNo\" : \"949133******0765\",\n\t\
             \"expiryDate\":\"3108\", \"cardCVC\":\"***\" }",
        ),
        (
            "prepaid-card.state",
            r#"{"userId":50000000101,"par":null,"x":[true,1.5,"a b"]}"#,
            r#"{"userId":50000000101,"par":null,"x":[true,1.5,"(3 characters)"]}"#,
        ),
        (
            "prepaid-card.reissue",
            r#"{"userInfo":{"addressInfo":{"zipCode":"06236","x":[1]}}}"#,
            r#"{"userInfo":{"addressInfo":{"zipCode":"(5 characters)","x":["(1 characters)"]}}}"#,
        ),
        // Wrongly placed, wrongly typed, unknown, escaped.
        (
            "prepaid-card.reissue",
            r#"{"zipCode":6236,"CVC2":211,"userName":"Jane"}"#,
            r#"{"zipCode":"(4 characters)","CVC2":"***","userName":"(4 characters)"}"#,
        ),
        (
            "prepaid-card.state",
            r#"{"cardNo":"\u0039491339401250765"}"#,
            r#"{"cardNo":"949133******0765"}"#,
        ),
        // Not JSON.
        ("prepaid-card.state", "{'cardNo':'9491339401250765'}", "{(8 characters):(18 characters)}"),
        ("prepaid-card.state", r#"{"cardNo":"94913394"#, r#"{"cardNo":(9 characters)"#),
        ("prepaid-card.state", "cvc=211&name=Jane", "(17 characters)"),
    ] {
        assert_eq!(request(operation, body), expect, "{body}");
    }
}

/// An encrypted text is shown, as it is what was signed; what only looks like one is not.
#[test]
fn an_encrypted_text_is_shown_and_a_disguise_is_not() {
    let base64 = |bytes: &[u8]| data_encoding::BASE64URL_NOPAD.encode(bytes);
    let header = base64(br#"{"alg":"RSA-OAEP-256","enc":"A128GCM"}"#);
    let random = base64(&[0xff; 40]);
    let jwe = [header.as_str(), &random, &base64(&[1; 12]), &random, &base64(&[2; 16])].join(".");
    let body = json!({ "encData": jwe }).to_string();
    assert!(!request("prepaid-card.reissue", &body).contains(&jwe), "a part that is text");
    let jwe =
        [header.as_str(), &random, &base64(&[1; 12]), &random, &base64(&[0xfe; 16])].join(".");
    let body = json!({ "encData": jwe }).to_string();
    assert_eq!(request("prepaid-card.reissue", &body), body);
    let clear = base64(br#"{"cardNo":"9491339401250765"}"#);
    let disguised = [header.as_str(), &random, &random, &clear, &random].join(".");
    let body = json!({ "encData": disguised }).to_string();
    assert!(!request("prepaid-card.reissue", &body).contains(&clear));
}
